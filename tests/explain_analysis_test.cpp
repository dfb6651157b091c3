// What follows from many evaluations, against what is known exactly: additive functions, brute force, and
// every candidate by itself.
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/explain/decision_grid.hpp"
#include "assay/explain/importance.hpp"
#include "assay/explain/run_convergence.hpp"
#include "assay/explain/score_parts.hpp"
#include "assay/network/executed.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <doctest/doctest.h>

namespace {

using namespace assay;

const std::string root = ASSAY_SOURCE_DIR "/spaces/";
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

// Every combination of 4 x 3 x 2 options, `times` over.
std::vector<std::uint16_t> full_factorial(int times) {
  std::vector<std::uint16_t> choices;
  for (int t = 0; t < times; ++t)
    for (std::uint16_t a = 0; a < 4; ++a)
      for (std::uint16_t b = 0; b < 3; ++b)
        for (std::uint16_t c = 0; c < 2; ++c) choices.insert(choices.end(), {a, b, c});
  return choices;
}
const std::vector<std::size_t> options = {4, 3, 2};

double variance(std::vector<double> values) {
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / n;
}

}  // namespace

TEST_CASE("importances of an additive function are the variances of its parts") {
  const std::vector<double> a = {0, 1, 5, 2}, b = {3, -1, 0};  // the third decision does nothing
  const std::vector<std::uint16_t> choices = full_factorial(200);
  std::vector<double> values;
  for (std::size_t row = 0; row < choices.size() / 3; ++row)
    values.push_back(10 + a[choices[3 * row]] + b[choices[3 * row + 1]]);
  const Importance importance = importance_of(options, choices, values);
  const double all = variance(a) + variance(b);
  // The ridge is one row of 4800.
  CHECK(importance.shares[0] == doctest::Approx(variance(a) / all).epsilon(2e-3));
  CHECK(importance.shares[1] == doctest::Approx(variance(b) / all).epsilon(2e-3));
  CHECK(importance.shares[2] == doctest::Approx(0).epsilon(1e-6));
  CHECK(importance.r2 > 0.999);
}

TEST_CASE("what no decision explains by itself is nobody's, and noise gives no R2 on unseen candidates") {
  const std::vector<std::uint16_t> choices = full_factorial(8);
  std::vector<double> together, noise;
  Random random(1, Purpose::noise);
  for (std::size_t row = 0; row < choices.size() / 3; ++row) {
    // +1 or -1 by two decisions together; 0 on average for each option of either.
    together.push_back((choices[3 * row] % 2 == choices[3 * row + 2]) ? 1 : -1);
    noise.push_back(random.normal());
  }
  const Importance both = importance_of(options, choices, together);
  for (const double share : both.shares) CHECK(share < 1e-6);
  CHECK(both.r2 < 0.05);
  CHECK(importance_of(options, choices, noise).r2 < 0.05);

  const Importance constant = importance_of(options, choices, std::vector<double>(together.size(), 0.1));
  CHECK(std::isnan(constant.r2));
  CHECK(constant.shares == std::vector<double>{0, 0, 0});
  CHECK(std::isnan(importance_of(options, std::vector<std::uint16_t>{0, 0, 0}, std::vector<double>{1}).r2));
}

TEST_CASE("convergence against brute force over every prefix") {
  std::vector<Point> points;
  Random random(3, Purpose::noise);
  for (int i = 0; i < 400; ++i) {
    const double cost = 1 + 9 * random.uniform();
    points.push_back({i % 17 == 0 ? nothing : std::log(cost) + random.normal(), std::round(10 * cost) / 10});
  }
  std::vector<Point> good;
  for (const Point& point : points)
    if (!std::isnan(point.score)) good.push_back(point);
  std::vector<double> scores;
  for (const Point& point : good) scores.push_back(point.score);
  std::ranges::sort(scores);
  const std::vector<int> front = pareto_front(good);
  const Point reference{scores[scores.size() / 2], good[static_cast<std::size_t>(front.back())].cost};
  const double area = hypervolume(good, reference);

  const RunConvergence convergence = run_convergence(points, 50);
  const std::vector<ConvergenceStep>& steps = convergence.steps;
  REQUIRE(steps.size() == 50);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    CHECK(steps[k].evaluated == static_cast<std::int64_t>(8 * (k + 1)));
    std::vector<Point> seen;
    for (std::int64_t i = 0; i < steps[k].evaluated; ++i)
      if (const Point& point = points[static_cast<std::size_t>(i)]; !std::isnan(point.score))
        seen.push_back(point);
    CHECK(steps[k].best_score == std::ranges::max_element(seen, {}, &Point::score)->score);
    CHECK(steps[k].hypervolume_share == doctest::Approx(hypervolume(seen, reference) / area));
  }
  CHECK(steps.back().hypervolume_share == doctest::Approx(1));
  // The first prefix that has come so far.
  const auto first = [&](const auto& far_enough) {
    for (std::int64_t n = 1;; ++n) {
      std::vector<Point> seen;
      for (const Point& point : std::span(points).first(static_cast<std::size_t>(n)))
        if (!std::isnan(point.score)) seen.push_back(point);
      if (!seen.empty() && far_enough(seen)) return n;
    }
  };
  const auto share = [&](const std::vector<Point>& seen) { return hypervolume(seen, reference) / area; };
  CHECK(convergence.reached_90 == first([&](const auto& seen) { return share(seen) >= 0.9; }));
  CHECK(convergence.reached_full == first([&](const auto& seen) { return share(seen) > 1 - 1e-9; }));
  CHECK(convergence.reached_best == first([&](const auto& seen) {
          return std::ranges::max_element(seen, {}, &Point::score)->score ==
                 std::ranges::max_element(good, {}, &Point::score)->score;
        }));

  CHECK(run_convergence({}).steps.empty());
  CHECK_FALSE(run_convergence(std::vector<Point>{{nothing, 1}}).reached_full);
  const std::vector<ConvergenceStep> one =
      run_convergence(std::vector<Point>{{nothing, 1}, {2, 1}, {nothing, 2}}).steps;
  REQUIRE(one.size() == 2);
  CHECK(one[0].evaluated == 2);
  CHECK(one[1].best_score == 2);
  CHECK(one[1].hypervolume_share == 1);
}

TEST_CASE("a slice holds what every candidate of it costs by itself") {
  const Space space = Space::load(root + "ibn_fashion.toml");
  const auto estimator = Estimator::of_cycle_model(Accelerator::load(root + "accelerators/edge_npu_16.toml"));
  Random random(1, Purpose::sample);
  const Candidate centre = space.sample(random);
  const auto decision = [&](const std::string& name) {
    const auto found = std::ranges::find(space.decisions(), name, &Decision::name);
    REQUIRE(found != space.decisions().end());
    return static_cast<std::size_t>(found - space.decisions().begin());
  };
  const std::size_t row = decision("stage3.channels"), column = decision("head.channels");
  const DecisionGrid grid = decision_grid(space, centre, row, column, &estimator);
  REQUIRE(grid.row_options.size() == space.decisions()[row].options.size());
  for (std::size_t r = 0; r < grid.row_options.size(); ++r) {
    for (std::size_t c = 0; c < grid.column_options.size(); ++c) {
      Candidate candidate = centre;
      candidate.choices[row] = grid.row_options[r];
      candidate.choices[column] = grid.column_options[c];
      const Network network = executed(space.decode(candidate));
      CHECK(grid.macs[r][c] == static_cast<double>(network.macs()));
      CHECK(grid.latency_ms[r][c] == doctest::Approx(estimator.predict(network).latency_ms).epsilon(1e-12));
      if (r > 0)
        CHECK(std::stoi(space.decisions()[row].options[grid.row_options[r]]) >
              std::stoi(space.decisions()[row].options[grid.row_options[r - 1]]));
    }
  }
  CHECK(step_shares(grid.macs, grid.macs).rising == 0);
  CHECK(step_shares(grid.macs, grid.macs).flat == 0);
  const DecisionGrid bare = decision_grid(space, centre, row, column, nullptr);
  CHECK(std::isnan(bare.latency_ms[0][0]));
  CHECK_THROWS_AS(decision_grid(space, centre, row, row, nullptr), InputError);
}

TEST_CASE("rising steps are counted in the direction in which the work falls") {
  const std::vector<std::vector<double>> macs = {{1, 2, 3}, {2, 4, nothing}};
  // From 2 to 1 MACs the latency rises (in the first row), from 4 to 2 (in the second); five steps in all.
  const std::vector<std::vector<double>> latency = {{5, 4, 6}, {5, 4.5, nothing}};
  CHECK(step_shares(macs, latency).rising == doctest::Approx(2.0 / 5));
  CHECK(step_shares(macs, latency).flat == doctest::Approx(1.0 / 5));  // down the first column
  CHECK(step_shares({{7, 7}}, {{1, 2}}).rising == 0);
  CHECK(step_shares({}, {}).flat == 0);
}

TEST_CASE("the decisions of a landscape are numbers that change something, channel counts first") {
  const Space space = Space::load(root + "ibn_fashion.toml");
  Random random(1, Purpose::sample);
  const Candidate centre = space.sample(random);
  std::vector<double> importance(space.decisions().size(), 0);
  const auto pair = choose_grid_decisions(space, centre, importance, nullptr);
  REQUIRE(pair);
  for (const std::size_t d : {pair->first, pair->second}) {
    INFO(space.decisions()[d].name);
    const std::string& name = space.decisions()[d].name;
    CHECK((name.find("channels") != std::string::npos || name == "depth_multiplier"));
  }
  CHECK(pair->first < pair->second);
}

TEST_CASE("the nearest candidate of another space keeps texts, then takes the nearest number") {
  const auto space = [](const std::string& channels, const std::string& kernel) {
    return Space::parse(
        "name = \"t\"\nclasses = 10\n[input]\nchannels = 3\nheight = 8\nwidth = 8\n[[stage]]\n"
        "name = \"a\"\nblock = \"conv\"\nkernel = " +
            kernel + "\nchannels = " + channels + "\n[[stage]]\nname = \"head\"\nblock = \"classifier\"\n",
        "text");
  };
  const Space from = space("[4, 20, 30]", "[1, 3]"), to = space("[8, 16, 32]", "[3, 5]");
  const Candidate candidate = candidate_from_text(from, "a.kernel=3 a.channels=20", "test");
  const auto nearest = nearest_candidate(from, candidate, to);
  REQUIRE(nearest);
  CHECK(to_text(to, *nearest) == "a.kernel=3 a.channels=16");
}

TEST_CASE("parts of a score add up to the rank score that an archive gives") {
  const std::vector<std::string> names = {"up", "down", "value"};
  const std::vector<RankTerm> terms = {{+1, true}, {-1, true}, {+1, false}};
  const std::vector<double> weights = {1, 0.5, 2};
  std::vector<double> others;
  Random random(9, Purpose::noise);
  for (int i = 0; i < 60; ++i)
    others.insert(others.end(), {std::round(4 * random.normal()), random.normal(), random.normal()});
  const std::vector<double> own = {2, -0.3, 0.7};
  const ScoreStanding standing = score_standing(names, terms, weights, own, others);
  REQUIRE(standing.parts.size() == 3);
  CHECK(standing.others == 60);
  double sum = 0;
  for (const ScorePart& part : standing.parts) sum += part.contribution;
  RankArchive archive(terms, weights);
  for (int i = 0; i < 60; ++i) archive.add(std::span(others).subspan(static_cast<std::size_t>(3 * i), 3));
  CHECK(standing.rank_score == archive.score_of(own));
  CHECK(sum == doctest::Approx(standing.rank_score));
  // By counting.
  int lower = 0, equal = 0, smaller = 0;
  double mean = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    lower += others[3 * i] < 2;
    equal += others[3 * i] == 2;
    smaller += others[3 * i + 1] > -0.3;
    mean += others[3 * i + 2] / 60;
  }
  CHECK(standing.parts[0].percentile == doctest::Approx((lower + 0.5 * equal) / 60));
  CHECK(standing.parts[1].percentile == doctest::Approx(smaller / 60.0));
  CHECK(standing.parts[2].lift == doctest::Approx(2 * (0.7 - mean)));

  const ScoreStanding alone = score_standing(names, terms, weights, own, {});
  CHECK(std::isnan(alone.rank_score));  // a rank needs others
  CHECK(std::isnan(alone.parts[0].percentile));
  CHECK(alone.parts[2].contribution == doctest::Approx(1.4));
}
