#include "nn/tangent_model.hpp"

#include "engine/autodiff/transforms.hpp"
#include "engine/ops/ops.hpp"
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

void require_layout(std::string_view where, const ParamTree& tree, const std::shared_ptr<const Layout>& layout) {
  if (tree.shared_layout() != layout)
    throw engine::ShapeError("[" + std::string(where) + "] the direction belongs to another model.");
}

Tangents as_tangents(std::string_view where, const ParamTree& tree, const std::shared_ptr<const Layout>& layout) {
  require_layout(where, tree, layout);
  const std::vector<Tensor> tensors = tree.tensors();
  return {tensors.begin(), tensors.end()};
}

// The tangent of an output; zeros if it is absent.
Tensor or_zeros(const engine::Tangent& y_dot, const Tensor& primal) {
  return y_dot.has_value() ? y_dot->tensor() : Tensor::zeros(primal.shape(), primal.dtype());
}

// A gradient that is written where it stands: the rules put each parameter's cotangent into its part of one buffer, which is
// neither set to zero first nor gathered afterwards.
struct Gradient {
  Gradient(std::shared_ptr<const Layout> of, engine::DType dtype)
      : layout(std::move(of)), flat(Tensor::empty({layout->numel()}, dtype)) {
    const engine::MutableTensor all = flat.writable();
    for (const Layout::Entry& entry : layout->entries())
      parts.push_back({all.slice(0, entry.offset, entry.offset + entry.shape.numel()).reshape(entry.shape)});
  }

  ParamTree finished() && {  // zeros where nothing arrived
    for (engine::CotangentSum& part : parts) {
      if (part.empty) add_to(part, Tensor::zeros({}, flat.dtype()).broadcast_to(part.values.shape()));
    }
    return {layout, std::move(flat)};
  }

  std::shared_ptr<const Layout> layout;
  Tensor flat;
  std::vector<engine::CotangentSum> parts;  // of `flat`, one per parameter
};

}  // namespace

Model freeze(Model f, const ParamTree& theta, const ParamSubset& trained) {
  if (theta.shared_layout() != trained.shared_layout())
    throw engine::ShapeError("[freeze] the weights and the chosen parameters are of two models.");
  if (trained.contains_all()) return f;
  return [f = std::move(f), held = std::make_shared<const ParamTree>(theta), trained](
             const Params& params, const Var& input) { return f(Params(params, trained, *held), input); };
}

TangentRecording record(const Model& f, const ParamTree& theta0, const Tensor& input) {
  return {linearize(of_params(f, input), as_vars(theta0)), theta0.shared_layout()};
}

Tensor TangentRecording::push(const ParamTree& v) const {
  return or_zeros(record_.push(as_tangents("push", v, layout_))[0], primal());
}

Tensor TangentRecording::push_difference(const ParamTree& a, const ParamTree& b) const {
  require_layout("push", a, layout_);
  require_layout("push", b, layout_);
  const std::vector<Tensor> to = a.tensors();
  const std::vector<Tensor> from = b.tensors();
  const auto difference = [&](std::size_t i) { return engine::Tangent(engine::sub(to[i], from[i])); };
  return or_zeros(record_.push(difference)[0], primal());
}

ParamTree TangentRecording::pull(const Tensor& u) const& {
  Gradient gradient(layout_, primal().dtype());
  const Tangents x_bar = record_.pull(Tangents{u});
  for (std::size_t i = 0; i < x_bar.size(); ++i) {
    if (x_bar[i].has_value()) add_to(gradient.parts[i], x_bar[i]->tensor());
  }
  return std::move(gradient).finished();
}

ParamTree TangentRecording::pull(const Tensor& u) && {
  Gradient gradient(layout_, primal().dtype());
  std::move(record_).pull_into(Tangents{u}, gradient.parts);
  return std::move(gradient).finished();
}

std::vector<std::vector<engine::OuterSum>> TangentRecording::pull_unsummed(const Tensor& u) && {
  return std::move(record_).pull_unsummed(Tangents{u});
}

StreamOutput stream(const Model& f, const ParamTree& theta0, const Tensor& input,
                    std::span<const ParamTree> directions) {
  std::vector<Tangents> tangents;
  for (const ParamTree& direction : directions)
    tangents.push_back(as_tangents("stream", direction, theta0.shared_layout()));
  const engine::Dual dual = jvp(of_params(f, input), as_vars(theta0), tangents)[0];
  StreamOutput output{dual.primal.tensor(), {}};
  for (const engine::Tangent& y_dot : dual.tangents) output.tangents.push_back(or_zeros(y_dot, output.primal));
  return output;
}

}  // namespace nn
