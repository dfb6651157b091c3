// assay report against the journal that it reports.
#include "assay/search/pareto.hpp"

#include "cli_report_fixture.hpp"

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace cli_test;
using nlohmann::json;

json report_of(const RunFolder& run, const std::string& arguments) {
  const Outcome outcome = run.run("report " + arguments + " --format json --quiet");
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return json::parse(outcome.out);
}

void check_network(const json& network, const assay::EvaluationRow& row, const assay::RunJournal& journal) {
  const json& candidate = network.at("candidate");
  CHECK(candidate.at("evaluation") == row.evaluation);
  CHECK(candidate.at("choices") == row.choices);
  CHECK(candidate.at("latency_ms") == row.latency_ms);
  CHECK(candidate.at("latency_low_ms") == row.latency_low_ms);
  CHECK(candidate.at("latency_high_ms") == row.latency_high_ms);
  CHECK(candidate.at("peak_memory_bytes") == row.peak_memory_bytes);
  CHECK(candidate.at("params") == row.params);
  CHECK(candidate.at("macs") == row.macs);
  CHECK(candidate.at("scores") == row.scores);
  CHECK(network.at("text") == assay::candidate_text(journal.identity().decisions, row.choices));
  // The explanation is of that network, by the estimator that the run used.
  const json& explanation = network.at("explanation");
  CHECK(explanation.at("latency_ms").get<double>() == doctest::Approx(row.latency_ms).epsilon(1e-9));
  CHECK(explanation.at("peak_memory_bytes") == row.peak_memory_bytes);
  CHECK(explanation.at("params") == row.params);
  CHECK(explanation.at("macs") == row.macs);
}

}  // namespace

TEST_CASE("a report holds what the journal holds") {
  const RunFolder& run = shared_run();
  const assay::RunJournal journal = run.journal();
  const json report = report_of(run, "run.journal");
  CHECK(report.at("state") == "finished");
  CHECK(report.at("seed") == 1);
  CHECK(report.at("evaluated") == journal.evaluation_count());
  CHECK(report.at("cost") == "latency_ms");
  CHECK(report.at("scores") == journal.identity().scores);
  const assay::GenerationRow last = journal.generations().back();
  CHECK(report.at("proposed") == last.proposed);
  CHECK(report.at("duplicates") == last.duplicates);
  CHECK(report.at("failed") == last.failed);
  CHECK(report.at("generations").back().at("evaluated") == last.evaluated);

  // Every evaluation, in order.
  const json& candidates = report.at("candidates");
  REQUIRE(candidates.at("count") == journal.evaluation_count());
  std::size_t i = 0;
  journal.for_each_evaluation([&](const assay::EvaluationRow& row) {
    CHECK(candidates.at("evaluation")[i] == row.evaluation);
    CHECK(candidates.at("params")[i] == row.params);
    CHECK(candidates.at("macs")[i] == row.macs);
    CHECK(candidates.at("peak_memory_bytes")[i] == row.peak_memory_bytes);
    CHECK(candidates.at("latency_ms")[i].get<double>() == doctest::Approx(row.latency_ms).epsilon(1e-6));
    CHECK(candidates.at("status")[i] == row.status);
    for (std::size_t k = 0; k < row.scores.size(); ++k) {
      CHECK(candidates.at("scores").at(journal.identity().scores[k])[i].get<double>() ==
            doctest::Approx(row.scores[k]).epsilon(1e-5));
    }
    ++i;
    return true;
  });

  const std::vector<assay::ResultRow> front = journal.front(), shortlist = journal.shortlist();
  REQUIRE(report.at("front").size() == front.size());
  for (std::size_t k = 0; k < front.size(); ++k) CHECK(report.at("front")[k] == front[k].evaluation);
  REQUIRE(report.at("shortlist").size() == shortlist.size());
  for (std::size_t k = 0; k < shortlist.size(); ++k) {
    const json& network = report.at("shortlist")[k];
    CHECK(network.at("position") == k + 1);
    CHECK(network.at("candidate").at("rank_score") == shortlist[k].rank_score);
    check_network(network, *journal.evaluation(shortlist[k].evaluation), journal);
  }
  REQUIRE(journal.baseline());
  check_network(report.at("baseline"), journal.baseline()->row, journal);
  CHECK(report.at("baseline").at("candidate").at("rank_score") == journal.baseline()->rank_score);

  REQUIRE(report.at("sessions").size() == 1);
  const assay::SessionRow session = journal.sessions().at(0);
  CHECK(report.at("sessions")[0].at("command") == session.command);
  CHECK(session.command.find("search space.toml") != std::string::npos);
  std::string repeat = session.command;
  repeat.erase(repeat.find(" --run run.journal"), 18);
  CHECK(report.at("repeat") == repeat);
  CHECK(report.at("ranked") == false);
  CHECK(report.at("sessions")[0].at("isa") == session.isa);
  CHECK(report.at("sessions")[0].at("libraries") == session.libraries);
}

TEST_CASE("what a report works out is consistent with what it shows") {
  const json report = report_of(shared_run(), "run.journal");
  const json& convergence = report.at("convergence");
  REQUIRE(!convergence.empty());
  CHECK(convergence.back().at("hypervolume_share").get<double>() == doctest::Approx(1));
  CHECK(convergence.back().at("best_rank_score") ==
        report.at("shortlist")[0].at("candidate").at("rank_score"));
  double previous = 0;
  for (const json& step : convergence) {
    CHECK(step.at("hypervolume_share") >= previous);
    previous = step.at("hypervolume_share");
  }
  REQUIRE(report.at("importance").size() == 4);
  double latency_shares = 0, before = 1;
  for (const json& row : report.at("importance")) {
    latency_shares += row.at("latency_share").get<double>();
    const double most = std::max(row.at("latency_share").get<double>(), row.at("score_share").get<double>());
    CHECK(most <= before);
    before = most;
  }
  CHECK(latency_shares > 0.5);
  CHECK(latency_shares <= 1);
  // The latency of one convolution follows from its decisions one by one.
  CHECK(report.at("importance_latency_r2") > 0.5);
  // Two numbers of this space have three options or more at most: channels and one of two options.
  const json& slices = report.at("slices");
  REQUIRE(slices.size() >= 2);
  CHECK(slices[0].at("title") == "MACs");
  CHECK(slices[0].at("rising_share") == 0);
  CHECK(slices[1].at("unit") == "ms");
  // The winner's own cell is its latency.
  const json& winner = report.at("shortlist")[0];
  const auto option = [&](const std::string& decision) {
    const std::string text = winner.at("text").get<std::string>() + " ";
    const std::size_t begin = text.find(decision + "=") + decision.size() + 1;
    return text.substr(begin, text.find(' ', begin) - begin);
  };
  const auto index = [&](const char* options, const char* decision) {
    const auto texts = slices[1].at(options).get<std::vector<std::string>>();
    return static_cast<std::size_t>(std::ranges::find(texts, option(slices[1].at(decision))) - texts.begin());
  };
  CHECK(slices[1]
            .at("values")[index("row_options", "row_decision")][index("column_options", "column_decision")]
            .get<double>() == doctest::Approx(winner.at("candidate").at("latency_ms").get<double>()));
}

TEST_CASE("CSV is what the search wrote, and the other formats say the same") {
  const RunFolder& run = shared_run();
  CHECK(run.run("report run.journal --format csv").out == run.folder.read("search.csv"));
  const json report = report_of(run, "run.journal");
  const std::string text = report.at("shortlist")[0].at("text");

  const Outcome table = run.run("report run.journal");
  CHECK(table.exit_code == 0);
  CHECK(mentions(table.out, "The best network of tiny on edge_npu_16, #1, has a rank score of"));
  CHECK(mentions(table.out, "the baseline (rank score"));
  CHECK(mentions(table.out, text));
  CHECK(mentions(table.out, "assay search space.toml"));

  const Outcome markdown = run.run("report run.journal --out report.md");
  CHECK(markdown.exit_code == 0);
  const std::string page = run.folder.read("report.md");
  CHECK(page.starts_with("<!-- assay report -->\n### Search in tiny"));
  CHECK(page.size() < 60'000);
  CHECK(mentions(page, text));

  CHECK(run.run("report run.journal --out report.html").exit_code == 0);
  const std::string html = run.folder.read("report.html");
  CHECK(mentions(html, "<!doctype html>"));
  CHECK(mentions(html, text));
}

TEST_CASE("a killed run is reported as far as it got, ranked as a search would") {
  const RunFolder run;
  run.write_killed("killed.journal", 20);
  const json report = report_of(run, "killed.journal");
  CHECK(report.at("state") == "killed");
  CHECK(report.at("evaluated") == 20);
  CHECK(mentions(run.run("report killed.journal").out, "The run was killed"));

  // Default scores enter by value: the rank score is their sum.
  std::vector<assay::Point> points;
  run.journal("killed.journal").for_each_evaluation([&](const assay::EvaluationRow& row) {
    points.push_back({row.scores[0] + row.scores[1], row.latency_ms});
    return true;
  });
  std::vector<std::int64_t> front;
  for (const int index : assay::pareto_front(points)) front.push_back(index);
  CHECK(report.at("front") == front);
  CHECK(report.at("shortlist").size() == 5);
  CHECK(report.at("shortlist")[0].at("candidate").at("evaluation") == assay::choose_shortlist(points, 5)[0]);
}

TEST_CASE("a journal that does not tell all is reported as far as it does, and says so") {
  const RunFolder run;
  const auto notes = [](const json& report) { return report.at("notes").dump(); };
  // Before journals held the estimator: the same one is fitted again.
  assay::RunIdentity identity = run.journal().identity();
  identity.estimator_json.clear();
  run.write_killed("old.journal", 20, identity);
  const json old = report_of(run, "old.journal");
  CHECK(!mentions(notes(old), "may differ"));
  CHECK(mentions(notes(old), "older than those that hold the commands"));
  const json& winner = old.at("shortlist")[0];
  CHECK(winner.at("explanation").at("latency_ms").get<double>() ==
        doctest::Approx(winner.at("candidate").at("latency_ms").get<double>()).epsilon(1e-9));

  // Where the search had another one, the accelerator's stands for it.
  identity.settings_json.replace(identity.settings_json.find("\"estimator\":\"") + 13, 4, "0000");
  run.write_killed("other.journal", 20, identity);
  CHECK(mentions(notes(report_of(run, "other.journal")), "may differ"));

  // A space that this version reads in another way: the journal's own figures remain.
  identity = run.journal().identity();
  identity.space_text.replace(identity.space_text.find("[4, 6,"), 6, "[5, 7,");
  run.write_killed("space.journal", 20, identity);
  const json space = report_of(run, "space.journal");
  CHECK(mentions(notes(space), "networks are not looked at"));
  CHECK(space.at("shortlist").size() == 5);
  CHECK(space.at("slices").empty());
  CHECK(space.at("importance").empty());
  CHECK(mentions(space.at("no_slices"), "cannot be read"));
  CHECK(mentions(space.at("no_importance"), "cannot be read"));
  CHECK(run.run("report space.journal --out page.html").exit_code == 0);
  CHECK(run.run("report space.journal").exit_code == 0);
  CHECK(mentions(run.run("explain space.journal:1").err, "none of its networks can be built"));

  // Settings that cannot be read are no run.
  identity = run.journal().identity();
  identity.settings_json = "{}";
  run.write_killed("settings.journal", 20, identity);
  CHECK(mentions(run.run("report settings.journal").err, "settings cannot be read"));

  // Nothing evaluated yet.
  run.write_killed("empty.journal", 0);
  const json empty = report_of(run, "empty.journal");
  CHECK(empty.at("shortlist").empty());
  CHECK(empty.at("convergence").empty());
  CHECK(mentions(run.run("report empty.journal").out, "Nothing has been evaluated in tiny yet."));
  CHECK(run.run("report empty.journal --out empty.html").exit_code == 0);
  CHECK(run.run("report empty.journal --out empty.md").exit_code == 0);
}

TEST_CASE("long runs are sampled, the front and the shortlist are not") {
  const json whole = report_of(shared_run(), "run.journal");
  const std::size_t front = whole.at("front").size(), shortlist = whole.at("shortlist").size();
  for (const std::size_t points : {1u, 20u, 29u}) {
    const json report = report_of(shared_run(), "run.journal --points " + std::to_string(points));
    CHECK(report.at("front") == whole.at("front"));
    CHECK(report.at("evaluated") == whole.at("evaluated"));
    CHECK(report.at("convergence") == whole.at("convergence"));
    const std::vector<std::int64_t> kept = report.at("candidates").at("evaluation");
    CHECK(kept.size() <= std::max(points, front + shortlist + points / 10 + 1));
    CHECK(std::ranges::is_sorted(kept));
    CHECK(kept[0] == 0);
    for (const std::int64_t evaluation : report.at("front"))
      CHECK(std::ranges::binary_search(kept, evaluation));
    for (const json& network : report.at("shortlist"))
      CHECK(std::ranges::binary_search(kept, network.at("candidate").at("evaluation").get<std::int64_t>()));
  }
}

TEST_CASE("a run without hardware is reported by MACs") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  REQUIRE(shell(folder, "assay search space.toml --evaluations 12 --scores params --run run.journal --quiet")
              .exit_code == 0);
  const Outcome outcome = shell(folder, "assay report run.journal --format json");
  REQUIRE(outcome.exit_code == 0);
  const json report = json::parse(outcome.out);
  CHECK(report.at("cost") == "macs");
  CHECK(report.at("shortlist")[0].at("candidate").at("latency_ms").is_null());
  CHECK(report.at("shortlist")[0].at("explanation").at("latency_ms").is_null());
  CHECK(report.at("slices").size() == 1);
  CHECK(report.at("baseline").is_null());
  CHECK(shell(folder, "assay report run.journal --out report.html").exit_code == 0);
  const std::string text = shell(folder, "assay report run.journal").out;
  CHECK(mentions(text, "MACs"));
  // One score that enters by rank: the best has 0, which looks like nothing.
  CHECK(report.at("ranked") == true);
  CHECK(mentions(text, "a rank score of 0 (the best in every score)"));
}

TEST_CASE("the landscape is the one that was asked for") {
  const json report = report_of(shared_run(), "run.journal --landscape a.kernel,a.channels");
  const json& slice = report.at("slices").at(1);
  CHECK(slice.at("row_decision") == "a.kernel");
  CHECK(slice.at("column_options") == std::vector<std::string>{"4", "6", "8", "12", "16", "20"});
  const auto refuses = [&](const std::string& arguments, const std::string& part) {
    const Outcome outcome = shared_run().run("report run.journal " + arguments);
    INFO(arguments);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(mentions(outcome.err, part));
  };
  refuses("--landscape a.kernel,a.chanels", "\"a.channels\"");
  refuses("--landscape a.kernel", "two decisions");
  refuses("--landscape ,", "two decisions");
  refuses("--landscape a.kernel,a.channels,a.stride --format csv", "two decisions");
  refuses("--landscape a.kernel,a.kernel", "twice");
  refuses("--format pdf", "Known are: table, html");
  refuses("--out run.journal", "overwrite");
  CHECK(shared_run().run("report none.journal").exit_code == 2);
  CHECK(mentions(shared_run().run("report .").err, "assay runs . lists them"));
  CHECK(shared_run().run("report space.toml").exit_code == 2);
  CHECK(shared_run().run("report").exit_code == 2);
}

TEST_CASE("without a name, the newest journal of the folder runs") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  const std::string search = "assay search space.toml --evaluations 4 --scores params --quiet --seed ";
  REQUIRE(shell(folder, search + "5 && sleep 0.1 && " + search + "6").exit_code == 0);
  const Outcome outcome = shell(folder, "assay report --format json");
  REQUIRE(outcome.exit_code == 0);
  CHECK(json::parse(outcome.out).at("seed") == 6);
  // The one that began last, not the one that was written last; and what cannot be read hides none.
  REQUIRE(shell(folder, "touch runs/*-1.journal").exit_code == 0);
  folder.write("runs/foreign.journal", "score,latency\n");
  CHECK(json::parse(shell(folder, "assay report --format json").out).at("seed") == 6);

  for (const char* ending : {"", "-wal", "-shm", ".lock"}) {
    INFO(ending);
    const Outcome refused =
        shell(folder, std::string("assay report --format html --out $(ls runs/*-2.journal)") + ending);
    CHECK(refused.exit_code == 2);
    CHECK(mentions(refused.err, "overwrite"));
  }
  CHECK(shell(folder, "assay report --quiet").exit_code == 0);
}

TEST_CASE("a search writes its report at its end") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  const std::string search =
      "assay search space.toml --evaluations 8 --scores params --run run.journal --quiet ";
  CHECK(shell(folder, search + "--report none/report.html").exit_code == 2);
  CHECK(!fs::exists(folder / "run.journal"));
  REQUIRE(shell(folder, search + "--report report.json").exit_code == 0);
  const json written = json::parse(folder.read("report.json"));
  CHECK(written.at("state") == "finished");
  CHECK(written == json::parse(shell(folder, "assay report run.journal --format json").out));
  // Word for word it repeats the run, after a continuation, too.
  const std::string again = "assay search space.toml --evaluations 10 --scores params --quiet";
  REQUIRE(shell(folder, again + " --resume --run=run.journal").exit_code == 0);
  const std::string repeat =
      json::parse(shell(folder, "assay report run.journal --format json").out).at("repeat");
  CHECK(repeat == again);
  CHECK(mentions(shell(folder, "assay report run.journal").out,
                 "# to repeat it as a new run:\n" + repeat + "\n"));
  REQUIRE(shell(folder, repeat).exit_code == 0);
  CHECK(shell(folder, "assay report --format csv").out ==
        shell(folder, "assay report run.journal --format csv").out);
  CHECK(mentions(shell(folder, search + "--resume --report run.journal").err, "overwrite"));
}
