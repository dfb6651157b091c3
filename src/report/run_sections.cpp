#include "run_sections.hpp"

#include "assay/base/text.hpp"
#include "assay/explain/network_words.hpp"
#include "assay/report/shortlist_table.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::size_t most_rows = 10;  // of what is only a part of the story

std::string bytes_text(double bytes) {
  return human_bytes(static_cast<std::uint64_t>(bytes));
}

std::string percent_text(double share) {
  return fmt::format("{:.{}f} %", 100 * share, std::abs(share) < 0.0995 ? 1 : 0);
}

std::string count_text(std::int64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = std::ssize(digits) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string plural(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string budget_text(const RunReport& report) {
  std::vector<std::string> limits;
  for (const auto& [metric, limit] : report.budgets) {
    limits.push_back(metric == "latency_ms" ? fmt::format("{:.4g} ms", limit)
                     : metric == "peak_memory_bytes"
                         ? bytes_text(limit)
                         : human_count(limit) + (metric == "macs" ? " MACs" : " parameters"));
  }
  return limits.empty() ? "" : " under " + join(limits, ", ");
}

// "0.432 ms" or "2.5M MACs".
std::string cost_text(const RunReport& report, const ReportCandidate& candidate) {
  return report.cost == "latency_ms" ? fmt::format("{:.4g} ms", candidate.latency_ms)
                                     : human_count(static_cast<double>(candidate.macs)) + " MACs";
}

// "43 % less latency than the baseline", "as many MACs as the baseline".
std::string compared_text(const RunReport& report, const ReportCandidate& best, const ReportCandidate& base) {
  const bool time = report.cost == "latency_ms";
  const double ratio = time ? best.latency_ms / base.latency_ms
                            : static_cast<double>(best.macs) / static_cast<double>(base.macs);
  const char* less = time ? "less latency" : "fewer MACs";
  const char* more = time ? "more latency" : "more MACs";
  if (std::abs(ratio - 1) < 5e-4)
    return fmt::format("as {} as the baseline", time ? "much latency" : "many MACs");
  return fmt::format("{} {} than the baseline", percent_text(std::abs(1 - ratio)), ratio < 1 ? less : more);
}

std::string state_sentence(const RunReport& report) {
  if (report.state == "finished") return "";
  const std::string note = report.state_note.empty() ? "" : fmt::format(" ({})", report.state_note);
  const std::string far = fmt::format("so far {} evaluated", plural(report.evaluated, "candidate"));
  if (report.state == "running") return fmt::format("The run is going on{}: {}.", note, far);
  if (report.state == "killed")
    return fmt::format("The run was killed{}: {}. Continue it with --resume.", note, far);
  if (report.state == "failed") {
    return fmt::format("The run failed after {}: {}{}", plural(report.evaluated, "evaluation"),
                       report.state_note, report.state_note.ends_with('.') ? "" : ".");
  }
  return fmt::format("The run is {}{}: {}. Continue it with --resume.", report.state, note, far);
}

RunSection answer(const RunReport& report) {
  RunSection section;
  if (report.shortlist.empty()) {
    section.sentences.push_back(
        report.evaluated == 0 ? fmt::format("Nothing has been evaluated in {} yet.", report.space_name)
                              : fmt::format("None of the {} evaluated candidates of {} could be scored.",
                                            count_text(report.evaluated), report.space_name));
  } else {
    const ReportNetwork& winner = report.shortlist[report.winner];
    const ReportCandidate& best = winner.candidate;
    const auto accuracy = [](const ReportNetwork& network) {
      return network.training ? network.training->test_accuracy : std::nan("");
    };
    const double reached = accuracy(winner);
    std::string text = fmt::format(
        "The {} network of {}{}{}, #{}, has a rank score of {:.4g}{} at {}",
        std::isfinite(reached) ? "most accurate" : "best", report.space_name, budget_text(report),
        report.accelerator_name.empty() ? "" : " on " + report.accelerator_name, winner.position,
        best.rank_score, report.ranked && best.rank_score == 0 ? " (the best in every score)" : "",
        cost_text(report, best));
    if (report.baseline) {
      const ReportCandidate& base = report.baseline->candidate;
      text += fmt::format(", with {}", compared_text(report, best, base));
      if (std::isfinite(base.rank_score)) text += fmt::format(" (rank score {:.4g})", base.rank_score);
    }
    if (std::isfinite(reached)) {
      text += fmt::format("; trained, it reaches {:.2f} % test accuracy", 100 * reached);
      if (report.baseline && std::isfinite(accuracy(*report.baseline))) {
        const double more = 100 * (reached - accuracy(*report.baseline));
        text +=
            fmt::format(", {:.2f} points {} than the baseline", std::abs(more), more < 0 ? "less" : "more");
      }
    }
    section.sentences.push_back(text + ".");
  }
  if (const std::string state = state_sentence(report); !state.empty()) section.sentences.push_back(state);
  if (!report.shortlist.empty() || report.baseline) section.table = shortlist_table(report, true);
  return section;
}

RunSection candidates(const RunReport& report) {
  RunSection section{.title = "Candidates", .sentences = {}, .table = {}, .lines = {}};
  for (const ReportNetwork& network : report.shortlist)
    section.lines.push_back(fmt::format("#{:<3} {}", network.position, network.text));
  if (report.baseline) section.lines.push_back("baseline " + report.baseline->text);
  return section;
}

RunSection winner(const RunReport& report) {
  const NetworkExplanation& explanation = report.shortlist[report.winner].explanation;
  RunSection section{.title = "The winner", .sentences = describe(explanation), .table = {}, .lines = {}};
  if (!std::isfinite(explanation.latency_ms)) return section;
  std::vector<const ExplainedSubgraph*> parts;
  for (const ExplainedSubgraph& part : explanation.subgraphs) parts.push_back(&part);
  std::ranges::stable_sort(parts, std::ranges::greater{}, [](const auto* part) { return part->latency_ms; });
  parts.resize(std::min(parts.size(), most_rows));
  section.table = Table{.columns = {{"name", "slowest subgraphs", Style::text},
                                    {"brief", "", Style::text},
                                    {"latency_ms", "ms", Style::number},
                                    {"share_percent", "share", Style::percent},
                                    {"lane_efficiency_percent", "lanes", Style::percent},
                                    {"bound", "bound by", Style::text},
                                    {"advice", "what would make it faster", Style::text}},
                        .rows = {}};
  section.table->columns[1].heading = "what";
  for (const ExplainedSubgraph* part : parts) {
    section.table->rows.push_back({part->name, part->brief, part->latency_ms, percent(part->share),
                                   percent(part->lane_efficiency), part->bound, part->advice});
  }
  return section;
}

RunSection importance(const RunReport& report) {
  const char* cost = report.cost == "latency_ms" ? "latency" : "MACs";
  RunSection section{.title = "Decisions that matter", .sentences = {}, .table = {}, .lines = {}};
  const auto explained = [](double r2) {
    return std::isfinite(r2) ? percent_text(std::clamp(r2, 0.0, 1.0)) : std::string("nothing");
  };
  section.sentences.push_back(fmt::format(
      "By themselves, decisions explain {} of the variance of log {} over the space and {} of that of the "
      "rank score over the evaluated candidates.",
      explained(report.importance_latency_r2), cost, explained(report.importance_score_r2)));
  section.table = Table{.columns = {{"decision", "decision", Style::text},
                                    {"latency_share", fmt::format("share of {}", cost), Style::percent},
                                    {"score_share", "share of the rank score", Style::percent}},
                        .rows = {}};
  for (const ReportImportance& row : report.importance) {
    if (section.table->rows.size() == most_rows) break;
    section.table->rows.push_back({row.decision, percent(row.latency_share), percent(row.score_share)});
  }
  return section;
}

RunSection landscape(const RunReport& report) {
  RunSection section{.title = "Landscape", .sentences = {}, .table = {}, .lines = {}};
  const ReportSlice& first = report.slices[0];
  section.sentences.push_back(
      fmt::format("Over {} and {}, all else as in the winner:", first.row_decision, first.column_decision));
  section.table = Table{.columns = {{"title", "value", Style::text},
                                    {"options", "options", Style::text},
                                    {"rising_percent", "steps to less work that raise it", Style::percent},
                                    {"flat_percent", "that leave it", Style::percent}},
                        .rows = {}};
  for (const ReportSlice& slice : report.slices) {
    section.table->rows.push_back(
        {slice.title, fmt::format("{} x {}", slice.row_options.size(), slice.column_options.size()),
         percent(slice.rising_share), percent(slice.flat_share)});
  }
  return section;
}

// With the unit of the metric that the reason names.
std::string smallest_text(const ReportRejection& row) {
  if (row.reason == "latency") return fmt::format("{:.4g} ms", *row.smallest);
  if (row.reason == "memory") return bytes_text(*row.smallest);
  return human_count(*row.smallest);
}

RunSection search(const RunReport& report) {
  RunSection section{.title = "Search", .sentences = {}, .table = {}, .lines = {}};
  section.sentences.push_back(
      fmt::format("{} proposed, {}, {} evaluated, {} of them failed to be scored; {} on the Pareto front.",
                  count_text(report.proposed), plural(report.duplicates, "duplicate"),
                  count_text(report.evaluated), count_text(report.failed), report.front.size()));
  if (report.reached_90 && report.reached_full && report.reached_best && report.convergence.size() > 1) {
    section.sentences.push_back(fmt::format(
        "90 % of the area that the front dominates was reached after {}, all of it after {}, the best rank "
        "score after {}.",
        plural(*report.reached_90, "evaluation"), count_text(*report.reached_full),
        count_text(*report.reached_best)));
  }
  if (report.rejections.empty()) return section;
  section.table = Table{.columns = {{"reason", "rejected for", Style::text},
                                    {"count", "candidates", Style::number},
                                    {"smallest", "smallest of all proposed", Style::text}},
                        .rows = {}};
  for (const ReportRejection& row : report.rejections) {
    if (section.table->rows.size() == most_rows) break;
    section.table->rows.push_back({row.reason, row.count, row.smallest ? Cell(smallest_text(row)) : Cell()});
  }
  return section;
}

RunSection facts(const RunReport& report) {
  RunSection section{.title = "The run", .sentences = {}, .table = {}, .lines = {}};
  section.sentences.push_back(fmt::format(
      "{}: {}, begun {}, seed {}; space {} ({}){}.", report.journal, report.state, report.created_utc,
      report.seed, report.space_name, report.space_fingerprint,
      report.accelerator_name.empty()
          ? std::string()
          : fmt::format("; accelerator {} ({})", report.accelerator_name, report.accelerator_fingerprint)));
  section.sentences.push_back("Settings: " + report.settings_json);
  for (const ReportSession& session : report.sessions) {
    section.sentences.push_back(fmt::format(
        "{}: {} by assay {} on {} ({}; {}; {}){}.", session.started_utc, human_duration(session.seconds),
        session.assay_version, session.hardware, session.isa, session.libraries,
        plural(session.workers, "worker"), session.end.empty() ? std::string() : ", " + session.end));
    while (section.sentences.back().ends_with("..")) section.sentences.back().pop_back();
    section.lines.push_back(session.command);
  }
  if (!report.repeat.empty() && report.repeat != section.lines.back()) {
    section.lines.emplace_back("# to repeat it as a new run:");
    section.lines.push_back(report.repeat);
  }
  section.sentences.insert(section.sentences.end(), report.notes.begin(), report.notes.end());
  return section;
}

}  // namespace

std::vector<RunSection> run_sections(const RunReport& report) {
  std::vector<RunSection> sections = {answer(report)};
  if (!report.shortlist.empty()) sections.push_back(candidates(report));
  if (!report.shortlist.empty() && !report.shortlist[report.winner].explanation.subgraphs.empty())
    sections.push_back(winner(report));
  if (!report.importance.empty()) sections.push_back(importance(report));
  if (!report.slices.empty()) sections.push_back(landscape(report));
  sections.push_back(search(report));
  sections.push_back(facts(report));
  return sections;
}

}  // namespace assay
