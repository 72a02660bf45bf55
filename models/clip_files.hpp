// A checkpoint as it lies on the disk: one safetensors file or the shards of an index, mapped, and the tensors in it as parts of
// ours (clip_names.hpp), whatever the layout. Elements are read in ranges of ours, so that a whole checkpoint passes through a
// buffer of constant size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/clip_names.hpp"
#include "nn/safetensors_map.hpp"
#include "nn/safetensors_writer.hpp"

namespace models {

// The tensors of a file, or of all shards, under their names there. A prefix "module." or "model." that all have is dropped,
// and so is "text." in front of open_clip's text tower.
struct StoredTensor {
  std::string name;  // in the file, whole
  const nn::MappedTensor* tensor;
};
struct CheckpointFiles {
  std::filesystem::path path;    // what was asked for, for messages
  std::filesystem::path folder;  // where configs lie
  std::vector<std::unique_ptr<const nn::SafetensorsMap>> maps;
  std::map<std::string, StoredTensor> tensors;
  nn::Metadata metadata;             // of the first shard
  std::optional<ClipLayout> layout;  // nullopt: no CLIP's
};

// Whether `folder` holds a file that open_checkpoint would take.
bool has_checkpoint(const std::filesystem::path& folder);

// A line for each complaint, of many the first twenty: a false config or a foreign file makes thousands.
constexpr std::size_t kMostComplaints = 20;
std::string complaint_lines(std::span<const std::string> complaints);

// `path` is a safetensors file, an index ("*.safetensors.index.json"), or a folder with one of model.safetensors,
// model.safetensors.index.json and open_clip_model.safetensors. Throws std::runtime_error naming the file: what
// read_safetensors refuses, a shard or a tensor that the index names and is not there, a shard outside the folder.
CheckpointFiles open_checkpoint(const std::filesystem::path& path);

// Throws std::runtime_error if `out`, by whatever name, is one of the files: what is written from them must not replace them.
void demand_no_file_of(const CheckpointFiles& files, const std::filesystem::path& out);

// Tensors of one name of ours, in pieces.
class ClipTensor {
 public:
  struct Part {
    std::int64_t begin;  // in ours
    bool transposed;     // then it is the whole
    const nn::MappedTensor* tensor;
  };
  ClipTensor(std::string name, engine::Shape shape, std::vector<Part> parts)
      : name_(std::move(name)), shape_(shape), parts_(std::move(parts)) {}

  const std::string& name() const noexcept { return name_; }
  const engine::Shape& shape() const noexcept { return shape_; }
  const std::string& type() const noexcept { return parts_.front().tensor->type; }  // of the first part
  std::span<const Part> parts() const noexcept { return parts_; }
  // Elements begin .. begin + out.size() as f32. The type must be a floating one.
  void read(std::int64_t begin, std::span<float> out) const;
  void release() const;  // gives back the memory of what was read

 private:
  std::string name_;
  engine::Shape shape_;
  std::vector<Part> parts_;  // in order; what none of them holds is zero
};

// The tensors of ours that the files hold, by name. Of q, k and v those that are missing count as zeros. Throws
// std::runtime_error naming the file and the tensor if one of them is of another shape than its neighbours or of no floating
// type, or a projection no matrix.
// What is no number (position_ids) and what the layout does not know is left out; of files that are no CLIP's every tensor
// is taken under its own name.
std::map<std::string, ClipTensor> clip_tensors(const CheckpointFiles& files);

// ClipTensor::read of a tensor of these files. Throws std::runtime_error naming the file and the tensor in it if an element is
// not finite: NaN in one weight would become NaN in every sum.
void read_finite(const CheckpointFiles& files, const ClipTensor& tensor, std::int64_t begin, std::span<float> out);

// Writes tensors of ours in a layout (nullopt: under their own names). `values` gives elements begin .. begin + out.size() of
// tensor `name`; it is asked for one range after the other.
struct ClipSpec {
  std::string name;
  engine::Shape shape;
  std::string type;
};
using ClipValues = std::function<void(const std::string& name, std::int64_t begin, std::span<float> out)>;
void write_clip_tensors(const std::filesystem::path& file, std::optional<ClipLayout> layout,
                        std::span<const ClipSpec> tensors, const nn::Metadata& metadata, const ClipValues& values);

}  // namespace models
