#include "models/task_vector_files.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/tensor/brain_float.hpp"
#include "engine/tensor/finite.hpp"
#include "models/clip_files.hpp"
#include "nn/safetensors_elements.hpp"

namespace models {
namespace {

constexpr std::int64_t kBlock = 1 << 16;  // elements
constexpr const char* kModel = "vit";     // under which `pretrain` notes its model's configuration
constexpr const char* kMode = "mode";     // under which `finetune` notes "standard" or "linear"
constexpr float kPastHalf = 65520.0F;     // rounds to infinity in F16

struct Operand {
  CheckpointFiles files;
  std::map<std::string, ClipTensor> tensors;
};

bool has_weights_unknown_to_clip(const CheckpointFiles& files) {
  return files.layout && std::ranges::any_of(files.tensors, [&](const auto& named) {
           return nn::is_floating(named.second.tensor->type) && clip_name(named.first, *files.layout).empty();
         });
}

// The operands of one sum. A relative of CLIP's, with weights that its layout has no name for, would lose them: then all files
// are matched by the names as they stand.
std::vector<Operand> operands(std::span<const std::filesystem::path> paths) {
  std::vector<Operand> all;
  for (const std::filesystem::path& path : paths) all.push_back({open_checkpoint(path), {}});
  const bool by_own_names =
      std::ranges::any_of(all, [](const Operand& operand) { return has_weights_unknown_to_clip(operand.files); });
  for (Operand& operand : all) {
    if (by_own_names) operand.files.layout.reset();
    operand.tensors = clip_tensors(operand.files);
  }
  return all;
}

// Throws unless every tensor of `part` is in `whole`, in the same shape.
void demand_within(const Operand& part, const Operand& whole) {
  std::vector<std::string> complaints;
  for (const auto& [name, tensor] : part.tensors) {
    const auto found = whole.tensors.find(name);
    if (found == whole.tensors.end()) {
      complaints.push_back("'" + name + "' " + to_string(tensor.shape()) + " is not there");
    } else if (found->second.shape() != tensor.shape()) {
      complaints.push_back("'" + name + "' is " + to_string(tensor.shape()) + " here and " +
                           to_string(found->second.shape()) + " there");
    }
  }
  if (!complaints.empty()) {
    throw std::runtime_error("[task_vector] " + part.files.path.string() + ": does not fit " +
                             whole.files.path.string() + ":" + complaint_lines(complaints));
  }
}

// Writes Σ factor · operand in the layout of `like`, tensor by tensor of it, every operand counting where it has the tensor.
struct Term {
  double factor;
  const Operand* operand;
};
void write_sum(const Operand& like, std::span<const Term> terms,
               const std::function<std::string(const ClipTensor&)>& type, const nn::Metadata& metadata,
               const std::filesystem::path& out, const BetweenBlocks& between) {
  for (const Term& term : terms) demand_no_file_of(term.operand->files, out);
  std::vector<ClipSpec> specs;
  for (const auto& [name, tensor] : like.tensors) specs.push_back({name, tensor.shape(), type(tensor)});
  std::vector<float> values;
  std::vector<double> sum;
  const auto range = [&](const std::string& name, std::int64_t begin, std::span<float> result) {
    between();
    sum.assign(result.size(), 0.0);
    values.resize(result.size());
    for (const Term& term : terms) {
      const auto found = term.operand->tensors.find(name);
      if (found == term.operand->tensors.end()) continue;
      read_finite(term.operand->files, found->second, begin, values);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += term.factor * static_cast<double>(values[i]);
      if (begin + static_cast<std::int64_t>(result.size()) == found->second.shape().numel()) found->second.release();
    }
    std::ranges::transform(sum, result.begin(), [](double value) { return static_cast<float>(value); });
    const std::string stored_as = type(like.tensors.at(name));
    const auto too_large = [&](float value) {
      return (stored_as == "F16" && std::abs(value) >= kPastHalf) ||
             (stored_as == "BF16" && !std::isfinite(engine::float_of_bf16(engine::bf16_of_float(value))));
    };
    if (!engine::all_finite(result) || std::ranges::any_of(result, too_large)) {
      throw std::runtime_error("[task_vector] " + out.string() + ": tensor '" + name +
                               "' would hold a number too large for " + stored_as + ".");
    }
  };
  write_clip_tensors(out, like.files.layout, specs, metadata, range);
}

const nn::Metadata kPlain{{"format", "pt"}};

std::string own_type(const ClipTensor& tensor) { return tensor.type() == "F64" ? "F32" : tensor.type(); }

}  // namespace

void subtract_checkpoints(const std::filesystem::path& theta, const std::filesystem::path& theta0,
                          const std::filesystem::path& out, const BetweenBlocks& between) {
  const std::vector<Operand> both = operands(std::vector{theta, theta0});
  const Operand& tuned = both[0];
  const Operand& base = both[1];
  demand_within(tuned, base);
  const std::vector<Term> terms{{1.0, &tuned}, {-1.0, &base}};
  write_sum(
      tuned, terms, [](const ClipTensor&) { return "F32"; }, kPlain, out, between);
}

void add_task_vectors(const std::filesystem::path& theta0, std::span<const std::filesystem::path> taus, double alpha,
                      const std::filesystem::path& out, const BetweenBlocks& between) {
  std::vector<std::filesystem::path> paths{theta0};
  paths.insert(paths.end(), taus.begin(), taus.end());
  const std::vector<Operand> all = operands(paths);
  const Operand& base = all[0];
  std::vector<Term> terms{{1.0, &base}};
  for (const Operand& tau : std::span(all).subspan(1)) {
    demand_within(tau, base);
    terms.push_back({alpha, &tau});
  }
  nn::Metadata metadata = kPlain;  // of the base's what tells the model; what else it was, the sum is not
  const nn::Metadata& of_base = base.files.metadata;
  const auto model = of_base.find(kModel);
  const auto mode = of_base.find(kMode);  // weights fine-tuned in the tangent space are no network, and neither is this
  if (model != of_base.end() && (mode == of_base.end() || mode->second != "linear")) metadata.insert(*model);
  write_sum(base, terms, own_type, metadata, out, between);
}

void scale_task_vector(const std::filesystem::path& tau, double alpha, const std::filesystem::path& out,
                       const BetweenBlocks& between) {
  const std::vector<Operand> one = operands(std::vector{tau});
  write_sum(one[0], std::vector<Term>{{alpha, &one[0]}}, own_type, kPlain, out, between);
}

std::vector<double> inner_products(std::span<const std::filesystem::path> taus, const BetweenBlocks& between) {
  const std::vector<Operand> vectors = operands(taus);
  std::map<std::string, engine::Shape> shapes;
  for (const Operand& vector : vectors) {
    for (const auto& [name, tensor] : vector.tensors) {
      const auto [known, is_new] = shapes.emplace(name, tensor.shape());
      if (!is_new && known->second != tensor.shape()) {
        throw std::runtime_error("[task_vector] " + vector.files.path.string() + ": '" + name + "' is " +
                                 to_string(tensor.shape()) + " here and " + to_string(known->second) +
                                 " in another of the files.");
      }
    }
  }
  const std::size_t n = vectors.size();
  std::vector<double> products(n * n, 0.0);
  std::vector<std::vector<float>> block(n);
  for (const auto& [name, shape] : shapes) {
    for (std::int64_t begin = 0; begin < shape.numel(); begin += kBlock) {
      between();
      const std::size_t count = static_cast<std::size_t>(std::min(kBlock, shape.numel() - begin));
      for (std::size_t i = 0; i < n; ++i) {
        block[i].assign(count, 0.0F);  // of one that lacks the tensor
        const auto found = vectors[i].tensors.find(name);
        if (found == vectors[i].tensors.end()) continue;
        read_finite(vectors[i].files, found->second, begin, block[i]);
        if (begin + kBlock >= shape.numel()) found->second.release();
      }
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
          double sum = 0.0;
          for (std::size_t k = 0; k < count; ++k)
            sum += static_cast<double>(block[i][k]) * static_cast<double>(block[j][k]);
          products[i * n + j] += sum;
        }
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) products[j * n + i] = products[i * n + j];
  }
  return products;
}

}  // namespace models
