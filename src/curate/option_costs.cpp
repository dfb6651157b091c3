#include "option_costs.hpp"

#include "assay/base/error.hpp"

#include "cost_model.hpp"
#include "widths.hpp"

#include <algorithm>
#include <limits>
#include <map>

namespace assay::curation {
namespace {

// Subgraphs of one network by key: how many, and what they cost together.
struct Part {
  int count = 0;
  double latency_ms = 0, macs = 0;
};
using Parts = std::map<std::uint64_t, Part>;

Parts parts_of(SubgraphLatencies& latencies, const Network& network) {
  Parts parts;
  for (const SubgraphInstance& instance : latencies.split(network)) {
    Part& part = parts[instance.subgraph.key()];
    ++part.count;
    part.latency_ms += latencies(instance.subgraph);
    part.macs += static_cast<double>(work_of(instance.subgraph).macs);
  }
  return parts;
}

// How often every option has the subgraph.
std::map<std::uint64_t, int> common_parts(const std::vector<Parts>& options) {
  std::map<std::uint64_t, int> common;
  for (const auto& [key, part] : options.front()) {
    int least = part.count;
    for (const Parts& other : options) {
      const auto found = other.find(key);
      least = std::min(least, found == other.end() ? 0 : found->second.count);
    }
    if (least > 0) common[key] = least;
  }
  return common;
}

std::vector<OptionCosts> costs_in(const SpaceFile& file, const OptionList& list, const Context& context,
                                  SubgraphLatencies& latencies) {
  std::vector<OptionCosts> row;
  std::vector<Parts> parts;
  for (std::size_t option = 0; option < list.options.size(); ++option) {
    const Network network = executed_network(
        file.space(), with_option(file.space(), context.candidate, context.decision, option));
    parts.push_back(parts_of(latencies, network));
    row.push_back({.fingerprint = fingerprint(network),
                   .params = static_cast<double>(network.parameters()),
                   .macs = static_cast<double>(network.macs())});
  }
  const std::map<std::uint64_t, int> common = common_parts(parts);
  for (std::size_t option = 0; option < row.size(); ++option) {
    for (const auto& [key, part] : parts[option]) {
      const auto shared = common.find(key);
      const double differing =
          shared == common.end() ? 1.0 : 1.0 - static_cast<double>(shared->second) / part.count;
      row[option].touched_ms += differing * part.latency_ms;
      row[option].touched_macs += differing * part.macs;
    }
  }
  return row;
}

}  // namespace

OptionTable compare_options(const SpaceFile& file, std::size_t list_index, SubgraphLatencies& latencies,
                            int contexts, std::uint64_t seed, bool neutral_multiplier) {
  const OptionList& list = file.option_lists()[list_index];
  OptionTable table;
  for (int i = 0; i < contexts; ++i) {
    auto context = draw_context(file.space(), list, seed, static_cast<std::uint64_t>(i));
    if (!context) continue;
    if (neutral_multiplier) context->candidate = with_neutral_multiplier(file.space(), context->candidate);
    try {
      table.push_back(costs_in(file, list, *context, latencies));
    } catch (const InputError&) {
      continue;  // not every option fits every context
    }
  }
  return table;
}

double median_ratio(const OptionTable& table, std::size_t a, std::size_t b, double OptionCosts::*value) {
  std::vector<double> ratios;
  for (const std::vector<OptionCosts>& row : table) {
    const double x = row[a].*value, y = row[b].*value;
    ratios.push_back(x == y ? 1 : y > 0 ? x / y : std::numeric_limits<double>::infinity());
  }
  return median(std::move(ratios));
}

}  // namespace assay::curation
