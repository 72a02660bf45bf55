#include "experiments/arithmetic/features.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include "datasets/loader.hpp"
#include "engine/ops/ops.hpp"

namespace experiments {

using engine::Tensor;
using engine::Vars;

Tensor labels_of(const datasets::Dataset& images) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < images.size(); ++i) labels.push_back(images.label(i));
  return Tensor::from<std::int64_t>(labels, {images.size()});
}

Features features(const nn::Model& f, const nn::ParamTree& theta, const datasets::Dataset& images,
                  const nn::Shards& shards) {
  const std::int64_t count = engine::shard_count(images.size(), shards.size);
  const nn::Params params(theta);
  std::vector<std::optional<Tensor>> parts(static_cast<std::size_t>(count));
  shards.pool.run(count, [&](std::int64_t shard) {
    const auto [begin, end] = engine::shard_range(shard, images.size(), shards.size);
    parts[static_cast<std::size_t>(shard)] =
        f(params, datasets::load_range(images, begin, end).images.to(theta.dtype())).tensor();
  });
  Vars rows;
  for (const std::optional<Tensor>& part : parts) rows.emplace_back(part.value());
  return {engine::concat(rows, 0).tensor(), labels_of(images)};
}

TangentFeatures tangent_features(const nn::TangentModel& f, const datasets::Dataset& images,
                                 std::span<const nn::ParamTree> directions, const nn::Shards& shards) {
  const std::int64_t count = engine::shard_count(images.size(), shards.size);
  std::vector<std::optional<nn::StreamOutput>> parts(static_cast<std::size_t>(count));
  shards.pool.run(count, [&](std::int64_t shard) {
    const auto [begin, end] = engine::shard_range(shard, images.size(), shards.size);
    parts[static_cast<std::size_t>(shard)] =
        f.stream(datasets::load_range(images, begin, end).images.to(f.theta0().dtype()), directions);
  });
  Vars primals;
  for (const auto& part : parts) primals.emplace_back(part->primal);
  TangentFeatures result{engine::concat(primals, 0).tensor(), {}, labels_of(images)};
  for (std::size_t k = 0; k < directions.size(); ++k) {
    Vars rows;
    for (const auto& part : parts) rows.emplace_back(part->tangents[k]);
    result.tangents.push_back(engine::concat(rows, 0).tensor());
  }
  return result;
}

Features TangentFeatures::at(double alpha, std::size_t direction) const { return at({{alpha, direction}}); }

Features TangentFeatures::at(std::initializer_list<Term> terms) const {
  engine::Var sum = primal;
  for (const Term& term : terms) sum = engine::add(sum, engine::scale(tangents[term.direction], term.alpha));
  return {sum.tensor(), labels};
}

Features TangentFeatures::at(double alpha, std::span<const std::size_t> sum_of) const {
  engine::Var sum = tangents[sum_of.front()];
  for (const std::size_t direction : sum_of.subspan(1)) sum = engine::add(sum, tangents[direction]);
  return {engine::add(primal, engine::scale(sum, alpha)).tensor(), labels};
}

datasets::Subset first_images(const DatasetPtr& images, std::int64_t most) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(most, images->size())));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return {images, std::move(indices)};
}

double accuracy(const models::ZeroShotHead& head, const Features& features) {
  return models::accuracy(head, features.values, features.labels);
}

}  // namespace experiments
