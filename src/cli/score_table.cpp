#include "score_table.hpp"

#include "assay/base/error.hpp"
#include "assay/score/rank_fit.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace assay::cli {
namespace {

// One way for a score to enter a learned rank score.
struct Entry {
  std::string score;
  RankTerm term;
  double weight = 1;      // in the prior score
  double correction = 0;  // expected beyond it
};

bool contains(const std::vector<std::string>& scores, const std::string& score) {
  return std::ranges::find(scores, score) != scores.end();
}

// Whether learning can begin at the default rank score.
bool has_default(const std::vector<std::string>& scores) {
  return std::ranges::all_of(default_scores(),
                             [&](const std::string& score) { return contains(scores, score); });
}

// The default scores enter by value, as they are, and every other score is expected to add a little. Scores
// that are read off the network's structure may do so in either direction: more of them is better as such,
// but at equal capacity a deeper network, say, may be the better one in one space and the worse one in
// another.
std::vector<Entry> corrections_of_default(const std::vector<std::string>& scores) {
  constexpr double a_little = 0.12;
  std::vector<Entry> entries;
  for (const std::string& score : scores) {
    const ScoreInfo& info = *find_score(score);
    const RankTerm up{.direction = info.direction}, down{.direction = -info.direction};
    if (contains(default_scores(), score)) {
      entries.push_back({score, rank_terms(std::vector{score})[0]});
    } else if (info.cost != ScoreCost::none) {
      entries.push_back({score, up, 0, a_little});
    } else {
      entries.push_back({score, up, 0});
      entries.push_back({score, down, 0});
    }
  }
  return entries;
}

// Without the default scores nothing is known but that each of them is better higher, or lower.
std::vector<Entry> equal_entries(const std::vector<std::string>& scores) {
  const std::vector<RankTerm> terms = rank_terms(scores);
  std::vector<Entry> entries;
  for (std::size_t k = 0; k < scores.size(); ++k) entries.push_back({scores[k], terms[k]});
  return entries;
}

template <typename T>
std::vector<T> column_of(const std::vector<Entry>& entries, T Entry::*member) {
  std::vector<T> values;
  for (const Entry& entry : entries) values.push_back(entry.*member);
  return values;
}

// Of a score that stands in both directions, the one with the larger weight: both at once would say no more
// than that the middle is best.
std::vector<Entry> one_direction_each(const std::vector<Entry>& entries, const std::vector<double>& weights) {
  std::vector<Entry> kept;
  for (std::size_t k = 0; k < entries.size(); ++k) {
    const bool has_before = k > 0 && entries[k - 1].score == entries[k].score;
    const bool has_after = k + 1 < entries.size() && entries[k + 1].score == entries[k].score;
    if (has_before && weights[k - 1] >= weights[k]) continue;
    if (has_after && weights[k + 1] > weights[k]) continue;
    kept.push_back(entries[k]);
  }
  return kept;
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
  const bool from_default = has_default(scores);
  RankWeights result;
  const auto fit_to = [&](const std::vector<Entry>& entries) {
    const std::vector<std::string> columns = column_of(entries, &Entry::score);
    std::vector<ScoreRecord> cohort = table.part(columns);
    std::ranges::copy(ScoreTable{table.settings, others}.part(columns), std::back_inserter(cohort));
    result.cohort = static_cast<int>(std::ranges::count_if(cohort, complete, &ScoreRecord::values));
    const std::vector<double> addends = rank_addends(cohort, column_of(entries, &Entry::term));
    std::vector<double> x, y;
    for (const std::size_t row : rows) {
      if (!complete(cohort[row].values)) continue;
      const auto first = addends.begin() + static_cast<std::ptrdiff_t>(row * entries.size());
      x.insert(x.end(), first, first + std::ssize(entries));
      y.push_back(accuracy[row]);
    }
    // On two published tables the default rank score is that sure of the median pair, in log-odds.
    const RankPrior prior{column_of(entries, &Entry::weight), column_of(entries, &Entry::correction),
                          from_default ? 3.0 : 0.0};
    return fit_rank_weights(x, entries.size(), y, table.settings.seed, prior);
  };
  std::vector<Entry> entries = from_default ? corrections_of_default(scores) : equal_entries(scores);
  RankFit fit = fit_to(entries);
  if (const std::vector<Entry> kept = one_direction_each(entries, fit.weights);
      kept.size() < entries.size()) {
    entries = kept;
    fit = fit_to(entries);
  }

  result.space_name = space.name();
  result.space_fingerprint = space.fingerprint();
  result.settings = table.settings;
  result.settings.scores.clear();
  for (std::size_t k = 0; k < entries.size(); ++k) {
    if (fit.weights[k] == 0) continue;
    result.settings.scores.push_back(entries[k].score);
    result.terms.push_back(entries[k].term);
    result.weights.push_back(fit.weights[k]);
  }
  result.rows = fit.rows;
  if (std::isfinite(fit.cross_validated_spearman))
    result.cross_validated_spearman = fit.cross_validated_spearman;
  return result;
}

}  // namespace assay::cli
