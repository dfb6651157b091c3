#include "widths.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <cmath>

namespace assay::curation {
namespace {

constexpr int kDrawTries = 40;
constexpr int kContexts = 6;
// An option that sets more channels than this for each unit is a ratio of another width.
constexpr int kMostChannelsPerUnit = 4;
// By which rounding to a divisor may move a width.
constexpr double kRounding = 8;

enum class Verdict { no_evidence, in_proportion, otherwise };

// What two neighbouring options say; `channels_per_unit` falls to the least that one of the operators shows.
Verdict judge(const Network& a, const Network& b, double option_a, double option_b,
              double& channels_per_unit) {
  const std::vector<int> of_a = changed_channels(a, b), of_b = changed_channels(b, a);
  if (of_a.empty()) return Verdict::no_evidence;
  Verdict verdict = Verdict::otherwise;
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    const double per_unit = of_a[i] / option_a;
    if (std::abs(per_unit * option_b - of_b[i]) > kRounding * option_b / option_a) continue;
    verdict = Verdict::in_proportion;
    channels_per_unit = std::min(channels_per_unit, per_unit);
  }
  return verdict;
}

std::optional<WidthList> width_of(const SpaceFile& file, std::size_t index, std::uint64_t seed) {
  const Space& space = file.space();
  const OptionList& list = file.option_lists()[index];
  std::vector<double> options;
  for (const std::string& option : list.options) options.push_back(parse_number(option).value_or(0));
  if (std::ranges::min(options) <= 0) return std::nullopt;
  bool evidence = false;
  double most_per_unit = 0;
  for (int i = 0; i < kContexts; ++i) {
    const auto context = draw_context(space, list, seed, static_cast<std::uint64_t>(i));
    if (!context) continue;
    const Candidate base = with_neutral_multiplier(space, context->candidate);
    for (std::size_t option = 1; option < options.size(); ++option) {
      try {
        const Network a = space.decode(with_option(space, base, context->decision, option - 1));
        const Network b = space.decode(with_option(space, base, context->decision, option));
        double per_unit = 1e9;
        const Verdict verdict = judge(a, b, options[option - 1], options[option], per_unit);
        if (verdict == Verdict::otherwise) return std::nullopt;
        if (verdict == Verdict::no_evidence) continue;
        evidence = true;
        most_per_unit = std::max(most_per_unit, per_unit);
      } catch (const InputError&) {
        continue;  // what cannot be built says nothing
      }
    }
  }
  if (!evidence) return std::nullopt;
  const bool whole = std::ranges::all_of(options, [](double o) { return o == std::floor(o); });
  const bool ratio = !whole || most_per_unit > kMostChannelsPerUnit + 0.5;
  return WidthList{
      .list = index,
      .ratio = ratio,
      .channels_per_unit = ratio ? 1 : std::max(1, static_cast<int>(std::lround(most_per_unit)))};
}

}  // namespace

std::vector<int> changed_channels(const Network& network, const Network& other) {
  std::vector<int> channels;
  if (network.size() != other.size()) return channels;
  for (OpId id = 0; id < network.size(); ++id) {
    Operator a = network.op(id), b = other.op(id);
    const Shape shape_a = network.shape(id), shape_b = other.shape(id);
    a.channels = b.channels = 0;
    a.groups = b.groups = 1;  // those of depthwise convolutions follow the channels
    a.slice_begin = b.slice_begin = 0;
    if (a != b || shape_a.height != shape_b.height || shape_a.width != shape_b.width) return {};
    if (shape_a.channels != shape_b.channels) channels.push_back(shape_a.channels);
  }
  return channels;
}

std::vector<WidthList> find_widths(const SpaceFile& file, std::uint64_t seed) {
  std::vector<WidthList> widths;
  for (std::size_t i = 0; i < file.option_lists().size(); ++i) {
    const OptionList& list = file.option_lists()[i];
    if (!list.numbers || list.decisions.empty() || list.options.size() < 2 || list.name == "depth_multiplier")
      continue;
    if (const auto width = width_of(file, i, seed)) widths.push_back(*width);
  }
  return widths;
}

std::optional<Context> draw_context(const Space& space, const OptionList& list, std::uint64_t seed,
                                    std::uint64_t index) {
  for (int attempt = 0; attempt < kDrawTries; ++attempt) {
    Random random(seed, Purpose::select, index, static_cast<std::uint64_t>(attempt));
    Candidate candidate = space.normalised(space.sample(random));
    const std::size_t decision = list.decisions[random.below(list.decisions.size())];
    // Normalising leaves the last option of an active decision as it is.
    const std::size_t last = space.decisions()[decision].options.size() - 1;
    if (last == 0 || with_option(space, candidate, decision, last).choices[decision] == last)
      return Context{std::move(candidate), decision};
  }
  return std::nullopt;
}

Candidate with_neutral_multiplier(const Space& space, Candidate candidate) {
  const auto multiplier = std::ranges::find(space.decisions(), "depth_multiplier", &Decision::name);
  if (multiplier == space.decisions().end()) return candidate;
  const auto distance = [](const std::string& option) {
    return std::abs(std::log(parse_number(option).value_or(1)));
  };
  const auto nearest = std::ranges::min_element(multiplier->options, {}, distance);
  candidate.choices[static_cast<std::size_t>(multiplier - space.decisions().begin())] =
      static_cast<std::uint16_t>(nearest - multiplier->options.begin());
  return candidate;
}

Candidate with_option(const Space& space, const Candidate& candidate, std::size_t decision,
                      std::size_t option) {
  Candidate other = candidate;
  other.choices[decision] = static_cast<std::uint16_t>(option);
  return space.normalised(other);
}

}  // namespace assay::curation
