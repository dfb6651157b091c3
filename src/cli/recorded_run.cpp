#include "recorded_run.hpp"

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"
#include "assay/search/pareto.hpp"
#include "assay/search/search.hpp"

#include "common.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

using nlohmann::json;

std::optional<Space> space_of(const RunIdentity& identity, const std::string& path,
                              std::vector<std::string>& notes) {
  std::string cause;
  try {
    Space space = Space::parse(identity.space_text, path + " (its space)");
    if (space.fingerprint() == identity.space_fingerprint) return space;
    cause = "it means other candidates now";
  } catch (const InputError& error) {
    cause = error.what();
  }
  notes.push_back(
      fmt::format("The run's space was read by assay {} and cannot be taken the same way by assay {}, so "
                  "networks are not "
                  "looked at: {}.",
                  identity.assay_version, assay_version, cause));
  return std::nullopt;
}

// Journals hold the estimator since their second format. Before, a search without --estimator fitted one to
// the accelerator and the space, which gives the same one again.
std::optional<Estimator> estimator_of(const RunIdentity& identity, const json& settings,
                                      const std::optional<Space>& space, std::vector<std::string>& notes) {
  if (!identity.estimator_json.empty())
    return Estimator::from_json(identity.estimator_json, "the journal's estimator");
  if (identity.accelerator_name.empty()) return std::nullopt;
  const Accelerator accelerator = Accelerator::parse(identity.accelerator_text, "the journal's accelerator");
  std::string cause = "its space cannot be read";
  if (space) {
    try {
      Estimator fitted = fit_from_networks(accelerator, sample_networks(*space, 300));
      if (settings.value("estimator", "") == fmt::format("{:016x}", hash_text(fitted.to_json())))
        return fitted;
      notes.emplace_back(
          "The journal is older than those that hold their estimator: latencies of subgraphs and of "
          "candidates that were not evaluated are those of an estimator fitted to the accelerator's file, "
          "and may differ from those of the run.");
      return fitted;
    } catch (const InputError& error) {
      cause = error.what();
    }
  }
  notes.push_back(fmt::format(
      "The journal is older than those that hold their estimator, and none can be fitted to its accelerator, "
      "so nothing tells the latencies of subgraphs: {}",
      cause));
  return std::nullopt;
}

RunJournal open(const std::string& path) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none))
    throw InputError(
        fmt::format("{} is not a run journal but a folder. Name a journal in it: assay runs {} lists them.",
                    path, shell_quoted(path)));
  return RunJournal::open_to_read(path);
}

Ranking ranking_of_settings(const RunIdentity& identity, const json& settings) {
  Ranking ranking;
  ranking.settings.scores = identity.scores;
  ranking.settings.batch = settings.at("batch");
  ranking.settings.repeats = settings.at("repeats");
  ranking.settings.resolution = settings.at("resolution");
  ranking.settings.seed = identity.seed;
  validate(ranking.settings);
  if (!settings.contains("rank_weights")) {
    ranking.terms = rank_terms(identity.scores);
    return ranking;
  }
  settings.at("rank_weights").get_to(ranking.weights);
  for (const std::string term : settings.at("rank_terms"))
    ranking.terms.push_back(
        {.direction = term.starts_with('-') ? -1 : 1, .by_rank = term.ends_with("log_rank")});
  if (ranking.terms.size() != identity.scores.size() || ranking.weights.size() != identity.scores.size())
    throw InputError("it weighs another number of scores than it names");
  return ranking;
}

Budget budget_of_settings(const json& settings) {
  Budget budget;
  if (!settings.contains("budget")) return budget;
  for (const Metric metric : all_metrics) {
    const auto limit = settings.at("budget").find(std::string(metric_name(metric)));
    if (limit != settings.at("budget").end()) budget.set(metric, limit->get<double>());
  }
  return budget;
}

}  // namespace

RecordedRun::RecordedRun(const std::string& path) : journal(open(path)) {
  const RunIdentity& identity = journal.identity();
  json settings;
  try {
    settings = json::parse(identity.settings_json);
    ranking = ranking_of_settings(identity, settings);
    budget = budget_of_settings(settings);
  } catch (const json::exception& error) {
    throw InputError(fmt::format("{}: the run's settings cannot be read: {}", path, error.what()));
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: the run's settings cannot be used: {}", path, error.what()));
  }
  front_metric = identity.accelerator_name.empty() ? Metric::macs : Metric::latency;
  space = space_of(identity, path, notes);
  estimator = estimator_of(identity, settings, space, notes);
}

std::int64_t RecordedRun::evaluation_of(const std::string& name) const {
  if (name == "baseline") return -1;
  const bool evaluation = name.starts_with('e');
  const auto number = parse_integer(evaluation ? name.substr(1) : name);
  if (number && evaluation && *number >= 0) return *number;
  const std::vector<std::int64_t> shortlist = stand(*this).shortlist;
  if (!number || evaluation || *number < 1 || *number > std::ssize(shortlist)) {
    throw InputError(fmt::format(
        "{}: \"{}\" names none of its networks. Give a number from 1 to {} on the shortlist, an evaluation "
        "from e0 to e{}, or baseline.",
        journal.path(), name, shortlist.size(), journal.evaluation_count() - 1));
  }
  return shortlist[static_cast<std::size_t>(*number - 1)];
}

EvaluationRow RecordedRun::row(std::int64_t evaluation) const {
  if (evaluation == -1) {
    if (const auto baseline = journal.baseline()) return baseline->row;
    throw InputError(fmt::format("{}: the run has no baseline.", journal.path()));
  }
  if (auto found = journal.evaluation(evaluation)) return *found;
  throw InputError(fmt::format("{}: there is no evaluation {}; the run has {} of them, from e0 on.",
                               journal.path(), evaluation, journal.evaluation_count()));
}

namespace {

std::vector<std::int64_t> evaluations_of(const std::vector<ResultRow>& rows) {
  std::vector<std::int64_t> evaluations;
  for (const ResultRow& row : rows) evaluations.push_back(row.evaluation);
  return evaluations;
}

// The first `count` numbers of a column: a search that is going on adds more meanwhile.
template <class ForEach>
std::vector<double> column(std::int64_t count, ForEach&& for_each) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(count));
  for_each([&](double value) {
    if (std::ssize(values) < count) values.push_back(value);
    return std::ssize(values) < count;
  });
  return values;
}

// As a search ranks at its end: over all evaluations whose scores are good.
std::vector<double> rank_scores_of(const RecordedRun& run, std::int64_t count,
                                   std::vector<std::int64_t>& good) {
  const Ranking& ranking = run.ranking;
  std::vector<double> sums;
  for (std::size_t k = 0; k < ranking.terms.size(); ++k) {
    std::vector<double> values =
        column(count, [&](const auto& visit) { run.journal.for_each_score(k, visit); });
    if (k == 0) {
      // A failed evaluation has no scores at all.
      for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isnan(values[i])) good.push_back(static_cast<std::int64_t>(i));
      sums.assign(good.size(), 0.0);
    }
    const auto missing = [&](std::int64_t i) { return std::isnan(values[static_cast<std::size_t>(i)]); };
    if (std::ranges::any_of(good, missing) ||
        std::ranges::count_if(values, [](double value) { return !std::isnan(value); }) != std::ssize(good))
      run.journal.throw_inconsistent(fmt::format("evaluations have some of their scores, but not {}",
                                                 run.journal.identity().scores.at(k)));
    std::erase_if(values, [](double value) { return std::isnan(value); });
    add_rank_term(ranking.terms[k], ranking.weights.empty() ? 1 : ranking.weights[k], std::move(values),
                  sums);
  }
  return sums;
}

}  // namespace

RunStanding stand(const RecordedRun& run) {
  RunStanding standing;
  const RunJournal& journal = run.journal;
  // A run that is going on may get further between any two of these questions: what was recorded as its
  // result is asked first, so that the evaluations counted behind it hold it.
  const bool running = journal.state() == "running";
  const std::vector<std::int64_t> recorded = evaluations_of(journal.shortlist());
  const std::vector<std::int64_t> front = evaluations_of(journal.front());
  const std::int64_t count = journal.evaluation_count();
  standing.costs = column(count, [&](const auto& visit) {
    journal.for_each_cost(run.front_metric == Metric::latency ? JournalCost::latency_ms : JournalCost::macs,
                          visit);
  });
  std::vector<std::int64_t> good;
  const std::vector<double> ranks = rank_scores_of(run, count, good);
  for (const std::int64_t evaluation : good) {
    const double cost = standing.costs[static_cast<std::size_t>(evaluation)];
    if (!std::isfinite(cost) || cost < 0)
      run.journal.throw_inconsistent(
          fmt::format("evaluation {} has scores, but no {}", evaluation, metric_name(run.front_metric)));
  }
  standing.rank_scores.assign(standing.costs.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < good.size(); ++i)
    standing.rank_scores[static_cast<std::size_t>(good[i])] = ranks[i];

  if (!running && !front.empty()) {  // else it may have got further than its last result
    standing.front = front;
    standing.shortlist = recorded;
    return standing;
  }
  std::vector<Point> points;
  for (std::size_t i = 0; i < good.size(); ++i)
    points.push_back({ranks[i], standing.costs[static_cast<std::size_t>(good[i])]});
  const auto to_evaluations = [&](const std::vector<int>& indices) {
    std::vector<std::int64_t> evaluations;
    for (const int index : indices) evaluations.push_back(good[static_cast<std::size_t>(index)]);
    return evaluations;
  };
  const int wanted = journal.shortlist_size().value_or(recorded.empty() ? SearchSettings{}.shortlist
                                                                        : static_cast<int>(recorded.size()));
  standing.front = to_evaluations(pareto_front(points));
  standing.shortlist = to_evaluations(choose_shortlist(points, wanted));
  return standing;
}

}  // namespace assay::cli
