#include "nn/params.hpp"

#include <cmath>
#include <set>

#include "engine/tensor/errors.hpp"
#include "engine/tensor/hash.hpp"
#include "engine/tensor/random.hpp"
#include "nn/nearest_name.hpp"

namespace nn {

using engine::DType;
using engine::MutableTensor;
using engine::ShapeError;
using engine::Tensor;

namespace {

template <class Body>
decltype(auto) with_element_type(DType dtype, const Body& body) {
  if (dtype == DType::f32) return body.template operator()<float>();
  return body.template operator()<double>();
}

// "ln_1.bias" has the parts ln_1, ln_1.bias and bias.
std::vector<std::string> parts_of_names(const Layout& layout) {
  std::set<std::string> parts;
  for (const Layout::Entry& entry : layout.entries()) {
    const std::string name = entry.name + ".";
    for (std::size_t begin = 0; begin < name.size(); begin = name.find('.', begin) + 1) {
      for (std::size_t end = name.find('.', begin); end != std::string::npos; end = name.find('.', end + 1))
        parts.insert(name.substr(begin, end - begin));
    }
  }
  return {parts.begin(), parts.end()};
}

// Those without dots that are no numbers: "attn, bias, c_fc".
std::string words_among(const std::vector<std::string>& parts) {
  std::string words;
  for (const std::string& part : parts) {
    if (part.find_first_not_of("0123456789") == std::string::npos || part.find('.') != std::string::npos) continue;
    words += (words.empty() ? "" : ", ") + part;
  }
  return words;
}

}  // namespace

ParamId Layout::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  if (found != index_.end()) return {found->second};
  std::vector<std::string> known;
  for (const Entry& entry : entries_) known.push_back(entry.name);
  throw engine::NameError("[params] no parameter '" + std::string(name) + "'" + nearest_hint(name, known) + ".");
}

ParamId Layout::add(std::string name, engine::Shape shape, Init init) {
  const std::uint32_t index = static_cast<std::uint32_t>(entries_.size());
  if (!index_.emplace(name, index).second) throw engine::NameError("[params] two parameters are named '" + name + "'.");
  entries_.push_back({std::move(name), shape, numel_, init});
  numel_ += shape.numel();
  return {index};
}

Scope Scope::child(std::string_view name) const { return {*layout_, prefix_ + std::string(name) + "."}; }

ParamId Scope::add(std::string_view name, const engine::Shape& shape, Init init) const {
  return layout_->add(prefix_ + std::string(name), shape, init);
}

ParamTree::ParamTree(std::shared_ptr<const Layout> layout, DType dtype)
    : layout_(std::move(layout)), flat_(Tensor::zeros({layout_->numel()}, dtype)) {}

ParamTree::ParamTree(std::shared_ptr<const Layout> layout, Tensor flat)
    : layout_(std::move(layout)), flat_(std::move(flat)) {
  if (flat_.shape() != engine::Shape{layout_->numel()}) {
    throw ShapeError("[params] needs [" + std::to_string(layout_->numel()) + "]; got " + to_string(flat_.shape()) +
                     ".");
  }
}

ParamTree::ParamTree(const ParamTree& other) : layout_(other.layout_), flat_(other.flat_.clone()) {}

ParamTree& ParamTree::operator=(const ParamTree& other) { return *this = ParamTree(other); }

Tensor ParamTree::operator[](ParamId id) const {
  const Layout::Entry& entry = layout_->entries()[id.index];
  return flat_.slice(0, entry.offset, entry.offset + entry.shape.numel()).reshape(entry.shape);
}

std::vector<Tensor> ParamTree::tensors() const {
  std::vector<Tensor> all;
  for (std::uint32_t index = 0; index < layout_->entries().size(); ++index) all.push_back((*this)[{index}]);
  return all;
}

ParamTree ParamTree::to(DType dtype) const {
  return {layout_, dtype == flat_.dtype() ? flat_.clone() : flat_.to(dtype)};
}

ParamTree& ParamTree::axpy(double a, const ParamTree& x) {
  require_one_layout("axpy", *this, x);
  with_element_type(dtype(), [&]<class T>() {
    const T* in = x.flat_.data<T>();  // before writable(): x may be this tree
    T* out = flat_.writable().data<T>();
    const T factor = static_cast<T>(a);
    const std::int64_t count = layout_->numel();
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) out[i] += factor * in[i];
  });
  return *this;
}

ParamTree& ParamTree::operator*=(double a) {
  with_element_type(dtype(), [&]<class T>() {
    T* out = flat_.writable().data<T>();
    const T factor = static_cast<T>(a);
    for (std::int64_t i = 0; i < layout_->numel(); ++i) out[i] *= factor;
  });
  return *this;
}

ParamTree operator+(ParamTree a, const ParamTree& b) { return std::move(a.axpy(1.0, b)); }
ParamTree operator-(ParamTree a, const ParamTree& b) { return std::move(a.axpy(-1.0, b)); }
ParamTree operator*(double a, ParamTree x) { return std::move(x *= a); }

void require_one_layout(std::string_view where, const ParamTree& a, const ParamTree& b) {
  if (a.shared_layout() != b.shared_layout() || a.dtype() != b.dtype()) {
    throw ShapeError("[" + std::string(where) + "] needs two trees of one model and element type; got " +
                     describe(a.flat()) + " and " + describe(b.flat()) + ".");
  }
}

double dot(const ParamTree& a, const ParamTree& b) {
  require_one_layout("dot", a, b);
  return with_element_type(a.dtype(), [&]<class T>() {
    const T* x = a.flat().data<T>();
    const T* y = b.flat().data<T>();
    double total = 0.0;
    const std::int64_t count = a.layout().numel();
#pragma omp simd reduction(+ : total)
    for (std::int64_t i = 0; i < count; ++i) total += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    return total;
  });
}

double norm(const ParamTree& x) { return std::sqrt(dot(x, x)); }

ParamSubset::ParamSubset(std::shared_ptr<const Layout> layout, std::span<const std::string> parts)
    : layout_(std::move(layout)), chosen_(layout_->entries().size(), parts.empty()) {
  for (const std::string& part : parts) {
    bool is_known = false;
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      if (("." + layout_->entries()[i].name + ".").find("." + part + ".") == std::string::npos) continue;
      chosen_[i] = true;
      is_known = true;
    }
    if (!is_known) {
      const std::vector<std::string> known = parts_of_names(*layout_);
      const std::string nearest = nearest_hint(part, known);
      throw engine::NameError("[params] no parameter's name has the part '" + part + "'" +
                              (nearest.empty() ? "; parts are " + words_among(known) : nearest) + ".");
    }
  }
}

ParamSubset ParamSubset::moved_by(const ParamTree& tau) {
  ParamSubset moved(tau.shared_layout(), {});
  for (std::uint32_t index = 0; index < moved.chosen_.size(); ++index) {
    const Tensor values = tau[{index}];
    moved.chosen_[index] = with_element_type(tau.dtype(), [&]<class T>() {
      return std::any_of(values.data<T>(), values.data<T>() + values.numel(), [](T value) { return value != T(0); });
    });
  }
  return moved;
}

std::vector<ParamSubset::Range> ParamSubset::ranges() const {
  std::vector<Range> ranges;
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    if (!chosen_[i]) continue;
    const Layout::Entry& entry = layout_->entries()[i];
    if (ranges.empty() || ranges.back().end != entry.offset) ranges.push_back({entry.offset, entry.offset});
    ranges.back().end += entry.shape.numel();
  }
  return ranges;
}

ParamTree initial_params(std::shared_ptr<const Layout> layout, std::uint64_t seed, DType dtype) {
  ParamTree params(std::move(layout), dtype);
  const MutableTensor flat = params.writable();
  for (const Layout::Entry& entry : params.layout().entries()) {
    engine::Random random({seed, engine::hash_of(entry.name)});
    for (std::int64_t i = entry.offset; i < entry.offset + entry.shape.numel(); ++i) {
      const double value =
          entry.init.constant + (entry.init.deviation > 0.0 ? entry.init.deviation * random.normal() : 0.0);
      with_element_type(dtype, [&]<class T>() { flat.data<T>()[i] = static_cast<T>(value); });
    }
  }
  return params;
}

Params::Params(const ParamTree& constants) {
  for (engine::Tensor& tensor : constants.tensors()) values_.emplace_back(std::move(tensor));
}

Params::Params(const Params& followed, const ParamSubset& only, const ParamTree& constants) : Params(constants) {
  for (std::uint32_t index = 0; index < values_.size(); ++index) {
    if (only.contains({index})) values_[index] = followed[{index}];
  }
}

}  // namespace nn
