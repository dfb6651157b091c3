// assay score on files of networks that nobody would train: exit code 0, no NaN, no infinity, a status.
#include "assay/network/json.hpp"
#include "assay/score/score.hpp"

#include "cli_process.hpp"
#include "cli_tiny_space.hpp"
#include "degenerate_networks.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace assay;
using namespace cli_test;

TEST_CASE("degenerate network files are scored, with a status where a score has no value") {
  const Folder folder;
  for (const test::Degenerate& each : test::degenerate_networks) {
    CAPTURE(each.name);
    const std::string reason = each.status.substr(0, each.status.find(':'));
    folder.write("network.json", to_json(each.network()));
    const Outcome csv = shell(folder, "assay score network.json --scores all --batch 4 --quiet --format csv");
    CHECK(csv.exit_code == 0);
    CHECK(csv.err.empty());
    CHECK_FALSE(mentions(csv.out, "nan"));
    CHECK_FALSE(mentions(csv.out, "inf"));
    CHECK(mentions(csv.out, reason));

    const Outcome json =
        shell(folder, "assay score network.json --scores all --batch 4 --quiet --format json");
    CHECK(json.exit_code == 0);
    const auto row = nlohmann::json::parse(json.out).at(0);
    const std::string status = row.at("status");
    CHECK(mentions(status, reason));
    for (const ScoreInfo& score : score_registry()) {
      CAPTURE(score.name);
      const auto& value = row.at(std::string(score.name));
      CHECK((value.is_number() || (value.is_null() && status != "ok")));
    }
    CHECK(row.at("rank_score").is_null() == (status != "ok"));

    const Outcome table = shell(folder, "assay score network.json --quiet --format table");
    CHECK(table.exit_code == 0);
    CHECK_FALSE(mentions(table.out, "nan"));
  }
}

TEST_CASE("cohorts of one, of equal networks, of failures only") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  const auto rank_scores = [&](const std::string& rows, const std::string& scores) {
    folder.write("rows.csv", "a.kernel,a.channels,a.stride,a.activation\n" + rows);
    const Outcome outcome = shell(
        folder, "assay score space.toml --candidates rows.csv --quiet --format json --scores " + scores);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 0);
    std::vector<nlohmann::json> result;
    for (const auto& row : nlohmann::json::parse(outcome.out)) result.push_back(row.at("rank_score"));
    return result;
  };
  const std::string good = "3,8,1,relu\n", linear = "3,8,1,none\n";
  CHECK(rank_scores(good, "naswot,params") == std::vector<nlohmann::json>{0.0});
  const auto by_value = rank_scores(good + good, "capacity,signal_propagation");
  CHECK(by_value[0].is_number());
  CHECK(by_value[0] == by_value[1]);
  CHECK(by_value[0] == rank_scores(good, "capacity,signal_propagation")[0]);
  const auto by_rank = rank_scores(good + good, "naswot,params");
  CHECK(by_rank[0] == by_rank[1]);
  CHECK(rank_scores(linear + linear, "naswot,params") == std::vector<nlohmann::json>{nullptr, nullptr});
  // Beside failures, a network is a cohort of one.
  CHECK(rank_scores(linear + good, "naswot,params") == std::vector<nlohmann::json>{nullptr, 0.0});
}
