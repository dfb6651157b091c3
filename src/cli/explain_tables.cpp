#include "explain_tables.hpp"

#include "assay/base/text.hpp"
#include "assay/explain/network_words.hpp"

#include "layer_report.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include <fmt/format.h>

namespace assay::cli {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

Cell count_or_none(int count) {
  return count > 0 ? Cell(std::int64_t{count}) : Cell();
}

std::string inputs_text(const ExplainedSubgraph& part) {
  std::vector<std::string> inputs;
  for (const int input : part.inputs) inputs.push_back(input < 0 ? "input" : std::to_string(input));
  return join(inputs, " ");
}

const ExplainedSubgraph* part_of(const NetworkExplanation& explanation, int index) {
  return index < 0 ? nullptr : &explanation.subgraphs[static_cast<std::size_t>(index)];
}

using ShortNames = std::map<std::string, std::string, std::less<>>;

void add_names(const NetworkExplanation& explanation, std::vector<std::string>& names) {
  for (const ExplainedSubgraph& part : explanation.subgraphs) names.push_back(part.name);
}

// "+0.012", so that a difference is seen as one.
std::string signed_text(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:+.{}g}", value, digits) : "-";
}

}  // namespace

Table stage_table(const NetworkExplanation& explanation) {
  const bool time = std::isfinite(explanation.latency_ms);
  Table table{.columns = {{"stage", "stage", Style::text},
                          {"blocks", "blocks", Style::number},
                          {"subgraphs", "subgraphs", Style::number},
                          {"resolution", "gives", Style::text},
                          {"channels", "channels", Style::number},
                          {"widest", "widest", Style::number},
                          {"params", "params", Style::count},
                          {"macs", "MACs", Style::count},
                          {"latency_ms", time ? "ms" : "", Style::latency},
                          {"share_percent", time ? "share" : "", Style::percent}},
              .rows = {}};
  for (const NetworkStage& stage : stages_of(explanation)) {
    table.rows.push_back({stage.name, count_or_none(stage.blocks), std::int64_t{stage.subgraphs},
                          stage.resolution, std::int64_t{stage.channels}, std::int64_t{stage.widest},
                          stage.params, stage.macs, stage.latency_ms, percent(stage.share)});
  }
  return table;
}

Table subgraph_table(const NetworkExplanation& explanation, bool people) {
  if (people) {
    const bool time = std::isfinite(explanation.latency_ms);
    Table table{.columns = {{"name", "subgraph", Style::text},
                            {"brief", "what", Style::text},
                            {"params", "params", Style::count},
                            {"macs", "MACs", Style::count},
                            {"latency_ms", time ? "ms" : "", Style::text},
                            {"share_percent", time ? "share" : "", Style::percent},
                            {"lane_efficiency_percent", time ? "lanes" : "", Style::text},
                            {"bound", time ? "bound by" : "", Style::text},
                            {"advice", time ? "what would make it faster" : "", Style::text}},
                .rows = {}};
    std::vector<std::string> names;
    add_names(explanation, names);
    const ShortNames short_names = short_ends(names);
    for (const ExplainedSubgraph& part : explanation.subgraphs) {
      table.rows.push_back({short_names.at(part.name), part.brief, part.params, part.macs,
                            human_milliseconds(part.latency_ms, 4), percent(part.share),
                            fmt::format("{:.0f}%", 100 * part.lane_efficiency),
                            part.bound + (part.extrapolated ? " ?" : ""), part.advice});
    }
    return table;
  }
  Table table;
  for (const char* key :
       {"subgraph", "name", "kind", "operators", "shape", "inputs", "params", "macs", "output_bytes",
        "latency_ms", "share_percent", "lane_efficiency_percent", "bound", "extrapolated", "advice"})
    table.columns.push_back({key, key, Style::number});
  std::int64_t index = 0;
  for (const ExplainedSubgraph& part : explanation.subgraphs) {
    const bool time = std::isfinite(part.latency_ms);
    table.rows.push_back(
        {index++, part.name, part.kind, part.operators, part.shape, inputs_text(part), part.params, part.macs,
         part.output_bytes, time ? Cell(significant(part.latency_ms)) : Cell(), percent(part.share),
         percent(part.lane_efficiency), part.bound, time ? Cell(part.extrapolated) : Cell(), part.advice});
  }
  return table;
}

Table memory_table(const NetworkExplanation& explanation) {
  Table table{.columns = {{"step", "step", Style::number},
                          {"name", "while this runs", Style::text},
                          {"live_bytes", "alive", Style::bytes},
                          {"bar", "of the peak", Style::text}},
              .rows = {}};
  std::vector<std::string> names;
  for (const MemoryMoment& moment : explanation.memory) {
    names.push_back(moment.name);
    names.push_back(moment.last_name);
  }
  const ShortNames short_names = short_ends(names);
  std::int64_t step = 0;
  for (const MemoryMoment& moment : explanation.memory) {
    const bool peak = moment.live_bytes == explanation.peak_memory_bytes;
    const auto length =
        std::lround(30.0 * static_cast<double>(moment.live_bytes) /
                    static_cast<double>(std::max<std::int64_t>(explanation.peak_memory_bytes, 1)));
    std::string bar;
    for (long i = 0; i < length; ++i) bar += "█";
    std::string name = short_names.at(moment.name);
    if (moment.name != moment.last_name) name += " … " + short_names.at(moment.last_name);
    table.rows.push_back({++step, name, moment.live_bytes, bar + (peak ? " peak" : "")});
  }
  return table;
}

Table score_table(const ScoreStanding& standing) {
  const bool compared = standing.others > 0;
  Table table{.columns = {{"score", "score", Style::text},
                          {"value", "value", Style::number},
                          {"better_than_percent", compared ? "better than" : "", Style::percent},
                          {"contribution", "in the rank score", Style::text},
                          {"lift", compared ? "lifts it by" : "", Style::text}},
              .rows = {}};
  for (const ScorePart& part : standing.parts) {
    table.rows.push_back({part.score + (part.direction < 0 ? " (lower is better)" : ""), part.value,
                          percent(part.percentile), signed_text(part.contribution, 4),
                          signed_text(part.lift, 3)});
  }
  table.rows.push_back({std::string("rank score"), standing.rank_score, percent(standing.percentile),
                        std::string(), std::string()});
  return table;
}

std::vector<std::string> decision_lines(const Space& space, const Candidate& candidate) {
  constexpr std::size_t width = 100;
  std::vector<std::string> lines;
  std::string group, line;
  const auto flush = [&] {
    if (!line.empty()) lines.push_back(line);
    line.clear();
  };
  for (std::size_t d = 0; d < candidate.choices.size(); ++d) {
    const Decision& decision = space.decisions()[d];
    const std::size_t dot = decision.name.find('.');
    const std::string own_group = dot == std::string::npos ? "" : decision.name.substr(0, dot);
    const std::string text =
        fmt::format("{}={}", dot == std::string::npos ? decision.name : decision.name.substr(dot + 1),
                    decision.options[candidate.choices[d]]);
    if (own_group != group || line.size() + 1 + text.size() > width) {
      flush();
      line = fmt::format("{:<12}", own_group == group ? "" : own_group);
      group = own_group;
    } else if (line.empty()) {
      line = std::string(12, ' ');
    }
    line += " " + text;
  }
  flush();
  return lines;
}

Table totals_table(const NetworkExplanation& a, const NetworkExplanation& b) {
  Table table{.columns = {{"figure", "", Style::text},
                          {"a", "A", Style::text},
                          {"b", "B", Style::text},
                          {"change", "B - A", Style::text},
                          {"change_percent", "change", Style::percent}},
              .rows = {}};
  table.columns[0].heading = "total";
  const auto add = [&](const char* name, double before, double after, auto&& text) {
    if (!std::isfinite(before) || !std::isfinite(after)) return;
    const double change = after - before;
    table.rows.push_back({std::string(name), text(before), text(after),
                          (change < 0 ? "-" : "+") + text(std::abs(change)),
                          before != 0 ? Cell(percent(change / before)) : Cell()});
  };
  const auto milliseconds = [](double value) { return fmt::format("{:.4g} ms", value); };
  const auto bytes = [](double value) { return human_bytes(static_cast<std::uint64_t>(value)); };
  const auto whole = [](double value) { return fmt::format("{:.0f}", value); };
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  add("latency", a.latency_ms, b.latency_ms, milliseconds);
  add("peak memory", number(a.peak_memory_bytes), number(b.peak_memory_bytes), bytes);
  add("params", number(a.params), number(b.params), human_count);
  add("MACs", number(a.macs), number(b.macs), human_count);
  if (std::isfinite(a.lane_efficiency) && std::isfinite(b.lane_efficiency)) {
    const double points = 100 * (b.lane_efficiency - a.lane_efficiency);
    table.rows.push_back({std::string("lanes filled"), fmt::format("{:.1f} %", 100 * a.lane_efficiency),
                          fmt::format("{:.1f} %", 100 * b.lane_efficiency),
                          fmt::format("{:+.1f} points", points), Cell()});
  }
  add("subgraphs", number(std::ssize(a.subgraphs)), number(std::ssize(b.subgraphs)), whole);
  add("depth (operators)", a.depth, b.depth, whole);
  return table;
}

Table pair_table(const NetworkExplanation& a, const NetworkExplanation& b, const std::vector<PartPair>& pairs,
                 bool people) {
  const bool time = std::isfinite(a.latency_ms) && std::isfinite(b.latency_ms);
  const char* shown = time ? "A (ms)" : "";
  Table table{.columns = {{"change", "", Style::text},
                          {"a_name", "", Style::text},
                          {"a", "A", Style::text},
                          {"b_name", "", Style::text},
                          {"b", "B", Style::text},
                          {"a_latency_ms", shown, Style::text},
                          {"b_latency_ms", time ? "B (ms)" : "", Style::text},
                          {"latency_change_ms", time ? "B - A" : "", Style::text},
                          {"a_macs", time ? "" : "A (MACs)", Style::count},
                          {"b_macs", time ? "" : "B (MACs)", Style::count},
                          {"a_params", "", Style::count},
                          {"b_params", "", Style::count}},
              .rows = {}};
  table.columns[0].heading = "change";
  table.columns[1].heading = "subgraph";
  std::vector<std::string> names;
  add_names(a, names);
  add_names(b, names);
  const ShortNames short_names = short_ends(names);
  for (const PartPair& pair : pairs) {
    if (people && pair.change == PartChange::same) continue;
    const ExplainedSubgraph* in_a = part_of(a, pair.a);
    const ExplainedSubgraph* in_b = part_of(b, pair.b);
    // Of the figures that are shown: what differs in its last bits alone does not differ.
    const double latency_a = in_a != nullptr ? significant(in_a->latency_ms) : 0;
    const double latency_b = in_b != nullptr ? significant(in_b->latency_ms) : 0;
    const auto text = [](const ExplainedSubgraph* part, std::string ExplainedSubgraph::*member) {
      return part != nullptr ? Cell(part->*member) : Cell();
    };
    const auto figure = [](const ExplainedSubgraph* part, std::int64_t ExplainedSubgraph::*member) {
      return part != nullptr ? Cell(part->*member) : Cell();
    };
    const auto latency = [&](const ExplainedSubgraph* part) {
      if (part == nullptr || !std::isfinite(part->latency_ms)) return Cell();
      return people ? Cell(human_milliseconds(part->latency_ms, 4)) : Cell(significant(part->latency_ms));
    };
    const double change = time ? latency_b - latency_a : nothing;
    const std::string name = people ? short_names.at((in_b != nullptr ? in_b : in_a)->name) : "";
    table.rows.push_back(
        {std::string(to_string(pair.change)), people ? Cell(name) : text(in_a, &ExplainedSubgraph::name),
         text(in_a, people ? &ExplainedSubgraph::brief : &ExplainedSubgraph::shape),
         text(in_b, &ExplainedSubgraph::name),
         text(in_b, people ? &ExplainedSubgraph::brief : &ExplainedSubgraph::shape), latency(in_a),
         latency(in_b),
         people ? Cell(std::isfinite(change) ? (change < 0 ? "" : "+") + human_milliseconds(change, 4) : "")
                : Cell(significant(change)),
         figure(in_a, &ExplainedSubgraph::macs), figure(in_b, &ExplainedSubgraph::macs),
         figure(in_a, &ExplainedSubgraph::params), figure(in_b, &ExplainedSubgraph::params)});
  }
  return table;
}

Table score_difference_table(const ScoreStanding& a, const ScoreStanding& b) {
  const bool compared = a.others > 0;
  Table table{.columns = {{"score", "score", Style::text},
                          {"a", "A", Style::number},
                          {"b", "B", Style::number},
                          {"difference", "B - A", Style::text},
                          {"spreads", compared ? "in spreads" : "", Style::text},
                          {"contribution", "in the rank score", Style::text}},
              .rows = {}};
  for (std::size_t k = 0; k < std::min(a.parts.size(), b.parts.size()); ++k) {
    const double difference = b.parts[k].value - a.parts[k].value;
    const double spread = a.parts[k].spread;
    table.rows.push_back({a.parts[k].score + (a.parts[k].direction < 0 ? " (lower is better)" : ""),
                          a.parts[k].value, b.parts[k].value, signed_text(difference, 4),
                          signed_text(spread > 0 ? difference / spread : nothing, 3),
                          signed_text(b.parts[k].contribution - a.parts[k].contribution, 4)});
  }
  table.rows.push_back({std::string("rank score"), a.rank_score, b.rank_score,
                        signed_text(b.rank_score - a.rank_score, 4), std::string(), std::string()});
  return table;
}

}  // namespace assay::cli
