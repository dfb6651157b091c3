#include "assay/score/statistics.hpp"

#include "assay/base/error.hpp"
#include "assay/base/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace assay {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

double ordered(double value) {
  return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
}

// Rows in ascending order of the values, and where each value stands among the distinct ones.
struct Order {
  std::vector<std::uint32_t> rows;
  std::vector<std::uint32_t> place;
  std::uint32_t distinct = 0;

  explicit Order(std::span<const double> values) : rows(values.size()), place(values.size()) {
    std::iota(rows.begin(), rows.end(), 0u);
    std::ranges::stable_sort(rows, {}, [&](std::uint32_t row) { return ordered(values[row]); });
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool first = i == 0 || ordered(values[rows[i - 1]]) != ordered(values[rows[i]]);
      distinct += first;
      place[rows[i]] = distinct - 1;
    }
  }
};

// Counts below a place in O(log n): inversions without sorting again (Fenwick 1994).
class PrefixCounts {
 public:
  void clear(std::size_t places) { sums_.assign(places + 1, 0); }
  void add(std::uint32_t place, std::int64_t count) {
    for (std::size_t i = place + 1; i < sums_.size(); i += i & (~i + 1)) sums_[i] += count;
  }
  // Of places smaller than `place`.
  std::int64_t below(std::uint32_t place) const {
    std::int64_t sum = 0;
    for (std::size_t i = place; i > 0; i -= i & (~i + 1)) sum += sums_[i];
    return sum;
  }

 private:
  std::vector<std::int64_t> sums_;
};

using Counts = std::vector<std::int32_t>;

std::int64_t pairs(std::int64_t n) {
  return n * (n - 1) / 2;
}

// A score beside accuracies, sorted once. A resample is then a count per row, and every statistic a walk
// along the sorted rows.
class Pairing {
 public:
  Pairing(std::span<const double> score, std::span<const double> accuracy)
      : accuracy_(accuracy), by_score_(score), by_accuracy_(accuracy), chosen_(score.size()) {
    best_.resize(score.size());
    std::iota(best_.begin(), best_.end(), 0u);
    std::ranges::sort(best_, [&](std::uint32_t a, std::uint32_t b) {
      if (by_score_.place[a] != by_score_.place[b]) return by_score_.place[a] > by_score_.place[b];
      if (accuracy[a] != accuracy[b]) return accuracy[a] < accuracy[b];
      return a < b;
    });
  }

  Agreement agreement(const Counts& counts) {
    return {spearman(counts), kendall(counts), top_spearman(counts), regret(counts)};
  }

  double spearman(const Counts& counts) {
    ranks(by_score_, counts, score_ranks_);
    ranks(by_accuracy_, counts, accuracy_ranks_);
    std::int64_t n = 0;
    for (const std::int32_t count : counts) n += count;
    const double middle = (static_cast<double>(n) + 1) / 2;
    double aa = 0, bb = 0, ab = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      const double a = score_ranks_[by_score_.place[i]] - middle;
      const double b = accuracy_ranks_[by_accuracy_.place[i]] - middle;
      aa += counts[i] * a * a;
      bb += counts[i] * b * b;
      ab += counts[i] * a * b;
    }
    return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : undefined;
  }

  double kendall(const Counts& counts) {
    std::int64_t n = 0, tied_score = 0, tied_accuracy = 0, tied_both = 0, discordant = 0;
    below_.clear(by_accuracy_.distinct);
    accuracy_counts_.assign(by_accuracy_.distinct, 0);
    group_counts_.assign(by_accuracy_.distinct, 0);
    const std::vector<std::uint32_t>& rows = by_score_.rows;
    for (std::size_t first = 0; first < rows.size();) {
      // Rows of one score are compared with all before, then join them.
      std::size_t last = first;
      std::int64_t group = 0;
      for (; last < rows.size() && by_score_.place[rows[last]] == by_score_.place[rows[first]]; ++last) {
        const std::int64_t count = counts[rows[last]];
        if (count == 0) continue;
        const std::uint32_t place = by_accuracy_.place[rows[last]];
        discordant += count * (n - below_.below(place) - accuracy_counts_[place]);
        tied_both += pairs(group_counts_[place] + count) - pairs(group_counts_[place]);
        group_counts_[place] += count;
        group += count;
      }
      for (; first < last; ++first) {
        const std::uint32_t place = by_accuracy_.place[rows[first]];
        group_counts_[place] = 0;
        if (counts[rows[first]] == 0) continue;
        below_.add(place, counts[rows[first]]);
        accuracy_counts_[place] += counts[rows[first]];
      }
      n += group;
      tied_score += pairs(group);
    }
    for (const std::int64_t count : accuracy_counts_) tied_accuracy += pairs(count);
    const std::int64_t all = pairs(n);
    const std::int64_t concordant = all - tied_score - tied_accuracy + tied_both - discordant;
    const double scale =
        std::sqrt(static_cast<double>(all - tied_score) * static_cast<double>(all - tied_accuracy));
    return scale > 0 ? static_cast<double>(concordant - discordant) / scale : undefined;
  }

  double top_spearman(const Counts& counts) {
    std::int64_t n = 0;
    for (const std::int32_t count : counts) n += count;
    const std::int64_t wanted = (n + 9) / 10;
    std::int64_t taken = 0;
    chosen_.assign(counts.size(), 0);
    const std::vector<std::uint32_t>& rows = by_accuracy_.rows;
    for (std::size_t i = rows.size(); i-- > 0;) {
      const bool tied = i + 1 < rows.size() && by_accuracy_.place[rows[i]] == by_accuracy_.place[rows[i + 1]];
      if (taken >= wanted && !tied) break;
      taken += counts[rows[i]];
      chosen_[rows[i]] = counts[rows[i]];
    }
    return spearman(chosen_);
  }

  double regret(const Counts& counts) const {
    double best = -std::numeric_limits<double>::infinity(), found = best;
    std::size_t taken = 0;
    for (const std::uint32_t row : best_) {
      if (counts[row] == 0) continue;
      best = std::max(best, accuracy_[row]);
      if (taken >= shortlist_size) continue;
      found = std::max(found, accuracy_[row]);
      taken += static_cast<std::size_t>(counts[row]);
    }
    return taken > 0 ? best - found : undefined;
  }

  std::span<const std::uint32_t> best() const { return best_; }

 private:
  // Average rank of each distinct value.
  static void ranks(const Order& order, const Counts& counts, std::vector<double>& result) {
    result.assign(order.distinct, 0.0);
    for (std::size_t i = 0; i < counts.size(); ++i) result[order.place[i]] += counts[i];
    double before = 0;
    for (double& each : result) {
      const double count = each;
      each = before + (count + 1) / 2;
      before += count;
    }
  }

  std::span<const double> accuracy_;
  Order by_score_, by_accuracy_;
  std::vector<std::uint32_t> best_;  // descending score
  // Scratch, reused by every resample.
  std::vector<double> score_ranks_, accuracy_ranks_;
  std::vector<std::int64_t> accuracy_counts_, group_counts_;
  PrefixCounts below_;
  Counts chosen_;
};

Pairing pairing(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) throw InternalError("Two lists that are to be compared differ in length.");
  return {a, b};
}

Counts once(std::size_t rows) {
  return Counts(rows, 1);
}

// The value below which a share of the list lies, interpolated between neighbours.
double quantile(std::vector<double>& values, double share) {
  if (values.empty()) return undefined;
  std::ranges::sort(values);
  const double position = share * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (position - static_cast<double>(low)) * (values[high] - values[low]);
}

constexpr double Agreement::*statistics[] = {&Agreement::spearman, &Agreement::kendall,
                                             &Agreement::top_spearman, &Agreement::regret};

}  // namespace

std::vector<double> average_ranks(std::span<const double> values) {
  const Order order(values);
  std::vector<double> result(values.size());
  for (std::size_t first = 0; first < order.rows.size();) {
    std::size_t last = first;
    while (last < order.rows.size() && order.place[order.rows[last]] == order.place[order.rows[first]])
      ++last;
    const double rank = (static_cast<double>(first + last) + 1) / 2;
    for (; first < last; ++first) result[order.rows[first]] = rank;
  }
  return result;
}

double spearman(std::span<const double> a, std::span<const double> b) {
  return pairing(a, b).spearman(once(a.size()));
}

double kendall_tau_b(std::span<const double> a, std::span<const double> b) {
  return pairing(a, b).kendall(once(a.size()));
}

std::vector<std::size_t> shortlist(std::span<const double> score, std::span<const double> accuracy,
                                   std::size_t count) {
  const Pairing both = pairing(score, accuracy);
  const auto best = both.best().first(std::min(count, score.size()));
  return {best.begin(), best.end()};
}

Agreement agreement(std::span<const double> score, std::span<const double> accuracy) {
  return pairing(score, accuracy).agreement(once(score.size()));
}

JudgedAgreement judge(std::span<const double> score, std::span<const double> accuracy, int resamples,
                      std::uint64_t seed) {
  Pairing both = pairing(score, accuracy);
  JudgedAgreement result{both.agreement(once(score.size())), {}, {}};
  std::vector<double> drawn[std::size(statistics)];
  Counts counts(score.size());
  for (int resample = 0; resample < resamples && !score.empty(); ++resample) {
    Random random(seed, Purpose::bootstrap, score.size(), static_cast<std::uint64_t>(resample));
    std::ranges::fill(counts, 0);
    for (std::size_t i = 0; i < score.size(); ++i) ++counts[random.below(score.size())];
    const Agreement each = both.agreement(counts);
    for (std::size_t k = 0; k < std::size(statistics); ++k)
      if (std::isfinite(each.*statistics[k])) drawn[k].push_back(each.*statistics[k]);
  }
  for (std::size_t k = 0; k < std::size(statistics); ++k) {
    result.low.*statistics[k] = quantile(drawn[k], 0.025);
    result.high.*statistics[k] = quantile(drawn[k], 0.975);
  }
  return result;
}

}  // namespace assay
