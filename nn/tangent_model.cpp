#include "nn/tangent_model.hpp"

#include <algorithm>

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

ParamTree TangentRecording::pull(const Tensor& u) const& { return gather(record_.pull(Tangents{u})); }

ParamTree TangentRecording::pull(const Tensor& u) && { return gather(std::move(record_).pull(Tangents{u})); }

ParamTree TangentRecording::gather(const Tangents& x_bar) const {
  ParamTree gradient(layout_, primal().dtype());
  const engine::MutableTensor flat = gradient.writable();
  for (std::size_t i = 0; i < x_bar.size(); ++i) {
    if (!x_bar[i].has_value()) continue;
    const Tensor dense = x_bar[i]->tensor().contiguous();
    const std::int64_t offset = layout_->entries()[i].offset;
    if (dense.dtype() == engine::DType::f32) {
      std::copy_n(dense.data<float>(), dense.numel(), flat.data<float>() + offset);
    } else {
      std::copy_n(dense.data<double>(), dense.numel(), flat.data<double>() + offset);
    }
  }
  return gradient;
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
