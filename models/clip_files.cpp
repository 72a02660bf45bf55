#include "models/clip_files.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "engine/tensor/byte_source.hpp"
#include "engine/tensor/finite.hpp"
#include "engine/tensor/utf8.hpp"
#include "nn/safetensors_elements.hpp"

namespace models {
namespace {

using engine::shown;

constexpr std::string_view kIndexEnding = ".safetensors.index.json";
constexpr std::int64_t kBlock = 1 << 16;  // elements

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& problem) {
  throw std::runtime_error("[clip] " + file.string() + ": " + problem);
}

// The file or index in `folder`; empty if there is none.
std::filesystem::path found_in(const std::filesystem::path& folder) {
  for (const char* const name : {"model.safetensors", "model.safetensors.index.json", "open_clip_model.safetensors"}) {
    if (std::filesystem::exists(folder / name)) return folder / name;
  }
  return {};
}

// The file or index that `path` means.
std::filesystem::path main_file(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return path;
  if (std::filesystem::path file = found_in(path); !file.empty()) return file;
  fail(path,
       "holds neither model.safetensors, nor model.safetensors.index.json, nor open_clip_model.safetensors; give the "
       "file itself if it has another name.");
}

// An index's {tensor: shard}.
std::map<std::string, std::string> read_index(const std::filesystem::path& file) {
  constexpr std::uint64_t kMostBytes = 64 << 20;  // that of a large language model has a few hundred thousand
  const std::vector<std::uint8_t> text = engine::ByteSource(file, "clip").read_all(kMostBytes);
  using Json = nlohmann::json;
  const Json json = Json::parse(
      text, [](int depth, Json::parse_event_t, Json&) { return depth < 8; }, false);
  if (!json.is_object() || !json.contains("weight_map") || !json.at("weight_map").is_object())
    fail(file, "is no index of shards: it must be a JSON object with the object 'weight_map'.");
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : json.at("weight_map").items()) {
    if (!shard.is_string()) fail(file, "the shard of tensor " + shown(name) + " must be the name of a file.");
    const std::string target = shard.get<std::string>();
    const bool is_plain = std::ranges::all_of(target, [](char c) { return c != '/' && c != '\\' && (c & 0xE0) != 0; });
    if (target.empty() || !is_plain)
      fail(file, "the shard " + shown(target) + " of tensor " + shown(name) +
                     " must be a plain name of a file in the folder of the index.");
    shards.emplace(name, target);
  }
  return shards;
}

void open_shards(CheckpointFiles& files, const std::filesystem::path& index) {
  const std::map<std::string, std::string> shard_of = read_index(index);
  std::map<std::string, const nn::SafetensorsMap*> shards;
  for (const auto& [name, shard] : shard_of) {
    const nn::SafetensorsMap*& map = shards[shard];
    if (map == nullptr) {
      files.maps.push_back(std::make_unique<const nn::SafetensorsMap>(index.parent_path() / shard));
      map = files.maps.back().get();
    }
    const auto found = map->tensors().find(name);
    if (found == map->tensors().end())
      fail(index,
           "says that tensor " + shown(name) + " lies in " + shown(shard) + ", where it does not; fetch both again.");
    files.tensors.emplace(name, StoredTensor{name, &found->second});
  }
  for (const auto& [shard, map] : shards) {
    for (const auto& [name, tensor] : map->tensors()) {
      if (!shard_of.contains(name))
        fail(index, "does not name tensor " + shown(name) + " of " + shown(shard) + "; fetch both again.");
    }
  }
}

void drop_prefixes(std::map<std::string, StoredTensor>& tensors) {
  const auto renamed = [&](const std::function<std::string(const std::string&)>& rename) {
    std::map<std::string, StoredTensor> result;
    for (auto& [name, stored] : tensors) result.emplace(rename(name), stored);
    if (result.size() == tensors.size()) tensors = std::move(result);
  };
  for (const std::string prefix : {"module.", "model."}) {
    const bool all = std::ranges::all_of(tensors, [&](const auto& named) { return named.first.starts_with(prefix); });
    if (all && !tensors.empty()) renamed([&](const std::string& name) { return name.substr(prefix.size()); });
  }
  renamed([](const std::string& name) { return name.starts_with("text.") ? name.substr(5) : name; });
}

// A layout is told by the tensors that it alone names so; a task vector may hold few of them.
std::optional<ClipLayout> layout_of(const std::map<std::string, StoredTensor>& tensors) {
  for (const ClipLayout layout : {ClipLayout::hugging_face, ClipLayout::open_clip}) {
    for (const auto& [name, stored] : tensors) {
      if (name != "logit_scale" && !clip_name(name, layout).empty()) return layout;
    }
  }
  return std::nullopt;
}

ClipTensor packed(const CheckpointFiles& files, const std::string& name, const engine::Shape& third,
                  ClipLayout layout) {
  const engine::Shape shape = third.with(0, 3 * third[0]);
  std::vector<ClipTensor::Part> parts;
  for (const ClipPiece& piece : clip_pieces(name, shape, layout)) {
    const auto found = files.tensors.find(piece.name);
    if (found == files.tensors.end()) continue;
    const nn::MappedTensor& tensor = *found->second.tensor;
    if (tensor.shape != third) {
      fail(files.path, "tensor " + shown(piece.name) + " must have the shape of its neighbours of q, k and v, " +
                           to_string(third) + "; it is " + to_string(tensor.shape) + ".");
    }
    if (!nn::is_floating(tensor.type)) {
      fail(files.path, "tensor " + shown(piece.name) +
                           " must be F32, F16, BF16 or F64, as its neighbours of q, k and v; it is " + tensor.type +
                           ".");
    }
    parts.push_back({piece.begin, false, &tensor});
  }
  return {name, shape, std::move(parts)};
}

}  // namespace

bool has_checkpoint(const std::filesystem::path& folder) { return !found_in(folder).empty(); }

std::string complaint_lines(std::span<const std::string> complaints) {
  std::string lines;
  for (const std::string& complaint : complaints.first(std::min(complaints.size(), kMostComplaints)))
    lines += "\n  " + complaint;
  if (complaints.size() > kMostComplaints)
    lines += "\n  and " + std::to_string(complaints.size() - kMostComplaints) + " more";
  return lines;
}

CheckpointFiles open_checkpoint(const std::filesystem::path& path) {
  CheckpointFiles files;
  files.path = main_file(path);
  files.folder = files.path.parent_path();
  if (files.path.string().ends_with(kIndexEnding)) {
    open_shards(files, files.path);
  } else {
    files.maps.push_back(std::make_unique<const nn::SafetensorsMap>(files.path));
    for (const auto& [name, tensor] : files.maps.front()->tensors())
      files.tensors.emplace(name, StoredTensor{name, &tensor});
  }
  if (!files.maps.empty()) files.metadata = files.maps.front()->metadata();
  drop_prefixes(files.tensors);
  files.layout = layout_of(files.tensors);
  return files;
}

void demand_no_file_of(const CheckpointFiles& files, const std::filesystem::path& out) {
  const auto is_out = [&](const std::filesystem::path& file) {
    std::error_code absent;  // then it is none of them
    return std::filesystem::equivalent(file, out, absent);
  };
  if (is_out(files.path) || std::ranges::any_of(files.maps, [&](const auto& map) { return is_out(map->file()); }))
    fail(out, "is an input, of " + files.path.string() + "; name another file to write.");
}

void ClipTensor::read(std::int64_t begin, std::span<float> out) const {
  const std::int64_t end = begin + static_cast<std::int64_t>(out.size());
  std::int64_t filled = begin;  // elements before it are done
  const auto skip_to = [&](std::int64_t next) {
    if (next > filled) std::fill(out.begin() + (filled - begin), out.begin() + (next - begin), 0.0F);
    filled = std::max(filled, next);
  };
  for (const Part& part : parts_) {
    const std::int64_t numel = part.tensor->shape.numel();
    const std::int64_t size = nn::element_bits(part.tensor->type).value() / 8;
    if (part.begin + numel <= filled || part.begin >= end) continue;
    skip_to(part.begin);
    const std::int64_t from = filled - part.begin;
    const std::int64_t taken = std::min(end, part.begin + numel) - filled;
    const std::span<float> target =
        out.subspan(static_cast<std::size_t>(filled - begin), static_cast<std::size_t>(taken));
    const std::byte* const bytes = part.tensor->bytes.data();
    if (part.transposed) {  // ours [R, C] from [C, R]
      const std::int64_t R = shape_[0];
      const std::int64_t C = shape_[1];
      for (std::int64_t i = from; i < from + taken; ++i) {
        nn::decode_floats(part.tensor->type, bytes + (i % C * R + i / C) * size,
                          target.subspan(static_cast<std::size_t>(i - from), 1));
      }
    } else {
      nn::decode_floats(part.tensor->type, bytes + from * size, target);
      nn::release_pages({bytes + from * size, static_cast<std::size_t>(taken * size)});
    }
    filled += taken;
  }
  skip_to(end);
}

void ClipTensor::release() const {
  for (const Part& part : parts_) nn::release_pages(part.tensor->bytes);
}

std::map<std::string, ClipTensor> clip_tensors(const CheckpointFiles& files) {
  std::map<std::string, ClipTensor> result;
  for (const auto& [stored_name, stored] : files.tensors) {
    const nn::MappedTensor& tensor = *stored.tensor;
    if (!nn::is_floating(tensor.type)) continue;
    const std::string name = files.layout ? clip_name(stored_name, *files.layout) : stored_name;
    if (name.empty() || result.contains(name)) continue;
    if (files.layout == ClipLayout::hugging_face) {
      if (name.find(".attn.in_proj_") != std::string::npos) {
        if (tensor.shape.rank() < 1 || tensor.shape.numel() == 0)
          fail(files.path,
               "tensor " + shown(stored_name) + " is of q, k and v and cannot be " + to_string(tensor.shape) + ".");
        result.emplace(name, packed(files, name, tensor.shape, ClipLayout::hugging_face));
        continue;
      }
      if (name == "visual.proj" || name == "text_projection") {
        if (tensor.shape.rank() != 2)
          fail(files.path,
               "tensor " + shown(stored_name) + " must have two axes; it is " + to_string(tensor.shape) + ".");
        const engine::Shape shape{tensor.shape[1], tensor.shape[0]};
        result.emplace(name, ClipTensor(name, shape, {{0, true, &tensor}}));
        continue;
      }
    }
    result.emplace(name, ClipTensor(name, tensor.shape, {{0, false, &tensor}}));
  }
  return result;
}

void read_finite(const CheckpointFiles& files, const ClipTensor& tensor, std::int64_t begin, std::span<float> out) {
  tensor.read(begin, out);
  if (engine::all_finite(out)) return;
  const auto bad = std::ranges::find_if_not(out, [](float value) { return std::isfinite(value); });
  const std::int64_t at = begin + (bad - out.begin());
  const auto holds_it = [at](const ClipTensor::Part& part) {
    return at >= part.begin && at < part.begin + part.tensor->shape.numel();
  };
  const nn::MappedTensor* const mapped = std::ranges::find_if(tensor.parts(), holds_it)->tensor;
  const auto stored = std::ranges::find(files.tensors, mapped, [](const auto& named) { return named.second.tensor; });
  fail(files.path, "tensor " + shown(stored->second.name) + " holds NaN or Inf; every weight must be finite.");
}

void write_clip_tensors(const std::filesystem::path& file, std::optional<ClipLayout> layout,
                        std::span<const ClipSpec> tensors, const nn::Metadata& metadata, const ClipValues& values) {
  struct Source {
    const ClipSpec* ours;
    ClipPiece piece;
  };
  std::map<std::string, Source> sources;
  std::vector<nn::TensorSpec> specs;
  for (const ClipSpec& ours : tensors) {
    const std::vector<ClipPiece> pieces = layout ? clip_pieces(ours.name, ours.shape, *layout)
                                                 : std::vector<ClipPiece>{{ours.name, ours.shape, 0, false}};
    for (const ClipPiece& piece : pieces) {
      specs.push_back({piece.name, ours.type, piece.shape});
      sources.emplace(piece.name, Source{&ours, piece});
    }
  }
  nn::SafetensorsWriter writer(file, std::move(specs), metadata);
  std::vector<float> block;
  std::vector<std::byte> bytes;
  const auto write = [&](const std::string& type, std::span<const float> elements) {
    bytes.resize(elements.size() * static_cast<std::size_t>(nn::element_bits(type).value() / 8));
    nn::encode_floats(type, elements, bytes.data());
    writer.write(bytes);
  };
  for (const nn::TensorSpec& spec : writer.order()) {
    const auto& [ours, piece] = sources.at(spec.name);
    const std::int64_t numel = piece.shape.numel();
    if (piece.transposed) {  // a projection: the one tensor that has to be in memory as a whole
      const std::int64_t R = ours->shape[0];
      const std::int64_t C = ours->shape[1];
      block.resize(static_cast<std::size_t>(numel));
      values(ours->name, 0, block);
      std::vector<float> turned(block.size());
      for (std::int64_t i = 0; i < numel; ++i)
        turned[static_cast<std::size_t>(i)] = block[static_cast<std::size_t>(i % R * C + i / R)];
      write(ours->type, turned);
      continue;
    }
    for (std::int64_t begin = 0; begin < numel; begin += kBlock) {
      block.resize(static_cast<std::size_t>(std::min(kBlock, numel - begin)));
      values(ours->name, piece.begin + begin, block);
      write(ours->type, block);
    }
  }
  writer.commit();
}

}  // namespace models
