#include "assay/network/schedule.hpp"

#include "memory_graph.hpp"
#include "part_search.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace assay {
namespace {

// The parts with more than one step between cuts. A step is a cut when every step before it leads to it and
// every step behind it follows from it: all steps before have a reader no later than it, all behind read
// something no earlier.
std::vector<SchedulePart> find_parts(const MemoryGraph& graph) {
  const std::int32_t n = graph.size();
  std::vector<std::int32_t> first_reader(static_cast<std::size_t>(n), n);
  std::vector<std::int32_t> last_read(static_cast<std::size_t>(n), 0);
  for (std::int32_t step = 0; step < n; ++step) {
    for (const MemoryGraph::Read& read : graph.reads(step)) {
      first_reader[read.step] = std::min(first_reader[read.step], step);
      last_read[step] = std::max(last_read[step], read.step);
    }
  }
  std::vector<std::uint8_t> cut(static_cast<std::size_t>(n), 0);
  std::int32_t behind = n;  // the earliest of what the steps behind read last
  for (std::int32_t step = n - 1; step >= 0; --step) {
    cut[step] = behind >= step;
    behind = std::min(behind, last_read[step]);
  }
  std::int32_t before = 0;  // the latest of the first readers of the steps before
  for (std::int32_t step = 0; step < n; ++step) {
    if (before > step) cut[step] = 0;
    before = std::max(before, first_reader[step]);
  }
  std::vector<SchedulePart> parts;
  for (std::int32_t step = 0; step < n; ++step) {
    if (cut[step] != 0) continue;
    if (step == 0 || cut[step - 1] != 0) parts.push_back({step, step, 0});
    parts.back().end = step + 1;
  }
  return parts;
}

// A narrow search finds a good order in no time; the wide one then need not look at worse sets.
constexpr std::size_t narrow = 8;

// Sets kept per level, so that the work stays bounded: the larger the part, the fewer.
std::size_t width_for(std::size_t steps) {
  return std::clamp<std::size_t>((std::size_t{1} << 22) / (steps * steps), narrow, 4096);
}

// An order below the declared peak, if there is one; peaks up to `floor` are all the same.
PartSearch::Result order_part(PartSearch& search, std::int64_t floor, std::int64_t declared_peak) {
  const std::size_t width = width_for(search.size());
  PartSearch::Result best = search.run(floor, declared_peak, narrow);
  const std::int64_t bound = std::min(best.peak, declared_peak);
  if (best.peak <= floor || best.least_dropped >= bound || width == narrow) return best;
  PartSearch::Result wide = search.run(floor, bound, width);
  if (!wide.order.empty()) return wide;
  best.least_dropped = wide.least_dropped;
  return best;
}

}  // namespace

StepOrder find_order(MemoryGraph& graph) {
  StepOrder result;
  std::vector<SchedulePart> parts = find_parts(graph);
  std::int64_t peak = 0;  // of the steps whose place is fixed, then of the parts that are ordered as well
  auto part = parts.begin();
  graph.walk({}, [&](std::int32_t step, std::int64_t live) {
    while (part != parts.end() && step >= part->end) ++part;
    std::int64_t& of = part != parts.end() && step >= part->begin ? part->declared_peak : peak;
    of = std::max(of, live);
    result.declared_peak_bytes = std::max(result.declared_peak_bytes, live);
  });
  std::int64_t proven = peak;  // no order has a lower peak
  std::sort(parts.begin(), parts.end(), [](const SchedulePart& a, const SchedulePart& b) {
    return std::tuple(-a.declared_peak, a.begin) < std::tuple(-b.declared_peak, b.begin);
  });
  for (const SchedulePart& p : parts) {
    if (p.declared_peak <= peak) break;
    PartSearch search(graph, p);
    const std::int64_t least = search.least_peak();
    proven = std::max(proven, least);
    peak = std::max(peak, least);
    if (p.declared_peak <= peak) continue;
    PartSearch::Result best = order_part(search, peak, p.declared_peak);
    const std::int64_t reached = std::min(best.peak, p.declared_peak);
    if (reached > peak) proven = std::max(proven, std::min(reached, best.least_dropped));
    peak = std::max(peak, reached);
    if (best.order.empty()) continue;
    if (result.steps.empty()) {
      result.steps.resize(graph.steps.size());
      std::iota(result.steps.begin(), result.steps.end(), 0);
    }
    std::copy(best.order.begin(), best.order.end(), result.steps.begin() + p.begin);
  }
  result.peak_bytes = peak;
  result.optimal = proven >= peak;
  // Some parts may have got a better order while another one keeps the peak: the declared order is the
  // simpler one.
  if (peak == result.declared_peak_bytes) result.steps.clear();
  return result;
}

}  // namespace assay
