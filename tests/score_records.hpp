// Records of all scores, and what is true of every one of them.
#pragma once

#include "assay/score/score.hpp"

#include "score_networks.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <doctest/doctest.h>

namespace assay::test {

inline std::vector<std::string> all_scores() {
  std::vector<std::string> names;
  for (const ScoreInfo& info : score_registry()) names.emplace_back(info.name);
  return names;
}

// Every score has a finite value, or none and a reason among those that ScoreRecord::status documents.
inline void check_well_formed(const ScoreRecord& record, const std::vector<std::string>& scores) {
  REQUIRE(record.values.size() == scores.size());
  for (std::size_t k = 0; k < scores.size(); ++k) {
    CAPTURE(scores[k]);
    CAPTURE(record.status);
    const std::string status = record.status + ";";
    const bool named = status.find(" " + scores[k] + " ") != std::string::npos ||
                       status.find(" " + scores[k] + ";") != std::string::npos;
    CHECK(std::isfinite(record.values[k]) == !named);
    CHECK_FALSE(std::isinf(record.values[k]));
  }
  static const std::vector<std::string> reasons = {"not_finite", "no_activation", "too_few_blocks",
                                                   "too_large",  "singular",      "constant_output",
                                                   "no_weights"};
  if (record.ok()) return;
  std::istringstream parts(record.status);
  for (std::string part; std::getline(parts, part, ';');) {
    CAPTURE(part);
    const std::size_t begin = part.find_first_not_of(' ');
    CHECK(std::ranges::count(reasons, part.substr(begin, part.find(':') - begin)) == 1);
  }
}

inline ScoreRecord score_all(const Network& network, int batch = 4) {
  Worker worker;
  const Scorer scorer({.scores = all_scores(), .batch = batch, .seed = 3});
  ScoreRecord record = scorer.score(worker, network);
  check_well_formed(record, all_scores());
  return record;
}

inline double value_of(const ScoreRecord& record, std::string_view score) {
  const auto names = all_scores();
  return record.values[static_cast<std::size_t>(std::ranges::find(names, score) - names.begin())];
}

inline bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace assay::test
