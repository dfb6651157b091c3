#include "assay/search/pareto.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace assay {
namespace {

// By ascending cost; at equal cost the better score first, then the earlier point.
std::vector<int> sweep_order(std::span<const Point> points) {
  std::vector<int> order(points.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int i, int j) {
    const Point& a = points[static_cast<std::size_t>(i)];
    const Point& b = points[static_cast<std::size_t>(j)];
    if (a.cost != b.cost) return a.cost < b.cost;
    if (a.score != b.score) return a.score > b.score;
    return i < j;
  });
  return order;
}

}  // namespace

double median_score(std::span<const Point> points) {
  std::vector<double> scores;
  scores.reserve(points.size());
  for (const Point& point : points) scores.push_back(point.score);
  const auto middle = scores.begin() + static_cast<std::ptrdiff_t>(scores.size() / 2);
  std::nth_element(scores.begin(), middle, scores.end());
  return *middle;
}

std::vector<int> pareto_layers(std::span<const Point> points) {
  // In the sweep's order a point is dominated by a layer exactly when the layer's last score is at least its
  // own. Last scores fall from layer to layer, so the first layer that does not dominate it is a binary
  // search.
  std::vector<int> layers(points.size());
  std::vector<double> last_scores;
  for (const int index : sweep_order(points)) {
    const double score = points[static_cast<std::size_t>(index)].score;
    const auto layer = std::partition_point(last_scores.begin(), last_scores.end(),
                                            [&](double last) { return last >= score; });
    layers[static_cast<std::size_t>(index)] = static_cast<int>(layer - last_scores.begin());
    if (layer == last_scores.end()) {
      last_scores.push_back(score);
    } else {
      *layer = score;
    }
  }
  return layers;
}

std::vector<int> pareto_front(std::span<const Point> points) {
  std::vector<int> front;
  for (const int index : sweep_order(points)) {
    const double score = points[static_cast<std::size_t>(index)].score;
    if (front.empty() || score > points[static_cast<std::size_t>(front.back())].score) front.push_back(index);
  }
  return front;
}

double hypervolume(std::span<const Point> points, Point reference) {
  double volume = 0;
  double covered = reference.score;
  for (const int index : sweep_order(points)) {
    const Point& point = points[static_cast<std::size_t>(index)];
    if (point.cost >= reference.cost) break;
    if (point.score <= covered) continue;
    volume += (point.score - covered) * (reference.cost - point.cost);
    covered = point.score;
  }
  return volume;
}

std::vector<int> choose_shortlist(std::span<const Point> points, int count) {
  const auto wanted = std::min(points.size(), static_cast<std::size_t>(std::max(count, 0)));
  if (wanted == 0) return {};
  const auto at = [&](int index) -> const Point& { return points[static_cast<std::size_t>(index)]; };

  std::vector<int> front = pareto_front(points);
  const Point reference{median_score(points), at(front.back()).cost};
  std::vector<int> chosen = {front.back()};
  std::vector<Point> chosen_points = {at(front.back())};
  front.pop_back();

  while (chosen.size() < wanted && !front.empty()) {
    // Where nothing is gained (all worse than the median), the best score is the better use of a training:
    // hence from the back, and only a strictly greater gain wins.
    std::size_t best = front.size() - 1;
    double best_volume = hypervolume(chosen_points, reference);
    for (std::size_t i = front.size(); i-- > 0;) {
      chosen_points.push_back(at(front[i]));
      const double volume = hypervolume(chosen_points, reference);
      chosen_points.pop_back();
      if (volume > best_volume) {
        best_volume = volume;
        best = i;
      }
    }
    chosen.push_back(front[best]);
    chosen_points.push_back(at(front[best]));
    front.erase(front.begin() + static_cast<std::ptrdiff_t>(best));
  }

  const auto better_score = [&](int i, int j) {
    if (at(i).score != at(j).score) return at(i).score > at(j).score;
    return at(i).cost != at(j).cost ? at(i).cost < at(j).cost : i < j;
  };
  if (chosen.size() < wanted) {
    const std::vector<int> layers = pareto_layers(points);
    std::vector<int> rest;
    for (int i = 0; i < static_cast<int>(points.size()); ++i) {
      if (layers[static_cast<std::size_t>(i)] > 0) rest.push_back(i);
    }
    std::sort(rest.begin(), rest.end(), [&](int i, int j) {
      const int a = layers[static_cast<std::size_t>(i)];
      const int b = layers[static_cast<std::size_t>(j)];
      return a != b ? a < b : better_score(i, j);
    });
    rest.resize(wanted - chosen.size());
    chosen.insert(chosen.end(), rest.begin(), rest.end());
  }
  std::sort(chosen.begin(), chosen.end(), better_score);
  return chosen;
}

}  // namespace assay
