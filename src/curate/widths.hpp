// Which decisions of a space set channel counts, and the contexts in which their options are compared.
#pragma once

#include "assay/space/curation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace assay::curation {

// A list of options that sets channel counts and nothing else.
struct WidthList {
  std::size_t list = 0;  // index into SpaceFile::option_lists()
  // Ratios (expansion, bottleneck) scale another width; otherwise each unit of the option stands for so many
  // channels.
  bool ratio = false;
  int channels_per_unit = 1;
};

// Found by decoding: of two candidates that differ in the list alone, all operators agree in everything but
// channels, and those are in proportion to the options. The depth multiplier is not among them.
std::vector<WidthList> find_widths(const SpaceFile& file, std::uint64_t seed);

// A drawn candidate in which the decision, a random one of the list's, is active.
struct Context {
  Candidate candidate;
  std::size_t decision = 0;
};
// Nullopt when it is hardly ever active.
std::optional<Context> draw_context(const Space& space, const OptionList& list, std::uint64_t seed,
                                    std::uint64_t index);

// The candidate with the option of the depth multiplier that is nearest to 1.
Candidate with_neutral_multiplier(const Space& space, Candidate candidate);
// With another option, normalised.
Candidate with_option(const Space& space, const Candidate& candidate, std::size_t decision,
                      std::size_t option);

// The channels of each operator of `network` that has other channels in `other`; empty when the two differ in
// anything else.
std::vector<int> changed_channels(const Network& network, const Network& other);

}  // namespace assay::curation
