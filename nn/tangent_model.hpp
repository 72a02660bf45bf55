// A model f(x; θ) seen from one point of its parameters: the object the experiments hold.
//
//   f_lin(x; θ0 + τ) = f(x; θ0) + J(x; θ0) τ            [Ortiz-Jimenez et al. 2023, section 3]
//
// `record` keeps the linear map of one batch, to be pushed and pulled any number of times; `stream` gives f and J·τ for
// several τ with the memory of a few layers. Tensors: input [B, ...], features [B, E].
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/autodiff/linearization.hpp"
#include "nn/params.hpp"

namespace nn {

using Model = std::function<engine::Var(const Params& params, const engine::Var& input)>;

// f with all parameters but those of `trained` held at theta: constants to every transform, so that J has zeros for them and
// no rule computes anything for their sake. f(x; θ) reads only the trained ones of its θ.
Model freeze(Model f, const ParamTree& theta, const ParamSubset& trained);

class TangentRecording {  // one batch, recorded at one point
 public:
  const engine::Tensor& primal() const noexcept { return record_.primals()[0].tensor(); }  // f(x; θ0), [B, E]
  engine::Tensor push(const ParamTree& v) const;                                           // J v, [B, E]
  // J (a − b), the difference made parameter by parameter: never a third copy of all weights.
  engine::Tensor push_difference(const ParamTree& a, const ParamTree& b) const;
  ParamTree pull(const engine::Tensor& u) const&;  // Jᵀ u, u [B, E]
  ParamTree pull(const engine::Tensor& u) &&;      // the last use: frees as it goes
  // Jᵀ u with its sums over tokens and examples left to the caller: for each parameter, one for each time it is used.
  std::vector<std::vector<engine::OuterSum>> pull_unsummed(const engine::Tensor& u) &&;
  std::int64_t residual_bytes() const { return record_.residual_bytes(); }

 private:
  friend TangentRecording record(const Model& f, const ParamTree& theta0, const engine::Tensor& input);
  TangentRecording(engine::Linearization record, std::shared_ptr<const Layout> layout)
      : record_(std::move(record)), layout_(std::move(layout)) {}
  engine::Linearization record_;
  std::shared_ptr<const Layout> layout_;
};

TangentRecording record(const Model& f, const ParamTree& theta0, const engine::Tensor& input);

struct StreamOutput {
  engine::Tensor primal;                 // f(x; θ0), [B, E]
  std::vector<engine::Tensor> tangents;  // J τ_k, [B, E] each
};
StreamOutput stream(const Model& f, const ParamTree& theta0, const engine::Tensor& input,
                    std::span<const ParamTree> directions);

class TangentModel {
 public:
  TangentModel(Model f, ParamTree theta0) : f_(std::move(f)), theta0_(std::move(theta0)) {}
  TangentRecording record(const engine::Tensor& input) const { return nn::record(f_, theta0_, input); }
  StreamOutput stream(const engine::Tensor& input, std::span<const ParamTree> directions) const {
    return nn::stream(f_, theta0_, input, directions);
  }
  const Model& model() const noexcept { return f_; }
  const ParamTree& theta0() const noexcept { return theta0_; }

 private:
  Model f_;
  ParamTree theta0_;
};

}  // namespace nn
