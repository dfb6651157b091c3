// The networks that an estimator for a curation is fitted to.
#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/curate/curate.hpp"

#include "widths.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace assay {
namespace {

using namespace curation;

// The space with more options than the author's, and the decisions whose options are widths.
struct WideSpace {
  std::optional<Space> space;
  std::set<std::string> widths;
};

// Options and the multiples around them of common lane counts, since the lanes are not known yet.
std::vector<std::string> surrounded(const std::vector<std::string>& options) {
  std::set<std::int64_t> values;
  for (const std::string& option : options) {
    const std::int64_t value = parse_integer(option).value();
    values.insert(value);
    for (const int lanes : {8, 16, 32, 64})
      values.insert(
          {std::max<std::int64_t>(lanes, value / lanes * lanes), (value + lanes - 1) / lanes * lanes});
  }
  std::vector<std::string> texts;
  for (const std::int64_t value : values) texts.push_back(std::to_string(value));
  return texts;
}

WideSpace widen(const SpaceFile& file, const CurationSettings& settings) {
  WideSpace wide;
  const std::span<const OptionList> lists = file.option_lists();
  SpaceEdit edit;
  for (const WidthList& width : find_widths(file, settings.seed)) {
    if (width.ratio) continue;
    const OptionList& list = lists[width.list];
    for (const std::size_t d : list.decisions) wide.widths.insert(file.space().decisions()[d].name);
    edit.lists.push_back({width.list, surrounded(list.options), {}});
  }
  std::vector<std::string> ratios;
  for (const double ratio : settings.depth_multiplier) ratios.push_back(exact_number(ratio));
  if (!file.has_depth_multiplier()) edit.depth_multiplier = ratios;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const auto has = [&](const char* option) {
      return std::ranges::find(lists[i].options, option) != lists[i].options.end();
    };
    std::vector<std::string> options = lists[i].options;
    if (lists[i].name == "depth_multiplier" && !ratios.empty())
      options = ratios;
    else if (settings.fuse && has("ibn") && !has("fused_ibn"))
      options.push_back("fused_ibn");
    else
      continue;
    edit.lists.push_back({i, std::move(options), {}});
  }
  if (edit.lists.empty() && edit.depth_multiplier.empty()) return wide;
  try {
    wide.space = Space::parse(file.rewrite(edit), file.space().source());
  } catch (const InputError&) {
    // Not every width can be built, or an expression names the options: the author's have to do.
  }
  return wide;
}

// Each width at one end of its options, so that few networks lie beyond.
Candidate at_the_ends(const WideSpace& wide, Candidate candidate, Random& random) {
  for (std::size_t d = 0; d < candidate.choices.size(); ++d) {
    const Decision& decision = wide.space->decisions()[d];
    if (wide.widths.contains(decision.name))
      candidate.choices[d] = static_cast<std::uint16_t>(random.below(2) * (decision.options.size() - 1));
  }
  return wide.space->normalised(candidate);
}

}  // namespace

std::vector<Network> curation_networks(const SpaceFile& file, int count, const CurationSettings& settings) {
  const WideSpace wide = widen(file, settings);
  std::vector<Network> networks;
  for (int i = 0; i < count; ++i) {
    // In pairs, because a fit takes every other network and calibrates its interval with the rest.
    const int pair = i / 2;
    const Space& space = wide.space && pair % 2 == 1 ? *wide.space : file.space();
    Random random(settings.seed, Purpose::sample, 0, static_cast<std::uint64_t>(i));
    try {
      Candidate candidate = space.sample(random);
      if (wide.space && pair % 4 == 3) candidate = at_the_ends(wide, std::move(candidate), random);
      networks.push_back(canonical(space.decode(candidate)));
    } catch (const InputError&) {
      continue;  // some widths may not fit some contexts
    }
  }
  if (networks.empty())
    throw InputError(
        fmt::format("{}: none of {} random candidates can be built.", file.space().source(), count));
  return networks;
}

}  // namespace assay
