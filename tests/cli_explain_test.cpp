// assay explain against assay estimate, and its entries of runs against their journal.
#include "cli_report_fixture.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace cli_test;
using nlohmann::json;

json explained(const RunFolder& run, const std::string& arguments) {
  const Outcome outcome = run.run("explain " + arguments + " --format json --quiet");
  INFO(arguments);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return json::parse(outcome.out);
}

}  // namespace

TEST_CASE("an entry of a run is explained from the journal alone") {
  const RunFolder& run = shared_run();
  const assay::RunJournal journal = run.journal();
  const std::int64_t best = journal.shortlist()[0].evaluation;
  const std::string number = std::to_string(best);
  const std::vector<std::string> names = {"run.journal", "run.journal:1", "run.journal:e" + number,
                                          "--run run.journal --number 1",
                                          "--run run.journal --evaluation " + number};
  for (const std::string& name : names) {
    INFO(name);
    const json entry = explained(run, name);
    const assay::EvaluationRow row = *journal.evaluation(best);
    CHECK(entry.at("candidate") == assay::candidate_text(journal.identity().decisions, row.choices));
    CHECK(entry.at("explanation").at("latency_ms").get<double>() ==
          doctest::Approx(row.latency_ms).epsilon(1e-9));
    CHECK(entry.at("explanation").at("peak_memory_bytes") == row.peak_memory_bytes);
    const json& scores = entry.at("scores");
    CHECK(scores.at("others") == journal.evaluation_count() - 1);
    CHECK(scores.at("rank_score").get<double>() == doctest::Approx(journal.shortlist()[0].rank_score));
    CHECK(scores.at("percentile") == 1);  // the best of all
    for (std::size_t k = 0; k < row.scores.size(); ++k)
      CHECK(scores.at("parts")[k].at("value") == row.scores[k]);
  }
  const json baseline = explained(run, "run.journal:baseline");
  CHECK(baseline.at("candidate") == baseline_candidate);
  CHECK(baseline.at("scores").at("rank_score").get<double>() ==
        doctest::Approx(journal.baseline()->rank_score));
}

TEST_CASE("a candidate of a space costs what estimate says, part by part") {
  const RunFolder& run = shared_run();
  const std::string of = "space.toml --candidate '" + std::string(baseline_candidate) + "' --accelerator " +
                         accelerator_file("edge_npu_16.toml");
  const json entry = explained(run, of + " --no-scores");
  CHECK(!entry.contains("scores"));
  const Outcome outcome = run.run("estimate " + of + " --format json --quiet");
  REQUIRE(outcome.exit_code == 0);
  const json estimate = json::parse(outcome.out).at(0);
  const json& explanation = entry.at("explanation");
  CHECK(explanation.at("latency_ms").get<double>() ==
        doctest::Approx(estimate.at("latency_ms").get<double>()).epsilon(1e-5));
  CHECK(explanation.at("peak_memory_bytes") == estimate.at("peak_memory_bytes"));
  CHECK(explanation.at("params") == estimate.at("params"));
  CHECK(explanation.at("macs") == estimate.at("macs"));
  double latency = 0;
  for (const json& part : explanation.at("subgraphs")) latency += part.at("latency_ms").get<double>();
  CHECK(latency == doctest::Approx(explanation.at("latency_ms").get<double>()));
  CHECK(entry.at("decisions").at("a.channels") == "20");
}

TEST_CASE("scores of a candidate stand beside those of random ones") {
  const RunFolder& run = shared_run();
  const std::string of =
      "space.toml --candidate '" + std::string(baseline_candidate) + "' --scores capacity,params --batch 4";
  const json scores = explained(run, of + " --reference-size 20").at("scores");
  CHECK(scores.at("others") == 20);
  CHECK(scores.at("compared_with") == "random candidates of tiny");
  REQUIRE(scores.at("parts").size() == 2);
  // By rank, as these two enter together: the parts add up.
  double sum = 0;
  for (const json& part : scores.at("parts")) sum += part.at("contribution").get<double>();
  CHECK(scores.at("rank_score").get<double>() == doctest::Approx(sum));
  const json alone = explained(run, of + " --reference-size 0").at("scores");
  CHECK(alone.at("others") == 0);
}

TEST_CASE("a model file is explained with and without hardware") {
  const RunFolder& run = shared_run();
  REQUIRE(run.run("export space.toml --candidate '" + std::string(baseline_candidate) + "' --out model.json")
              .exit_code == 0);
  const json bare = explained(run, "model.json --no-scores");
  CHECK(bare.at("candidate").is_null());
  CHECK(bare.at("explanation").at("latency_ms").is_null());
  const json timed =
      explained(run, "model.json --no-scores --accelerator " + accelerator_file("edge_npu_16.toml"));
  CHECK(timed.at("explanation").at("latency_ms") > 0);
  CHECK(timed.at("explanation").at("macs") == bare.at("explanation").at("macs"));
}

TEST_CASE("people get words and tables, CSV the subgraphs") {
  const RunFolder& run = shared_run();
  const Outcome text = run.run("explain run.journal:1 --format table");
  CHECK(text.exit_code == 0);
  for (const char* part :
       {"A network from 3x8x8 to 10x1x1", "It takes", "Its time is bound", "Memory peaks at", "Stages",
        "Decisions", "Scores", "Subgraphs", "better than 100 % of"}) {
    INFO(part);
    CHECK(mentions(text.out, part));
  }
  const Outcome csv = run.run("explain run.journal:1 --format csv");
  CHECK(csv.exit_code == 0);
  CHECK(csv.out.starts_with("subgraph,name,kind,operators,shape,inputs,params,macs"));
  const json entry = explained(run, "run.journal:1");
  CHECK(std::count(csv.out.begin(), csv.out.end(), '\n') ==
        1 + static_cast<long>(entry.at("explanation").at("subgraphs").size()));
}

TEST_CASE("what names no network is refused with what there is") {
  const RunFolder& run = shared_run();
  const auto refuses = [&](const std::string& arguments, const std::string& part) {
    const Outcome outcome = run.run("explain " + arguments);
    INFO(arguments);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.out.empty());
    CHECK(mentions(outcome.err, part));
  };
  refuses("", "name a network");
  refuses("space.toml", "--candidate");
  refuses("run.journal:4", "from 1 to 3");
  refuses("run.journal:1 --out run.journal", "would overwrite");
  refuses("run.journal:e99", "the run has 30");
  refuses("--number 1", "--run");
  refuses("--run run.journal --number 1 --evaluation 2", "one network");
  refuses("none.journal:1", "none.journal");
  refuses("space.toml --candidate 'a.kernel=2 a.channels=20 a.stride=1 a.activation=relu'", "a.kernel");
  refuses("nothing", "is no file");
  // Options of scores, also where there is nothing to score.
  refuses("run.journal:1 --format csv --scores synflo", "synflow");
  refuses("run.journal:1 --no-scores --batch none", "--batch");
  refuses("run.journal:1 --no-scores --reference-size -1", "--reference-size");
  refuses("run.journal:1 --format csv --rank-weights none.json", "none.json");
}
