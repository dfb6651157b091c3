#include "run_landscape.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/curate/curate.hpp"
#include "assay/explain/decision_grid.hpp"
#include "assay/explain/importance.hpp"
#include "assay/network/executed.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// So many candidates tell the effect of a decision to a few percent.
constexpr int importance_sample = 512;
constexpr std::size_t most_scored = 4096;

// Fitting the effects of all options takes memory with the square of their number and time with its cube.
constexpr std::size_t most_options = 1024;
// Curating looks at every option in many networks, and each of these takes time with its decisions.
constexpr std::size_t most_curated_work = 20'000;  // options times decisions

std::size_t option_count(const Space& space) {
  std::size_t options = 0;
  for (const Decision& decision : space.decisions()) options += decision.options.size();
  return options;
}

std::vector<std::size_t> option_counts(const Space& space) {
  std::vector<std::size_t> counts;
  for (const Decision& decision : space.decisions()) counts.push_back(decision.options.size());
  return counts;
}

// Of latency, or of MACs without an estimator, over the whole space. Of its logarithm: decisions multiply it
// (twice the channels, twice the blocks), and relative differences are what people compare.
Importance cost_importance(const RecordedRun& run) {
  std::optional<Estimator::Session> session;
  if (run.estimator) session.emplace(*run.estimator);
  std::vector<std::uint16_t> choices;
  std::vector<double> costs;
  for (int i = 0; i < importance_sample; ++i) {
    Random random(run.journal.identity().seed, Purpose::bootstrap, 0, static_cast<std::uint64_t>(i));
    const Candidate candidate = run.space->sample(random);
    try {
      const Network network = executed(run.space->decode(candidate));
      const double cost =
          session ? session->predict(network).latency_ms : static_cast<double>(network.macs());
      costs.push_back(std::log(std::max(cost, 1e-12)));
      choices.insert(choices.end(), candidate.choices.begin(), candidate.choices.end());
    } catch (const InputError&) {
      // Not buildable: no cost, so nothing to explain.
    }
  }
  return importance_of(option_counts(*run.space), choices, costs);
}

// Over evaluations at even distances, whatever the plots show.
Importance score_importance(const RecordedRun& run, const RunStanding& standing) {
  std::vector<std::int64_t> good;
  for (std::size_t i = 0; i < standing.rank_scores.size(); ++i)
    if (std::isfinite(standing.rank_scores[i])) good.push_back(static_cast<std::int64_t>(i));
  std::vector<std::uint16_t> choices;
  std::vector<double> scores;
  const std::size_t kept = std::min(good.size(), most_scored);
  for (std::size_t k = 0; k < kept; ++k) {
    const std::int64_t evaluation = good[k * good.size() / kept];
    const EvaluationRow row = run.row(evaluation);
    choices.insert(choices.end(), row.choices.begin(), row.choices.end());
    scores.push_back(standing.rank_scores[static_cast<std::size_t>(evaluation)]);
  }
  return importance_of(option_counts(*run.space), choices, scores);
}

// Shares of the cost, per decision; zeros, with a note, for a space of too many options.
std::vector<double> add_importance(RunReport& report, const RecordedRun& run, const RunStanding& standing) {
  if (const std::size_t options = option_count(*run.space); options > most_options) {
    report.no_importance = fmt::format(
        "How much each decision matters is left out: the space has {} options, and it is worked out for up "
        "to {}.",
        options, most_options);
    report.notes.push_back(report.no_importance);
    return std::vector<double>(run.space->decisions().size(), 0);
  }
  const Importance cost = cost_importance(run), score = score_importance(run, standing);
  report.importance_latency_r2 = cost.r2;
  report.importance_score_r2 = score.r2;
  for (std::size_t d = 0; d < cost.shares.size(); ++d) {
    report.importance.push_back({.decision = run.space->decisions()[d].name,
                                 .score_share = score.shares[d],
                                 .latency_share = cost.shares[d]});
  }
  std::ranges::stable_sort(report.importance, std::ranges::greater{}, [](const ReportImportance& i) {
    return std::max(i.score_share, i.latency_share);
  });
  return cost.shares;
}

std::vector<std::string> texts_of(const Decision& decision, const std::vector<std::uint16_t>& options) {
  std::vector<std::string> texts;
  for (const std::uint16_t option : options) texts.push_back(decision.options[option]);
  return texts;
}

void add_slice(RunReport& report, const Space& space, const DecisionGrid& grid, const std::string& title,
               const std::string& unit, const std::vector<std::vector<double>>& values) {
  const Decision& row = space.decisions()[grid.row_decision];
  const Decision& column = space.decisions()[grid.column_decision];
  const StepShares shares = step_shares(grid.macs, values);
  report.slices.push_back({.title = title,
                           .unit = unit,
                           .row_decision = row.name,
                           .column_decision = column.name,
                           .row_options = texts_of(row, grid.row_options),
                           .column_options = texts_of(column, grid.column_options),
                           .values = values,
                           .rising_share = shares.rising,
                           .flat_share = shares.flat});
}

std::size_t decision_of(const Space& space, const std::string& name) {
  const auto found = std::ranges::find(space.decisions(), name, &Decision::name);
  if (found != space.decisions().end()) return static_cast<std::size_t>(found - space.decisions().begin());
  std::vector<std::string> names;
  for (const Decision& decision : space.decisions()) names.push_back(decision.name);
  throw InputError(fmt::format("--landscape: there is no decision \"{}\" in {}.{}", name, space.name(),
                               suggestion(name, names)));
}

// The space that curate makes of this one for its accelerator; nullopt, with a note, where it changes nothing
// or would take too long.
std::optional<Space> curated_space(RunReport& report, const RecordedRun& run) {
  if (option_count(*run.space) * run.space->decisions().size() > most_curated_work) {
    report.notes.emplace_back(
        "There is no curated landscape: curating so large a space takes long. See: assay curate --help");
    return std::nullopt;
  }
  const SpaceFile file(run.journal.identity().space_text, run.space->source());
  const Curation curation = curate(file, *run.estimator, {});
  if (!curation.changed()) {
    report.notes.emplace_back(
        "Curating the space for this accelerator changes nothing, so there is no curated landscape.");
    return std::nullopt;
  }
  return Space::parse(curation.toml, run.space->source() + " (curated)");
}

// The same slice of that space.
void add_curated_slice(RunReport& report, const RecordedRun& run, const Space& curated,
                       const Candidate& winner, const std::string& row, const std::string& column) {
  const auto centre = nearest_candidate(*run.space, winner, curated);
  const auto has = [&](const std::string& name) {
    return std::ranges::find(curated.decisions(), name, &Decision::name) != curated.decisions().end();
  };
  if (!centre || !has(row) || !has(column)) {
    report.notes.emplace_back("The curated space has no landscape over the same two decisions.");
    return;
  }
  const DecisionGrid grid = decision_grid(curated, *centre, decision_of(curated, row),
                                          decision_of(curated, column), &*run.estimator);
  add_slice(report, curated, grid, "latency (ms), curated space", "ms", grid.latency_ms);
}

}  // namespace

void add_landscape(RunReport& report, const RecordedRun& run, const RunStanding& standing,
                   const std::vector<std::string>& decisions) {
  const Space& space = *run.space;
  const std::vector<double> importance = add_importance(report, run, standing);
  if (report.shortlist.empty()) {
    report.no_slices = "No network could be scored yet, so there is none to look around.";
    return;
  }
  const Candidate winner{report.shortlist[report.winner].candidate.choices};
  const Estimator* estimator = run.estimator ? &*run.estimator : nullptr;
  const std::optional<Space> curated = estimator != nullptr ? curated_space(report, run) : std::nullopt;
  std::optional<std::pair<std::size_t, std::size_t>> pair;
  if (decisions.empty()) {
    pair = choose_grid_decisions(space, winner, importance, estimator, curated ? &*curated : nullptr);
  } else {
    pair = {decision_of(space, decisions.at(0)), decision_of(space, decisions.at(1))};
  }
  if (!pair) {
    report.no_slices = "No landscape: fewer than two decisions of the winner are numbers.";
    report.notes.push_back(report.no_slices);
    return;
  }
  const DecisionGrid grid = decision_grid(space, winner, pair->first, pair->second, estimator);
  add_slice(report, space, grid, "MACs", "MACs", grid.macs);
  if (estimator == nullptr) return;
  add_slice(report, space, grid, "latency (ms)", "ms", grid.latency_ms);
  if (!curated) return;
  add_curated_slice(report, run, *curated, winner, space.decisions()[pair->first].name,
                    space.decisions()[pair->second].name);
}

}  // namespace assay::cli
