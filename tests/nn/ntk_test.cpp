// The kernel in both ways against the Jacobian written out, J Jᵀ, in f64.
#include "nn/ntk.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "engine/linalg/lanczos.hpp"
#include "engine/linalg/symmetric_eig.hpp"
#include "engine/ops/ops.hpp"
#include "engine/parallel/memory.hpp"
#include "engine/tensor/errors.hpp"
#include "models/vit.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/tensors.hpp"

using engine::DType;
using engine::Tensor;
using engine::Var;
using nn::Contraction;
using tests::check_close;

BOOST_AUTO_TEST_SUITE(tangent_kernel)

namespace {

constexpr double kRounding = 1e-10;  // relative to the largest entry, in f64

struct Setting {
  nn::TangentModel model;
  Tensor images;
  Tensor directions;
};

// The small ViT of all references: 5 tokens, of which the last block keeps one; patches, positions and projection are weights
// that are rearranged or repeated.
Setting vit_setting(DType dtype = DType::f64, std::int64_t D = 2) {
  const models::Vit vit(tests::golden_config());
  engine::Random random(3);
  return {nn::TangentModel(vit.model(), nn::initial_params(vit.layout(), 4, dtype)), tests::golden_images(0).to(dtype),
          tests::random_tensor({D, 6}, random, 1.0, dtype)};
}

// 1/D Σ_d J_d J_dᵀ, a row of J_d for each image from a pull of it alone.
Tensor explicit_kernel(const Setting& s) {
  const std::int64_t N = s.images.shape()[0];
  const std::int64_t D = s.directions.shape()[0];
  engine::Var sum = Tensor::zeros({N, N}, s.images.dtype());
  for (std::int64_t d = 0; d < D; ++d) {
    engine::Vars rows;
    for (std::int64_t i = 0; i < N; ++i) {
      nn::TangentRecording recording = s.model.record(s.images.slice(0, i, i + 1));
      const nn::ParamTree row = std::move(recording).pull(s.directions.slice(0, d, d + 1).contiguous());
      rows.emplace_back(row.flat().clone().reshape({1, row.layout().numel()}));
    }
    const Var J = engine::concat(rows, 0);
    sum = engine::add(sum, engine::matmul(J, engine::transpose(J)));
  }
  return engine::scale(sum, 1.0 / static_cast<double>(D)).tensor();
}

Tensor kernel_by_products(const Setting& s, const nn::Shards& shards) {  // K e_i, column by column
  const std::int64_t N = s.images.shape()[0];
  engine::Vars columns;
  for (std::int64_t i = 0; i < N; ++i) {
    const Tensor one = engine::pad(Tensor::full({1}, 1.0, DType::f64), 0, i, N - 1 - i).tensor();
    columns.emplace_back(ntk_times(s.model, s.images, s.directions, one, shards).reshape({N, 1}));
  }
  return engine::concat(columns, 1).tensor();
}

std::shared_ptr<const nn::Layout> layout_of(const std::vector<std::pair<std::string, engine::Shape>>& weights) {
  nn::Layout layout;
  for (const auto& [name, shape] : weights) nn::Scope(layout).add(name, shape, nn::Init::normal(1.0));
  return std::make_shared<const nn::Layout>(std::move(layout));
}

const auto says = [](const std::string& part) {
  return [part](const std::exception& error) { return std::string(error.what()).find(part) != std::string::npos; };
};

}  // namespace

BOOST_AUTO_TEST_CASE(of_a_linear_function_it_is_the_gram_matrix_of_its_inputs) {  // f = w·x + b: K = x·x' + 1
  const auto layout = layout_of({{"w", {1, 2}}, {"b", {1}}, {"unused", {3}}});
  const nn::TangentModel f(
      [](const nn::Params& p, const Var& x) { return engine::linear(x, p[nn::ParamId{0}], p[nn::ParamId{1}]); },
      nn::initial_params(layout, 0, DType::f64));
  const Setting s{f, Tensor::from<double>({1, 2, 3, 4}, {2, 2}), Tensor::full({1, 1}, 1.0, DType::f64)};
  engine::ShardPool pool(1);
  const Tensor expected = Tensor::from<double>({6, 12, 12, 26}, {2, 2});
  check_close(ntk(s.model, s.images, s.directions, {pool, 1}), expected, 1e-15, "K");
  check_close(kernel_by_products(s, {pool, 1}), expected, 1e-15, "K by products");
}

BOOST_AUTO_TEST_CASE(both_ways_equal_the_jacobian_written_out) {
  const Setting s = vit_setting();
  const Tensor expected = explicit_kernel(s);
  engine::ShardPool pool(2);
  for (const std::int64_t size : {1, 2, 5}) {
    const nn::Shards shards{pool, size};
    const std::string of = "shards of " + std::to_string(size) + ", ";
    tests::check_relative(kernel_by_products(s, shards), expected, kRounding, of + "by products");
    for (const Contraction contraction : {Contraction::cheapest, Contraction::gradients, Contraction::tokens}) {
      for (const std::int64_t block : {1, 3, 256}) {  // 5 images
        const Tensor kernel = ntk(s.model, s.images, s.directions, shards, {block, contraction});
        const std::string how = of + "blocks of " + std::to_string(block) + ", contraction " +
                                std::to_string(static_cast<int>(contraction));
        tests::check_relative(kernel, expected, kRounding, how);
        tests::check_same_bits(kernel, kernel.permute({1, 0}).contiguous(), how + ", symmetric");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(all_unit_vectors_give_the_trace_over_outputs) {
  Setting s = vit_setting();
  Var trace = Tensor::zeros({5, 5}, DType::f64);
  for (std::int64_t e = 0; e < 6; ++e) {
    s.directions = engine::pad(Tensor::full({1, 1}, 1.0, DType::f64), 1, e, 5 - e).tensor();
    trace = engine::add(trace, explicit_kernel(s));
  }
  std::vector<double> identity(36, 0.0);
  for (std::size_t e = 0; e < 6; ++e) identity[7 * e] = 1.0;
  engine::ShardPool pool(1);
  const Tensor kernel = ntk(s.model, s.images, Tensor::from<double>(identity, {6, 6}), {pool, 2});
  tests::check_relative(kernel, engine::scale(trace, 1.0 / 6).tensor(), kRounding, "trace / E");
}

BOOST_AUTO_TEST_CASE(the_kernel_of_the_reference_tower_is_that_of_torch_func) {
  const nn::NamedTensors tower = tests::golden("vit_reference.safetensors");
  const nn::NamedTensors reference = tests::golden("ntk_reference.safetensors");
  const models::Vit vit(tests::golden_config());
  const nn::TangentModel f(vit.model(), nn::get_params(tower, vit.layout(), "vit_reference", "theta0.", DType::f64));
  engine::ShardPool pool(1);
  const nn::Shards shards{pool, 2};
  const Tensor direction = reference.at("direction").reshape({1, 6});
  tests::check_relative(ntk(f, tower.at("input.images"), direction, shards), reference.at("kernel"), kRounding, "K");
  std::vector<double> identity(36, 0.0);
  for (std::size_t e = 0; e < 6; ++e) identity[7 * e] = 1.0;
  tests::check_relative(ntk(f, tower.at("input.images"), Tensor::from<double>(identity, {6, 6}), shards),
                        reference.at("trace"), kRounding, "trace / E");
}

BOOST_AUTO_TEST_CASE(single_precision_gives_the_same_kernel_up_to_its_rounding) {
  const Tensor expected = explicit_kernel(vit_setting());
  const Setting s = vit_setting(DType::f32);
  engine::ShardPool pool(1);
  for (const Contraction contraction : {Contraction::gradients, Contraction::tokens}) {
    const Tensor kernel = ntk(s.model, s.images, s.directions, {pool, 2}, {256, contraction});
    BOOST_CHECK(kernel.dtype() == DType::f64);
    tests::check_relative(kernel, expected, 1e-5, "f32");
  }
  tests::check_relative(kernel_by_products(s, {pool, 2}), expected, 1e-5, "f32 by products");
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  const Setting s = vit_setting(DType::f32);
  std::vector<Tensor> kernels;
  std::vector<Tensor> products;
  for (const int threads : {1, 2, 5}) {
    engine::ShardPool pool(threads);
    kernels.push_back(ntk(s.model, s.images, s.directions, {pool, 2}, {3, Contraction::cheapest}));
    products.push_back(ntk_times(s.model, s.images, s.directions, Tensor::full({5}, 0.3, DType::f64), {pool, 2}));
  }
  for (std::size_t i = 1; i < kernels.size(); ++i) {
    tests::check_same_bits(kernels[i], kernels[0], "K");
    tests::check_same_bits(products[i], products[0], "K v");
  }
}

BOOST_AUTO_TEST_CASE(a_weight_used_twice_counts_as_one) {
  const auto layout = layout_of({{"w", {3, 3}}, {"b", {3}}});
  const nn::TangentModel f(
      [](const nn::Params& p, const Var& x) {
        const Var& w = p[nn::ParamId{0}];
        const Var& b = p[nn::ParamId{1}];
        const Var h = engine::linear_activation(x, w, b, engine::Activation::gelu);
        return engine::sum(engine::linear(h, w, b), {1});  // [B, T, 3] -> [B, 3]
      },
      nn::initial_params(layout, 1, DType::f64));
  engine::Random random(2);
  const Setting s{f, tests::random_tensor({4, 2, 3}, random), tests::random_tensor({1, 3}, random)};
  engine::ShardPool pool(1);
  for (const Contraction contraction : {Contraction::gradients, Contraction::tokens}) {
    tests::check_relative(ntk(s.model, s.images, s.directions, {pool, 3}, {3, contraction}), explicit_kernel(s),
                          kRounding, "K");
  }
}

BOOST_AUTO_TEST_CASE(lanczos_on_products_finds_the_leading_eigenpairs_of_the_kernel) {
  const Setting s = vit_setting();
  engine::ShardPool pool(1);
  const nn::Shards shards{pool, 2};
  const engine::SymmetricEig eig = engine::symmetric_eig(ntk(s.model, s.images, s.directions, shards));
  const engine::RitzPairs ritz =
      engine::lanczos([&](const Tensor& v) { return ntk_times(s.model, s.images, s.directions, v, shards); },
                      Tensor::from<double>({1, -2, 3, 1, 2}, {5}), 5, 2);
  tests::check_relative(ritz.values, eig.values.slice(0, 3, 5), kRounding, "eigenvalues");
  const Tensor overlap = engine::matmul(engine::transpose(ritz.vectors), eig.vectors.slice(1, 3, 5)).tensor();
  for (const std::int64_t i : {0, 1})
    BOOST_CHECK_CLOSE_FRACTION(std::abs(overlap.slice(0, i, i + 1).slice(1, i, i + 1).item()), 1.0, 1e-8);
}

BOOST_AUTO_TEST_CASE(the_gradients_of_all_images_never_exist) {
  const models::Vit vit({.image_size = 8, .patch = 4, .width = 48, .depth = 2, .heads = 2, .embedding = 8});
  const nn::TangentModel f(vit.model(), nn::initial_params(vit.layout(), 0));
  engine::Random random(5);
  const Tensor images = tests::random_tensor({96, 3, 8, 8}, random, 1.0, DType::f32);
  const Tensor direction = tests::random_tensor({1, 8}, random, 1.0, DType::f32);
  engine::ShardPool pool(1);
  for (const std::int64_t block : {256, 16}) {
    const std::int64_t before = engine::memory_stats().live_bytes;
    engine::reset_peak_memory();
    ntk(f, images, direction, {pool, 8}, {block, Contraction::cheapest});
    const std::int64_t jacobian = 96 * 4 * vit.layout()->numel();
    // All factors of all images; and those of two blocks, with the parts of gradients that are made at a time.
    BOOST_CHECK_LT(engine::memory_stats().peak_bytes - before, jacobian / (block == 256 ? 2 : 5));
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const Setting s = vit_setting();
  engine::ShardPool pool(1);
  const nn::Shards shards{pool, 2};
  const Tensor five = Tensor::zeros({1, 5}, DType::f64);
  const Tensor v = Tensor::zeros({5}, DType::f64);
  BOOST_CHECK_EXCEPTION(ntk(s.model, s.images, five, shards), engine::ShapeError,
                        says("needs directions [D, E] for outputs [B, E]; got directions of 5 and outputs [2, 6]"));
  BOOST_CHECK_THROW(ntk(s.model, s.images, five.reshape({5}), shards), engine::ShapeError);
  BOOST_CHECK_THROW(ntk(s.model, s.images.slice(0, 0, 0), s.directions, shards), engine::ShapeError);
  BOOST_CHECK_THROW(ntk(s.model, s.images, s.directions, shards, {.block = 0}), std::invalid_argument);
  BOOST_CHECK_EXCEPTION(ntk_times(s.model, s.images, s.directions, v.slice(0, 0, 4), shards), engine::ShapeError,
                        says("needs one value for each of 5 images; got [4]"));
  BOOST_CHECK_THROW(ntk_times(s.model, s.images, s.directions, v.to(DType::f32), shards), engine::DTypeError);
  const auto layout = layout_of({{"w", {1, 2}}});
  const nn::TangentModel scaled(
      [](const nn::Params& p, const Var& x) { return engine::linear(x, engine::scale(p[nn::ParamId{0}], 2.0)); },
      nn::initial_params(layout, 0, DType::f64));
  BOOST_CHECK_EXCEPTION(ntk(scaled, Tensor::zeros({2, 2}, DType::f64), Tensor::full({1, 1}, 1.0, DType::f64), shards),
                        std::logic_error, says("input 0 is used otherwise, by scale."));
}

BOOST_AUTO_TEST_SUITE_END()
