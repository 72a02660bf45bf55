// Storage for tensors: blocks aligned to 64 bytes, kept for reuse in free lists by size class.
//
// A block belongs to the arena of the thread that first asked for it and returns there whoever frees it, so that memory
// does not wander from the workers to the thread that sums their results. An arena's lock is all but always free.
// Arenas outlive their threads; a new thread adopts one that was left. Page faults cost more than most ops, so a
// training step must take nothing from the system after the first.
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "engine/parallel/memory.hpp"
#include "engine/tensor/tensor.hpp"

namespace engine {
namespace {

constexpr std::int64_t kAlignment = 64;
constexpr std::size_t kClasses = 4 * 64;
constexpr std::int64_t kMostBytes = std::int64_t{1} << 60;  // beyond it the size classes would overflow

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kReuse = false;  // let the sanitizer see every use of a freed block
#else
constexpr bool kReuse = true;
#endif

std::atomic<std::int64_t> live_bytes{0};
std::atomic<std::int64_t> peak_bytes{0};
std::atomic<std::int64_t> system_requests{0};

// Four classes per power of two: at most a fifth of a large block is unused. Multiples of the alignment, as
// aligned_alloc demands.
std::int64_t class_bytes(std::size_t size_class) noexcept {
  const std::int64_t power = kAlignment << (size_class / 4);
  const std::int64_t bytes = power + power / 4 * static_cast<std::int64_t>(size_class % 4);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::size_t class_of(std::int64_t bytes) noexcept {
  if (bytes <= kAlignment) return 0;
  const int log = 63 - std::countl_zero(static_cast<std::uint64_t>(bytes) / kAlignment);
  std::size_t size_class = static_cast<std::size_t>(log) * 4;
  while (class_bytes(size_class) < bytes) ++size_class;
  return size_class;
}

struct Arena {
  std::mutex mutex;
  std::array<std::vector<std::byte*>, kClasses> free;
};

std::mutex arenas_mutex;

std::vector<std::unique_ptr<Arena>>&
all_arenas() {  // never destroyed: blocks may be freed at the very end of a program
  static auto* arenas = new std::vector<std::unique_ptr<Arena>>;
  return *arenas;
}

std::vector<Arena*>& orphaned_arenas() {
  static auto* arenas = new std::vector<Arena*>;
  return *arenas;
}

class ArenaLease {  // a thread's hold on its arena
 public:
  ArenaLease() {
    const std::lock_guard lock(arenas_mutex);
    if (orphaned_arenas().empty()) {
      all_arenas().push_back(std::make_unique<Arena>());
      arena_ = all_arenas().back().get();
    } else {
      arena_ = orphaned_arenas().back();
      orphaned_arenas().pop_back();
    }
  }
  ~ArenaLease() {
    const std::lock_guard lock(arenas_mutex);
    orphaned_arenas().push_back(arena_);
  }
  ArenaLease(const ArenaLease&) = delete;
  ArenaLease& operator=(const ArenaLease&) = delete;
  Arena& arena() noexcept { return *arena_; }

 private:
  Arena* arena_;
};

Arena& own_arena() {
  thread_local ArenaLease lease;
  return lease.arena();
}

void count(std::int64_t bytes) noexcept {
  const std::int64_t live = live_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::int64_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (live > peak && !peak_bytes.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
}

struct Release {
  Arena* arena;
  std::size_t size_class;
  void operator()(std::byte* block) const noexcept {
    live_bytes.fetch_sub(class_bytes(size_class), std::memory_order_relaxed);
    if constexpr (kReuse) {
      const std::lock_guard lock(arena->mutex);
      arena->free[size_class].push_back(block);
    } else {
      std::free(block);
    }
  }
};

std::byte* take(Arena& arena, std::size_t size_class) {
  {
    const std::lock_guard lock(arena.mutex);
    std::vector<std::byte*>& free = arena.free[size_class];
    if (!free.empty()) {
      std::byte* block = free.back();
      free.pop_back();
      return block;
    }
    free.reserve(free.capacity() + 1);  // so that Release, which must not throw, finds room
  }
  system_requests.fetch_add(1, std::memory_order_relaxed);
  void* block = std::aligned_alloc(kAlignment, static_cast<std::size_t>(class_bytes(size_class)));
  if (block == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(block);
}

}  // namespace

Storage acquire(std::int64_t bytes) {
  if (bytes > kMostBytes) throw std::bad_alloc();
  const std::size_t size_class = class_of(bytes);
  Arena& arena = own_arena();
  std::byte* block = take(arena, size_class);
  count(class_bytes(size_class));
  return {block, Release{&arena, size_class}};
}

MemoryStats memory_stats() noexcept {
  return {live_bytes.load(std::memory_order_relaxed), peak_bytes.load(std::memory_order_relaxed),
          system_requests.load(std::memory_order_relaxed)};
}

void reset_peak_memory() noexcept {
  peak_bytes.store(live_bytes.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

}  // namespace engine
