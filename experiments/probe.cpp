// What a CLIP checkpoint computes, for anyone to check from Python: features of given pixels and tokens, J·τ and Jᵀ·u of the
// image features. docs/clip.md tells the files.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "engine/parallel/shards.hpp"
#include "experiments/common/clip_options.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/program.hpp"
#include "experiments/common/run_folder.hpp"
#include "models/clip.hpp"
#include "nn/safetensors.hpp"
#include "nn/tangent_model.hpp"

namespace experiments {
namespace {

using engine::DType;
using engine::Shape;
using engine::Tensor;

struct Options {
  std::filesystem::path checkpoint, pixels, tokens, tangent, cotangent, out;
  ClipOptions clip;
  int threads = 0;
  std::int64_t shard_size = 4;
};

// The tensor of that name, the one thing of a file that is looked at.
Tensor input(const std::filesystem::path& file, const std::string& name, DType dtype) {
  const nn::NamedTensors tensors = nn::read_safetensors(file).tensors;
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw std::runtime_error("[probe] " + file.string() + ": has no tensor '" + name + "'.");
  const bool whole = found->second.dtype() == DType::i64;
  if (whole != (dtype == DType::i64)) {
    throw std::runtime_error("[probe] " + file.string() + ": '" + name + "' must be of " +
                             (whole ? "floating type" : "type I64") + "; it is " + describe(found->second) + ".");
  }
  return found->second.to(dtype);
}

void demand_shape(const std::filesystem::path& file, const std::string& name, const Tensor& x, const Shape& expected) {
  if (x.shape() != expected) {
    throw std::runtime_error("[probe] " + file.string() + ": '" + name + "' must be " + to_string(expected) +
                             "; it is " + to_string(x.shape()) + ".");
  }
}

// rows begin .. end of `all` become `part`
void put_rows(Tensor& all, std::int64_t begin, const Tensor& part) {
  const Tensor dense = part.contiguous();
  std::copy_n(dense.data<float>(), dense.numel(), all.writable().data<float>() + begin * all.shape()[1]);
}

Tensor features(const nn::Model& model, const nn::ParamTree& weights, const Tensor& inputs, std::int64_t width,
                std::int64_t shard_size, engine::ShardPool& pool) {
  const std::int64_t B = inputs.shape()[0];
  const nn::Params params(weights);
  Tensor all = Tensor::zeros({B, width});
  pool.run_ordered<Tensor>(
      engine::shard_count(B, shard_size),
      [&](std::int64_t shard) {
        stop_stage_if_asked("probing");
        const auto [begin, end] = engine::shard_range(shard, B, shard_size);
        return model(params, inputs.slice(0, begin, end)).tensor();
      },
      [&](std::int64_t shard, Tensor&& part) { put_rows(all, shard * shard_size, part); });
  return all;
}

struct Products {
  Tensor primal;
  std::optional<Tensor> pushed;
  std::optional<nn::ParamTree> pulled;
};

// f, J·τ and Jᵀ·u, shard by shard of one recording each.
Products products(const models::ImageTower& tower, const Tensor& pixels, const std::optional<nn::ParamTree>& tau,
                  const std::optional<Tensor>& u, std::int64_t shard_size, engine::ShardPool& pool) {
  const std::int64_t B = pixels.shape()[0];
  const Shape shape{B, tower.network.features()};
  const nn::Model model = tower.network.model();
  Products all{Tensor::zeros(shape), std::nullopt, std::nullopt};
  if (tau) all.pushed = Tensor::zeros(shape);
  if (u) all.pulled.emplace(tower.network.layout());
  pool.run_ordered<Products>(
      engine::shard_count(B, shard_size),
      [&](std::int64_t shard) {
        stop_stage_if_asked("probing");
        const auto [begin, end] = engine::shard_range(shard, B, shard_size);
        nn::TangentRecording recording = nn::record(model, tower.weights, pixels.slice(0, begin, end));
        Products part{recording.primal(), std::nullopt, std::nullopt};
        if (tau) part.pushed = recording.push(*tau);
        if (u) part.pulled = std::move(recording).pull(u->slice(0, begin, end));
        return part;
      },
      [&](std::int64_t shard, Products&& part) {
        put_rows(all.primal, shard * shard_size, part.primal);
        if (tau) put_rows(*all.pushed, shard * shard_size, *part.pushed);
        if (u) all.pulled->axpy(1.0, *part.pulled);
      });
  return all;
}

void probe(const Options& options) {
  demand_free(options.out);
  engine::ShardPool pool(options.threads > 0 ? options.threads : engine::hardware_threads());
  const models::Clip clip = models::read_clip(options.checkpoint, options.clip.activation, &pool);
  nn::NamedTensors out;
  if (!clip.image) throw std::runtime_error("[probe] " + clip.file.string() + ": holds no image tower.");
  const models::ImageTower& image = *clip.image;
  const std::int64_t side = image.network.config().image_size;
  const Tensor pixels = input(options.pixels, "pixels", DType::f32);
  const std::int64_t B = pixels.shape().rank() > 0 ? pixels.shape()[0] : 0;
  demand_shape(options.pixels, "pixels", pixels, {B, 3, side, side});
  if (options.tangent.empty() && options.cotangent.empty()) {
    out.emplace("image_features", features(image.network.model(), image.weights, pixels, image.network.features(),
                                           options.shard_size, pool));
  } else {
    std::optional<nn::ParamTree> tau;
    std::optional<Tensor> u;
    if (!options.tangent.empty()) tau = models::read_image_direction(options.tangent, clip);
    if (!options.cotangent.empty()) {
      u = input(options.cotangent, "cotangent", DType::f32);
      demand_shape(options.cotangent, "cotangent", *u, {B, image.network.features()});
    }
    Products found = products(image, pixels, tau, u, options.shard_size, pool);
    out.emplace("image_features", found.primal);
    if (tau) out.emplace("jvp", *found.pushed);
    if (u) {
      for (const auto& [name, tensor] : models::in_layout(*found.pulled, "visual.", clip.layout))
        out.emplace("vjp." + name, tensor);
    }
  }
  if (!options.tokens.empty()) {
    if (!clip.text) throw std::runtime_error("[probe] " + clip.file.string() + ": holds no text tower for --tokens.");
    const Tensor tokens = input(options.tokens, "tokens", DType::i64);
    if (tokens.shape().rank() != 2)
      throw std::runtime_error("[probe] " + options.tokens.string() + ": 'tokens' must be [B, T]; it is " +
                               to_string(tokens.shape()) + ".");
    out.emplace("text_features", features(clip.text->network.model(), clip.text->weights, tokens,
                                          clip.text->network.features(), options.shard_size, pool));
  }
  nn::write_safetensors(options.out, out);
  for (const auto& [name, tensor] : out) {
    if (!name.starts_with("vjp.")) std::printf("%s %s\n", name.c_str(), to_string(tensor.shape()).c_str());
  }
  std::printf("%s\n", options.out.c_str());
}

}  // namespace
}  // namespace experiments

int main(int argc, char** argv) {
  using namespace experiments;
  Options options;
  CommandLine line(
      "Computes what a CLIP checkpoint makes of given pixels and tokens, and the products of the image features'\n"
      "Jacobian J over all weights of the image tower: J·tau and Jᵀ·u. Features are not normalised.");
  add_clip_options(line, options.checkpoint, options.clip);
  line.option("--pixels", options.pixels, "Safetensors file with 'pixels' [B, 3, H, W], preprocessed").required();
  line.option("--tokens", options.tokens, "File with 'tokens' [B, T] in I64; adds text_features");
  line.option("--tangent", options.tangent,
              "File with tau under the checkpoint's own names, zero where it lacks one; adds jvp");
  line.option("--cotangent", options.cotangent, "File with 'cotangent' [B, D]; adds vjp.<name> of every weight");
  line.option("--out", options.out, "The safetensors file to write").required();
  add_overwrite_option(line, "Replace --out if it is there");
  line.option("--threads", options.threads, "Threads; 0 takes as many as this process may use").between(0, 1024);
  line.option("--shard-size", options.shard_size,
              "Images that one thread works on at a time; decides the last bits of the results")
      .at_least_one();
  add_precision_option(line);
  return run_program(line, argc, argv, [&] { probe(options); });
}
