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

RankFit fit(const World& w, std::size_t rows, std::uint64_t seed = 1, std::span<const double> prior = {}) {
  const std::vector<double> x = log_ranks(w.records, terms);
  return fit_rank_weights(std::span(x).first(rows * scores), scores, std::span(w.accuracy).first(rows), seed,
                          prior);
}

double sum(const std::vector<double>& values, std::size_t from, std::size_t to) {
  return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(from),
                         values.begin() + static_cast<std::ptrdiff_t>(to), 0.0);
}

}  // namespace

TEST_CASE("log-ranks are the terms of the rank score") {
  World w = world(40, 1, 1, 1);
  w.records[7].values[3] = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> x = log_ranks(w.records, terms);
  const std::vector<double> ranks = rank_scores(w.records, terms);
  for (std::size_t i = 0; i < 40; ++i) {
    const double terms = std::accumulate(x.begin() + static_cast<std::ptrdiff_t>(i * scores),
                                         x.begin() + static_cast<std::ptrdiff_t>((i + 1) * scores), 0.0);
    CHECK(std::isnan(terms) == (i == 7));
    if (i != 7) CHECK(terms == doctest::Approx(ranks[i]).epsilon(1e-12));
  }
}

TEST_CASE("thirty accuracies are enough to find what counts") {
  for (const std::uint64_t stream : {1u, 2u, 3u, 4u}) {
    const World w = world(600, 1, 0.1, stream);
    const RankFit result = fit(w, 30);
    REQUIRE(result.weights.size() == scores);
    CHECK(result.rows == 30);
    for (const double weight : result.weights) CHECK(weight >= 0);
    CHECK(sum(result.weights, 0, scores) == doctest::Approx(scores));
    CHECK(sum(result.weights, 0, 3) > 0.5 * scores);
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
  const std::vector<double> prior = {1, 0, 1, 1, 1, 1, 1, 1};
  const RankFit uneven = fit(w, 30, 1, prior);
  CHECK(uneven.weights[0] > uneven.weights[1]);
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
  CHECK(perfect.cross_validated_spearman > 0.9);
  // All scores the wrong way round.
  for (std::size_t i = 0; i < 50; ++i)
    for (std::size_t k = 0; k < scores; ++k) w.records[i].values[k] = terms[k].direction * -w.accuracy[i];
  CHECK_THROWS_AS(fit(w, 30), InputError);
  for (double& accuracy : w.accuracy) accuracy = 90;
  CHECK_THROWS_AS(fit(w, 30), InputError);
}
