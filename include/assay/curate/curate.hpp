// Curating a space for an accelerator: the same space with options that fill its lanes and without options
// that nobody would choose, decided from an estimator's predictions alone.
//
// A convolution works on so many channels at once; a width that is no multiple of that number pays for the
// next one. The predictions for widths between the author's options show where the latency steps up, and with
// that the lanes. Widths beside a step are moved to it. Then every option that another option of the same
// decision beats in nearly every sampled context is dropped. Nothing else changes: names of decisions stay,
// and so does everything that is no option.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/space/curation.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

struct CurationSettings {
  int contexts = 48;        // sampled candidates in which the options of a decision are compared
  double agreement = 0.95;  // share of contexts in which an option must be beaten to be dropped
  // When not empty: one depth multiplier with these ratios takes the place of the stages' own widths.
  std::vector<double> depth_multiplier;
  // Offer a fused inverted bottleneck where a stage has only the plain one and the fused one is faster.
  bool fuse = false;
  std::vector<std::string> keep;  // decisions that are left alone
  std::uint64_t seed = 1;
};

// What the latency staircases say: swept over its channels, a subgraph's latency steps up behind every
// multiple of the lanes that work on them at once.
struct LaneStructure {
  int lanes = 0;  // widths fill both of the below; 0: latency climbs evenly, no step was found
  int input_lanes = 0, output_lanes = 0;
  // Of the climb, the share that comes in these steps (beyond what an even climb has there).
  double input_stepped_share = 0, output_stepped_share = 0;
  int subgraphs = 0;  // that were swept
};

struct CuratedDecision {
  std::string name;                    // the first decision's of the list
  std::vector<std::string> decisions;  // all that take their options from it
  std::vector<std::string> before, after;
  std::vector<std::string> reasons;  // sentences without full stop: "20 -> 16: ..."
};

struct Curation {
  std::string toml;  // the curated file; the original text where nothing changed
  LaneStructure lanes;
  std::vector<CuratedDecision> decisions;  // that changed, in the order of the file
  std::vector<std::string> notes;          // what was left as it is though it might have changed, and why
  bool changed() const { return !decisions.empty(); }
};

// Deterministic. `title` lines stand at the top of the new file. Throws InputError for decisions in `keep`
// that the space does not have, and ratios that are no multiplier.
Curation curate(const SpaceFile& file, const Estimator& estimator, const CurationSettings& settings,
                const std::vector<std::string>& title = {});

// Networks to fit an estimator to that knows the space and what curation may try: widths between and just
// beyond the options, the depth multipliers and the fused blocks that the settings ask for.
std::vector<Network> curation_networks(const SpaceFile& file, int count,
                                       const CurationSettings& settings = {});

}  // namespace assay
