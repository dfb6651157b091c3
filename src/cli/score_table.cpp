#include "score_table.hpp"

#include "assay/base/error.hpp"
#include "assay/score/rank_fit.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace assay::cli {
namespace {

// What learning begins with: the default rank score and a little of every other score. With 30 accuracies of
// two published tables this was better than equal weights of all scores, and than the default scores alone.
std::vector<double> prior_weights(const std::vector<std::string>& scores) {
  const std::vector<std::string> usual = default_scores();
  const auto is_usual = [&](const std::string& score) {
    return std::ranges::find(usual, score) != usual.end();
  };
  constexpr double little = 0.1;
  std::vector<double> prior;
  for (const std::string& score : scores) prior.push_back(is_usual(score) ? 1 : little);
  return prior;
}

bool complete(const ScoreRecord& record) {
  return std::ranges::all_of(record.values, [](double value) { return std::isfinite(value); });
}

}  // namespace

std::vector<double> ScoreTable::column(const std::string& score) const {
  const int direction = rank_terms(std::vector{score})[0].direction;
  std::vector<double> values;
  for (const ScoreRecord& record : part({score})) values.push_back(direction * record.values[0]);
  return values;
}

bool ScoreTable::has(const std::vector<std::string>& scores) const {
  return std::ranges::all_of(scores, [&](const std::string& score) {
    return std::ranges::find(settings.scores, score) != settings.scores.end();
  });
}

std::vector<ScoreRecord> ScoreTable::part(const std::vector<std::string>& scores) const {
  if (!has(scores)) throw InternalError("A score is asked for that was not computed.");
  std::vector<ScoreRecord> result(records.size());
  for (const std::string& score : scores) {
    const auto k =
        static_cast<std::size_t>(std::ranges::find(settings.scores, score) - settings.scores.begin());
    for (std::size_t i = 0; i < records.size(); ++i) result[i].values.push_back(records[i].values[k]);
  }
  return result;
}

std::vector<std::string> usable_scores(const ScoreTable& table) {
  constexpr double most_failures = 0.1;
  std::vector<std::string> usable;
  for (const std::string& score : table.settings.scores) {
    const std::vector<double> values = table.column(score);
    const auto failed = std::ranges::count_if(values, [](double value) { return !std::isfinite(value); });
    if (static_cast<double>(failed) <= most_failures * static_cast<double>(values.size()))
      usable.push_back(score);
  }
  if (usable.empty())
    throw InputError("Weights cannot be learned: every score fails on more than a tenth of the rows.");
  return usable;
}

RankWeights learn_weights(const Space& space, const ScoreTable& table, const std::vector<ScoreRecord>& others,
                          const std::vector<double>& accuracy, const std::vector<std::size_t>& rows) {
  const std::vector<std::string> scores = usable_scores(table);
  std::vector<ScoreRecord> cohort = table.part(scores);
  std::ranges::copy(ScoreTable{table.settings, others}.part(scores), std::back_inserter(cohort));
  const std::vector<double> terms = log_ranks(cohort, rank_terms(scores));
  std::vector<double> x, y;
  for (const std::size_t row : rows) {
    if (!complete(cohort[row])) continue;
    const auto first = terms.begin() + static_cast<std::ptrdiff_t>(row * scores.size());
    x.insert(x.end(), first, first + std::ssize(scores));
    y.push_back(accuracy[row]);
  }
  const RankFit fit = fit_rank_weights(x, scores.size(), y, table.settings.seed, prior_weights(scores));

  RankWeights result;
  result.space_name = space.name();
  result.space_fingerprint = space.fingerprint();
  result.settings = table.settings;
  result.settings.scores.clear();
  for (std::size_t k = 0; k < scores.size(); ++k) {
    if (fit.weights[k] == 0) continue;
    result.settings.scores.push_back(scores[k]);
    result.weights.push_back(fit.weights[k]);
  }
  result.rows = fit.rows;
  result.cohort = static_cast<int>(std::ranges::count_if(cohort, complete));
  result.shrinkage = fit.shrinkage;
  if (std::isfinite(fit.cross_validated_spearman))
    result.cross_validated_spearman = fit.cross_validated_spearman;
  return result;
}

}  // namespace assay::cli
