// Weights learned from a few known accuracies.
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/score/rank_fit.hpp"
#include "assay/score/statistics.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include <doctest/doctest.h>

using namespace assay;

namespace {

// Networks whose accuracy is made of two hidden qualities. Three scores see the first, three the second, all
// through noise; two see nothing.
struct World {
  std::vector<ScoreRecord> records;
  std::vector<double> accuracy;
};
constexpr std::size_t scores = 8;
const std::vector<RankTerm> terms = {{1}, {-1}, {1}, {1}, {1}, {-1}, {1}, {1}};

World world(std::size_t n, double first, double second, std::uint64_t stream) {
  World result;
  Random random(11, Purpose::sample, stream);
  for (std::size_t i = 0; i < n; ++i) {
    const double a = random.normal(), b = random.normal();
    ScoreRecord record;
    for (std::size_t k = 0; k < scores; ++k) {
      const double seen = k < 3 ? a : k < 6 ? b : 0;
      record.values.push_back(terms[k].direction * (seen + 0.5 * random.normal()));
    }
    result.records.push_back(record);
    result.accuracy.push_back(std::exp(first * a + second * b + 0.1 * random.normal()));
  }
  return result;
}

double weighted_spearman(const World& w, const std::vector<double>& weights) {
  return spearman(rank_scores(w.records, terms, weights), w.accuracy);
}

RankFit fit(const World& w, std::size_t rows, std::uint64_t seed = 1, const RankPrior& prior = {}) {
  const std::vector<double> x = rank_addends(w.records, terms);
  return fit_rank_weights(std::span(x).first(rows * scores), scores, std::span(w.accuracy).first(rows), seed,
                          prior);
}

double sum(const std::vector<double>& values, std::size_t from, std::size_t to) {
  return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(from),
                         values.begin() + static_cast<std::ptrdiff_t>(to), 0.0);
}

}  // namespace

TEST_CASE("addends are the terms of the rank score, by rank or by value") {
  World w = world(40, 1, 1, 1);
  w.records[7].values[3] = std::numeric_limits<double>::quiet_NaN();
  std::vector<RankTerm> mixed = terms;
  mixed[2].by_rank = mixed[5].by_rank = false;
  const std::vector<double> x = rank_addends(w.records, mixed);
  CHECK(x[0 * scores + 2] == w.records[0].values[2]);
  CHECK(x[0 * scores + 5] == -w.records[0].values[5]);
  const std::vector<double> ranks = rank_scores(w.records, mixed);
  for (std::size_t i = 0; i < 40; ++i) {
    const double total = std::accumulate(x.begin() + static_cast<std::ptrdiff_t>(i * scores),
                                         x.begin() + static_cast<std::ptrdiff_t>((i + 1) * scores), 0.0);
    CHECK(std::isnan(total) == (i == 7));
    if (i != 7) CHECK(total == doctest::Approx(ranks[i]).epsilon(1e-12));
  }
}

TEST_CASE("thirty accuracies are enough to find what counts") {
  for (const std::uint64_t stream : {1u, 2u, 3u, 4u}) {
    const World w = world(600, 1, 0.1, stream);
    const RankFit result = fit(w, 30);
    REQUIRE(result.weights.size() == scores);
    CHECK(result.rows == 30);
    for (const double weight : result.weights) CHECK(weight >= 0);
    CHECK(sum(result.weights, 0, 3) > 0.5 * sum(result.weights, 0, scores));
    const double learned = weighted_spearman(w, result.weights);
    CHECK(learned > weighted_spearman(w, std::vector<double>(scores, 1.0)) + 0.1);
    CHECK(learned > 0.85);
    CHECK(result.cross_validated_spearman > 0.7);
  }
}

TEST_CASE("only the order of the accuracies counts, and the same rows teach the same") {
  World w = world(200, 1, 0.5, 5);
  const RankFit result = fit(w, 40);
  CHECK(fit(w, 40).weights == result.weights);
  for (double& accuracy : w.accuracy) accuracy = -1 / accuracy;
  CHECK(fit(w, 40).weights == result.weights);
}

TEST_CASE("the prior decides what the data leave open") {
  // Two scores that are one and the same.
  World w = world(200, 1, 1, 6);
  for (ScoreRecord& record : w.records) record.values[1] = -record.values[0];
  const RankFit even = fit(w, 30);
  CHECK(even.weights[0] == doctest::Approx(even.weights[1]).epsilon(1e-3));
  RankPrior prior{.weights = {1, 0, 1, 1, 1, 1, 1, 1}, .log_odds = 3};
  const RankFit uneven = fit(w, 30, 1, prior);
  CHECK(uneven.weights[0] > uneven.weights[1]);
  prior.corrections = {0, 3, 0, 0, 0, 0, 0, 0};
  const RankFit expected = fit(w, 30, 1, prior);
  CHECK(expected.weights[0] < expected.weights[1]);
}

TEST_CASE("a few rows hardly move the prior's order, many decide") {
  // The prior trusts the second quality, the accuracy is made of the first.
  const std::vector<double> prior_weights = {0, 0, 0, 1, 1, 1, 0, 0};
  const RankPrior prior{.weights = prior_weights, .log_odds = 3};
  const World sensible = world(400, 0.3, 1, 9);
  const double before = weighted_spearman(sensible, prior_weights);
  double mean_of_few = 0;
  for (std::size_t first = 0; first < 200; first += 5) {
    const std::vector<double> x = rank_addends(sensible.records, terms);
    const RankFit few = fit_rank_weights(std::span(x).subspan(first * scores, 5 * scores), scores,
                                         std::span(sensible.accuracy).subspan(first, 5), 1, prior);
    const double learned = weighted_spearman(sensible, few.weights);
    CHECK(learned > before - 0.05);
    mean_of_few += learned / 40;
  }
  CHECK(mean_of_few > before - 0.005);
  const World surprising = world(400, 1, 0.1, 10);
  CHECK(weighted_spearman(surprising, prior_weights) < 0.3);
  CHECK(weighted_spearman(surprising, fit(surprising, 100, 1, prior).weights) > 0.85);
}

TEST_CASE("the unit of a score that enters by value does not matter") {
  World w = world(200, 1, 0.5, 12);
  std::vector<RankTerm> mixed = terms;
  mixed[0].by_rank = false;
  const RankPrior prior{.weights = {1, 0, 0, 0, 0, 0, 0, 0}, .log_odds = 3};
  const auto learned = [&] {
    const std::vector<double> x = rank_addends(w.records, mixed);
    return fit_rank_weights(std::span(x).first(10 * scores), scores, std::span(w.accuracy).first(10), 1,
                            prior);
  };
  const double before = learned().weights[0];
  for (ScoreRecord& record : w.records) record.values[0] *= 1e-3;
  CHECK(learned().weights[0] == doctest::Approx(1e3 * before).epsilon(0.05));
}

TEST_CASE("many rows are drawn from, in bounded time") {
  const World w = world(3000, 1, 0.5, 7);
  const RankFit result = fit(w, 3000);
  CHECK(result.rows == max_fit_rows);
  CHECK(weighted_spearman(w, result.weights) > 0.9);
  CHECK(fit(w, 3000, 1).weights == result.weights);
  CHECK(fit(w, 3000, 2).weights != result.weights);
}

TEST_CASE("what cannot be learned from is refused") {
  World w = world(50, 1, 1, 8);
  CHECK_THROWS_AS(fit(w, 2), InputError);
  CHECK_NOTHROW(fit(w, 3));
  // Rows that the scores order perfectly: weights stay finite.
  for (std::size_t i = 0; i < 50; ++i) w.accuracy[i] = w.records[i].values[0];
  const RankFit perfect = fit(w, 30);
  CHECK(std::isfinite(perfect.weights[0]));
  CHECK(perfect.cross_validated_spearman > 0.8);
  // All scores the wrong way round.
  for (std::size_t i = 0; i < 50; ++i)
    for (std::size_t k = 0; k < scores; ++k) w.records[i].values[k] = terms[k].direction * -w.accuracy[i];
  CHECK_THROWS_AS(fit(w, 30), InputError);
  for (double& accuracy : w.accuracy) accuracy = 90;
  CHECK_THROWS_AS(fit(w, 30), InputError);
}
