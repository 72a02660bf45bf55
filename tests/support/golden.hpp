// The reference values in tests/golden, made once with PyTorch (tests/golden/README.md).
#pragma once

#include <cmath>
#include <filesystem>
#include <string>

#include "models/vit.hpp"
#include "nn/checkpoint.hpp"

namespace tests {

inline nn::NamedTensors golden(const std::string& file) {
  return nn::read_safetensors(std::filesystem::path(TANGENT_GOLDEN_DIR) / file).tensors;
}

// The network of all references: image 8, patch 4, width 8, depth 2, 2 heads, MLP ratio 2, QuickGELU, features 6.
inline models::VitConfig golden_config() {
  return {.image_size = 8,
          .patch = 4,
          .width = 8,
          .depth = 2,
          .heads = 2,
          .mlp_ratio = 2.0,
          .activation = engine::Activation::quick_gelu,
          .ln_pre = true,
          .embedding = 6};
}

// The formulas of tests/golden/README.md: images [5, 3, 8, 8] and labels [5] of step s.
inline engine::Tensor golden_images(int step) {
  std::vector<double> pixels;
  for (int i = 0; i < 5 * 3 * 8 * 8; ++i) pixels.push_back(std::sin(0.37 * i + 1.3 * step + 0.11 * (i % 7)));
  return engine::Tensor::from<double>(pixels, {5, 3, 8, 8});
}
inline engine::Tensor golden_labels(int step) {
  std::vector<std::int64_t> labels;
  for (int b = 0; b < 5; ++b) labels.push_back((b * b + step) % 4);
  return engine::Tensor::from<std::int64_t>(labels, {5});
}

}  // namespace tests
