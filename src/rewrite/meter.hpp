// Networks on the way, and their figures.
#pragma once

#include "assay/rewrite/plan.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace assay {

struct RewriteState {
  std::shared_ptr<const Network> network;
  std::vector<std::string> path;  // texts of the steps that led to it
  NetworkFigures figures;
  double parent_score = 0;  // of the network one step before
};

// Whether the step scales widths that the path has scaled already. Once is advice; again and again in turns
// with other stages is another network, found by means that cannot judge it.
bool repeats(std::span<const std::string> path, const RewriteStep& step);

class Meter {
 public:
  Meter(const Estimator& estimator, const RewriteScores& scores)
      : estimator_(estimator), session_(estimator), scores_(scores) {}

  const Estimator& estimator() const { return estimator_; }
  // All but the scores.
  NetworkFigures figures(const Network& network);
  void score(std::span<RewriteState* const> states, const ScoreNetworks& score);
  void score_quickly(std::span<RewriteState* const> states) { score(states, scores_.quick); }
  void score_exactly(std::span<RewriteState* const> states) { score(states, scores_.exact); }
  // With quick scores.
  RewriteState measured(Network network, std::vector<std::string> path);
  double exact_score(const RewriteState& state);

  int networks() const { return networks_; }
  int scored() const { return scored_; }

 private:
  const Estimator& estimator_;
  Estimator::Session session_;
  const RewriteScores& scores_;
  int networks_ = 0, scored_ = 0;
};

}  // namespace assay
