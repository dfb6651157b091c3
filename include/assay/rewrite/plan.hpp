// The best combination of rewrites: beam search over sequences of steps under a floor for the score and
// ceilings for latency, memory, parameters and multiply-accumulates.
//
// A latency takes microseconds and a score milliseconds, so latencies decide whose scores are worth knowing.
// The score of a network after a step is foretold from what the step did to the score elsewhere; only the
// best by that forecast are scored. States are compared in one currency: the objective, plus the missing
// score at the exchange rate at which width buys score on this network (measured on the original with
// depth_multiplier). Half of the beam goes to states that also count score above the floor as an asset, which
// narrower widths can sell again. In the end steps that earn less than half a percent are taken out again,
// and unless the search ran out of steps no further one improves the result: those that were tried say why
// not.
//
// Scores of random networks scatter, and the best of some hundred is the luckiest, too. So the search has
// quick scores, and its result has to stand with exact ones, of other random numbers. What it lacks then is
// added to the floor, and the search goes on.
#pragma once

#include "assay/rewrite/effect.hpp"
#include "assay/rewrite/rewrite.hpp"

#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay {

struct NetworkScore {
  double score = std::numeric_limits<double>::quiet_NaN();  // higher is better; NaN: there is none
  std::vector<double> values;                               // of the single scores that it is made of
  std::string status = "ok";                                // why there is none
};
// Scores of some networks, a function of each network alone. How they are made is the caller's business.
using ScoreNetworks = std::function<std::vector<NetworkScore>(std::span<const Network* const>)>;

struct RewriteScores {
  ScoreNetworks quick;  // for hundreds of networks
  ScoreNetworks exact;  // for the original, the result, and the steps between them; may be the same
};

enum class RewriteObjective : std::uint8_t {
  latency,  // lowest latency
  memory,   // lowest peak memory
  score,    // highest score, at no more than 1.5 times the original's latency
};

struct RewriteLimits {
  // Lowest score relative to the original's, and absolute; the higher of both counts.
  double min_score_change = 0;
  double min_score = -std::numeric_limits<double>::infinity();
  double max_latency_ms = std::numeric_limits<double>::infinity();
  std::int64_t max_memory_bytes = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_params = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_macs = std::numeric_limits<std::int64_t>::max();
};

struct RewriteSettings {
  RewriteObjective objective = RewriteObjective::latency;
  RewriteLimits limits;
  std::array<bool, rewrite_kind_count> allowed = all_but_resolution();
  // Operators that stay as they are: names, beginnings of names up to a point ("stage2", "stage2.block1"), or
  // stages ("stride8"). Widths that are tied to theirs stay, too.
  std::vector<std::string> keep;
  // Texts of steps that are taken first, whatever is allowed or kept, and never taken back.
  std::vector<std::string> pinned;
  int beam = 8;        // 1: greedy
  int max_steps = 12;  // of the search, beside the pinned ones; 0: none

  // Untrained networks are scored on small images, whatever size they are made for: what a smaller image
  // costs in accuracy is something that scores hardly see.
  static constexpr std::array<bool, rewrite_kind_count> all_but_resolution() {
    std::array<bool, rewrite_kind_count> allowed{};
    allowed.fill(true);
    allowed[static_cast<std::size_t>(RewriteKind::reduce_resolution)] = false;
    return allowed;
  }
};

enum class Verdict : std::uint8_t {
  better,       // improves the objective within all limits
  no_gain,      // changes what the objective counts by less than half a percent
  worse,        // by the objective: slower, larger, or of lower score
  score_falls,  // below the floor
  over_limit,   // of latency, memory, parameters or multiply-accumulates
  unscored,     // the score has no value for it
};
std::string_view to_string(Verdict verdict);

// One step on one network.
struct Trial {
  RewriteStep step;
  NetworkFigures figures;  // after it; without scores where the objective alone rules it out
  Effect effect;
  Verdict verdict = Verdict::better;
  bool allowed = true;  // false: forbidden, or it would change what is to be kept; shown, never taken
};

struct RewritePlan {
  NetworkFigures original;      // with exact scores
  std::vector<Trial> taken;     // in order, with exact scores; figures cumulate to the result's
  std::vector<Trial> alone;     // every step on the original, by itself, with quick scores
  std::vector<Trial> rejected;  // every step that the result still offers, on the result, with quick scores
  // What the scores of `alone` and of `rejected` are to be compared with.
  double quick_score_of_original = 0, quick_score_of_result = 0;
  Network network;  // the result
  double min_score = 0;
  bool within_limits = true;  // of the result; false: no combination was found that is
  double exchange_rate = 0;   // log(objective) for a unit of score
  int networks = 0;           // that were estimated
  int scored = 0;

  const NetworkFigures& result() const { return taken.empty() ? original : taken.back().figures; }
};

struct RewriteProgress {
  int steps = 0;                     // taken so far
  double latency_ms = 0, score = 0;  // of the best network so far
};

// Deterministic: equal for equal scores. Throws InputError for a pinned step that the network does not offer
// at that point (with the nearest that it does), for a `keep` that names nothing, and when the original has
// no score.
RewritePlan plan_rewrites(const Network& network, const Estimator& estimator, const RewriteScores& scores,
                          const RewriteSettings& settings,
                          const std::function<void(const RewriteProgress&)>& progress = {});

}  // namespace assay
