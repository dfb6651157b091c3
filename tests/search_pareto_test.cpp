#include "assay/base/random.hpp"
#include "assay/search/pareto.hpp"

#include "../src/search/fingerprint_set.hpp"

#include <algorithm>
#include <set>

#include <doctest/doctest.h>

using namespace assay;

namespace {

// Few distinct values, so that ties are common.
std::vector<Point> random_points(Random& random, std::size_t count, std::uint64_t values) {
  std::vector<Point> points(count);
  for (Point& point : points) {
    point = {static_cast<double>(random.below(values)), static_cast<double>(random.below(values))};
  }
  return points;
}

// Of equal points the earlier one counts as the better.
bool dominates(std::span<const Point> points, std::size_t a, std::size_t b) {
  if (points[a].score < points[b].score || points[a].cost > points[b].cost) return false;
  return points[a].score > points[b].score || points[a].cost < points[b].cost || a < b;
}

std::vector<int> layers_by_peeling(std::span<const Point> points) {
  std::vector<int> layers(points.size(), -1);
  std::size_t left = points.size();
  for (int layer = 0; left > 0; ++layer) {
    std::vector<std::size_t> front;
    for (std::size_t b = 0; b < points.size(); ++b) {
      if (layers[b] >= 0) continue;
      bool dominated = false;
      for (std::size_t a = 0; a < points.size() && !dominated; ++a) {
        dominated = a != b && layers[a] < 0 && dominates(points, a, b);
      }
      if (!dominated) front.push_back(b);
    }
    for (const std::size_t b : front) layers[b] = layer;
    left -= front.size();
  }
  return layers;
}

bool contains(const std::vector<int>& values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

TEST_CASE("layers and front equal those found by comparing all pairs") {
  Random random(1, Purpose::noise);
  for (int round = 0; round < 400; ++round) {
    const std::vector<Point> points = random_points(random, random.below(60), 1 + random.below(40));
    const std::vector<int> expected = layers_by_peeling(points);
    CHECK(pareto_layers(points) == expected);

    std::vector<int> front = pareto_front(points);
    for (std::size_t i = 1; i < front.size(); ++i) {
      const Point& before = points[static_cast<std::size_t>(front[i - 1])];
      const Point& here = points[static_cast<std::size_t>(front[i])];
      CHECK(before.cost < here.cost);
      CHECK(before.score < here.score);
    }
    std::sort(front.begin(), front.end());
    std::vector<int> first_layer;
    for (int i = 0; i < static_cast<int>(points.size()); ++i) {
      if (expected[static_cast<std::size_t>(i)] == 0) first_layer.push_back(i);
    }
    CHECK(front == first_layer);
  }
}

TEST_CASE("the hypervolume equals the number of dominated unit cells") {
  Random random(2, Purpose::noise);
  for (int round = 0; round < 200; ++round) {
    const std::vector<Point> points = random_points(random, random.below(30), 20);
    const Point reference{static_cast<double>(random.below(10)), static_cast<double>(10 + random.below(10))};
    int cells = 0;
    for (int score = 0; score < 20; ++score) {
      for (int cost = 0; cost < 20; ++cost) {
        // The cell between (score, cost) and (score + 1, cost + 1).
        const bool inside = score >= reference.score && cost + 1 <= reference.cost;
        cells += inside && std::any_of(points.begin(), points.end(), [&](const Point& point) {
                   return point.score >= score + 1 && point.cost <= cost;
                 });
      }
    }
    CHECK(hypervolume(points, reference) == doctest::Approx(cells));
  }
}

TEST_CASE("a shortlist holds the best score, is spread over the front and is nested") {
  Random random(3, Purpose::noise);
  for (int round = 0; round < 200; ++round) {
    const std::vector<Point> points = random_points(random, 1 + random.below(200), 1 + random.below(1000));
    const std::vector<int> front = pareto_front(points);
    const std::vector<int> layers = pareto_layers(points);
    std::vector<int> shorter;
    for (int count = 0; count <= 12; ++count) {
      const std::vector<int> list = choose_shortlist(points, count);
      CHECK(list.size() == std::min<std::size_t>(static_cast<std::size_t>(count), points.size()));
      CHECK(std::set<int>(list.begin(), list.end()).size() == list.size());
      if (count > 0) CHECK(list.front() == front.back());
      CHECK(std::is_sorted(list.begin(), list.end(), [&](int a, int b) {
        return points[static_cast<std::size_t>(a)].score > points[static_cast<std::size_t>(b)].score;
      }));
      for (const int index : shorter) CHECK(contains(list, index));
      // Nothing from a later layer while an earlier one is left.
      int last_layer = 0;
      for (const int index : list) last_layer = std::max(last_layer, layers[static_cast<std::size_t>(index)]);
      for (std::size_t i = 0; i < points.size(); ++i) {
        if (layers[i] < last_layer) CHECK(contains(list, static_cast<int>(i)));
      }
      shorter = list;
    }
  }
}

TEST_CASE("a shortlist prefers the knee of the front to its neighbours and to the worse half") {
  // Costs 0..10; the scores rise steeply up to the knee at cost 4. Many bad points keep the median low.
  std::vector<Point> points;
  const double scores[] = {1, 2, 3, 4, 9, 9.1, 9.2, 9.3, 9.4, 9.5, 10};
  for (int i = 0; i <= 10; ++i) points.push_back({scores[i], static_cast<double>(i)});
  for (int i = 0; i < 8; ++i) points.push_back({2.5 - 0.1 * i, 20});
  const std::vector<int> list = choose_shortlist(points, 3);
  CHECK(contains(list, 10));
  CHECK(contains(list, 4));
  CHECK(contains(list, 3));
  CHECK(choose_shortlist({}, 3).empty());
}

TEST_CASE("the fingerprint set agrees with std::set") {
  Random random(4, Purpose::noise);
  FingerprintSet set;
  std::set<std::uint64_t> expected;
  for (int i = 0; i < 200'000; ++i) {
    // Zero and runs of equal low bits are the hard cases of open addressing.
    const std::uint64_t value = i % 3 == 0 ? random.below(50) << 40 : random.below(60'000);
    const bool fresh = set.insert(value);
    if (fresh != expected.insert(value).second) FAIL("value ", value, " at step ", i);
  }
  CHECK(expected.size() > 50'000);
}
