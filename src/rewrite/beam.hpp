// Beam search over sequences of rewrites.
#pragma once

#include "currency.hpp"
#include "keep.hpp"
#include "meter.hpp"

#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace assay {

class BeamSearch {
 public:
  // Networks that take longer than `slowest_ms` are no way to anything.
  BeamSearch(Meter& meter, const Currency& currency, const Keep& keep, const RewriteSettings& settings,
             double slowest_ms)
      : meter_(meter), currency_(currency), keep_(keep), settings_(settings), slowest_ms_(slowest_ms) {}

  // What a step is expected to do to the score, until it is tried.
  void expect(const std::string& step, double score_change) { score_change_[step] = score_change; }

  // Searches from `start` on. The best network that it scored; `start` when there is no better one.
  RewriteState run(const RewriteState& start, const std::function<void(const RewriteState& best)>& progress);

  // The best network of all runs, under the limits of today.
  const RewriteState& best() const;
  // A network is worth less than its quick score promised.
  void correct(const RewriteState& state, double score);

 private:
  using States = std::vector<RewriteState>;
  void add_children(const RewriteState& state, States& children);
  States best_of(States states, std::size_t count) const;

  Meter& meter_;
  const Currency& currency_;
  const Keep& keep_;
  const RewriteSettings& settings_;
  double slowest_ms_;
  std::unordered_map<std::string, double> score_change_;  // where the step was tried last
  std::unordered_set<std::uint64_t> seen_;                // fingerprints
  States scored_;
};

}  // namespace assay
