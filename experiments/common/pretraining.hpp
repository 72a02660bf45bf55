// The stage that makes θ0: contrastive pre-training of the image encoder on the web images of all tasks, and the file
// it leaves.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/common/context.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/common/tasks.hpp"
#include "experiments/common/text_embedder.hpp"
#include "models/vit.hpp"
#include "models/zero_shot_head.hpp"
#include "nn/safetensors.hpp"

namespace experiments {

// Where encoder and head are cut for linearisation. What is before the cut is replaced by f(x; θ0) + J(x; θ0) τ:
//   features   the encoder; the head normalises what comes of it, as in the paper's code
//   logits     encoder, normalisation and the head, which is linear: the logits themselves are linear in τ
enum class Cut { features, logits };
std::string_view to_string(Cut cut);  // as --linearise takes it
// Under "linearise", unless it is features: of earlier runs nothing tells theirs, and it was features.
void note_cut(Json& json, Cut cut);

struct Pretrained {
  models::Vit vit;
  nn::ParamTree theta0;
  double logit_scale;  // logits are exp(logit_scale) · cosines
  TextEmbedder words;  // makes the class embeddings of its heads
  datasets::Normalisation normalisation = {};
  Cut cut = Cut::features;
  nn::Model model() const;       // to be linearised: the features, [B, E], normalised where the cut is behind that
  std::string identity() const;  // of the weights, the scale, the model and its words: what later stages depend on
};

// Writes <folder>/pretrained.safetensors and results.json; skipped if both are there from the same recipe, seed and
// tasks. Returns the results: final_loss, losses (sampled), logit_scale, seconds. Of 0 steps the weights are untrained(), and
// final_loss is null.
Json pretrain(const Context& context, const std::vector<TaskSource>& sources, const RunFolder& folder);

// What pre-training begins with: the initial weights of the seed and CLIP's logit scale.
Pretrained untrained(const Context& context);

// Adds what load_pretrained() needs beside the weights, for heads from word vectors.
void note_model(nn::NamedTensors& tensors, nn::Metadata& metadata, const Pretrained& pretrained);
// Writes what load_pretrained() reads. Throws as nn::write_safetensors does.
void save_pretrained(const std::filesystem::path& file, const Pretrained& pretrained);
// Throws std::runtime_error naming the file and the cause if it is none that `pretrain` wrote, or `finetune` in weight space, or
// `task_vector add` to one of those.
Pretrained load_pretrained(const std::filesystem::path& file);

// Notes what the head of a task is made of, by the task's name under "words", where the words of its pre-training are not known to
// be those of the task (a checkpoint of others).
void note_words(Json& fingerprint, const Pretrained& pretrained, const std::string& task,
                const datasets::TaskText& text);
models::ZeroShotHead zero_shot_head(const Pretrained& pretrained, const datasets::TaskText& text);  // for model()

}  // namespace experiments
