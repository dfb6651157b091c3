#include "keep.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace assay {
namespace {

// "stage2" fits "stage2.block1.expand", but not "stage20".
bool begins_with(std::string_view name, std::string_view beginning) {
  if (!name.starts_with(beginning)) return false;
  return name.size() == beginning.size() ||
         std::isalnum(static_cast<unsigned char>(name[beginning.size()])) == 0;
}

bool fits(const OperatorPlace& place, std::string_view name) {
  return begins_with(place.name, name) || place.stage == name || place.block == name;
}

}  // namespace

Keep::Keep(std::vector<std::string> names, const Network& network) : names_(std::move(names)) {
  if (names_.empty()) return;
  const std::vector<OperatorPlace> places = places_of(network);
  for (const std::string& name : names_) {
    if (std::ranges::any_of(places, [&](const OperatorPlace& place) { return fits(place, name); })) continue;
    std::vector<std::string> known;
    for (const OperatorPlace& place : places)
      for (const std::string& text : {place.stage, place.block})
        if (std::ranges::find(known, text) == known.end()) known.push_back(text);
    throw InputError(
        fmt::format("Nothing of the network is called \"{}\".{} Name a stage, a block, an operator, or the "
                    "beginning of operators' names.",
                    name, suggestion(name, known)));
  }
}

bool Keep::holds(const OperatorPlace& place) const {
  return std::ranges::any_of(names_, [&](const std::string& name) { return fits(place, name); });
}

std::vector<char> Keep::permitted(const Network& network, std::span<const RewriteStep> steps) const {
  std::vector<char> permitted(steps.size(), 1);
  if (names_.empty()) return permitted;
  std::vector<char> kept;
  for (const OperatorPlace& place : places_of(network)) kept.push_back(static_cast<char>(holds(place)));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::vector<OpId> touched = touched_operators(network, steps[i]);
    permitted[i] = static_cast<char>(std::ranges::none_of(touched, [&](OpId id) { return kept[id] != 0; }));
  }
  return permitted;
}

}  // namespace assay
