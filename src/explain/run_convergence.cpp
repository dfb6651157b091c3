#include "assay/explain/run_convergence.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace assay {
namespace {

// A Pareto front that grows: score by cost, both ascending.
class Front {
 public:
  // Whether it is on the front.
  bool add(Point point) {
    const auto after = front_.upper_bound(point.cost);
    if (after != front_.begin() && std::prev(after)->second >= point.score) return false;
    auto dominated = front_.lower_bound(point.cost);
    while (dominated != front_.end() && dominated->second <= point.score) dominated = front_.erase(dominated);
    front_.emplace_hint(dominated, point.cost, point.score);
    return true;
  }
  double best() const { return front_.rbegin()->second; }
  bool empty() const { return front_.empty(); }
  std::vector<Point> points() const {
    std::vector<Point> points;
    for (const auto& [cost, score] : front_) points.push_back({score, cost});
    return points;
  }

 private:
  std::map<double, double> front_;
};

Point reference_of(std::span<const Point> points, const Front& last) {
  std::vector<double> scores;
  for (const Point& point : points)
    if (!std::isnan(point.score)) scores.push_back(point.score);
  const auto middle = scores.begin() + static_cast<std::ptrdiff_t>(scores.size() / 2);
  std::nth_element(scores.begin(), middle, scores.end());
  return {*middle, last.points().back().cost};
}

}  // namespace

RunConvergence run_convergence(std::span<const Point> points, int most) {
  Front all;
  for (const Point& point : points)
    if (!std::isnan(point.score)) all.add(point);
  if (all.empty()) return {};
  const Point reference = reference_of(points, all);
  const double area = hypervolume(all.points(), reference);
  constexpr double rounding = 1e-12;

  const auto count = std::ssize(points);
  const std::int64_t steps = std::min<std::int64_t>(most, count);
  RunConvergence convergence;
  Front front;
  double share = 0;
  std::int64_t next = 1;
  for (std::int64_t i = 0; i < count; ++i) {
    const Point& point = points[static_cast<std::size_t>(i)];
    if (!std::isnan(point.score) && front.add(point)) {
      share = area > 0 ? hypervolume(front.points(), reference) / area : 1;
      if (!convergence.reached_90 && share >= 0.9 - rounding) convergence.reached_90 = i + 1;
      if (!convergence.reached_full && share >= 1 - rounding) convergence.reached_full = i + 1;
      if (!convergence.reached_best && front.best() == all.best()) convergence.reached_best = i + 1;
    }
    // Step k of n stands at k / n of the run.
    if (i + 1 < (next * count + steps - 1) / steps) continue;
    ++next;
    if (!front.empty()) convergence.steps.push_back({i + 1, front.best(), share});
  }
  return convergence;
}

}  // namespace assay
