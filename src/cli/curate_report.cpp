#include "curate_report.hpp"

#include "assay/base/text.hpp"

#include <cmath>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// A measure of both spaces.
struct Measure {
  std::string key;      // in CSV and JSON
  std::string heading;  // for people
  Style style;
  Cell before, after;
};

Cell size_of(const Space& space) {
  const std::string digits = space.size().digits;
  if (const auto exact = parse_integer(digits)) return *exact;
  return parse_number(digits).value();  // more than 64 bits hold
}

std::vector<Measure> measures(const CurationReport& report) {
  const Landscape &b = report.before, &a = report.after;
  const auto count = [](std::int64_t value) { return Cell(value); };
  std::vector<Measure> rows = {
      {"candidates", "candidates", Style::count, size_of(report.original), size_of(report.curated)},
      {"steps", "single steps looked at", Style::count, count(b.steps), count(a.steps)},
      {"monotone_percent", "less work is not slower", Style::percent, percent(b.monotone_share()),
       percent(a.monotone_share())},
      {"rising_percent", "less work is slower", Style::percent, percent(1 - b.monotone_share()),
       percent(1 - a.monotone_share())},
      {"flat_percent", "less work is as slow", Style::percent, percent(b.flat_share()),
       percent(a.flat_share())},
      {"spearman", "MACs with latency: rank correlation", Style::fixed, significant(b.spearman),
       significant(a.spearman)},
      {"pearson", "MACs with latency: Pearson", Style::fixed, significant(b.pearson), significant(a.pearson)},
      {"median_latency_ms", "median latency (ms)", Style::number, significant(b.median_latency_ms),
       significant(a.median_latency_ms)},
      {"descents", "random descents of latency", Style::number, count(b.descents), count(a.descents)},
      {"local_minima", "local minima that they end in", Style::number, count(b.minima), count(a.minima)},
      {"descent_excess_percent", "their median above the best", Style::percent, significant(b.excess_percent),
       significant(a.excess_percent)}};
  if (const auto& c = report.convergence) {
    rows.push_back({"evaluations_to_target", "evaluations to the target, median", Style::number,
                    c->original.median_evaluations, c->curated.median_evaluations});
    rows.push_back({"seeds_that_reach_target", "searches that reach it", Style::number,
                    count(c->original.reached), count(c->curated.reached)});
    rows.push_back({"best_score", "best score, median", Style::number, significant(c->original.median_best),
                    significant(c->curated.median_best)});
  }
  return rows;
}

std::string lanes_sentence(const LaneStructure& lanes) {
  if (lanes.lanes == 0) {
    return fmt::format("no lanes: latency climbs evenly with the channels of {} subgraphs", lanes.subgraphs);
  }
  const auto part = [](int count, const char* what, double share) {
    return count > 0 ? fmt::format("{} {} channels ({:.0f} % of the climb)", count, what, 100 * share)
                     : fmt::format("no step along {} channels", what);
  };
  return fmt::format("{} lanes: latency steps up behind multiples of {} and {}, over {} subgraphs",
                     lanes.lanes, part(lanes.input_lanes, "input", lanes.input_stepped_share),
                     part(lanes.output_lanes, "output", lanes.output_stepped_share), lanes.subgraphs);
}

std::string convergence_sentence(const Convergence& c, int seeds) {
  return fmt::format(
      "{} searches in each space for the highest capacity within {:.4g} ms, {} evaluations each; the target "
      "of "
      "{:.4f} is what more than half of the original's reach.",
      seeds, c.max_latency_ms, c.budget, c.target);
}

}  // namespace

Table curation_table(const CurationReport& report) {
  Table table{.columns = {{"part", "part", Style::text},
                          {"name", "name", Style::text},
                          {"before", "before", Style::text},
                          {"after", "after", Style::text},
                          {"note", "note", Style::text}},
              .rows = {}};
  const LaneStructure& lanes = report.curation.lanes;
  table.rows.push_back({std::string("accelerator"),
                        std::string("lanes"),
                        {},
                        std::int64_t{lanes.lanes},
                        lanes_sentence(lanes)});
  for (const CuratedDecision& decision : report.curation.decisions) {
    // Every decision that shares the options has a row of its own.
    const std::vector<std::string> names =
        decision.decisions.empty() ? std::vector{decision.name} : decision.decisions;
    for (const std::string& name : names) {
      table.rows.push_back({std::string("decision"), name, join(decision.before, " "),
                            join(decision.after, " "), join(decision.reasons, "; ")});
    }
  }
  for (const Measure& measure : measures(report))
    table.rows.push_back({std::string("landscape"), measure.key, measure.before, measure.after, {}});
  for (auto& row : table.rows) {
    const auto& name = std::get<std::string>(row[1]);
    if (name == "evaluations_to_target" || name == "seeds_that_reach_target" || name == "best_score")
      row[0] = std::string("convergence");
  }
  return table;
}

std::string curation_text(const CurationReport& report, int width, bool colour) {
  const Curation& curation = report.curation;
  std::string text = fmt::format("{} on {}: {}\n\n", report.original.name(), report.hardware,
                                 lanes_sentence(curation.lanes));
  if (curation.changed()) {
    Table decisions{.columns = {{"decision", "decision", Style::text},
                                {"before", "before", Style::text},
                                {"after", "after", Style::text}},
                    .rows = {}};
    std::string reasons;
    for (const CuratedDecision& decision : curation.decisions) {
      const std::string name = decision.decisions.size() > 1 ? fmt::format("{} (and {} more)", decision.name,
                                                                           decision.decisions.size() - 1)
                                                             : decision.name;
      decisions.rows.push_back({name, join(decision.before, " "), join(decision.after, " ")});
      reasons += decision.name + "\n";
      for (const std::string& reason : decision.reasons) reasons += "  " + reason + "\n";
    }
    text += decisions.to_text(width, colour) + "\n" + reasons + "\n";
  }
  Table numbers{.columns = {{"measure", "", Style::text},
                            {"before", "before", Style::text},
                            {"after", "after", Style::text}},
                .rows = {}};
  numbers.columns[0].heading = "landscape";
  for (const Measure& measure : measures(report))
    numbers.rows.push_back(
        {measure.heading, readable(measure.before, measure.style), readable(measure.after, measure.style)});
  text += numbers.to_text(width, colour);
  if (const auto& c = report.convergence) {
    text += fmt::format("\n{}\n", convergence_sentence(*c, static_cast<int>(c->original.best.size())));
    if (c->curated.reached * 2 > static_cast<int>(c->curated.best.size()))
      text +=
          fmt::format("The curated space gets there with {:.2g} times fewer evaluations.\n", c->speedup());
  }
  return text;
}

std::vector<std::string> setbacks(const CurationReport& report) {
  std::vector<std::string> found;
  const Landscape &b = report.before, &a = report.after;
  if (a.monotone_share() < b.monotone_share() - 0.001) {
    found.push_back(fmt::format("less work is slower in {:.1f} % of the steps, before in {:.1f} %",
                                100 * (1 - a.monotone_share()), 100 * (1 - b.monotone_share())));
  }
  if (a.spearman < b.spearman - 0.01) {
    found.push_back(fmt::format("the rank correlation of MACs with latency fell from {:.3f} to {:.3f}",
                                b.spearman, a.spearman));
  }
  if (a.descents > 0 && b.descents > 0 && a.best_latency_ms > b.best_latency_ms * 1.01) {
    found.push_back(fmt::format(
        "at {} MACs or more the fastest network that descents find takes {:.4g} ms, before {:.4g} ms",
        human_count(static_cast<double>(b.least_macs)), a.best_latency_ms, b.best_latency_ms));
  }
  if (const auto& c = report.convergence) {
    const int seeds = static_cast<int>(c->curated.best.size());
    if (c->curated.reached == 0) {
      found.push_back(
          "no search in the curated space reaches the original's target: it lacks networks that the original "
          "has");
    } else if (c->curated.median_evaluations > c->original.median_evaluations) {
      found.push_back(fmt::format(
          "searches take more evaluations to the target ({:.4g} instead of {:.4g}; {} of {} get there)",
          c->curated.median_evaluations, c->original.median_evaluations, c->curated.reached, seeds));
    }
  }
  return found;
}

}  // namespace assay::cli
