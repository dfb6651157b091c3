#include "advise_report.hpp"

#include "assay/base/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// 0.12 more is "+12 %"; what is below a promille is the same.
std::string change_text(double from, double to) {
  if (from == to) return "same";
  const double change = 100 * (to / from - 1);
  return std::abs(change) < 0.1 ? "same" : fmt::format("{:+.1f} %", change);
}

std::string score_change(double from, double to) {
  return std::isfinite(to) ? fmt::format("{:+.3f}", to - from) : "";
}

std::string lanes_text(const Effect& effect) {
  if (effect.after.empty()) return fmt::format("{:.0f} -> none", 100 * effect.lanes_before);
  return fmt::format("{:.0f} -> {:.0f} %", 100 * effect.lanes_before, 100 * effect.lanes_after);
}

// --- for machines

std::string one_line(const std::vector<SubgraphCount>& subgraphs) {
  std::vector<std::string> texts;
  for (const SubgraphCount& subgraph : subgraphs) texts.push_back(to_text(subgraph));
  return fmt::format("{}", fmt::join(texts, "; "));
}

Cell number_or_none(double value) {
  return std::isfinite(value) ? Cell(significant(value)) : Cell();
}

// `before`: the network that the step was applied to.
void add_row(Table& table, const AdviceReport& report, const char* part, std::int64_t number,
             const Trial* trial, const NetworkFigures& before, double score_before,
             const NetworkFigures& figures) {
  const NetworkFigures& original = report.plan.original;
  std::vector<Cell> row = {std::string(part), number};
  if (trial != nullptr) {
    row.insert(row.end(),
               {trial->step.text(), std::string(to_string(trial->step.kind)), trial->step.site,
                trial->step.value, trial->step.what, std::string(to_string(trial->verdict)), trial->allowed});
  } else {
    row.resize(row.size() + 7);
  }
  row.insert(row.end(), {significant(figures.latency_ms), significant(figures.latency_low_ms),
                         significant(figures.latency_high_ms), figures.extrapolated,
                         significant(percent(figures.latency_ms / before.latency_ms - 1)),
                         significant(percent(1 - figures.latency_ms / original.latency_ms)),
                         figures.peak_memory_bytes, figures.params, figures.macs,
                         number_or_none(figures.score), number_or_none(figures.score - score_before)});
  for (std::size_t i = 0; i < report.scores.size(); ++i)
    row.push_back(i < figures.scores.size() ? number_or_none(figures.scores[i]) : Cell());
  if (trial != nullptr) {
    const Effect& effect = trial->effect;
    for (const double share :
         {effect.lanes_before, effect.lanes_after, effect.network_lanes_before, effect.network_lanes_after})
      row.emplace_back(significant(percent(share)));
    row.emplace_back(one_line(effect.before));
    row.emplace_back(one_line(effect.after));
  } else {
    row.resize(row.size() + 6);
  }
  table.rows.push_back(std::move(row));
}

// --- for people

const std::vector<Column>& step_columns() {
  static const std::vector<Column> columns = {
      {"step", "step", Style::text},        {"latency", "latency (ms)", Style::latency},
      {"change", "by this", Style::number}, {"saved", "in all", Style::number},
      {"lanes", "lanes", Style::number},    {"memory", "memory", Style::bytes},
      {"params", "params", Style::count},   {"macs", "MACs", Style::count},
      {"score", "rank score", Style::fixed}};
  return columns;
}

std::vector<Cell> step_row(const std::string& step, const NetworkFigures& figures,
                           const NetworkFigures& before, const NetworkFigures& original, double lanes) {
  return {step,
          figures.latency_ms,
          change_text(before.latency_ms, figures.latency_ms),
          change_text(original.latency_ms, figures.latency_ms),
          fmt::format("{:.0f} %", 100 * lanes),
          figures.peak_memory_bytes,
          figures.params,
          figures.macs,
          figures.score};
}

// "   before  ..." with one subgraph a line.
std::string side_text(const char* heading, const std::vector<SubgraphCount>& subgraphs, std::size_t most) {
  std::string text;
  const auto line = [&](const std::string& content) {
    text += fmt::format("   {:<8}{}\n", text.empty() ? heading : "", content);
  };
  const std::size_t shown = subgraphs.size() <= most + 1 ? subgraphs.size() : most;
  for (std::size_t i = 0; i < shown; ++i) line(to_text(subgraphs[i]));
  if (subgraphs.empty()) line("nothing");
  if (shown == subgraphs.size()) return text;
  double rest = 0;
  for (std::size_t i = shown; i < subgraphs.size(); ++i) rest += subgraphs[i].latency_ms;
  line(fmt::format("and {} others: {:.3g} ms", subgraphs.size() - shown, rest));
  return text;
}

std::string explanation(const std::string& heading, const Trial& trial, std::size_t most) {
  return fmt::format("{}\n   {}; lanes {}\n", heading, trial.step.what, lanes_text(trial.effect)) +
         side_text("before", trial.effect.before, most) + side_text("after", trial.effect.after, most);
}

std::string taken_text(const RewritePlan& plan, int width, bool colour) {
  Table table{.columns = step_columns(), .rows = {}};
  const double lanes = plan.alone.empty() ? 0 : plan.alone[0].effect.network_lanes_before;
  table.rows.push_back(step_row("original", plan.original, plan.original, plan.original, lanes));
  const NetworkFigures* before = &plan.original;
  std::string why;
  for (std::size_t i = 0; i < plan.taken.size(); ++i) {
    const Trial& trial = plan.taken[i];
    const std::string heading = fmt::format("{} {}", i + 1, trial.step.text());
    table.rows.push_back(
        step_row(heading, trial.figures, *before, plan.original, trial.effect.network_lanes_after));
    before = &trial.figures;
    constexpr std::size_t most = 3;
    why += "\n" + explanation(heading, trial, most);
  }
  return table.to_text(width, colour) + why;
}

std::string reason(const Trial& trial) {
  return trial.allowed ? std::string(to_string(trial.verdict)) : "not allowed";
}

// `score`: quick, of the network that the steps were tried on.
Table trial_table(std::span<const Trial* const> trials, const NetworkFigures& now, double score) {
  Table table{.columns = {{"step", "step", Style::text},
                          {"verdict", "verdict", Style::text},
                          {"latency", "latency", Style::number},
                          {"score", "rank score", Style::number},
                          {"memory", "memory", Style::number},
                          {"params", "params", Style::number},
                          {"lanes", "lanes", Style::number},
                          {"what", "what", Style::text}},
              .rows = {}};
  for (const Trial* trial : trials) {
    const NetworkFigures& then = trial->figures;
    const auto ratio = [](std::int64_t from, std::int64_t to) {
      return change_text(static_cast<double>(from), static_cast<double>(to));
    };
    table.rows.push_back({trial->step.text(), reason(*trial), change_text(now.latency_ms, then.latency_ms),
                          score_change(score, then.score),
                          ratio(now.peak_memory_bytes, then.peak_memory_bytes),
                          ratio(now.params, then.params), lanes_text(trial->effect), trial->step.what});
  }
  return table;
}

std::vector<const Trial*> by_gain(const std::vector<Trial>& trials) {
  std::vector<const Trial*> order;
  for (const Trial& trial : trials) order.push_back(&trial);
  std::ranges::stable_sort(order, {}, [](const Trial* trial) { return trial->figures.latency_ms; });
  return order;
}

// Of every kind of rewrite its most telling failure, then the second of every kind, and so on: what is worse
// by most first, then what would have gained most had the score allowed it.
std::vector<const Trial*> most_instructive(const std::vector<Trial>& rejected, std::size_t most) {
  std::map<RewriteKind, std::vector<const Trial*>> by_kind;
  for (const Trial& trial : rejected)
    if (trial.allowed && trial.verdict != Verdict::no_gain) by_kind[trial.step.kind].push_back(&trial);
  // Blocks that are built alike tell the same story.
  const auto alike = [](const Trial* a, const Trial* b) {
    return a->step.what == b->step.what &&
           significant(a->figures.latency_ms) == significant(b->figures.latency_ms);
  };
  for (auto& [kind, trials] : by_kind) {
    std::ranges::stable_sort(trials, [](const Trial* a, const Trial* b) {
      if ((a->verdict == Verdict::worse) != (b->verdict == Verdict::worse))
        return a->verdict == Verdict::worse;
      const bool worse = a->verdict == Verdict::worse;
      return worse ? a->figures.latency_ms > b->figures.latency_ms
                   : a->figures.latency_ms < b->figures.latency_ms;
    });
    trials.erase(std::ranges::unique(trials, alike).begin(), trials.end());
  }
  std::vector<const Trial*> chosen;
  for (std::size_t rank = 0; chosen.size() < most; ++rank) {
    const std::size_t before = chosen.size();
    for (const auto& [kind, trials] : by_kind)
      if (rank < trials.size() && chosen.size() < most) chosen.push_back(trials[rank]);
    if (chosen.size() == before) break;
  }
  return chosen;
}

}  // namespace

Table advice_table(const AdviceReport& report) {
  const RewritePlan& plan = report.plan;
  Table table;
  const auto column = [&](const std::string& key) { table.columns.push_back({key, key, Style::number}); };
  for (const char* key : {"part",           "number",
                          "step",           "rewrite",
                          "site",           "value",
                          "what",           "verdict",
                          "allowed",        "latency_ms",
                          "latency_low_ms", "latency_high_ms",
                          "extrapolated",   "latency_change_percent",
                          "saved_percent",  "peak_memory_bytes",
                          "params",         "macs",
                          "rank_score",     "rank_score_change"})
    column(key);
  for (const std::string& score : report.scores) column(score);
  for (const char* key : {"lane_efficiency_before_percent", "lane_efficiency_after_percent",
                          "network_lane_efficiency_before_percent", "network_lane_efficiency_after_percent",
                          "subgraphs_before", "subgraphs_after"})
    column(key);
  add_row(table, report, "original", 0, nullptr, plan.original, plan.original.score, plan.original);
  std::int64_t number = 0;
  for (const Trial& trial : plan.alone)
    add_row(table, report, "alone", ++number, &trial, plan.original, plan.quick_score_of_original,
            trial.figures);
  const NetworkFigures* before = &plan.original;
  number = 0;
  for (const Trial& trial : plan.taken) {
    add_row(table, report, "taken", ++number, &trial, *before, before->score, trial.figures);
    before = &trial.figures;
  }
  number = 0;
  for (const Trial& trial : plan.rejected)
    add_row(table, report, "rejected", ++number, &trial, *before, plan.quick_score_of_result, trial.figures);
  return table;
}

std::string advice_text(const AdviceReport& report, bool list, int width, bool colour) {
  const RewritePlan& plan = report.plan;
  const NetworkFigures &from = plan.original, &to = plan.result();
  std::string text;
  if (list) {
    text += fmt::format("{} on {}: {} ms, rank score {:.3f}. Each step alone:\n\n", report.source,
                        report.hardware, human_milliseconds(from.latency_ms), from.score);
    return text + trial_table(by_gain(plan.alone), from, plan.quick_score_of_original).to_text(width, colour);
  }
  text += fmt::format(
      "{} on {}: {} -> {} ms ({}), memory {}, rank score {:.3f} -> {:.3f}\n\n", report.source,
      report.hardware, human_milliseconds(from.latency_ms), human_milliseconds(to.latency_ms),
      change_text(from.latency_ms, to.latency_ms),
      change_text(static_cast<double>(from.peak_memory_bytes), static_cast<double>(to.peak_memory_bytes)),
      from.score, to.score);
  text += taken_text(plan, width, colour);
  const std::vector<const Trial*> rejected = most_instructive(plan.rejected, report.tried);
  if (rejected.empty()) return text;
  text +=
      fmt::format("\nTried on the result and left ({} of {}):\n\n", rejected.size(), plan.rejected.size());
  text += trial_table(rejected, to, plan.quick_score_of_result).to_text(width, colour);
  constexpr std::size_t most = 2;
  for (const Trial* trial : rejected) text += "\n" + explanation(trial->step.text(), *trial, most);
  return text;
}

}  // namespace assay::cli
