// Rank statistics against their definitions, counted pair by pair.
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/score/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

using namespace assay;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

std::vector<double> numbers(std::size_t n, std::uint64_t distinct, std::uint64_t stream) {
  Random random(3, Purpose::sample, stream);
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(static_cast<double>(random.below(distinct)) / 7);
  return values;
}

int sign(double x) {
  return (x > 0) - (x < 0);
}

double slow_kendall(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0, in_a = 0, in_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      sum += sign(a[i] - a[j]) * sign(b[i] - b[j]);
      in_a += sign(a[i] - a[j]) != 0;
      in_b += sign(b[i] - b[j]) != 0;
    }
  }
  return sum / std::sqrt(in_a * in_b);
}

double slow_spearman(const std::vector<double>& a, const std::vector<double>& b) {
  const auto rank = [](const std::vector<double>& values, double value) {
    double below = 0, equal = 0;
    for (const double other : values) {
      below += other < value;
      equal += other == value;
    }
    return below + (equal + 1) / 2;
  };
  const double middle = (static_cast<double>(a.size()) + 1) / 2;
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = rank(a, a[i]) - middle, y = rank(b, b[i]) - middle;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

TEST_CASE("average ranks") {
  const std::vector<double> values = {3, 1, 3, missing, -2, 3};
  CHECK(average_ranks(values) == std::vector<double>{5, 3, 5, 1, 2, 5});
  CHECK(average_ranks({}).empty());
}

TEST_CASE("Spearman and Kendall agree with counting, with few and with many ties") {
  for (const std::uint64_t distinct : {2u, 5u, 40u, 100000u}) {
    for (const std::size_t n : {2u, 3u, 17u, 120u}) {
      const auto a = numbers(n, distinct, n), b = numbers(n, distinct, n + 1000);
      CAPTURE(distinct);
      CAPTURE(n);
      const double rho = slow_spearman(a, b);
      CHECK(std::isnan(spearman(a, b)) == std::isnan(rho));
      if (!std::isnan(rho)) CHECK(spearman(a, b) == doctest::Approx(rho).epsilon(1e-12));
      if (!std::isnan(rho)) CHECK(kendall_tau_b(a, b) == doctest::Approx(slow_kendall(a, b)).epsilon(1e-12));
      if (!std::isnan(rho)) CHECK(kendall_tau_b(b, a) == doctest::Approx(slow_kendall(a, b)).epsilon(1e-12));
    }
  }
}

TEST_CASE("equal order is 1, opposite order is -1, constants have no correlation") {
  const std::vector<double> up = {1, 2, 5, 9}, down = {4, 3, 2, -1}, flat = {2, 2, 2, 2};
  CHECK(spearman(up, up) == 1);
  CHECK(kendall_tau_b(up, up) == 1);
  CHECK(spearman(up, down) == -1);
  CHECK(kendall_tau_b(up, down) == -1);
  CHECK(std::isnan(spearman(up, flat)));
  CHECK(std::isnan(kendall_tau_b(flat, up)));
  CHECK(std::isnan(spearman(std::vector<double>{1}, std::vector<double>{1})));
  CHECK_THROWS_AS(spearman(up, std::vector<double>{1}), InternalError);
}

TEST_CASE("a missing score ranks last") {
  const std::vector<double> accuracy = {10, 60, 70, 80};
  CHECK(spearman(std::vector<double>{missing, 1, 2, 3}, accuracy) == 1);
  CHECK(spearman(std::vector<double>{1, 2, 3, missing}, accuracy) < 0);
}

TEST_CASE("the best tenth, and the shortlist's regret") {
  // Forty rows; the score is right within the best four and wrong everywhere else.
  std::vector<double> accuracy, score;
  for (int i = 0; i < 40; ++i) {
    accuracy.push_back(i);
    score.push_back(i >= 36 ? i : -i);
  }
  CHECK(agreement(score, accuracy).top_spearman == 1);
  CHECK(agreement(score, accuracy).spearman < 0);
  CHECK(agreement(score, accuracy).regret == 0);

  for (std::size_t i = 30; i < 40; ++i) score[i] = -100;
  // The best accuracy is 39; the ten highest scores are those of rows 0 to 9.
  CHECK(agreement(score, accuracy).regret == 30);
  CHECK(shortlist(score, accuracy, 3) == std::vector<std::size_t>{0, 1, 2});

  // A constant score deserves nothing from the order of the file.
  const std::vector<double> flat(40, 1.0);
  CHECK(agreement(flat, accuracy).regret == 30);
  std::ranges::reverse(accuracy);
  CHECK(agreement(flat, accuracy).regret == 30);
  // Fewer rows than the shortlist holds.
  CHECK(agreement(std::vector<double>{1, 2}, std::vector<double>{2, 1}).regret == 0);
}

TEST_CASE("bootstrap intervals hold the value, narrow with more rows, and repeat") {
  double last_width = 10;
  for (const std::size_t n : {20u, 200u, 2000u}) {
    Random random(5, Purpose::noise, n);
    std::vector<double> accuracy, score;
    for (std::size_t i = 0; i < n; ++i) {
      accuracy.push_back(random.normal());
      score.push_back(accuracy.back() + random.normal());
    }
    const JudgedAgreement judged = judge(score, accuracy, 300, 1);
    CHECK(judged.value.spearman == spearman(score, accuracy));
    CHECK(judged.low.spearman < judged.value.spearman);
    CHECK(judged.value.spearman < judged.high.spearman);
    CHECK(judged.low.kendall < judged.value.kendall);
    CHECK(judged.value.kendall < judged.high.kendall);
    const double width = judged.high.spearman - judged.low.spearman;
    CHECK(width < last_width);
    last_width = width;
    CHECK(judge(score, accuracy, 300, 1).low.kendall == judged.low.kendall);
    CHECK(judge(score, accuracy, 300, 2).low.kendall != judged.low.kendall);
  }
  // Fisher's approximation of the interval, n = 2000, rho about 0.69: +-1.96 x 1.03 (1 - rho^2) / sqrt(n).
  CHECK(last_width > 0.035);
  CHECK(last_width < 0.065);
}

TEST_CASE("a resample equals the same rows written out") {
  // judge() draws rows 0 .. n-1 by counts; the same draw, written out as lists, must give the same statistic.
  const auto accuracy = numbers(90, 30, 1), score = numbers(90, 20, 2);
  Random random(1, Purpose::bootstrap, 90, 0);
  std::vector<double> a, b;
  for (int i = 0; i < 90; ++i) {
    const auto row = random.below(90);
    a.push_back(score[row]);
    b.push_back(accuracy[row]);
  }
  const Agreement expected = agreement(a, b);
  REQUIRE(std::isfinite(expected.top_spearman));
  const JudgedAgreement judged = judge(score, accuracy, 1, 1);
  CHECK(judged.low.spearman == doctest::Approx(expected.spearman).epsilon(1e-12));
  CHECK(judged.low.kendall == doctest::Approx(expected.kendall).epsilon(1e-12));
  CHECK(judged.low.top_spearman == doctest::Approx(expected.top_spearman).epsilon(1e-12));
  CHECK(judged.low.regret == doctest::Approx(expected.regret).epsilon(1e-12));
}

TEST_CASE("equal rows and empty lists have no statistic, and no interval") {
  const std::vector<double> flat(12, 3.0);
  const JudgedAgreement judged = judge(flat, flat, 50, 1);
  CHECK(std::isnan(judged.value.spearman));
  CHECK(std::isnan(judged.low.spearman));
  CHECK(judged.value.regret == 0);
  CHECK(std::isnan(judge({}, {}, 50, 1).value.spearman));
}
