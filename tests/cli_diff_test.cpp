// assay diff: both sides are what assay explain says of them, and the differences add up.
#include "cli_report_fixture.hpp"

#include <algorithm>
#include <map>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace cli_test;
using nlohmann::json;

json difference(const RunFolder& run, const std::string& arguments) {
  const Outcome outcome = run.run("diff " + arguments + " --format json --quiet");
  INFO(arguments);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return json::parse(outcome.out);
}

std::string accelerator() {
  return " --accelerator " + accelerator_file("edge_npu_16.toml");
}

}  // namespace

TEST_CASE("two entries of a run differ by what their journal says") {
  const RunFolder& run = shared_run();
  const assay::RunJournal journal = run.journal();
  const json diff = difference(run, "--run run.journal 3 baseline");
  const assay::EvaluationRow a = *journal.evaluation(journal.shortlist()[2].evaluation);
  const assay::EvaluationRow b = journal.baseline()->row;
  CHECK(diff.at("a").at("explanation").at("latency_ms").get<double>() == doctest::Approx(a.latency_ms));
  CHECK(diff.at("b").at("explanation").at("latency_ms").get<double>() == doctest::Approx(b.latency_ms));
  CHECK(diff.at("a").at("scores").at("parts")[0].at("value") == a.scores[0]);
  CHECK(diff.at("b").at("scores").at("parts")[0].at("value") == b.scores[0]);
  CHECK(diff.at("a").at("network") == "run.journal:3");

  // Exactly the decisions whose options differ.
  std::map<std::string, std::string> expected;
  for (std::size_t d = 0; d < a.choices.size(); ++d) {
    const assay::JournalDecision& decision = journal.identity().decisions[d];
    if (a.choices[d] != b.choices[d]) expected[decision.name] = decision.options[b.choices[d]];
  }
  std::map<std::string, std::string> told;
  for (const json& row : diff.at("decisions")) told[row.at("decision")] = row.at("b");
  CHECK(told == expected);
}

TEST_CASE("differences of subgraphs sum to that of the networks") {
  const RunFolder& run = shared_run();
  const json diff = difference(run,
                               "--space space.toml 'a.kernel=3 a.channels=16 a.stride=1 a.activation=relu' "
                               "'a.kernel=1 a.channels=20 a.stride=2 a.activation=none' --no-scores" +
                                   accelerator());
  double sum = 0;
  for (const json& pair : diff.at("subgraphs")) {
    if (!pair.at("b").is_null())
      sum += diff.at("b")
                 .at("explanation")
                 .at("subgraphs")[pair.at("b").get<std::size_t>()]
                 .at("latency_ms")
                 .get<double>();
    if (!pair.at("a").is_null())
      sum -= diff.at("a")
                 .at("explanation")
                 .at("subgraphs")[pair.at("a").get<std::size_t>()]
                 .at("latency_ms")
                 .get<double>();
  }
  CHECK(sum == doctest::Approx(diff.at("b").at("explanation").at("latency_ms").get<double>() -
                               diff.at("a").at("explanation").at("latency_ms").get<double>()));
  CHECK(diff.at("decisions").size() == 4);
}

TEST_CASE("a network and itself, whichever way they are named") {
  const RunFolder& run = shared_run();
  const std::string text =
      run.journal().shortlist().empty()
          ? ""
          : assay::candidate_text(run.journal().identity().decisions,
                                  run.journal().evaluation(run.journal().shortlist()[0].evaluation)->choices);
  REQUIRE(run.run("export space.toml --candidate '" + text + "' --out same.json").exit_code == 0);
  const json diff = difference(run, "run.journal:1 same.json");
  CHECK(mentions(diff.at("summary"), "run the same subgraphs"));
  for (const json& pair : diff.at("subgraphs")) CHECK(pair.at("change") == "same");
  // The model is scored as the run was: the same network has the same scores.
  for (std::size_t k = 0; k < 2; ++k) {
    CHECK(diff.at("a").at("scores").at("parts")[k].at("value").get<double>() ==
          doctest::Approx(diff.at("b").at("scores").at("parts")[k].at("value").get<double>()).epsilon(1e-4));
  }
  const json candidate = difference(run, "--run run.journal 1 '" + text + "'");
  CHECK(candidate.at("decisions").empty());
}

TEST_CASE("people get a sentence and tables, CSV the pairs") {
  const RunFolder& run = shared_run();
  const Outcome text = run.run("diff --run run.journal 1 3 --format table");
  CHECK(text.exit_code == 0);
  for (const char* part : {"A  run.journal:1", "B takes", "than A", "Decisions that differ", "Scores",
                           "in spreads", "Subgraphs that differ", "latency", "peak memory"}) {
    INFO(part);
    CHECK(mentions(text.out, part));
  }
  const Outcome csv = run.run("diff --run run.journal 1 baseline --format csv");
  CHECK(csv.out.starts_with("change,a_name,a,b_name,b,a_latency_ms,b_latency_ms,latency_change_ms"));
}

TEST_CASE("diff refuses what names no network, or no two") {
  const RunFolder& run = shared_run();
  const auto refuses = [&](const std::string& arguments, const std::string& part) {
    const Outcome outcome = run.run("diff " + arguments);
    INFO(arguments);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(mentions(outcome.err, part));
  };
  refuses("run.journal:1", "two networks");
  refuses("run.journal:1 7", "names no network");
  refuses("run.journal:1 'a.kernel=3'", "names no network");
  refuses("--run run.journal 1 'a.kernel=3'", "a.channels");
  refuses("run.journal:1 space.toml", "--space");
  refuses("run.journal:1 run.journal:2 --format csv --scores synflo", "synflow");
}
