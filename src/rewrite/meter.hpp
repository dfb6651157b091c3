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

class Meter {
 public:
  Meter(const Estimator& estimator, const ScoreNetworks& score)
      : estimator_(estimator), session_(estimator), score_(score) {}

  const Estimator& estimator() const { return estimator_; }
  // All but the scores.
  NetworkFigures figures(const Network& network);
  void score(std::span<RewriteState* const> states);
  RewriteState measured(Network network, std::vector<std::string> path);

  int networks() const { return networks_; }
  int scored() const { return scored_; }

 private:
  const Estimator& estimator_;
  Estimator::Session session_;
  const ScoreNetworks& score_;
  int networks_ = 0, scored_ = 0;
};

}  // namespace assay
