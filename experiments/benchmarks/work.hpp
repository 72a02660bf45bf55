// What the benchmark times: a model, a batch and a fixed head, and the modes in which they are run. The programs in
// experiments/peers do the same work in PyTorch and JAX.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/parallel/shards.hpp"
#include "models/vit.hpp"
#include "nn/optim.hpp"
#include "nn/steps.hpp"
#include "nn/tangent_model.hpp"

namespace experiments::benchmarks {

struct WorkConfig {
  std::string_view name;
  models::VitConfig vit;
  std::int64_t batch;
  std::int64_t shard_size;
};

engine::Tensor normal_tensor(const engine::Shape& shape, std::uint64_t seed);  // f32

std::span<const WorkConfig> works();
const WorkConfig& find_work(std::string_view name);  // throws std::invalid_argument with the known names

enum class Mode {
  forward,             // f(x; θ) of a batch
  standard_step,       // record, loss, pull, clip, AdamW
  tangent_step,        // record at θ0, push, loss, pull, clip, AdamW
  stream,              // f(x; θ0) and J τ for eight τ
  linearised_forward,  // f(x; θ0) and J τ for one τ: what `stream` does eight times at once
};
std::span<const Mode> modes();
std::string_view to_string(Mode mode);
Mode find_mode(std::string_view name);  // throws std::invalid_argument with the known names

struct Measurement {
  double seconds;
  std::int64_t flops;            // of the products
  std::int64_t peak_bytes;       // the most memory in tensors that this run added
  std::int64_t system_requests;  // how often memory was taken from the system
};

class Work {
 public:
  explicit Work(const WorkConfig& config);
  Measurement run(Mode mode, engine::ShardPool& pool);  // once
  // A step on these images [B, 3, S, S] instead, B the batch of the configuration: standard or tangent.
  void step(Mode mode, const engine::Tensor& images, engine::ShardPool& pool);
  const WorkConfig& config() const noexcept { return config_; }

 private:
  void evaluate(Mode mode, engine::ShardPool& pool) const;

  WorkConfig config_;
  models::Vit vit_;
  nn::TangentModel tangent_model_;
  nn::ParamTree theta_;
  nn::AdamW optimizer_;
  std::vector<nn::ParamTree> directions_;  // made when a mode needs them
  engine::Tensor images_;
  engine::Tensor labels_;
  engine::Tensor head_;
};

}  // namespace experiments::benchmarks
