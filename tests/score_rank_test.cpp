#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/score/score.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <doctest/doctest.h>

using namespace assay;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

std::vector<ScoreRecord> cohort(const std::vector<std::vector<double>>& rows) {
  std::vector<ScoreRecord> records;
  for (const auto& row : rows) records.push_back({.values = row});
  return records;
}

std::vector<ScoreRecord> random_cohort(std::size_t n, std::uint64_t distinct) {
  Random random(1, Purpose::sample, n);
  std::vector<ScoreRecord> records;
  for (std::size_t i = 0; i < n; ++i)
    records.push_back({.values = {static_cast<double>(random.below(distinct)), random.normal(),
                                  static_cast<double>(random.below(distinct))}});
  return records;
}

// By counting, from the definition.
std::vector<double> slow_rank_scores(const std::vector<ScoreRecord>& records, std::vector<RankTerm> terms) {
  std::vector<double> scores;
  double n = 0;
  for (const auto& record : records) n += !std::isnan(record.values[0]);
  for (const auto& record : records) {
    double sum = 0;
    for (std::size_t k = 0; k < terms.size(); ++k) {
      double below = 0, equal = 0;
      for (const auto& other : records) {
        below += terms[k].direction * other.values[k] < terms[k].direction * record.values[k];
        equal += other.values[k] == record.values[k];
      }
      sum += std::log((below + (equal + 1) / 2) / n);
    }
    scores.push_back(std::isnan(record.values[0]) ? missing : sum);
  }
  return scores;
}

void check_equal(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CAPTURE(i);
    CHECK(std::isnan(a[i]) == std::isnan(b[i]));
    if (!std::isnan(a[i])) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-12));
  }
}

const std::vector<RankTerm> terms = {{1}, {-1}, {1}};

}  // namespace

TEST_CASE("rank scores agree with counting, with and without ties and failures") {
  for (const std::uint64_t distinct : {2u, 5u, 1000u}) {
    auto records = random_cohort(60, distinct);
    check_equal(rank_scores(records, terms), slow_rank_scores(records, terms));
    for (const std::size_t i : {0u, 17u, 59u}) records[i].values = {missing, missing, missing};
    check_equal(rank_scores(records, terms), slow_rank_scores(records, terms));
  }
}

TEST_CASE("rank scores depend on order only") {
  const auto records = random_cohort(40, 12);
  auto changed = records;
  for (auto& record : changed) {
    record.values[0] = std::exp(record.values[0] / 3) - 7;
    record.values[1] = std::pow(record.values[1], 3) * 1e6;
    record.values[2] = -1 / (1 + record.values[2]);
  }
  check_equal(rank_scores(records, terms), rank_scores(changed, terms));
  for (auto& record : changed) record.values[1] = -record.values[1];
  check_equal(rank_scores(records, terms), rank_scores(changed, std::vector<RankTerm>(3)));
}

TEST_CASE("rank scores follow the records through a permutation") {
  auto records = random_cohort(40, 12);
  auto expected = rank_scores(records, terms);
  std::ranges::reverse(records);
  std::ranges::reverse(expected);
  check_equal(rank_scores(records, terms), expected);
}

TEST_CASE("improving one score of one network never lowers its rank score") {
  auto records = random_cohort(30, 30);
  const double before = rank_scores(records, terms)[4];
  records[4].values[0] += 5;
  CHECK(rank_scores(records, terms)[4] >= before);
  records[4].values[1] -= 5;
  CHECK(rank_scores(records, terms)[4] > before);
}

TEST_CASE("failed records have no rank score and do not move the others") {
  const auto whole = random_cohort(20, 8);
  auto mixed = whole;
  mixed.insert(mixed.begin() + 7, {.values = {missing, missing, missing}});
  mixed.insert(mixed.begin() + 3, {.values = {1e9, missing, 1e9}});
  auto scores = rank_scores(mixed, terms);
  CHECK(std::isnan(scores[3]));
  CHECK(std::isnan(scores[8]));
  scores.erase(scores.begin() + 8);
  scores.erase(scores.begin() + 3);
  check_equal(scores, rank_scores(whole, terms));
}

TEST_CASE("small cohorts") {
  CHECK(rank_scores({}, terms).empty());
  check_equal(rank_scores(cohort({{3, 4, 5}}), terms), {0.0});
  check_equal(rank_scores(cohort({{missing, missing, missing}}), terms), {missing});
  check_equal(rank_scores(cohort({{3, 4, 5}, {3, 4, 5}}), terms), {3 * std::log(0.75), 3 * std::log(0.75)});
  check_equal(rank_scores(cohort({{1, 9, 1}, {2, 8, 2}}), terms), {3 * std::log(0.5), 0.0});
}

TEST_CASE("scores that enter by value need no cohort") {
  const std::vector<RankTerm> values = {{1, false}, {-1, false}};
  check_equal(rank_scores(cohort({{3, 4}}), values), {-1.0});
  check_equal(rank_scores(cohort({{3, 4}, {3, 4}, {5, 0}, {missing, 4}}), values),
              {-1.0, -1.0, 5.0, missing});
  check_equal(rank_scores(cohort({{missing, missing}}), values), {missing});
  check_equal(rank_scores(cohort({{3, 4}}), values, std::vector<double>{2, 0.5}), {4.0});
  RankArchive archive(values);
  CHECK(archive.score_of(std::vector{3.0, 4.0}) == -1);
  CHECK(std::isnan(archive.score_of(std::vector{missing, 4.0})));

  // By value only where all of them can: values and ranks do not add up.
  for (const RankTerm& term : rank_terms(default_scores())) CHECK_FALSE(term.by_rank);
  for (const RankTerm& term : rank_terms(std::vector<std::string>{"capacity", "gradient_drift"}))
    CHECK(term.by_rank);
}

TEST_CASE("an archive that grows ranks as one that was there at once") {
  const auto records = random_cohort(50, 9);
  RankArchive growing(terms);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const double expected = growing.score_of(records[i].values);
    growing.add(records[i].values);
    const auto scores = growing.scores();
    CHECK(scores.back() == doctest::Approx(expected).epsilon(1e-12));
    if (i % 10 == 9) check_equal(scores, rank_scores(std::span(records).first(i + 1), terms));
  }
}

TEST_CASE("percentiles against an archive") {
  RankArchive archive(std::vector<RankTerm>{{1}, {-1}});
  CHECK(std::isnan(archive.percentiles_of(std::vector{1.0, 1.0})[0]));
  for (const double x : {1.0, 2.0, 3.0, 4.0}) archive.add(std::vector{x, x});
  check_equal(archive.percentiles_of(std::vector{5.0, 5.0}), {1.0, 0.0});
  check_equal(archive.percentiles_of(std::vector{2.0, 2.0}), {0.375, 0.625});
  check_equal(archive.percentiles_of(std::vector{missing, 0.0}), {missing, 1.0});
}

TEST_CASE("weights scale the log-ranks of their scores") {
  const auto records = random_cohort(50, 7);
  const std::vector<double> weights = {0.5, 0, 3};
  std::vector<double> expected(records.size(), 0.0);
  for (std::size_t k = 0; k < weights.size(); ++k) {
    std::vector<ScoreRecord> column;
    for (const auto& record : records) column.push_back({.values = {record.values[k]}});
    const auto alone = rank_scores(column, std::vector<RankTerm>{terms[k]});
    for (std::size_t i = 0; i < records.size(); ++i) expected[i] += weights[k] * alone[i];
  }
  check_equal(rank_scores(records, terms, weights), expected);
  check_equal(rank_scores(records, terms, std::vector<double>{1, 1, 1}), rank_scores(records, terms));

  RankArchive archive(terms, weights);
  for (std::size_t i = 1; i < records.size(); ++i) archive.add(records[i].values);
  const double joining = archive.score_of(records[0].values);
  archive.add(records[0].values);
  CHECK(joining == doctest::Approx(archive.scores().back()).epsilon(1e-12));

  CHECK_THROWS_AS(RankArchive(terms, {1, 2}), InternalError);
  CHECK_THROWS_AS(RankArchive(terms, {1, -2, 1}), InternalError);
  CHECK_THROWS_AS(RankArchive(terms, {1, missing, 1}), InternalError);
}
