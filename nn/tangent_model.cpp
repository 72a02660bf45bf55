#include "nn/tangent_model.hpp"

#include "engine/autodiff/transforms.hpp"
#include "engine/tensor/errors.hpp"

namespace nn {

using engine::Tangents;
using engine::Tensor;
using engine::Var;
using engine::Vars;
using engine::VarSpan;

namespace {

engine::Function of_params(const Model& f, const Tensor& input) {
  return [&f, input](VarSpan params) { return Vars{f(Params(params), Var(input))}; };
}

Vars as_vars(const ParamTree& tree) {
  const std::vector<Tensor> tensors = tree.tensors();
  return {tensors.begin(), tensors.end()};
}

Tangents as_tangents(std::string_view where, const ParamTree& tree, const std::shared_ptr<const Layout>& layout) {
  if (tree.shared_layout() != layout)
    throw engine::ShapeError("[" + std::string(where) + "] the direction belongs to another model.");
  const std::vector<Tensor> tensors = tree.tensors();
  return {tensors.begin(), tensors.end()};
}

}  // namespace

TangentRecording record(const Model& f, const ParamTree& theta0, const Tensor& input) {
  return {linearize(of_params(f, input), as_vars(theta0)), theta0.shared_layout()};
}

Tensor TangentRecording::push(const ParamTree& v) const {
  const engine::Tangent y_dot = record_.push(as_tangents("push", v, layout_))[0];
  return y_dot.has_value() ? y_dot->tensor() : Tensor::zeros(primal().shape(), primal().dtype());
}

GradientSum::GradientSum(std::shared_ptr<const Layout> layout, engine::DType dtype)
    : layout_(std::move(layout)), flat_(Tensor::empty({layout_->numel()}, dtype)) {
  const engine::MutableTensor flat = flat_.writable();
  for (const Layout::Entry& entry : layout_->entries()) {
    parts_.push_back({flat.slice(0, entry.offset, entry.offset + entry.shape.numel()).reshape(entry.shape)});
  }
}

ParamTree GradientSum::finished() && {
  for (engine::CotangentSum& part : parts_) {
    if (part.empty) add_to(part, Tensor::zeros({}, flat_.dtype()).broadcast_to(part.values.shape()));
  }
  return {layout_, std::move(flat_)};
}

ParamTree TangentRecording::pull(const Tensor& u) const& {
  GradientSum sum(layout_, primal().dtype());
  const Tangents x_bar = record_.pull(Tangents{u});
  for (std::size_t i = 0; i < x_bar.size(); ++i) {
    if (x_bar[i].has_value()) add_to(sum.parts_[i], x_bar[i]->tensor());
  }
  return std::move(sum).finished();
}

ParamTree TangentRecording::pull(const Tensor& u) && {
  GradientSum sum(layout_, primal().dtype());
  std::move(*this).pull_into(u, sum);
  return std::move(sum).finished();
}

void TangentRecording::pull_into(const Tensor& u, GradientSum& sum) && {
  if (sum.layout_ != layout_) throw engine::ShapeError("[pull_into] the sum belongs to another model.");
  std::move(record_).pull_into(Tangents{u}, sum.parts_);
}

StreamOutput stream(const Model& f, const ParamTree& theta0, const Tensor& input,
                    std::span<const ParamTree> directions) {
  std::vector<Tangents> tangents;
  for (const ParamTree& direction : directions)
    tangents.push_back(as_tangents("stream", direction, theta0.shared_layout()));
  const engine::Dual dual = jvp(of_params(f, input), as_vars(theta0), tangents)[0];
  StreamOutput output{dual.primal.tensor(), {}};
  for (const engine::Tangent& y_dot : dual.tangents) {
    output.tangents.push_back(y_dot.has_value() ? y_dot->tensor()
                                                : Tensor::zeros(output.primal.shape(), output.primal.dtype()));
  }
  return output;
}

}  // namespace nn
