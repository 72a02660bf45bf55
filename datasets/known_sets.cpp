#include "datasets/known_sets.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>

#include "datasets/imagenet_names.hpp"

namespace datasets {
namespace {

std::vector<std::string> prompts(const std::initializer_list<std::string_view> patterns) {
  std::vector<std::string> all;
  for (const std::string_view pattern : patterns) {
    for (std::string& prompt : expand_alternatives(pattern)) all.push_back(std::move(prompt));
  }
  return all;
}

std::vector<std::string> number_prompts() { return {"a photo of the number: \"{class}\"."}; }

std::vector<std::string> plain_prompts() { return prompts({"a photo of <a|the> {class}."}); }

std::vector<std::string> texture_prompts() {
  return prompts({"a photo of <a|the> {class} <texture|pattern|thing|object>."});
}

std::vector<std::string> cifar_prompts() {
  return prompts({"a <|blurry |black and white |low contrast |high contrast |bad |good >photo of <a|the> {class}.",
                  "a photo of <a|the> <small|big> {class}."});
}

std::vector<std::string> imagenet_prompts() {
  return prompts(
      {"a <bad|low resolution|cropped|bright|dark|close-up|black and white|pixelated|jpeg corrupted|blurry|good> photo "
       "of <a|the> {class}.",
       "a <sculpture|rendering|tattoo|drawing|painting|doodle|sketch|rendition> of <a|the> {class}.",
       "<graffiti|art> of <a|the> {class}.", "a photo of <a|the> hard to see {class}.", "<a|the> embroidered {class}.",
       "<a|the> {class} in a video game.", "a photo of <a|the> <clean|dirty|cool|nice|weird|large|small> {class}.",
       "<a|the> <plastic|origami|toy|cartoon> {class}.", "<a|the> plushie {class}.",
       "a photo of <my|the|a|one> {class}.", "itap of <the|a|my> {class}.", "a photo of many {class}."});
}

std::string spaced(const std::string& own) {
  std::string name = own;
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string without_first_letter(const std::string& own) {  // "a_apartment_building_outdoor"
  return spaced(own.size() > 2 && own[1] == '_' ? own.substr(2) : own);
}

std::string eurosat_name(const std::string& own) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kNames = {
      {{"AnnualCrop", "annual crop land"},
       {"Forest", "forest"},
       {"HerbaceousVegetation", "brushland or shrubland"},
       {"Highway", "highway or road"},
       {"Industrial", "industrial buildings or commercial buildings"},
       {"Pasture", "pasture land"},
       {"PermanentCrop", "permanent crop land"},
       {"Residential", "residential buildings or homes or apartments"},
       {"River", "river"},
       {"SeaLake", "lake or sea"}}};
  const auto found = std::ranges::find(kNames, own, &std::pair<std::string_view, std::string_view>::first);
  return found != kNames.end() ? std::string(found->second) : own;
}

// With the two misspellings that are part of CLIP's prompts.
std::string gtsrb_name(const std::string& own) {  // "00014"
  constexpr std::array<std::string_view, 43> kNames = {
      "red and white circle 20 kph speed limit",
      "red and white circle 30 kph speed limit",
      "red and white circle 50 kph speed limit",
      "red and white circle 60 kph speed limit",
      "red and white circle 70 kph speed limit",
      "red and white circle 80 kph speed limit",
      "end / de-restriction of 80 kph speed limit",
      "red and white circle 100 kph speed limit",
      "red and white circle 120 kph speed limit",
      "red and white circle red car and black car no passing",
      "red and white circle red truck and black car no passing",
      "red and white triangle road intersection warning",
      "white and yellow diamond priority road",
      "red and white upside down triangle yield right-of-way",
      "stop",
      "empty red and white circle",
      "red and white circle no truck entry",
      "red circle with white horizonal stripe no entry",
      "red and white triangle with exclamation mark warning",
      "red and white triangle with black left curve approaching warning",
      "red and white triangle with black right curve approaching warning",
      "red and white triangle with black double curve approaching warning",
      "red and white triangle rough / bumpy road warning",
      "red and white triangle car skidding / slipping warning",
      "red and white triangle with merging / narrow lanes warning",
      "red and white triangle with person digging / construction / road work warning",
      "red and white triangle with traffic light approaching warning",
      "red and white triangle with person walking warning",
      "red and white triangle with child and person walking warning",
      "red and white triangle with bicyle warning",
      "red and white triangle with snowflake / ice warning",
      "red and white triangle with deer warning",
      "white circle with gray strike bar no speed limit",
      "blue circle with white right turn arrow mandatory",
      "blue circle with white left turn arrow mandatory",
      "blue circle with white forward arrow mandatory",
      "blue circle with white forward or right turn arrow mandatory",
      "blue circle with white forward or left turn arrow mandatory",
      "blue circle with white keep right arrow mandatory",
      "blue circle with white keep left arrow mandatory",
      "blue circle with white arrows indicating a traffic circle",
      "white circle with gray strike bar indicating no passing for cars has ended",
      "white circle with gray strike bar indicating no passing for trucks has ended"};
  std::size_t number = kNames.size();
  const auto [end, error] = std::from_chars(own.data(), own.data() + own.size(), number);
  const bool known = error == std::errc() && end == own.data() + own.size() && number < kNames.size();
  return known ? std::string(kNames[number]) : own;
}

Normalisation grey(const float mean, const float deviation) {
  return {{mean, mean, mean}, {deviation, deviation, deviation}};
}

std::vector<KnownSet> make_known_sets() {
  const std::vector<std::string> aerial = prompts({"<satellite|aerial> <imagery|photo|view> of <|a |the >{class}."});
  const std::vector<std::string> signs =
      prompts({"a <zoomed in|centered|close up> photo of a \"{class}\" traffic sign."});
  const std::vector<std::string> cars =
      prompts({"a photo of <a|the|my> {class}.", "i love my {class}!", "a photo of my <dirty|clean|new|old> {class}."});
  const std::vector<std::string> satellite = prompts({"a centered satellite photo of <|a |the >{class}."});
  return {
      {"mnist", {"mnist", "MNIST/raw"}, "handwritten numeral", number_prompts(), nullptr, grey(0.1316f, 0.2988f)},
      {"fashion_mnist",
       {"fashion_mnist", "FashionMNIST/raw"},
       "clothing article",
       plain_prompts(),
       nullptr,
       grey(0.2881f, 0.3460f)},
      {"kmnist", {"kmnist", "KMNIST/raw"}, "cursive character", {}},
      {"notmnist", {"notmnist"}, "typeface letter", {}, nullptr, grey(0.4276f, 0.4500f)},
      {"svhn", {"svhn", "SVHN"}, "door numeral", number_prompts()},
      {"gtsrb", {"gtsrb", "GTSRB"}, "traffic sign-board", signs, gtsrb_name},
      {"cifar10", {"cifar10", "cifar-10-batches-bin"}, "natural object", cifar_prompts()},
      {"cifar100", {"cifar100", "cifar-100-binary"}, "common object", cifar_prompts(), spaced},
      {"stl10", {"stl10", "stl10/stl10_binary", "stl10_binary"}, "larger object", plain_prompts()},
      {"dtd", {"dtd", "DTD"}, "surface texture", texture_prompts(), spaced, std::nullopt, {"labels/val1.txt"}},
      {"eurosat", {"eurosat", "EuroSAT_splits", "EuroSAT"}, "satellite region", satellite, eurosat_name},
      {"resisc45", {"resisc45", "RESISC45"}, "aerial region", aerial, spaced},
      {"sun397", {"sun397", "SUN397"}, "scenic place", plain_prompts(), without_first_letter},
      {"stanford_cars", {"stanford_cars"}, "automobile model", cars},
      {"imagenet", {"imagenet", "ImageNet"}, "various object", imagenet_prompts(), imagenet_name},
      {"rsscn7",
       {"rsscn7"},
       "overhead scene",
       aerial,
       nullptr,
       Normalisation{{0.3746f, 0.3846f, 0.3445f}, {0.1745f, 0.1546f, 0.1597f}}},
      {"dtd10",
       {"dtd10"},
       "surface texture",
       texture_prompts(),
       spaced,
       Normalisation{{0.5090f, 0.4684f, 0.4319f}, {0.2531f, 0.2356f, 0.2460f}}},
      {"scene15", {"scene15"}, "everyday place", plain_prompts(), nullptr, grey(0.4542f, 0.2314f)},
      {"chars74k_letters",
       {"chars74k_letters"},
       "photographed letter",
       {},
       nullptr,
       Normalisation{{0.5079f, 0.4703f, 0.4527f}, {0.2544f, 0.2421f, 0.2514f}}},
      {"chars74k_digits",
       {"chars74k_digits"},
       "photographed numeral",
       number_prompts(),
       nullptr,
       Normalisation{{0.4931f, 0.4596f, 0.3860f}, {0.2556f, 0.2460f, 0.2539f}}},
      {"sign_digits",
       {"sign_digits"},
       "hand gesture",
       {},
       nullptr,
       Normalisation{{0.6767f, 0.6473f, 0.6179f}, {0.1342f, 0.1519f, 0.1800f}}},
      {"omniglot", {"omniglot"}, "alphabet stroke-character", {}, nullptr, grey(0.9224f, 0.2329f)},
  };
}

}  // namespace

std::span<const KnownSet> known_sets() {
  static const std::vector<KnownSet> sets = make_known_sets();
  return sets;
}

const KnownSet* find_known_set(const std::string_view name) {
  const auto found = std::ranges::find(known_sets(), name, &KnownSet::name);
  return found != known_sets().end() ? &*found : nullptr;
}

std::vector<std::string> expand_alternatives(const std::string_view pattern) {
  const std::size_t open = pattern.find('<');
  if (open == std::string_view::npos) return {std::string(pattern)};
  const std::size_t close = pattern.find('>', open);
  const std::vector<std::string> rests = expand_alternatives(pattern.substr(close + 1));
  std::vector<std::string> all;
  for (std::size_t begin = open + 1; begin <= close;) {
    const std::size_t end = std::min(pattern.find('|', begin), close);
    for (const std::string& rest : rests) {
      all.push_back(std::string(pattern.substr(0, open)) + std::string(pattern.substr(begin, end - begin)) + rest);
    }
    begin = end + 1;
  }
  return all;
}

}  // namespace datasets
