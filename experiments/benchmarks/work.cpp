#include "experiments/benchmarks/work.hpp"

#include <array>
#include <stdexcept>
#include <utility>

#include "engine/ops/ops.hpp"
#include "engine/parallel/memory.hpp"
#include "engine/tensor/matmul_flops.hpp"
#include "engine/tensor/random.hpp"
#include "experiments/common/stopwatch.hpp"

namespace experiments::benchmarks {

using engine::Tensor;
using engine::Var;

namespace {

constexpr std::int64_t kClasses = 10;
constexpr std::size_t kDirections = 8;
constexpr double kLogitScale = 100.0;

Tensor random_labels(std::int64_t count) {
  engine::Random random({7});
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) labels.push_back(random.index(kClasses));
  return Tensor::from<std::int64_t>(labels, {count});
}

std::size_t directions_of(Mode mode) {
  if (mode == Mode::stream) return kDirections;
  return mode == Mode::linearised_forward ? 1 : 0;
}

template <class Known>
std::string known_names(const Known& known, const auto& name_of) {
  std::string names;
  for (const auto& item : known) names += (names.empty() ? "" : ", ") + std::string(name_of(item));
  return names;
}

}  // namespace

Tensor normal_tensor(const engine::Shape& shape, std::uint64_t seed) {
  engine::Random random({seed});
  Tensor tensor = Tensor::empty(shape);
  float* values = tensor.writable().data<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(random.normal());
  return tensor;
}

std::span<const WorkConfig> works() {
  static const std::array<WorkConfig, 3> all{{
      {"vit192", {.image_size = 32, .patch = 4, .width = 192, .depth = 6, .heads = 3, .embedding = 256}, 128, 16},
      {"vit128", {.image_size = 32, .patch = 8, .width = 128, .depth = 4, .heads = 4, .embedding = 256}, 128, 16},
      {"clip_b32", {.image_size = 224, .patch = 32, .width = 768, .depth = 12, .heads = 12, .embedding = 512}, 16, 8},
  }};
  return all;
}

const WorkConfig& find_work(std::string_view name) {
  for (const WorkConfig& work : works()) {
    if (work.name == name) return work;
  }
  throw std::invalid_argument("[benchmark] no work '" + std::string(name) + "'; known: " +
                              known_names(works(), [](const WorkConfig& work) { return work.name; }) + ".");
}

std::span<const Mode> modes() {
  static constexpr std::array all{Mode::forward, Mode::standard_step, Mode::tangent_step, Mode::stream,
                                  Mode::linearised_forward};
  return all;
}

std::string_view to_string(Mode mode) {
  constexpr std::string_view names[] = {"forward", "standard_step", "tangent_step", "stream", "linearised_forward"};
  return names[static_cast<std::size_t>(mode)];
}

Mode find_mode(std::string_view name) {
  for (const Mode mode : modes()) {
    if (to_string(mode) == name) return mode;
  }
  throw std::invalid_argument("[benchmark] no mode '" + std::string(name) +
                              "'; known: " + known_names(modes(), [](Mode mode) { return to_string(mode); }) + ".");
}

Work::Work(const WorkConfig& config)
    : config_(config),
      vit_(config.vit),
      tangent_model_(vit_.model(), nn::initial_params(vit_.layout(), 1)),
      theta_(tangent_model_.theta0() + 0.01 * nn::initial_params(vit_.layout(), 2)),
      optimizer_(vit_.layout(), {.lr = 1e-4, .weight_decay = 0.1}),
      images_(normal_tensor({config.batch, 3, config.vit.image_size, config.vit.image_size}, 3)),
      labels_(random_labels(config.batch)),
      head_(scale(l2_normalize(normal_tensor({kClasses, vit_.features()}, 4)), kLogitScale).tensor()) {}

void Work::step(Mode mode, const Tensor& images, engine::ShardPool& pool) {
  const nn::Loss loss = [this](const Var& features, const Tensor& labels) {
    return cross_entropy(linear(l2_normalize(features), head_), labels);
  };
  const nn::Shards shards{pool, config_.shard_size};
  nn::StepResult result = mode == Mode::standard_step
                              ? nn::standard_step(tangent_model_.model(), theta_, images, labels_, loss, shards)
                              : nn::tangent_step(tangent_model_, theta_, images, labels_, loss, shards);
  const nn::Clip clip = nn::clip_norm(result.gradient, 1.0, pool);
  optimizer_.step(theta_, result.gradient, pool, 1.0, clip.factor);
}

void Work::evaluate(Mode mode, engine::ShardPool& pool) const {
  const nn::Params params(theta_);
  const std::span<const nn::ParamTree> directions = std::span(directions_).first(directions_of(mode));
  pool.run(engine::shard_count(config_.batch, config_.shard_size), [&](std::int64_t shard) {
    const auto [begin, end] = engine::shard_range(shard, config_.batch, config_.shard_size);
    const Tensor images = images_.slice(0, begin, end);
    if (mode == Mode::forward) {
      tangent_model_.model()(params, images);
    } else {
      tangent_model_.stream(images, directions);
    }
  });
}

Measurement Work::run(Mode mode, engine::ShardPool& pool) {
  while (directions_.size() < directions_of(mode))
    directions_.push_back(0.01 * nn::initial_params(vit_.layout(), 100 + directions_.size()));
  const engine::MemoryStats before = engine::memory_stats();
  const std::int64_t flops = engine::matmul_flops();
  engine::reset_peak_memory();
  const Stopwatch stopwatch;
  if (mode == Mode::standard_step || mode == Mode::tangent_step) {
    step(mode, images_, pool);
  } else {
    evaluate(mode, pool);
  }
  const double elapsed = stopwatch.seconds();
  const engine::MemoryStats after = engine::memory_stats();
  return {elapsed, engine::matmul_flops() - flops, after.peak_bytes - before.live_bytes,
          after.system_requests - before.system_requests};
}

}  // namespace experiments::benchmarks
