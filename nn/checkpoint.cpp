#include "nn/checkpoint.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/tensor/errors.hpp"
#include "engine/tensor/hash.hpp"
#include "nn/nearest_name.hpp"

namespace nn {

using engine::DType;
using engine::NameError;
using engine::Tensor;

namespace {

std::string where(const std::filesystem::path& file) { return "[checkpoint] " + file.string() + ": "; }

void check_names(const NamedTensors& tensors, const Layout& layout, const std::filesystem::path& file,
                 const std::string& prefix) {
  std::vector<std::string> here;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) here.push_back(name);
  }
  std::vector<std::string> needed;
  for (const Layout::Entry& entry : layout.entries()) needed.push_back(prefix + entry.name);
  for (const std::string& name : needed) {
    if (std::ranges::find(here, name) == here.end())
      throw NameError(where(file) + "no tensor '" + name + "'" + nearest_hint(name, here) + ".");
  }
  for (const std::string& name : here) {
    if (std::ranges::find(needed, name) == needed.end())
      throw NameError(where(file) + "this model has no tensor '" + name + "'" + nearest_hint(name, needed) + ".");
  }
}

template <class T>
void copy_into(const Tensor& source, const engine::MutableTensor& flat, std::int64_t offset) {
  const Tensor dense = source.contiguous();
  std::copy_n(dense.data<T>(), dense.numel(), flat.data<T>() + offset);
}

}  // namespace

void put_params(NamedTensors& tensors, const ParamTree& params, const std::string& prefix) {
  const std::vector<Tensor> values = params.tensors();
  for (std::size_t i = 0; i < values.size(); ++i)
    tensors.insert_or_assign(prefix + params.layout().entries()[i].name, values[i]);
}

ParamTree get_params(const NamedTensors& tensors, const std::shared_ptr<const Layout>& layout,
                     const std::filesystem::path& file, const std::string& prefix, DType dtype) {
  check_names(tensors, *layout, file, prefix);
  ParamTree params(layout, dtype);
  const engine::MutableTensor flat = params.writable();
  for (const Layout::Entry& entry : layout->entries()) {
    const Tensor& tensor = tensors.at(prefix + entry.name);
    if (tensor.shape() != entry.shape) {
      throw engine::ShapeError(where(file) + "tensor '" + prefix + entry.name + "' must be " + to_string(entry.shape) +
                               "; it is " + to_string(tensor.shape()) + ".");
    }
    if (tensor.dtype() != dtype) {
      throw engine::DTypeError(where(file) + "tensor '" + prefix + entry.name + "' must be " +
                               std::string(to_string(dtype)) + "; it is " + std::string(to_string(tensor.dtype())) +
                               ".");
    }
    dtype == DType::f32 ? copy_into<float>(tensor, flat, entry.offset) : copy_into<double>(tensor, flat, entry.offset);
  }
  return params;
}

void put_optimizer(NamedTensors& tensors, const AdamW& optimizer, const std::string& prefix) {
  put_params(tensors, optimizer.first_moment(), prefix + "m.");
  put_params(tensors, optimizer.second_moment(), prefix + "v.");
}

void get_optimizer(const NamedTensors& tensors, AdamW& optimizer, std::int64_t steps, const std::filesystem::path& file,
                   const std::string& prefix) {
  const std::shared_ptr<const Layout>& layout = optimizer.first_moment().shared_layout();
  const DType dtype = optimizer.first_moment().dtype();
  optimizer.restore(get_params(tensors, layout, file, prefix + "m.", dtype),
                    get_params(tensors, layout, file, prefix + "v.", dtype), steps);
}

std::string checksum(const ParamTree& params) {
  engine::Hash hash;
  const auto mix = [&hash](const auto* values, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, values + i, sizeof(*values));
      hash.add(bits);
    }
  };
  const std::int64_t count = params.layout().numel();
  params.dtype() == DType::f32 ? mix(params.flat().data<float>(), count) : mix(params.flat().data<double>(), count);
  return hash.hex();
}

}  // namespace nn
