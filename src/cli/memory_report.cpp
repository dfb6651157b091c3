#include "assay/accelerator/subgraph.hpp"
#include "assay/base/text.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/explain/memory_steps.hpp"

#include "layer_report.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace assay::cli {
namespace {

void add_steps(const Network& network, std::int64_t row, const MemoryProfile& profile, const char* order,
               bool proven, Table& table) {
  std::int64_t position = 0;
  for (const MemoryStep& step : profile.steps) {
    table.rows.push_back({row, std::string(order), ++position, std::string(network.name(step.op)),
                          std::string(network.name(step.last)), step.live_bytes,
                          step.live_bytes == profile.peak_bytes, proven});
  }
}

std::vector<MemoryStep> by_subgraph(const Accelerator& accelerator, const Network& network,
                                    const MemoryProfile& profile) {
  SubgraphSplitter splitter(accelerator.fusion);
  splitter.split(network);
  return memory_by_subgraph(splitter.membership(), profile);
}

std::string step_name(const Network& network, const MemoryStep& step) {
  const std::string name(network.name(step.op));
  return step.op == step.last ? name : fmt::format("{} … {}", name, network.name(step.last));
}

std::string bar(std::int64_t bytes, std::int64_t peak) {
  constexpr double full = 40;
  const auto length = std::lround(full * static_cast<double>(bytes) / static_cast<double>(peak));
  std::string text;
  for (long i = 0; i < length; ++i) text += "█";
  return bytes == peak ? text + " peak" : text;
}

std::string readable_bytes(std::int64_t bytes) {
  return human_bytes(static_cast<std::uint64_t>(bytes));
}

}  // namespace

MemoryReport::MemoryReport(const Accelerator& accelerator, bool people, bool several)
    : accelerator_(accelerator), people_(people) {
  if (!people) {
    for (const char* key :
         {"row", "order", "step", "operator", "last_operator", "live_bytes", "peak", "proven"}) {
      table_.columns.push_back({key, key, Style::number});
    }
    return;
  }
  table_.columns = {{"row", several ? "row" : "", Style::number},
                    {"step", "step", Style::number},
                    {"operator", "operator", Style::text},
                    {"live_bytes", "alive", Style::bytes},
                    {"bar", "of the peak", Style::text}};
  moves_.columns = table_.columns;
  moves_.columns[1].heading = "now";
  moves_.columns.insert(moves_.columns.begin() + 2, {"before", "before", Style::number});
}

void MemoryReport::add(const Network& network, std::int64_t row) {
  const MemoryProfile counted = memory_profile(accelerator_, network);
  const Schedule best = memory_schedule(accelerator_, network);
  const bool lower = best.memory.peak_bytes < counted.peak_bytes;
  if (!people_) {
    add_steps(network, row, counted, "counted", !lower && best.optimal, table_);
    if (lower) add_steps(network, row, best.memory, "lowest_peak", best.optimal, table_);
    return;
  }
  const std::vector<MemoryStep> steps = by_subgraph(accelerator_, network, counted);
  std::int64_t position = 0;
  for (const MemoryStep& step : steps) {
    table_.rows.push_back({row, ++position, step_name(network, step), step.live_bytes,
                           bar(step.live_bytes, counted.peak_bytes)});
  }
  words_ += fmt::format("Peak {} at {}; weights {}, {}.\n", readable_bytes(counted.peak_bytes),
                        network.name(counted.peak_op), readable_bytes(weight_bytes(accelerator_, network)),
                        accelerator_.weights_counted ? "counted" : "not counted");
  if (!lower) {
    words_ += best.optimal ? "No other order of the operators needs less.\n"
                           : "No order that needs less was found; there are too many to try all.\n";
    return;
  }
  words_ += fmt::format(
      "In another order the peak is {}, {:.1f} % less{}. What moves:\n",
      readable_bytes(best.memory.peak_bytes),
      100 - 100 * static_cast<double>(best.memory.peak_bytes) / static_cast<double>(counted.peak_bytes),
      best.optimal ? ", the lowest of all orders" : "; lower ones may exist");
  position = 0;
  for (const MemoryStep& step : by_subgraph(accelerator_, network, best.memory)) {
    const auto old =
        std::find_if(steps.begin(), steps.end(), [&](const MemoryStep& s) { return s.op == step.op; });
    const std::int64_t before = old == steps.end() ? 0 : old - steps.begin() + 1;
    if (++position == before) continue;
    moves_.rows.push_back({row, position, before > 0 ? Cell(before) : Cell(std::string("-")),
                           step_name(network, step), step.live_bytes,
                           bar(step.live_bytes, best.memory.peak_bytes)});
  }
}

std::string MemoryReport::text(int width, bool colour) const {
  std::string result = table_.to_text(width, colour) + words_;
  if (!moves_.rows.empty()) result += moves_.to_text(width, colour);
  return result;
}

}  // namespace assay::cli
