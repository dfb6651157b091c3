#include "assay/network/schedule.hpp"

#include "assay/base/hash.hpp"

#include "memory_graph.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

namespace assay {
namespace {

constexpr std::int64_t infinite = std::numeric_limits<std::int64_t>::max();

// Steps between two cuts: they may run in several orders, and nothing from outside runs between them.
struct Part {
  std::int32_t begin = 0, end = 0;  // in the declared order
  std::int64_t declared_peak = 0;
};

// Orders one part, level by level: level i holds sets of i executed steps, and per set the least peak with
// which it can be reached. A set of steps is a row of bits.
class PartSearch {
 public:
  struct Result {
    std::vector<std::int32_t> order;  // empty: nothing below the bound was found
    std::int64_t peak = infinite;
    std::int64_t least_dropped = infinite;  // no order that the search missed has a lower peak than this
  };

  PartSearch(const MemoryGraph& graph, const Part& part)
      : graph_(graph),
        part_(part),
        size_(static_cast<std::size_t>(part.end - part.begin)),
        words_((size_ + 63) / 64) {
    needs_.assign(size_ * words_, 0);
    readers_.resize(static_cast<std::size_t>(part.end));
    outside_.assign(static_cast<std::size_t>(part.end), 0);
    std::vector<std::int32_t> left = graph.uses;
    const auto run_declared = [&](std::int32_t begin, std::int32_t end) {
      for (std::int32_t step = begin; step < end; ++step) {
        for (const MemoryGraph::Read& read : graph.reads(step)) --left[read.step];
      }
    };
    run_declared(0, part.begin);
    for (std::int32_t step = 0; step < part.begin; ++step) {
      if (left[step] > 0) live_before_ += graph.steps[step].bytes;
    }
    run_declared(part.begin, part.end);
    for (std::int32_t step = part.begin; step < part.end; ++step) {
      const std::size_t local = local_of(step);
      if (left[step] > 0) outside_[step] = 1;
      for (const MemoryGraph::Read& read : graph.reads(step)) {
        if (left[read.step] > 0) outside_[read.step] = 1;
        readers_[read.step].resize(words_);
        set(readers_[read.step].data(), local);
        if (read.step >= part.begin) set(&needs_[local * words_], local_of(read.step));
      }
    }
  }

  std::size_t size() const { return size_; }

  // Orders whose peak is below `bound`; peaks up to `floor` are all the same.
  Result run(std::int64_t floor, std::int64_t bound, std::size_t width) {
    Result result;
    levels_.assign(size_, {});
    now_ = {.bits = std::vector<std::uint64_t>(words_, 0), .sets = {{floor, live_before_}}};
    for (std::size_t level = 0; level < size_; ++level) {
      next_.bits.clear();
      next_.sets.clear();
      table_.assign(table_.size(), -1);
      for (std::size_t i = 0; i < now_.sets.size(); ++i) expand(i, bound, levels_[level]);
      if (next_.sets.size() > width) {
        result.least_dropped = std::min(result.least_dropped, keep_best(width, levels_[level]));
      }
      std::swap(now_, next_);
      if (now_.sets.empty()) return result;
    }
    result.peak = now_.sets[0].peak;
    result.order.resize(size_);
    std::int32_t at = 0;
    for (std::size_t level = size_; level-- > 0;) {
      const Move move = levels_[level][static_cast<std::size_t>(at)];
      result.order[level] = part_.begin + move.local;
      at = move.from;
    }
    return result;
  }

 private:
  struct Set {
    std::int64_t peak = 0;
    std::int64_t live = 0;
  };
  struct Level {
    std::vector<std::uint64_t> bits;  // words_ per set
    std::vector<Set> sets;
  };
  struct Move {
    std::int32_t from = 0;   // set of the level before
    std::int32_t local = 0;  // step
  };

  std::size_t local_of(std::int32_t step) const { return static_cast<std::size_t>(step - part_.begin); }
  static void set(std::uint64_t* bits, std::size_t i) { bits[i / 64] |= std::uint64_t{1} << (i % 64); }
  static bool has(const std::uint64_t* bits, std::size_t i) { return (bits[i / 64] >> (i % 64) & 1) != 0; }

  bool ready(const std::uint64_t* done, std::size_t local) const {
    if (has(done, local)) return false;
    for (std::size_t w = 0; w < words_; ++w) {
      if ((needs_[local * words_ + w] & ~done[w]) != 0) return false;
    }
    return true;
  }

  // Whether the step is the last one that reads the tensor of `from`.
  bool dies(const std::uint64_t* done, std::int32_t from, std::size_t local) const {
    if (outside_[from] != 0) return false;
    for (std::size_t w = 0; w < words_; ++w) {
      std::uint64_t left = readers_[from][w] & ~done[w];
      if (w == local / 64) left &= ~(std::uint64_t{1} << (local % 64));
      if (left != 0) return false;
    }
    return true;
  }

  Set after(const Set& before, const std::uint64_t* done, std::size_t local) const {
    const auto step = static_cast<std::int32_t>(part_.begin + static_cast<std::int32_t>(local));
    const auto is_last_reader = [&](std::int32_t from) { return dies(done, from, local); };
    Set result;
    result.peak = std::max(before.peak, before.live + graph_.fresh_bytes(step, is_last_reader));
    result.live = before.live + (graph_.uses[step] > 0 ? graph_.steps[step].bytes : 0);
    for (const MemoryGraph::Read& read : graph_.reads(step)) {
      if (is_last_reader(read.step)) result.live -= graph_.steps[read.step].bytes;
    }
    return result;
  }

  void expand(std::size_t i, std::int64_t bound, std::vector<Move>& moves) {
    const Set before = now_.sets[i];
    const std::uint64_t* done = &now_.bits[i * words_];
    ready_.clear();
    for (std::size_t local = 0; local < size_; ++local) {
      if (!ready(done, local)) continue;
      const Set set_after = after(before, done, local);
      // A step that raises neither the peak nor what stays alive may as well run now: in any order in which
      // it runs later, moving it here lowers what is alive in between or leaves it.
      if (set_after.peak == before.peak && set_after.live <= before.live) {
        ready_.assign(1, {set_after, local});
        break;
      }
      if (set_after.peak < bound) ready_.push_back({set_after, local});
    }
    for (const auto& [set_after, local] : ready_) {
      add(done, set_after, {static_cast<std::int32_t>(i), static_cast<std::int32_t>(local)}, moves);
    }
  }

  // One entry per set of steps: what is alive depends on the set alone, so the lower peak is the better one.
  void add(const std::uint64_t* done, const Set& reached, Move move, std::vector<Move>& moves) {
    const auto begin = static_cast<std::ptrdiff_t>(next_.bits.size());
    next_.bits.insert(next_.bits.end(), done, done + words_);
    set(&next_.bits[static_cast<std::size_t>(begin)], static_cast<std::size_t>(move.local));
    if (2 * (next_.sets.size() + 1) > table_.size()) grow();
    const std::size_t slot = find(begin);
    if (table_[slot] >= 0) {
      next_.bits.resize(static_cast<std::size_t>(begin));
      const auto known = static_cast<std::size_t>(table_[slot]);
      if (reached.peak >= next_.sets[known].peak) return;
      next_.sets[known] = reached;
      moves[known] = move;
      return;
    }
    table_[slot] = static_cast<std::int32_t>(next_.sets.size());
    next_.sets.push_back(reached);
    moves.push_back(move);
  }

  std::size_t find(std::ptrdiff_t begin) const {
    const std::uint64_t* bits = next_.bits.data() + begin;
    std::size_t slot = hash_bytes(bits, words_ * sizeof *bits) & (table_.size() - 1);
    while (table_[slot] >= 0) {
      const std::uint64_t* other = &next_.bits[static_cast<std::size_t>(table_[slot]) * words_];
      if (std::equal(bits, bits + words_, other)) break;
      slot = (slot + 1) & (table_.size() - 1);
    }
    return slot;
  }

  void grow() {
    table_.assign(std::max<std::size_t>(64, 2 * table_.size()), -1);
    for (std::size_t i = 0; i < next_.sets.size(); ++i) {
      table_[find(static_cast<std::ptrdiff_t>(i * words_))] = static_cast<std::int32_t>(i);
    }
  }

  // Keeps the sets of lowest peak, of these the ones with least alive; returns the least peak of the others.
  std::int64_t keep_best(std::size_t width, std::vector<Move>& moves) {
    std::vector<std::size_t> rank(next_.sets.size());
    for (std::size_t i = 0; i < rank.size(); ++i) rank[i] = i;
    std::sort(rank.begin(), rank.end(), [&](std::size_t a, std::size_t b) {
      const Set &x = next_.sets[a], &y = next_.sets[b];
      return std::tuple(x.peak, x.live, a) < std::tuple(y.peak, y.live, b);
    });
    const std::int64_t least_dropped = next_.sets[rank[width]].peak;
    Level kept;
    std::vector<Move> kept_moves;
    for (std::size_t i = 0; i < width; ++i) {
      const auto begin = next_.bits.begin() + static_cast<std::ptrdiff_t>(rank[i] * words_);
      kept.bits.insert(kept.bits.end(), begin, begin + static_cast<std::ptrdiff_t>(words_));
      kept.sets.push_back(next_.sets[rank[i]]);
      kept_moves.push_back(moves[rank[i]]);
    }
    next_ = std::move(kept);
    moves = std::move(kept_moves);
    return least_dropped;
  }

  const MemoryGraph& graph_;
  Part part_;
  std::size_t size_, words_;
  std::int64_t live_before_ = 0;
  std::vector<std::uint64_t> needs_;                 // per step of the part: those that run before it
  std::vector<std::vector<std::uint64_t>> readers_;  // per tensor: the part's steps that read it
  std::vector<std::uint8_t> outside_;                // per tensor: whether it is needed after the part
  Level now_, next_;
  std::vector<std::int32_t> table_;  // hash table over next_.sets
  std::vector<std::vector<Move>> levels_;
  std::vector<std::pair<Set, std::size_t>> ready_;
};

// The parts with more than one step between cuts. A step is a cut when every step before it leads to it and
// every step behind it follows from it: all steps before have a reader no later than it, all behind read
// something no earlier.
std::vector<Part> find_parts(const MemoryGraph& graph) {
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
  std::vector<Part> parts;
  for (std::int32_t step = 0; step < n; ++step) {
    if (cut[step] != 0) continue;
    if (step == 0 || cut[step - 1] != 0) parts.push_back({step, step, 0});
    parts.back().end = step + 1;
  }
  return parts;
}

// Sets kept per level, so that the work stays bounded: the larger the part, the fewer.
std::size_t width_for(std::size_t steps) {
  return std::clamp<std::size_t>((std::size_t{1} << 22) / (steps * steps), 32, 4096);
}

// An order below the declared peak, if there is one; peaks up to `floor` are all the same.
PartSearch::Result order_part(const MemoryGraph& graph, const Part& part, std::int64_t floor) {
  // A narrow search finds a good order in no time; the wide one then need not look at worse sets.
  constexpr std::size_t narrow = 8;
  PartSearch search(graph, part);
  PartSearch::Result best = search.run(floor, part.declared_peak, narrow);
  const std::int64_t bound = std::min(best.peak, part.declared_peak);
  if (best.peak <= floor || best.least_dropped >= bound) return best;
  PartSearch::Result wide = search.run(floor, bound, width_for(search.size()));
  if (!wide.order.empty()) return wide;
  best.least_dropped = wide.least_dropped;
  return best;
}

}  // namespace

StepOrder find_order(MemoryGraph& graph) {
  StepOrder result;
  std::vector<Part> parts = find_parts(graph);
  std::int64_t peak = 0;  // of the steps whose place is fixed, then of the parts that are ordered as well
  auto part = parts.begin();
  graph.walk({}, [&](std::int32_t step, std::int64_t live) {
    while (part != parts.end() && step >= part->end) ++part;
    std::int64_t& of = part != parts.end() && step >= part->begin ? part->declared_peak : peak;
    of = std::max(of, live);
    result.declared_peak_bytes = std::max(result.declared_peak_bytes, live);
  });
  std::int64_t proven = peak;  // no order has a lower peak
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
    return std::tuple(-a.declared_peak, a.begin) < std::tuple(-b.declared_peak, b.begin);
  });
  for (const Part& p : parts) {
    if (p.declared_peak <= peak) break;
    PartSearch::Result best = order_part(graph, p, peak);
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
