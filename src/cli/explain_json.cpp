#include "explain_json.hpp"

#include "assay/report/run_report.hpp"

#include <cmath>

namespace assay::cli {
namespace {

using nlohmann::ordered_json;

ordered_json number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}

}  // namespace

ordered_json network_json(const ChosenNetwork& network, const NetworkExplanation& explanation) {
  ordered_json json;
  json["network"] = network.label;
  json["candidate"] = nullptr;
  json["decisions"] = nullptr;
  if (network.candidate) {
    json["candidate"] = to_text(*network.space, *network.candidate);
    for (std::size_t d = 0; d < network.candidate->choices.size(); ++d) {
      const Decision& decision = network.space->decisions()[d];
      json["decisions"][decision.name] = decision.options[network.candidate->choices[d]];
    }
  }
  json["explanation"] = ordered_json::parse(to_json(explanation));
  return json;
}

ordered_json scores_json(const ComparedScores& scores, std::size_t index) {
  const ScoreStanding& standing = scores.standings[index];
  ordered_json json;
  json["status"] = scores.statuses[index];
  json["others"] = standing.others;
  json["compared_with"] = scores.others;
  json["rank_score"] = number(standing.rank_score);
  json["percentile"] = number(standing.percentile);
  json["parts"] = ordered_json::array();
  for (const ScorePart& part : standing.parts) {
    json["parts"].push_back({{"score", part.score},
                             {"value", number(part.value)},
                             {"direction", part.direction},
                             {"percentile", number(part.percentile)},
                             {"spread", number(part.spread)},
                             {"contribution", number(part.contribution)},
                             {"lift", number(part.lift)}});
  }
  return json;
}

}  // namespace assay::cli
