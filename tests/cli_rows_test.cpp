// What a stream of rows is kept in: rows on disk, and a cohort of bounded size for the rank score.
#include "../src/cli/rank_cohort.hpp"
#include "../src/cli/row_spool.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

using namespace assay;
using namespace assay::cli;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

const std::vector<RankTerm> terms = {{.direction = +1}, {.direction = -1}};

std::vector<std::vector<double>> random_rows(std::int64_t count) {
  Random random(3, Purpose::noise);
  std::vector<std::vector<double>> rows;
  for (std::int64_t i = 0; i < count; ++i)
    rows.push_back({std::floor(500 * random.uniform()), random.normal()});
  return rows;
}

std::vector<double> rank_scores_of(const std::vector<std::vector<double>>& rows, std::int64_t limit) {
  RankCohort cohort(terms, {}, limit);
  for (const auto& row : rows) cohort.add(row);
  cohort.close();
  std::vector<double> scores;
  for (const auto& row : rows) scores.push_back(cohort.next_rank_score(row));
  return scores;
}

}  // namespace

TEST_CASE("up to its limit, a cohort gives the rank scores of the score module") {
  auto rows = random_rows(1000);
  rows[17] = {missing, 1};
  rows[999] = {1, missing};
  std::vector<ScoreRecord> records;
  for (const auto& row : rows) records.push_back({.values = row});
  const std::vector<double> expected = rank_scores(records, terms);
  const std::vector<double> scores = rank_scores_of(rows, 998);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    CHECK((scores[i] == expected[i] || (std::isnan(scores[i]) && std::isnan(expected[i]))));
  }
}

TEST_CASE(
    "beyond it, ranks are those of a sample: close, monotone, equal for equal rows, the same every time") {
  constexpr std::int64_t limit = 20'000;
  std::vector<std::vector<double>> rows;
  for (std::int64_t i = 0; i < 5 * limit; ++i) {
    // One score, sorted: the worst case for a sample that would prefer a part of the stream.
    rows.push_back({static_cast<double>(i / 2)});
  }
  RankCohort cohort({RankTerm{}}, {}, limit);
  for (const auto& row : rows) cohort.add(row);
  CHECK(cohort.is_sampled());
  cohort.close();
  double worst = 0, last = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double score = cohort.next_rank_score(rows[i]);
    REQUIRE(score >= last);
    if (i % 2 == 1) REQUIRE(score == last);
    last = score;
    const double exact = (static_cast<double>(i / 2) * 2 + 1.5) / static_cast<double>(rows.size());
    worst = std::max(worst, std::abs(std::exp(score) - exact));
  }
  CHECK(worst < 0.0115);  // 99 % by Dvoretzky, Kiefer, Wolfowitz and Massart for 20,000
  CHECK(worst > 0);
  CHECK(last <= 0);
  const auto two_scores = random_rows(3000);
  CHECK(rank_scores_of(two_scores, 1000) == rank_scores_of(two_scores, 1000));
}

TEST_CASE("a cohort of failures only, and of one") {
  const std::vector<double> failures = rank_scores_of({{missing, 1}, {missing, missing}}, 10);
  CHECK(std::ranges::all_of(failures, [](double score) { return std::isnan(score); }));
  CHECK(rank_scores_of({{5, 5}}, 10) == std::vector<double>{0});
}

TEST_CASE("rows come back from memory and from disk as they went, with all types") {
  for (const std::int64_t count : {0, 10, 100'000}) {
    CAPTURE(count);
    RowSpool spool(spool_folder("-"));
    const auto row = [](std::int64_t i) {
      const auto size = static_cast<std::size_t>(i % 7);
      return std::vector<Cell>{Cell(),
                               std::string(size, 'x') + "\"\n,",
                               0.1 * static_cast<double>(i),
                               i - 5,
                               i % 2 == 0,
                               RawJson{"[1, " + std::to_string(i) + "]"},
                               std::string()};
    };
    for (std::int64_t i = 0; i < count; ++i) spool.append(row(i));
    CHECK(spool.size() == count);
    std::int64_t seen = 0;
    spool.replay([&](std::vector<Cell> cells) {
      const std::vector<Cell> expected = row(seen++);
      REQUIRE(csv_line(cells) == csv_line(expected));
      for (std::size_t k = 0; k < cells.size(); ++k) REQUIRE(cells[k].index() == expected[k].index());
    });
    CHECK(seen == count);
  }
}

TEST_CASE("a place where rows cannot be put aside is named") {
  RowSpool spool("/no/such/folder");
  const std::vector<Cell> row = {std::string(2 << 20, 'x')};
  CHECK_THROWS_WITH(spool.append(row), doctest::Contains("/no/such/folder"));
}
