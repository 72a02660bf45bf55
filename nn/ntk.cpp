#include "nn/ntk.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/ops.hpp"
#include "engine/tensor/errors.hpp"

namespace nn {

using engine::DType;
using engine::Shape;
using engine::Tensor;

namespace {

constexpr std::int64_t kPanel = 1 << 13;   // elements of a gradient that are made at a time, about
constexpr std::int64_t kFewestRows = 32;   // of a weight, in such a part: products of fewer are slow
constexpr std::int64_t kGramRows = 64;     // of a symmetric block, in one product
constexpr std::int64_t kTokens = 1 << 10;  // in one Gram matrix of tokens, about

// One weight's part in J(x)ᵀ w of some images b: the gradient of image i is left_iᵀ right_i, or left_i if there is no right.
struct Factors {
  Tensor left;                  // [b, T, O]; [b, 1, O] without a right
  std::optional<Tensor> right;  // [b, T, I]

  std::int64_t images() const { return left.shape()[0]; }
  std::int64_t tokens() const { return left.shape()[1]; }
  std::int64_t rows() const { return left.shape()[2]; }
  std::int64_t columns() const { return right.has_value() ? right->shape()[2] : 1; }
};

Tensor per_image(const Tensor& rows, std::int64_t b) {  // [b·T, C] -> [b, T, C]
  return engine::reshape(rows, {b, rows.shape()[0] / b, rows.shape()[1]}).tensor();
}

Tensor joined(const engine::Vars& parts, int axis) {
  return parts.size() == 1 ? parts[0].tensor() : engine::concat(parts, axis).tensor();
}

Factors factors_of(const std::vector<engine::OuterSum>& uses, std::int64_t b) {
  engine::Vars left;
  engine::Vars right;
  for (const engine::OuterSum& use : uses) {
    if (use.left.shape()[0] % b != 0)
      throw std::logic_error("[ntk] needs a model whose activations have the images as their first axis.");
    left.emplace_back(per_image(use.left, b));
    if (use.right.has_value()) right.emplace_back(per_image(*use.right, b));
  }
  // A weight used twice has the tokens of both uses.
  if (right.size() == left.size()) return {joined(left, 1), joined(right, 1)};
  if (!right.empty()) throw std::logic_error("[ntk] a weight is used in two ways.");
  const Tensor all = joined(left, 1);
  return {engine::reshape(engine::sum(all, {1}), {b, 1, all.shape()[2]}).tensor(), std::nullopt};
}

// A contiguous run of images with what is known of them.
class ImageBlock {
 public:
  ImageBlock(const TangentModel& f, const Tensor& images, const Tensor& direction, const Shards& shards)
      : images_(images.shape()[0]) {
    const std::int64_t count = engine::shard_count(images_, shards.size);
    std::vector<std::vector<Factors>> parts(static_cast<std::size_t>(count));  // [shard][weight]
    shards.pool.run(count, [&](std::int64_t shard) {
      const auto [begin, end] = engine::shard_range(shard, images_, shards.size);
      parts[static_cast<std::size_t>(shard)] = pulled(f, images.slice(0, begin, end), direction);
    });
    weights_.resize(parts[0].size());
    shards.pool.run(static_cast<std::int64_t>(weights_.size()), [&](std::int64_t weight) {
      const std::size_t w = static_cast<std::size_t>(weight);
      engine::Vars left;
      engine::Vars right;
      for (std::vector<Factors>& part : parts) {
        if (part[w].left.numel() == 0) return;
        left.emplace_back(std::move(part[w].left));
        if (part[w].right.has_value()) right.emplace_back(std::move(*part[w].right));
      }
      weights_[w] = Factors{joined(left, 0), std::nullopt};
      if (!right.empty()) weights_[w]->right = joined(right, 0);
    });
  }

  std::int64_t images() const noexcept { return images_; }
  const std::vector<std::optional<Factors>>& weights() const noexcept { return weights_; }  // nothing: not used

 private:
  static std::vector<Factors> pulled(const TangentModel& f, const Tensor& images, const Tensor& direction) {
    TangentRecording recording = f.record(images);
    const Shape& shape = recording.primal().shape();
    if (shape.rank() != 2 || shape[1] != direction.numel()) {
      throw engine::ShapeError("[ntk] needs directions [D, E] for outputs [B, E]; got directions of " +
                               std::to_string(direction.numel()) + " and outputs " + to_string(shape) + ".");
    }
    std::vector<Factors> weights;
    for (const auto& uses : std::move(recording).pull_unsummed(direction.broadcast_to(shape).contiguous())) {
      weights.push_back(uses.empty() ? Factors{Tensor::zeros({0, 0, 0}), std::nullopt}
                                     : factors_of(uses, images.shape()[0]));
    }
    return weights;
  }

  std::int64_t images_;
  std::vector<std::optional<Factors>> weights_;
};

// A sum of products, in f64; where `upper`, only what lies on or above the diagonal counts.
class Gram {
 public:
  Gram(std::int64_t rows, std::int64_t columns, bool upper)
      : upper_(upper), values_(Tensor::zeros({rows, columns}, DType::f64)) {}

  bool is_upper() const noexcept { return upper_; }

  void add(const Tensor& tile, std::int64_t row, std::int64_t column) {
    const Tensor dense = tile.to(DType::f64).contiguous();
    const double* from = dense.data<double>();
    const std::int64_t columns = values_.shape()[1];
    double* into = values_.writable().data<double>() + row * columns + column;
    for (std::int64_t i = 0; i < tile.shape()[0]; ++i) {
      for (std::int64_t j = 0; j < tile.shape()[1]; ++j) into[i * columns + j] += *from++;
    }
  }

  const Tensor& values() const noexcept { return values_; }

 private:
  bool upper_;
  Tensor values_;
};

Tensor transposed(const Tensor& x) { return x.permute({1, 0}); }
Tensor product(const Tensor& a, const Tensor& b) { return engine::matmul(a, b).tensor(); }

// Rows begin .. end of each image's gradient, [b, (end − begin)·I].
Tensor gradient_rows(const Factors& of, std::int64_t begin, std::int64_t end) {
  const Tensor left = of.left.slice(2, begin, end);
  const Shape flat{of.images(), (end - begin) * of.columns()};
  if (!of.right.has_value()) return left.contiguous().reshape(flat);
  return engine::matmul(left.permute({0, 2, 1}), *of.right).tensor().reshape(flat);  // Z̄ᵀ X
}

void add_by_gradients(const Factors& a, const Factors& b, std::int64_t begin, std::int64_t end, Gram& sum) {
  const Tensor rows = gradient_rows(a, begin, end);
  const Tensor columns = sum.is_upper() ? rows : gradient_rows(b, begin, end);
  const std::int64_t step = sum.is_upper() ? kGramRows : a.images();
  for (std::int64_t i = 0; i < a.images(); i += step) {
    const std::int64_t first = sum.is_upper() ? i : 0;
    const Tensor tile = rows.slice(0, i, std::min(i + step, a.images()));
    sum.add(product(tile, transposed(columns.slice(0, first, b.images()))), i, first);
  }
}

void add_by_tokens(const Factors& a, const Factors& b, Gram& sum) {
  const auto step_of = [](const Factors& of) { return std::max<std::int64_t>(1, kTokens / of.tokens()); };
  const auto tokens = [](const Tensor& x, std::int64_t begin, std::int64_t end) {  // [(end − begin)·T, C]
    return x.slice(0, begin, end).reshape({(end - begin) * x.shape()[1], x.shape()[2]});
  };
  for (std::int64_t i = 0; i < a.images(); i += step_of(a)) {
    const std::int64_t i_end = std::min(i + step_of(a), a.images());
    for (std::int64_t j = sum.is_upper() ? i : 0; j < b.images(); j += step_of(b)) {
      const std::int64_t j_end = std::min(j + step_of(b), b.images());
      engine::Var both = product(tokens(a.left, i, i_end), transposed(tokens(b.left, j, j_end)));  // Z̄ Z̄'ᵀ
      if (a.right.has_value())                                                                     // ∘ X X'ᵀ
        both = engine::mul(both, product(tokens(*a.right, i, i_end), transposed(tokens(*b.right, j, j_end))));
      const Shape pairs{i_end - i, a.tokens(), j_end - j, b.tokens()};
      sum.add(engine::sum(engine::reshape(both, pairs), {1, 3}).tensor(), i, j);
    }
  }
}

bool by_tokens(const Factors& a, const Factors& b, Contraction chosen) {
  if (chosen != Contraction::cheapest) return chosen == Contraction::tokens;
  return a.tokens() * b.tokens() * (a.rows() + a.columns() + 1) < a.rows() * a.columns();
}

// A part of the sum over weights, the same for any number of threads: some rows of one weight.
struct Part {
  std::size_t weight;
  std::int64_t begin;
  std::int64_t end;
  bool by_tokens;  // all rows
};

// Adds what two blocks, or one with itself, have in common to their place in K.
void add_block(const ImageBlock& a, const ImageBlock& b, Contraction chosen, const Shards& shards, Gram& sum,
               std::int64_t row, std::int64_t column) {
  std::vector<Part> parts;
  for (std::size_t w = 0; w < a.weights().size(); ++w) {
    if (!a.weights()[w].has_value()) continue;
    const Factors& of = *a.weights()[w];
    if (by_tokens(of, *b.weights()[w], chosen)) {
      parts.push_back({w, 0, of.rows(), true});
      continue;
    }
    const std::int64_t step = std::max(kFewestRows, kPanel / of.columns());
    for (std::int64_t begin = 0; begin < of.rows(); begin += step)
      parts.push_back({w, begin, std::min(begin + step, of.rows()), false});
  }
  shards.pool.run_ordered<Gram>(
      static_cast<std::int64_t>(parts.size()),
      [&](std::int64_t index) {
        const Part& part = parts[static_cast<std::size_t>(index)];
        const Factors& of_a = *a.weights()[part.weight];
        const Factors& of_b = *b.weights()[part.weight];
        Gram gram(a.images(), b.images(), &a == &b);
        if (part.by_tokens) {
          add_by_tokens(of_a, of_b, gram);
        } else {
          add_by_gradients(of_a, of_b, part.begin, part.end, gram);
        }
        return gram;
      },
      [&](std::int64_t, Gram&& gram) { sum.add(gram.values(), row, column); });
}

void check(const Tensor& images, const Tensor& directions) {
  if (images.shape().rank() < 1 || images.shape()[0] < 1 || directions.shape().rank() != 2 ||
      directions.shape()[0] < 1) {
    throw engine::ShapeError("[ntk] needs images [N, ...] and directions [D, E], at least one of each; got " +
                             to_string(images.shape()) + " and " + to_string(directions.shape()) + ".");
  }
}

// K from the sum over directions of its upper triangle.
Tensor mean_and_mirrored(const Tensor& sum, std::int64_t D) {
  const std::int64_t N = sum.shape()[0];
  Tensor kernel = Tensor::empty(sum.shape(), DType::f64);
  const double* from = sum.data<double>();
  double* into = kernel.writable().data<double>();
  for (std::int64_t i = 0; i < N; ++i) {
    for (std::int64_t j = i; j < N; ++j) into[i * N + j] = into[j * N + i] = from[i * N + j] / static_cast<double>(D);
  }
  return kernel;
}

}  // namespace

Tensor ntk(const TangentModel& f, const Tensor& images, const Tensor& directions, const Shards& shards,
           const NtkOptions& options) {
  check(images, directions);
  if (options.block < 1)
    throw std::invalid_argument("[ntk] needs blocks of at least one image; got " + std::to_string(options.block) + ".");
  const Tensor w = directions.to(f.theta0().dtype());
  const std::int64_t N = images.shape()[0];
  const std::int64_t D = w.shape()[0];
  Gram sum(N, N, true);
  for (std::int64_t d = 0; d < D; ++d) {
    const auto block = [&](std::int64_t begin) {
      return ImageBlock(f, images.slice(0, begin, std::min(begin + options.block, N)), w.slice(0, d, d + 1), shards);
    };
    for (std::int64_t i = 0; i < N; i += options.block) {
      const ImageBlock a = block(i);
      add_block(a, a, options.contraction, shards, sum, i, i);
      for (std::int64_t j = i + options.block; j < N; j += options.block)
        add_block(a, block(j), options.contraction, shards, sum, i, j);
    }
  }
  return mean_and_mirrored(sum.values(), D);
}

Tensor ntk_times(const TangentModel& f, const Tensor& images, const Tensor& directions, const Tensor& v,
                 const Shards& shards) {
  check(images, directions);
  const std::int64_t N = images.shape()[0];
  const std::int64_t D = directions.shape()[0];
  const std::int64_t E = directions.shape()[1];
  if (v.shape() != Shape{N})
    throw engine::ShapeError("[ntk] needs one value for each of " + std::to_string(N) + " images; got " +
                             to_string(v.shape()) + ".");
  if (v.dtype() != DType::f64) throw engine::DTypeError("[ntk] needs v in f64; got " + describe(v) + ".");
  const DType dtype = f.theta0().dtype();
  const auto w = [&](std::int64_t d, std::int64_t b) {  // [b, E] f64
    return directions.to(DType::f64).slice(0, d, d + 1).broadcast_to({b, E});
  };
  const std::int64_t count = engine::shard_count(N, shards.size);
  std::vector<ParamTree> pulled(static_cast<std::size_t>(D), ParamTree(f.theta0().shared_layout(), dtype));
  shards.pool.run_ordered<std::vector<ParamTree>>(
      count,
      [&](std::int64_t shard) {
        const auto [begin, end] = engine::shard_range(shard, N, shards.size);
        const TangentRecording recording = f.record(images.slice(0, begin, end));
        const Tensor part = v.slice(0, begin, end).reshape({end - begin, 1}).broadcast_to({end - begin, E});
        std::vector<ParamTree> trees;
        for (std::int64_t d = 0; d < D; ++d)
          trees.push_back(recording.pull(engine::mul(part, w(d, end - begin)).tensor().to(dtype)));
        return trees;
      },
      [&](std::int64_t, std::vector<ParamTree>&& trees) {
        for (std::size_t d = 0; d < trees.size(); ++d) pulled[d].axpy(1.0, trees[d]);
      });
  Tensor result = Tensor::empty({N}, DType::f64);
  const engine::MutableTensor values = result.writable();
  shards.pool.run(count, [&](std::int64_t shard) {
    const auto [begin, end] = engine::shard_range(shard, N, shards.size);
    const StreamOutput output = f.stream(images.slice(0, begin, end), pulled);
    engine::Var sum = Tensor::zeros({end - begin}, DType::f64);
    for (std::int64_t d = 0; d < D; ++d) {
      const Tensor& tangent = output.tangents[static_cast<std::size_t>(d)];
      sum = engine::add(sum, engine::sum(engine::mul(tangent.to(DType::f64), w(d, end - begin)), {1}));
    }
    const Tensor mean = engine::scale(sum, 1.0 / static_cast<double>(D)).tensor();
    std::copy_n(mean.data<double>(), end - begin, values.data<double>() + begin);
  });
  return result;
}

}  // namespace nn
