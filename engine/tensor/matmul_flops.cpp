#include "engine/tensor/matmul_flops.hpp"

#include <atomic>

namespace engine {
namespace {

std::atomic<std::int64_t> of_all{0};
thread_local std::int64_t of_thread = 0;

}  // namespace

std::int64_t matmul_flops() noexcept { return of_all.load(std::memory_order_relaxed); }
std::int64_t thread_matmul_flops() noexcept { return of_thread; }

void count_matmul_flops(std::int64_t flops) noexcept {
  of_all.fetch_add(flops, std::memory_order_relaxed);
  of_thread += flops;
}

}  // namespace engine
