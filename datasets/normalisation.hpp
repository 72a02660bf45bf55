// What a model subtracts from the values of an image, which are in [0, 1], and divides them by, per channel.
#pragma once

#include <array>

namespace datasets {

struct Normalisation {
  std::array<float, 3> mean = {0.5f, 0.5f, 0.5f};  // of the models trained here
  std::array<float, 3> deviation = {0.25f, 0.25f, 0.25f};
  friend bool operator==(const Normalisation&, const Normalisation&) = default;
};

}  // namespace datasets
