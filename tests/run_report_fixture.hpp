// Reports of runs that never were: real networks with real estimates, and rank scores, trainings and times
// that are made up. The same bytes each time.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/explain/decision_grid.hpp"
#include "assay/explain/explanation.hpp"
#include "assay/explain/importance.hpp"
#include "assay/explain/run_convergence.hpp"
#include "assay/network/executed.hpp"
#include "assay/report/run_report.hpp"
#include "assay/search/pareto.hpp"
#include "assay/space/space.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace report_test {

using namespace assay;

struct ReportSettings {
  std::string space = "ibn_fashion";
  int candidates = 1024;
  int shortlist = 5;
  bool accelerator = true;
  bool baseline = true;
  bool training = true;
  std::string state = "finished";
};

class ReportMaker {
 public:
  explicit ReportMaker(const ReportSettings& settings)
      : settings_(settings),
        space_(Space::load(ASSAY_SOURCE_DIR "/spaces/" + settings.space + ".toml")),
        estimator_(Estimator::of_cycle_model(
            Accelerator::load(ASSAY_SOURCE_DIR "/spaces/accelerators/edge_npu_16.toml"))) {}

  RunReport report() {
    describe();
    for (int i = 0; i < settings_.candidates; ++i) report_.candidates.push_back(evaluated(i, affordable()));
    look_back();
    answer();
    slices();
    return report_;
  }

 private:
  const Estimator* estimator() const { return settings_.accelerator ? &estimator_ : nullptr; }

  void describe() {
    RunReport& r = report_;
    r.journal = "runs/" + settings_.space + ".journal";
    r.state = settings_.state;
    if (r.state != "finished") r.state_note = "The process is gone; nothing but its last batch is lost.";
    r.created_utc = "2024-05-04T10:20:30Z";
    r.seed = 1;
    r.space_name = settings_.space;
    r.space_fingerprint = fmt::format("{:016x}", space_.fingerprint());
    if (settings_.accelerator) {
      r.accelerator_name = "edge_npu_16";
      r.accelerator_fingerprint = "00c0ffee00c0ffee";
      r.budgets = {{"latency_ms", 0.5}, {"peak_memory_bytes", 262144}};
    }
    r.settings_json =
        R"({"strategy": "evolution", "population": 64, "batch": 16, "scores": ["capacity", "signal_propagation"]})";
    r.cost = settings_.accelerator ? "latency_ms" : "macs";
    for (const Decision& decision : space_.decisions())
      r.decisions.push_back({decision.name, decision.options});
    r.scores = {"capacity", "signal_propagation"};
    r.sessions = {
        {"2024-05-04T10:20:30Z", 3.2,
         "assay search 'spaces/" + settings_.space +
             ".toml' --accelerator spaces/accelerators/edge_npu_16.toml "
             "--budget latency=0.5ms --evaluations 1024 --seed 1",
         "0.1.0", "oneDNN 2.6.3, SQLite 3.40.1", "AVX-512", "Example CPU at 2.50 GHz", "stopped", 2},
        {"2024-05-04T10:31:02Z", 488.9, "assay search --resume runs/" + settings_.space + ".journal", "0.1.0",
         "oneDNN 2.6.3, SQLite 3.40.1", "AVX-512", "Example CPU at 2.50 GHz", "finished", 2}};
    r.notes = {"Rank scores are those of the evaluated networks among each other."};
  }

  bool fits(const ReportCandidate& c) const {
    return std::ranges::all_of(report_.budgets, [&](const auto& budget) {
      return (budget.first == "latency_ms" ? c.latency_ms : static_cast<double>(c.peak_memory_bytes)) <=
             budget.second;
    });
  }

  // Networks above the budget are never evaluated.
  Candidate affordable() {
    for (;;) {
      const Candidate candidate = space_.sample(random_);
      if (fits(measured(candidate))) return candidate;
    }
  }

  ReportCandidate measured(const Candidate& candidate) const {
    const Network network = executed(space_.decode(candidate));
    ReportCandidate c;
    c.choices = candidate.choices;
    c.params = network.parameters();
    c.macs = network.macs();
    c.peak_memory_bytes = memory_profile(estimator_.accelerator(), network).peak_bytes;
    if (settings_.accelerator) {
      c.latency_ms = estimator_.predict(network).latency_ms;
      c.latency_low_ms = c.latency_ms * 0.94;
      c.latency_high_ms = c.latency_ms * 1.07;
    }
    return c;
  }

  ReportCandidate evaluated(std::int64_t evaluation, const Candidate& candidate) {
    ReportCandidate c = measured(candidate);
    c.evaluation = evaluation;
    c.seconds = 0.004 + 0.003 * random_.uniform();
    if (random_.uniform() < 0.02) {
      c.status = "signal_propagation is not finite";
      return c;
    }
    const double capacity = std::log10(1.0 + static_cast<double>(c.macs)) + 0.1 * random_.normal();
    const double signal = -0.4 - 0.2 * std::abs(random_.normal()) - (random_.uniform() < 0.01 ? 12 : 0);
    c.scores = {capacity, signal};
    c.rank_score = capacity + signal;
    return c;
  }

  double cost(const ReportCandidate& c) const {
    return settings_.accelerator ? c.latency_ms : static_cast<double>(c.macs);
  }

  // What the command computes from the journal.
  void look_back() {
    RunReport& r = report_;
    r.evaluated = settings_.candidates;
    r.proposed = r.evaluated * 3;
    r.duplicates = r.evaluated / 5;
    std::vector<Point> points;
    std::vector<std::size_t> option_counts;
    std::vector<std::uint16_t> choices;
    std::vector<double> latencies, scores;
    for (const ReportCandidate& c : r.candidates) {
      points.push_back({c.rank_score, cost(c)});
      if (!c.status.empty()) {
        ++r.failed;
        continue;
      }
      choices.insert(choices.end(), c.choices.begin(), c.choices.end());
      scores.push_back(c.rank_score);
      latencies.push_back(cost(c));
    }
    r.rejections = {{"latency", 311, 0.5004}, {"memory", 1204, 263168.0}};
    r.rejections.push_back({"cannot be built: the output of stage3 is smaller than its kernel", 12, {}});
    if (r.candidates.empty()) {
      r.rejections.clear();
      return;
    }
    std::vector<Point> good = points;
    std::vector<std::int64_t> good_evaluations;
    std::erase_if(good, [](const Point& p) { return std::isnan(p.score); });
    for (const ReportCandidate& c : r.candidates)
      if (c.status.empty()) good_evaluations.push_back(c.evaluation);
    for (const int i : pareto_front(good)) r.front.push_back(good_evaluations[static_cast<std::size_t>(i)]);
    for (const int i : choose_shortlist(good, settings_.shortlist))
      chosen_.push_back(good_evaluations[static_cast<std::size_t>(i)]);
    const RunConvergence convergence = run_convergence(points);
    for (const ConvergenceStep& step : convergence.steps)
      r.convergence.push_back({step.evaluated, step.best_score, step.hypervolume_share});
    r.reached_90 = convergence.reached_90;
    r.reached_full = convergence.reached_full;
    r.reached_best = convergence.reached_best;
    for (int g = 0; g * 16 < settings_.candidates; ++g) {
      const std::int64_t evaluated = std::min<std::int64_t>(16 * (g + 1), r.evaluated);
      r.generations.push_back({g, evaluated, evaluated * 3, evaluated / 5, evaluated / 50,
                               0.005 * static_cast<double>(evaluated),
                               1 + static_cast<std::int64_t>(6 * std::log(1.0 + g))});
    }
    for (const Decision& decision : space_.decisions()) option_counts.push_back(decision.options.size());
    const Importance score = importance_of(option_counts, choices, scores);
    const Importance latency = importance_of(option_counts, choices, latencies);
    for (std::size_t i = 0; i < option_counts.size(); ++i)
      r.importance.push_back({space_.decisions()[i].name, score.shares[i], latency.shares[i]});
    std::ranges::sort(r.importance, std::greater{},
                      [](const ReportImportance& x) { return std::max(x.score_share, x.latency_share); });
    r.importance_score_r2 = score.r2;
    r.importance_latency_r2 = latency.r2;
    latency_shares_ = latency.shares;
  }

  ReportNetwork network(const ReportCandidate& candidate, int position) {
    const Candidate choices{candidate.choices};
    ReportNetwork n;
    n.candidate = candidate;
    n.text = to_text(space_, choices);
    n.position = position;
    n.explanation = explain_network(executed(space_.decode(choices)), estimator());
    if (!settings_.training) return n;
    ReportTraining training{"fashion-mnist epochs=5 batch=64 lr=0.1", "", 0, 66.0 + position, {}};
    const double top = 0.905 + 0.004 * random_.uniform() + 0.004 * (candidate.rank_score - 6);
    for (int epoch = 0; epoch < 5; ++epoch) {
      training.test_accuracy = top - 0.08 * std::exp(-epoch) + 0.004 * random_.normal();
      training.epochs.push_back(
          {epoch, 0.2 + 0.9 * std::exp(-0.7 * epoch), training.test_accuracy, 13.0 * (epoch + 1)});
    }
    n.training = training;
    return n;
  }

  void answer() {
    for (const std::int64_t evaluation : chosen_) {
      report_.shortlist.push_back(network(report_.candidates[static_cast<std::size_t>(evaluation)],
                                          static_cast<int>(report_.shortlist.size()) + 1));
      const auto accuracy = [&](std::size_t i) {
        const auto& training = report_.shortlist[i].training;
        return training ? training->test_accuracy : 0;
      };
      if (const std::size_t last = report_.shortlist.size() - 1; accuracy(last) > accuracy(report_.winner))
        report_.winner = last;
    }
    if (settings_.baseline && !report_.candidates.empty()) {
      // An ordinary one: dearer than most.
      std::vector<ReportCandidate> some;
      for (int i = 0; i < 40; ++i) some.push_back(evaluated(-1, affordable()));
      ReportCandidate candidate =
          std::ranges::max(some, {}, [&](const ReportCandidate& c) { return cost(c); });
      candidate.status.clear();
      candidate.rank_score = std::log10(1.0 + static_cast<double>(candidate.macs)) - 0.5;
      report_.baseline = network(candidate, 0);
    }
  }

  void slices() {
    if (report_.shortlist.empty()) return;
    const Candidate centre{report_.shortlist[0].candidate.choices};
    const auto pair = choose_grid_decisions(space_, centre, latency_shares_, estimator());
    if (!pair) return;
    const DecisionGrid grid = decision_grid(space_, centre, pair->first, pair->second, estimator());
    ReportSlice slice;
    const auto options = [&](std::size_t decision, const std::vector<std::uint16_t>& indices) {
      std::vector<std::string> texts;
      for (const std::uint16_t i : indices) texts.push_back(space_.decisions()[decision].options[i]);
      return texts;
    };
    slice.title = "MACs";
    slice.unit = "MACs";
    slice.row_decision = space_.decisions()[pair->first].name;
    slice.column_decision = space_.decisions()[pair->second].name;
    slice.row_options = options(pair->first, grid.row_options);
    slice.column_options = options(pair->second, grid.column_options);
    slice.values = grid.macs;
    report_.slices.push_back(slice);
    if (!settings_.accelerator) return;
    slice.title = "latency";
    slice.unit = "ms";
    slice.values = grid.latency_ms;
    const StepShares steps = step_shares(grid.macs, grid.latency_ms);
    slice.rising_share = steps.rising;
    slice.flat_share = steps.flat;
    report_.slices.push_back(slice);
    // Stands for a curated space: fewer options.
    slice.title = "latency, curated space";
    for (std::size_t row = slice.row_options.size(); row-- > 0;)
      if (row % 2 == 0 && slice.row_options.size() > 2) {
        slice.row_options.erase(slice.row_options.begin() + static_cast<std::ptrdiff_t>(row));
        slice.values.erase(slice.values.begin() + static_cast<std::ptrdiff_t>(row));
      }
    slice.rising_share = 0;
    report_.slices.push_back(slice);
  }

  ReportSettings settings_;
  Space space_;
  Estimator estimator_;
  Random random_{1, Purpose::sample};
  RunReport report_;
  std::vector<std::int64_t> chosen_;
  std::vector<double> latency_shares_;
};

inline RunReport sample_report(const ReportSettings& settings = {}) {
  return ReportMaker(settings).report();
}

}  // namespace report_test
