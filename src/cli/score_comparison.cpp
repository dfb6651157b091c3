#include "score_comparison.hpp"

#include "assay/base/error.hpp"

#include "common.hpp"
#include "reference.hpp"
#include "score_service.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// Percentiles among more rows than this differ by less than what a table shows.
constexpr std::int64_t most_others = 100'000;
constexpr std::int64_t most_reference = 1'000'000;  // random candidates

// Good evaluations of a run, evenly over it.
struct Cohort {
  std::vector<std::int64_t> evaluations;
  std::vector<double> rows;
};

Cohort cohort_of(const RecordedRun& run) {
  Cohort cohort;
  const std::int64_t stride = run.journal.evaluation_count() / most_others + 1;
  run.journal.for_each_evaluation([&](const EvaluationRow& row) {
    if (row.status.empty() && row.evaluation % stride == 0) {
      cohort.evaluations.push_back(row.evaluation);
      cohort.rows.insert(cohort.rows.end(), row.scores.begin(), row.scores.end());
    }
    return true;
  });
  return cohort;
}

// Without the network's own row, beside which it would stand as one more.
std::vector<double> others_of(const Cohort& cohort, std::int64_t evaluation, std::size_t width) {
  std::vector<double> rows = cohort.rows;
  const auto own = std::ranges::lower_bound(cohort.evaluations, evaluation);
  if (own != cohort.evaluations.end() && *own == evaluation) {
    const auto first = rows.begin() + (own - cohort.evaluations.begin()) * static_cast<std::ptrdiff_t>(width);
    rows.erase(first, first + static_cast<std::ptrdiff_t>(width));
  }
  return rows;
}

class Comparison {
 public:
  Comparison(const Arguments& arguments, const std::vector<ChosenNetwork>& networks)
      : arguments_(arguments), networks_(networks), quiet_(arguments.flag("quiet")) {
    const bool anew = arguments.given("scores") || arguments.given("rank-weights");
    const Space* space = nullptr;
    for (const ChosenNetwork& network : networks) {
      if (network.run && !run_ && !anew) run_ = network.run.get();
      if (network.space && space == nullptr) space = network.space.get();
    }
    space_ = space;
    ranking_ = run_ != nullptr ? run_->ranking : ranking_of(arguments, space, quiet_);
  }

  std::optional<ComparedScores> compare(const std::stop_token& stop) {
    const std::optional<std::vector<ScoreRecord>> own = own_scores(stop);
    if (!own) return std::nullopt;
    ComparedScores compared;
    Cohort cohort;
    if (run_ != nullptr) {
      cohort = cohort_of(*run_);
      compared.others = fmt::format("the evaluated candidates of {}", run_->journal.path());
    } else if (space_ != nullptr && arguments_.integer("reference-size", 0, most_reference) != 0) {
      const auto reference = reference_rows(stop);
      if (!reference) return std::nullopt;
      cohort.rows = *reference;
      compared.others = fmt::format("random candidates of {}", space_->name());
    }
    const std::size_t width = ranking_.settings.scores.size();
    for (std::size_t i = 0; i < networks_.size(); ++i) {
      const ScoreRecord& record = (*own)[i];
      compared.statuses.push_back(record.ok() ? "" : record.status);
      if (!record.ok()) {
        compared.standings.emplace_back();
        continue;
      }
      const bool recorded = run_ != nullptr && networks_[i].run.get() == run_;
      compared.standings.push_back(
          score_standing(ranking_.settings.scores, ranking_.terms, ranking_.weights, record.values,
                         recorded ? others_of(cohort, networks_[i].evaluation, width) : cohort.rows));
    }
    return compared;
  }

 private:
  ScoreService& service() {
    if (!service_) {
      service_ = std::make_unique<ScoreService>(ranking_.settings, worker_count(arguments_),
                                                worker_memory(arguments_), cache_path(arguments_), quiet_);
    }
    return *service_;
  }

  // Recorded ones, executed ones for networks that are not of the run.
  std::optional<std::vector<ScoreRecord>> own_scores(const std::stop_token& stop) {
    std::vector<ScoreRecord> records(networks_.size());
    std::vector<std::size_t> executed;
    for (std::size_t i = 0; i < networks_.size(); ++i) {
      if (run_ == nullptr || networks_[i].run.get() != run_) {
        executed.push_back(i);
        continue;
      }
      const EvaluationRow row = run_->row(networks_[i].evaluation);
      records[i].values = row.scores;
      if (!row.status.empty()) records[i].status = row.status;
    }
    if (executed.empty()) return records;
    const std::vector<ScoredNetwork> scored = service().score(
        std::ssize(executed),
        [&](std::int64_t k) { return networks_[executed[static_cast<std::size_t>(k)]].network; }, stop);
    for (std::size_t k = 0; k < executed.size(); ++k) {
      if (!scored[k].done) return std::nullopt;
      records[executed[k]] = scored[k].record;
    }
    return records;
  }

  std::optional<std::vector<double>> reference_rows(const std::stop_token& stop) {
    const int size = static_cast<int>(arguments_.integer("reference-size", 0, most_reference).value());
    const auto records = reference_records(
        *space_, service(), size, reference_path(arguments_, *space_, ranking_.settings, size), stop, quiet_);
    if (!records) return std::nullopt;
    std::vector<double> rows;
    for (const ScoreRecord& record : *records)
      if (complete(record.values)) rows.insert(rows.end(), record.values.begin(), record.values.end());
    return rows;
  }

  const Arguments& arguments_;
  const std::vector<ChosenNetwork>& networks_;
  bool quiet_;
  const RecordedRun* run_ = nullptr;  // whose scores are taken as recorded
  const Space* space_ = nullptr;
  Ranking ranking_;
  std::unique_ptr<ScoreService> service_;
};

}  // namespace

void check_comparison(const Arguments& arguments) {
  ranking_of(arguments, nullptr, true);
  worker_memory(arguments);
  cache_path(arguments);
  arguments.integer("reference-size", 0, most_reference);
}

std::optional<ComparedScores> compare_scores(const Arguments& arguments,
                                             const std::vector<ChosenNetwork>& networks,
                                             std::stop_token stop) {
  return Comparison(arguments, networks).compare(stop);
}

std::vector<OptionGroup> comparison_options() {
  OptionGroup scores = score_options();
  scores.options.push_back({"no-scores", "", "do not score", ""});
  scores.options.push_back({"seed", "N", "seed of the scores' weights and inputs", "1"});
  for (const OptionSpec& option : reference_sample_options()) scores.options.push_back(option);
  return {scores, cache_options()};
}

}  // namespace assay::cli
