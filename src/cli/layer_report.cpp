#include "layer_report.hpp"

#include "assay/accelerator/subgraph.hpp"
#include "assay/accelerator/subgraph_text.hpp"
#include "assay/base/text.hpp"

#include <array>
#include <span>

#include <fmt/format.h>

namespace assay::cli {
namespace {

Table empty_table(bool people, bool several) {
  if (people) {
    return {.columns = {{"row", several ? "row" : "", Style::number},
                        {"operator", "operator", Style::text},
                        {"subgraph", "subgraph", Style::text},
                        {"latency_ms", "ms", Style::latency},
                        {"share_percent", "share", Style::number},
                        {"lane_efficiency_percent", "lanes", Style::number},
                        {"bound", "bound by", Style::text},
                        {"advice", "what would make it faster", Style::text}},
            .rows = {}};
  }
  Table table;
  for (const char* key : {"row",
                          "operator",
                          "subgraph",
                          "latency_ms",
                          "share_percent",
                          "lane_efficiency_percent",
                          "bound",
                          "extrapolated",
                          "in_channels",
                          "in_channels_down",
                          "in_channels_down_latency_ms",
                          "in_channels_down_extrapolated",
                          "in_channels_up",
                          "in_channels_up_latency_ms",
                          "in_channels_up_extrapolated",
                          "out_channels",
                          "out_channels_down",
                          "out_channels_down_latency_ms",
                          "out_channels_down_extrapolated",
                          "out_channels_up",
                          "out_channels_up_latency_ms",
                          "out_channels_up_extrapolated",
                          "dense_latency_ms",
                          "dense_extrapolated",
                          "weight_traffic_bytes",
                          "activation_traffic_bytes",
                          "fusing_saves_ms",
                          "fused_activation",
                          "advice"}) {
    table.columns.push_back({key, key, Style::number});
  }
  return table;
}

// Channels and latency of a step, and whether that is extrapolated.
void add_step(std::vector<Cell>& row, const ChannelStep* step) {
  if (step == nullptr) {
    row.resize(row.size() + 3);
    return;
  }
  row.emplace_back(std::int64_t{step->channels});
  row.emplace_back(significant(step->latency_ms));
  row.emplace_back(step->extrapolated);
}

void add_channels(std::vector<Cell>& row, int channels, const std::optional<ChannelAdvice>& advice) {
  row.emplace_back(std::int64_t{channels});
  add_step(row, advice && advice->down ? &*advice->down : nullptr);
  add_step(row, advice && advice->up ? &*advice->up : nullptr);
}

std::vector<Cell> full_row(std::int64_t row, const std::string& name, const SubgraphPrediction& part,
                           const Advice& advice) {
  std::vector<Cell> cells = {row,
                             name,
                             describe(part.subgraph),
                             part.latency_ms,
                             100 * part.share,
                             100 * part.lane_efficiency,
                             std::string(to_string(part.bound)),
                             part.extrapolated};
  add_channels(cells, part.subgraph.input.channels, advice.in);
  add_channels(cells, part.subgraph.output.channels, advice.out);
  if (advice.dense_latency_ms) {
    cells.emplace_back(significant(*advice.dense_latency_ms));
    cells.emplace_back(advice.dense_extrapolated);
  } else {
    cells.resize(cells.size() + 2);
  }
  for (const double value : {advice.weight_bytes, advice.activation_bytes, advice.fusing_saves_ms}) {
    cells.emplace_back(significant(value));
  }
  if (advice.fused_activation) {
    cells.emplace_back(std::string(to_string(*advice.fused_activation)));
  } else {
    cells.emplace_back();
  }
  cells.emplace_back(to_text(advice, part));
  return cells;
}

std::string milliseconds(double value) {
  return human_milliseconds(value, 4);
}
std::string whole_percent(double share) {
  return fmt::format("{:.0f}%", 100 * share);
}

std::vector<Cell> short_row(std::int64_t row, const std::string& name, const SubgraphPrediction& part,
                            const Advice& advice) {
  return {row,
          name,
          operation_text(part.subgraph) + " " + size_text(part.subgraph),
          milliseconds(part.latency_ms),
          fmt::format("{:.1f}%", 100 * part.share),
          whole_percent(part.lane_efficiency),
          std::string(to_string(part.bound)) + (part.extrapolated ? " ?" : ""),
          to_text(advice, part)};
}

// Lane efficiency weighted by time, and the time by what bounds it.
std::vector<Cell> total_row(std::int64_t row, std::span<const SubgraphPrediction> parts) {
  double total = 0, filled = 0;
  std::array<double, 3> bound_by{};
  for (const SubgraphPrediction& part : parts) {
    total += part.latency_ms;
    filled += part.share * part.lane_efficiency;
    bound_by[static_cast<std::size_t>(part.bound)] += part.share;
  }
  std::vector<std::string> shares;
  for (const Bound bound : {Bound::compute, Bound::memory, Bound::overhead}) {
    const double share = bound_by[static_cast<std::size_t>(bound)];
    if (share >= 0.005) shares.push_back(fmt::format("{} {}", to_string(bound), whole_percent(share)));
  }
  return {row,
          std::string("total"),
          fmt::format("{} subgraphs", parts.size()),
          milliseconds(total),
          whole_percent(1),
          whole_percent(filled),
          std::string(),
          join(shares, ", ")};
}

}  // namespace

LayerReport::LayerReport(const Estimator& estimator, bool people, bool several)
    : estimator_(estimator), people_(people), table_(empty_table(people, several)) {}

const Advice& LayerReport::advice_of(const SubgraphPrediction& part) {
  const auto [known, is_new] = known_.try_emplace(part.subgraph.key());
  if (is_new) known->second = advise(estimator_, part);
  return known->second;
}

void LayerReport::add(const Network& network, std::int64_t row) {
  const std::vector<SubgraphPrediction> parts = estimator_.explain(network);
  std::vector<std::string> names;
  for (const SubgraphPrediction& part : parts) names.emplace_back(network.name(part.first));
  const auto short_names = short_ends(names);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Advice& advice = advice_of(parts[i]);
    table_.rows.push_back(people_ ? short_row(row, short_names.at(names[i]), parts[i], advice)
                                  : full_row(row, names[i], parts[i], advice));
  }
  if (people_) table_.rows.push_back(total_row(row, parts));
}

}  // namespace assay::cli
