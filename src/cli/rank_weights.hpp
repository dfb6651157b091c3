// Learned weights of the rank score as a file: `validate --fit-weights` writes it, `--rank-weights` of other
// commands reads it. It holds everything that the weights are worth something under: which scores, executed
// how, of which space, and how each enters.
#pragma once

#include "assay/score/score.hpp"
#include "assay/space/space.hpp"

#include "arguments.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

struct RankWeights {
  std::string space_name;
  std::uint64_t space_fingerprint = 0;
  ScoreSettings settings;       // its scores are those that got a weight
  std::vector<RankTerm> terms;  // how each of them enters
  std::vector<double> weights;  // one per score, > 0

  // What they were learned from, for people.
  std::string accuracy;  // the column's name
  int rows = 0;          // with a known accuracy
  int cohort = 0;        // rows among which scores were ranked
  std::optional<double> cross_validated_spearman;

  std::string to_json() const;
  // Throws InputError naming `source`, the place and the remedy.
  static RankWeights from_json(std::string_view text, const std::string& source);
};

OptionSpec rank_weights_option();

// What a call executes and how it combines the scores: --rank-weights FILE and the settings it was learned
// under, or --scores with equal weights.
struct Ranking {
  ScoreSettings settings;
  std::vector<RankTerm> terms;  // one per score
  std::vector<double> weights;  // empty: equal
};

// --batch, --repeats and --resolution on the command line override the file's; --scores must not contradict
// it. Unless quiet, a note tells when weights were learned in another space or under other settings.
Ranking ranking_of(const Arguments& arguments, const Space* space, bool quiet);

}  // namespace assay::cli
