// Parameter trees as named tensors in safetensors files, and the state of a training run from which it goes on.
#pragma once

#include <filesystem>
#include <string>

#include "nn/optim.hpp"
#include "nn/params.hpp"
#include "nn/safetensors.hpp"

namespace nn {

// The tree's parameters under `prefix` + their names, added to `tensors`.
void put_params(NamedTensors& tensors, const ParamTree& params, const std::string& prefix = "");

// The parameters of a layout out of a file's tensors. Names that start with `prefix` must be exactly the layout's:
// throws NameError with the nearest name for a missing or an unknown one, ShapeError or DTypeError for a tensor that
// does not fit. `file` opens the message.
ParamTree get_params(const NamedTensors& tensors, const std::shared_ptr<const Layout>& layout,
                     const std::filesystem::path& file, const std::string& prefix = "",
                     engine::DType dtype = engine::DType::f32);

// AdamW's moments and step count beside the parameters it moves, under "<prefix>m." and "<prefix>v.".
void put_optimizer(NamedTensors& tensors, const AdamW& optimizer, const std::string& prefix);
void get_optimizer(const NamedTensors& tensors, AdamW& optimizer, std::int64_t steps, const std::filesystem::path& file,
                   const std::string& prefix);

// A fingerprint of the values, for telling whether a later result was made from these weights.
std::string checksum(const ParamTree& params);

}  // namespace nn
