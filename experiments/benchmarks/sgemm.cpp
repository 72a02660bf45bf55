#include "experiments/benchmarks/sgemm.hpp"

#include <algorithm>
#include <array>

#include "engine/parallel/products.hpp"
#include "experiments/common/stopwatch.hpp"

namespace experiments::benchmarks {
namespace {

struct Extents {
  std::int64_t M, K, N;
};

// A large product, then those of a shard of the three models: rows · width · hidden width, and of a weight's cotangent.
constexpr std::array<Extents, 6> kSizes{{
    {1536, 1536, 1536},
    {520, 192, 768},
    {768, 520, 192},
    {272, 128, 512},
    {400, 768, 3072},
    {3072, 400, 768},
}};

constexpr double kFlopsEach = 4e9;  // long enough to time, short enough to alternate

}  // namespace

std::vector<SgemmRate> sgemm_rates(engine::ShardPool& pool) {
  using engine::Tensor;
  std::vector<SgemmRate> rates;
  for (const auto& [M, K, N] : kSizes) {
    const Tensor a = Tensor::full({M, K}, 0.5);
    const Tensor b = Tensor::full({K, N}, 0.25);
    const double flops = 2.0 * static_cast<double>(M) * static_cast<double>(K) * static_cast<double>(N);
    const std::int64_t repeats = std::max<std::int64_t>(1, static_cast<std::int64_t>(kFlopsEach / flops));
    for (const auto library : {engine::ProductLibrary::onednn, engine::ProductLibrary::openblas}) {
      const Stopwatch stopwatch;
      pool.run(pool.threads(), [&](std::int64_t) {
        Tensor out = Tensor::empty({M, N});
        for (std::int64_t i = 0; i < repeats; ++i) engine::plain_product(library, a, b, out);
      });
      const double elapsed = stopwatch.seconds();
      rates.push_back({library == engine::ProductLibrary::onednn ? "oneDNN" : "OpenBLAS", M, K, N,
                       1e-9 * flops * static_cast<double>(repeats * pool.threads()) / elapsed});
    }
  }
  return rates;
}

}  // namespace experiments::benchmarks
