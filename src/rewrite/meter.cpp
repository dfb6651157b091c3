#include "meter.hpp"

#include "assay/base/error.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay {

bool repeats(std::span<const std::string> path, const RewriteStep& step) {
  if (step.kind != RewriteKind::depth_multiplier) return false;
  const std::string beginning = fmt::format("{} {}=", to_string(step.kind), step.site);
  return std::ranges::any_of(path, [&](const std::string& text) { return text.starts_with(beginning); });
}

NetworkFigures Meter::figures(const Network& network) {
  ++networks_;
  return figures_of(estimator_, session_, network);
}

void Meter::score(std::span<RewriteState* const> states, const ScoreNetworks& score) {
  if (states.empty()) return;
  std::vector<const Network*> networks;
  for (const RewriteState* state : states) networks.push_back(state->network.get());
  const std::vector<NetworkScore> scores = score(networks);
  if (scores.size() != states.size()) throw InternalError("scores came back for another number of networks");
  for (std::size_t i = 0; i < states.size(); ++i) {
    states[i]->figures.score = scores[i].score;
    states[i]->figures.scores = scores[i].values;
    states[i]->figures.score_status = scores[i].status;
  }
  scored_ += static_cast<int>(states.size());
}

RewriteState Meter::measured(Network network, std::vector<std::string> path) {
  RewriteState state{
      .network = std::make_shared<Network>(std::move(network)), .path = std::move(path), .figures = {}};
  state.figures = figures(*state.network);
  RewriteState* const only = &state;
  score_quickly({&only, 1});
  return state;
}

double Meter::exact_score(const RewriteState& state) {
  RewriteState copy = state;
  RewriteState* const only = &copy;
  score_exactly({&only, 1});
  return copy.figures.score;
}

}  // namespace assay
