// What a single network is compared with: random candidates of a space, scored once under the same settings
// and kept in a file.
#pragma once

#include "assay/score/score.hpp"
#include "assay/space/space.hpp"

#include "arguments.hpp"
#include "score_service.hpp"

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace assay::cli {

// --reference-size and --reference-file.
std::vector<OptionSpec> reference_sample_options();

inline constexpr int usual_reference_size = 256;

// A reference of those candidates alone that meet limits which the command sets anyway.
struct ReferenceLimits {
  std::string description;  // everything that decides which candidates these are
  std::function<bool(const Candidate&)> admits;
};

// Scores of `size` random candidates of the space, always the same ones. From `path` when the file was made
// for this space, these settings and this build of assay; otherwise, with a note that says why, scored anew
// and written there. A place that cannot be written is a note, too: it never stands in the way of results.
// Candidates that lack a score are left out. With limits: of as many random candidates that meet them; fewer
// where 200,000 draws hold no more. nullopt when a stop was requested meanwhile.
std::optional<std::vector<ScoreRecord>> reference_records(const Space& space, ScoreService& service, int size,
                                                          const std::optional<std::string>& path,
                                                          std::stop_token stop, bool quiet,
                                                          const ReferenceLimits* limits = nullptr);

// --reference-file, or a file in the folder of the score cache, named after the space, the settings and the
// size; nullopt with --no-cache.
std::optional<std::string> reference_path(const Arguments& arguments, const Space& space,
                                          const ScoreSettings& settings, int size,
                                          const ReferenceLimits* limits = nullptr);

class Reference {
 public:
  Reference(std::span<const ScoreRecord> records, const std::vector<RankTerm>& terms,
            const std::vector<double>& weights);

  std::size_t size() const { return archive_.size(); }
  // As if the network were one more candidate of the reference. NaN when a value is missing.
  double rank_score(std::span<const double> values) const { return archive_.score_of(values); }
  // How many percent of the reference are worse, ties counted half: for every score, and for the rank score.
  // NaN where a value is missing.
  std::vector<double> percentiles(std::span<const double> values) const;
  // The rank score that the best `share` of the reference reach, at least one candidate. Throws InputError
  // when the reference is empty.
  double rank_score_of_top(double share) const;

 private:
  RankArchive archive_;
  std::vector<double> rank_scores_;  // ascending
};

}  // namespace assay::cli
