#include "models/activation_names.hpp"

#include <array>

namespace models {
namespace {

using engine::Activation;

struct Named {
  Activation activation;
  std::string_view name;
};
constexpr std::array<Named, 2> kNames{{{Activation::quick_gelu, "quick_gelu"}, {Activation::gelu, "gelu"}}};

}  // namespace

std::string_view to_string(Activation activation) noexcept {
  return kNames[activation == kNames[0].activation ? 0 : 1].name;
}

std::optional<Activation> find_activation(std::string_view name) noexcept {
  for (const Named& known : kNames) {
    if (known.name == name) return known.activation;
  }
  return std::nullopt;
}

}  // namespace models
