#include "part_search.hpp"

#include "assay/base/hash.hpp"

#include <algorithm>
#include <tuple>

namespace assay {
namespace {

void set(std::uint64_t* bits, std::size_t i) {
  bits[i / 64] |= std::uint64_t{1} << (i % 64);
}
bool has(const std::uint64_t* bits, std::size_t i) {
  return (bits[i / 64] >> (i % 64) & 1) != 0;
}

}  // namespace

PartSearch::PartSearch(const MemoryGraph& graph, const SchedulePart& part)
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
  for (std::int32_t step = 0; step < part.end; ++step) outside_[step] = left[step] > 0;
  for (std::int32_t step = part.begin; step < part.end; ++step) {
    const std::size_t local = local_of(step);
    for (const MemoryGraph::Read& read : graph.reads(step)) {
      readers_[read.step].resize(words_);
      set(readers_[read.step].data(), local);
      if (read.step >= part.begin) set(&needs_[local * words_], local_of(read.step));
    }
  }
}

std::int64_t PartSearch::least_peak() const {
  std::vector<std::uint64_t> behind(size_ * words_, 0), before(size_ * words_, 0);
  const auto merge = [&](std::vector<std::uint64_t>& into, std::size_t local, std::size_t from) {
    set(&into[local * words_], from);
    for (std::size_t w = 0; w < words_; ++w) into[local * words_ + w] |= into[from * words_ + w];
  };
  for (std::size_t local = 0; local < size_; ++local) {
    for (const MemoryGraph::Read& read : graph_.reads(step_of(local))) {
      if (read.step >= part_.begin) merge(before, local, local_of(read.step));
    }
  }
  for (std::size_t local = size_; local-- > 0;) {
    for (const MemoryGraph::Read& read : graph_.reads(step_of(local))) {
      if (read.step >= part_.begin) merge(behind, local_of(read.step), local);
    }
  }
  std::int64_t least = 0;
  for (std::size_t local = 0; local < size_; ++local) {
    const auto read_behind = [&](std::int32_t from) {
      if (outside_[from] != 0) return true;
      for (std::size_t w = 0; w < words_; ++w) {
        if (!readers_[from].empty() && (readers_[from][w] & behind[local * words_ + w]) != 0) return true;
      }
      return false;
    };
    const std::int32_t step = step_of(local);
    std::int64_t live = graph_.fresh_bytes(step, [&](std::int32_t from) { return !read_behind(from); });
    for (std::int32_t from = 0; from < part_.end; ++from) {
      const bool made = from < part_.begin || has(&before[local * words_], local_of(from));
      if (!made) continue;
      const bool read_here = !readers_[from].empty() && has(readers_[from].data(), local);
      if (read_here || read_behind(from)) live += graph_.steps[from].bytes;
    }
    least = std::max(least, live);
  }
  return least;
}

PartSearch::Result PartSearch::run(std::int64_t floor, std::int64_t bound, std::size_t width) {
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

bool PartSearch::ready(const std::uint64_t* done, std::size_t local) const {
  if (has(done, local)) return false;
  for (std::size_t w = 0; w < words_; ++w) {
    if ((needs_[local * words_ + w] & ~done[w]) != 0) return false;
  }
  return true;
}

// Whether the step is the last one that reads the tensor of `from`.
bool PartSearch::dies(const std::uint64_t* done, std::int32_t from, std::size_t local) const {
  if (outside_[from] != 0) return false;
  for (std::size_t w = 0; w < words_; ++w) {
    std::uint64_t left = readers_[from][w] & ~done[w];
    if (w == local / 64) left &= ~(std::uint64_t{1} << (local % 64));
    if (left != 0) return false;
  }
  return true;
}

PartSearch::Set PartSearch::after(const Set& before, const std::uint64_t* done, std::size_t local) const {
  const std::int32_t step = step_of(local);
  const auto is_last_reader = [&](std::int32_t from) { return dies(done, from, local); };
  Set result;
  result.peak = std::max(before.peak, before.live + graph_.fresh_bytes(step, is_last_reader));
  result.live = before.live + (graph_.uses[step] > 0 ? graph_.steps[step].bytes : 0);
  for (const MemoryGraph::Read& read : graph_.reads(step)) {
    if (is_last_reader(read.step)) result.live -= graph_.steps[read.step].bytes;
  }
  return result;
}

void PartSearch::expand(std::size_t i, std::int64_t bound, std::vector<Move>& moves) {
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
void PartSearch::add(const std::uint64_t* done, const Set& reached, Move move, std::vector<Move>& moves) {
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

std::size_t PartSearch::find(std::ptrdiff_t begin) const {
  const std::uint64_t* bits = next_.bits.data() + begin;
  std::size_t slot = hash_bytes(bits, words_ * sizeof *bits) & (table_.size() - 1);
  while (table_[slot] >= 0) {
    const std::uint64_t* other = &next_.bits[static_cast<std::size_t>(table_[slot]) * words_];
    if (std::equal(bits, bits + words_, other)) break;
    slot = (slot + 1) & (table_.size() - 1);
  }
  return slot;
}

void PartSearch::grow() {
  table_.assign(std::max<std::size_t>(64, 2 * table_.size()), -1);
  for (std::size_t i = 0; i < next_.sets.size(); ++i) {
    table_[find(static_cast<std::ptrdiff_t>(i * words_))] = static_cast<std::int32_t>(i);
  }
}

// Keeps the sets of lowest peak, of these the ones with least alive; returns the least peak of the others.
std::int64_t PartSearch::keep_best(std::size_t width, std::vector<Move>& moves) {
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

}  // namespace assay
