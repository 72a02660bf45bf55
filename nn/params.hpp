// Parameters: names and shapes (Layout), a point or vector over them (ParamTree), and what a model sees of one
// (Params).
//
// Task arithmetic is vector arithmetic, so θ, θ − θ0, Σ α τ, a gradient and an Adam moment are one type: a flat buffer
// with names.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/autodiff/var.hpp"
#include "engine/tensor/tensor.hpp"

namespace nn {

struct ParamId {
  std::uint32_t index;
};

// How a parameter starts: a constant, or normal values of a standard deviation.
struct Init {
  double constant = 0.0;
  double deviation = 0.0;
  static Init zeros() { return {}; }
  static Init ones() { return {1.0, 0.0}; }
  static Init normal(double deviation) { return {0.0, deviation}; }
};

class Layout {
 public:
  struct Entry {
    std::string name;
    engine::Shape shape;
    std::int64_t offset;  // of the first element in the flat buffer
    Init init;
  };
  std::span<const Entry> entries() const noexcept { return entries_; }
  std::int64_t numel() const noexcept { return numel_; }
  ParamId find(std::string_view name) const;  // throws NameError, with the nearest name

 private:
  friend class Scope;
  ParamId add(std::string name, engine::Shape shape, Init init);  // throws NameError if the name is taken
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::uint32_t> index_;
  std::int64_t numel_ = 0;
};

// Where a module registers its parameters, under the names of the modules around it: "resblocks.0.ln_1.weight".
class Scope {
 public:
  explicit Scope(Layout& layout) : layout_(&layout) {}
  Scope child(std::string_view name) const;
  ParamId add(std::string_view name, const engine::Shape& shape, Init init) const;

 private:
  Scope(Layout& layout, std::string prefix) : layout_(&layout), prefix_(std::move(prefix)) {}
  Layout* layout_;
  std::string prefix_;
};

class ParamTree {  // copying copies the values: two trees never share storage
 public:
  explicit ParamTree(std::shared_ptr<const Layout> layout, engine::DType dtype = engine::DType::f32);  // zeros
  ParamTree(std::shared_ptr<const Layout> layout, engine::Tensor flat);  // throws ShapeError unless flat is [numel]
  ParamTree(const ParamTree& other);
  ParamTree& operator=(const ParamTree& other);
  ParamTree(ParamTree&&) noexcept = default;
  ParamTree& operator=(ParamTree&&) noexcept = default;
  ~ParamTree() = default;

  engine::Tensor operator[](ParamId id) const;  // a view
  std::vector<engine::Tensor> tensors() const;  // all of them, in the layout's order
  const engine::Tensor& flat() const noexcept { return flat_; }
  engine::MutableTensor writable() { return flat_.writable(); }  // throws AliasError while a view of this tree lives
  const Layout& layout() const noexcept { return *layout_; }
  const std::shared_ptr<const Layout>& shared_layout() const noexcept { return layout_; }
  engine::DType dtype() const noexcept { return flat_.dtype(); }
  ParamTree to(engine::DType dtype) const;

  ParamTree& axpy(double a, const ParamTree& x);  // *this += a·x; throws ShapeError if the layouts differ
  ParamTree& operator*=(double a);

 private:
  std::shared_ptr<const Layout> layout_;
  engine::Tensor flat_;
};
ParamTree operator+(ParamTree a, const ParamTree& b);
ParamTree operator-(ParamTree a, const ParamTree& b);
ParamTree operator*(double a, ParamTree x);
// Throws ShapeError, opened by [where], unless a and b are trees of one model and element type.
void require_one_layout(std::string_view where, const ParamTree& a, const ParamTree& b);
double dot(const ParamTree& a, const ParamTree& b);  // accumulated in f64
double norm(const ParamTree& x);

// Some of a model's parameters, chosen by parts of their names: "attn" are those of every attention, "resblocks.0" those of
// the first block, "proj" the projection at the end and no "out_proj".
class ParamSubset {
 public:
  // Those whose name has one of `parts`, whole, between its dots or ends; all of them where there are no parts. Throws NameError for a
  // part that no name has.
  ParamSubset(std::shared_ptr<const Layout> layout, std::span<const std::string> parts);
  // Those of which a vector has more than zeros: what whoever made it has trained.
  static ParamSubset moved_by(const ParamTree& tau);
  bool contains(ParamId id) const { return chosen_[id.index]; }
  bool contains_all() const { return std::ranges::find(chosen_, false) == chosen_.end(); }
  const std::shared_ptr<const Layout>& shared_layout() const noexcept { return layout_; }
  struct Range {  // of the flat buffer
    std::int64_t begin;
    std::int64_t end;
  };
  std::vector<Range> ranges() const;  // ascending; neighbours are one

 private:
  std::shared_ptr<const Layout> layout_;
  std::vector<bool> chosen_;  // by index
};

// The layout's initial values. Each parameter has a random stream of its own, so adding one leaves the others as they
// were.
ParamTree initial_params(std::shared_ptr<const Layout> layout, std::uint64_t seed,
                         engine::DType dtype = engine::DType::f32);

// What a model reads: one value per parameter, constants or values a transform follows.
class Params {
 public:
  explicit Params(const ParamTree& constants);
  explicit Params(engine::VarSpan values) : values_(values.begin(), values.end()) {}
  // Those of `only` as they are in `followed`, the others constants.
  Params(const Params& followed, const ParamSubset& only, const ParamTree& constants);
  const engine::Var& operator[](ParamId id) const { return values_[id.index]; }

 private:
  engine::Vars values_;
};

}  // namespace nn
