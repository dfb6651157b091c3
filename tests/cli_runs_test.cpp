// Runs as `assay runs` lists them, and what several processes make of one run or one cache.
#include "assay/store/run_journal.hpp"

#include "cli_child.hpp"
#include "cli_tiny_space.hpp"

#include <set>

#include <nlohmann/json.hpp>

using namespace cli_test;
using assay::RunJournal;

namespace {

// Executes nothing: a run of 40 candidates takes no time.
std::string search(const std::string& journal, const std::string& more = "") {
  return "assay search space.toml --scores params,macs --evaluations 40 --format csv --quiet --run " +
         journal + " " + more;
}

nlohmann::json runs(const Folder& folder, const std::string& arguments) {
  const Outcome outcome = shell(folder, "assay runs --format json " + arguments);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return nlohmann::json::parse(outcome.out);
}

const nlohmann::json& row_of(const nlohmann::json& rows, const std::string& run) {
  for (const auto& row : rows)
    if (row.at("run") == run) return row;
  FAIL("there is no run " << run);
  return rows;
}

std::vector<std::string> endless(const std::string& journal, const Folder& folder) {
  return {"search",        folder / "space.toml", "--run",  folder / journal,
          "--evaluations", "1000000000",          "--quiet"};
}

void wait_for_evaluations(const std::string& journal) {
  for (int tries = 0; tries < 600; ++tries) {
    if (fs::exists(journal) && RunJournal::open_to_read(journal).evaluation_count() > 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  FAIL("the search wrote nothing into its journal for half a minute");
}

// Large enough that a search does not come to its end.
constexpr const char* large_space = R"(name = "large"
classes = 10
[input]
channels = 3
height = 16
width = 16
[[stage]]
name = "a"
block = "conv"
depth = [1, 2, 3, 4]
kernel = [1, 3, 5]
channels = [8, 12, 16, 20, 24, 28, 32]
[[stage]]
name = "b"
block = "conv"
depth = [1, 2, 3, 4]
kernel = [1, 3, 5]
channels = [8, 12, 16, 20, 24, 28, 32]
stride = 2
[[stage]]
name = "head"
block = "classifier"
)";

}  // namespace

TEST_CASE("runs of a folder: what each is about and how far it got") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  REQUIRE(shell(folder, "mkdir runs && " + search("runs/a.journal")).exit_code == 0);
  REQUIRE(
      shell(folder, search("runs/b.journal", "--accelerator '" + accelerator_file("edge_npu_16.toml") + "'"))
          .exit_code == 0);
  folder.write("runs/foreign.journal", "score,latency\n");
  folder.write("runs/broken.journal", folder.read("runs/a.journal").substr(0, 5000));
  folder.write("runs/notes.txt", "not a journal, and not called one");

  const nlohmann::json rows = runs(folder, "");
  CHECK(rows.size() == 4);
  CHECK(runs(folder, "runs") == rows);
  const nlohmann::json& a = row_of(rows, "runs/a.journal");
  CHECK(a.at("state") == "finished");
  CHECK(a.at("space") == "tiny");
  CHECK(a.at("accelerator").is_null());
  CHECK(a.at("evaluated") == 40);
  CHECK(a.at("best_latency_ms").is_null());
  CHECK(a.at("best_macs") > 0);
  CHECK(a.at("test_accuracy_percent").is_null());
  CHECK(a.at("seconds") > 0);
  CHECK(a.at("note").is_null());
  const nlohmann::json& b = row_of(rows, "runs/b.journal");
  const RunJournal journal = RunJournal::open_to_read(folder / "runs/b.journal");
  CHECK(b.at("accelerator") == "edge_npu_16");
  CHECK(b.at("front") == journal.front().size());
  const auto best = journal.evaluation(journal.shortlist().at(0).evaluation);
  CHECK(b.at("best_rank_score") == journal.shortlist().at(0).rank_score);
  CHECK(b.at("best_latency_ms").get<double>() == doctest::Approx(best->latency_ms).epsilon(1e-5));
  CHECK(b.at("created_utc") == journal.created_utc());
  const nlohmann::json& foreign = row_of(rows, "runs/foreign.journal");
  CHECK(foreign.at("state") == "unreadable");
  CHECK(mentions(foreign.at("note").get<std::string>(), "is not a run journal"));
  CHECK(foreign.at("evaluated").is_null());
  CHECK(row_of(rows, "runs/broken.journal").at("state") == "unreadable");

  const Outcome text = shell(folder, "assay runs --format table runs/a.journal");
  CHECK(mentions(text.out, "runs/a.journal  finished"));
  CHECK(mentions(shell(folder, "assay runs").out, "run,state,space,accelerator,evaluated,front,"));
}

TEST_CASE("what is named and cannot be read is an error; no runs are none") {
  const Folder folder;
  folder.write("foreign.journal", "score,latency\n");
  const Outcome foreign = shell(folder, "assay runs foreign.journal");
  CHECK(foreign.exit_code == 2);
  CHECK(mentions(foreign.err, "is not a run journal"));
  const Outcome missing = shell(folder, "assay runs nowhere");
  CHECK(missing.exit_code == 2);
  CHECK(mentions(missing.err, "nowhere"));
  const Outcome none = shell(folder, "assay runs --format json");
  CHECK(none.exit_code == 0);
  CHECK(nlohmann::json::parse(none.out).empty());
  CHECK(mentions(none.err, "no runs"));
}

TEST_CASE("a run at work, a second process on it, and a killed run") {
  const Folder folder;
  folder.write("space.toml", large_space);
  const std::string journal = folder / "r.journal";
  Child child(folder, endless("r.journal", folder));
  wait_for_evaluations(journal);
  CHECK(row_of(runs(folder, "."), "./r.journal").at("state") == "running");
  const Outcome second =
      shell(folder, "assay search space.toml --run r.journal --resume --evaluations 1000000000 --quiet");
  CHECK(second.exit_code == 2);
  CHECK(mentions(second.err, "r.journal is being written by process "));
  CHECK(mentions(second.err, "Wait for it or stop it first."));
  CHECK(second.out.empty());
  const Outcome anew = shell(folder, "assay search space.toml --run r.journal --quiet");
  CHECK(anew.exit_code == 2);
  CHECK(mentions(anew.err, "exists already"));

  child.signal(SIGKILL);
  child.wait();
  const nlohmann::json rows = runs(folder, "r.journal");
  CHECK(rows.at(0).at("state") == "killed");
  CHECK(rows.at(0).at("evaluated") > 0);
  CHECK(rows.at(0).at("front") > 0);
  CHECK(rows.at(0).at("best_macs") > 0);
  CHECK(rows.at(0).at("best_rank_score").is_null());
}

TEST_CASE("the journal tells who worked on the run, with what, and how it ended") {
  const Folder folder;
  folder.write("my space.toml", tiny_space);
  const std::string command =
      "assay search 'my space.toml' --scores params,macs --evaluations 40 --quiet "
      "--format csv --workers 2 --run r.journal";
  REQUIRE(shell(folder, command).exit_code == 0);
  REQUIRE(shell(folder, command + " --resume").exit_code == 0);
  const RunJournal journal = RunJournal::open_to_read(folder / "r.journal");
  const std::vector<assay::SessionRow> sessions = journal.sessions();
  REQUIRE(sessions.size() == 2);
  CHECK(sessions[0].command == command);
  CHECK(sessions[1].command == command + " --resume");
  CHECK(sessions[0].workers == 2);
  CHECK(sessions[0].end == "finished");
  CHECK(mentions(sessions[0].libraries, "oneDNN "));
  CHECK(mentions(sessions[0].libraries, "SQLite "));
  CHECK_FALSE(sessions[0].isa.empty());
  CHECK(journal.generations().back().seconds > 0);
  CHECK_FALSE(journal.archive().empty());
}

TEST_CASE("an error that ends a run stands in its journal") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  // Not one network can be executed in so little memory.
  const Outcome failed =
      shell(folder,
            "assay search space.toml --scores naswot --batch 4096 --max-memory 1 --evaluations 16 "
            "--quiet --no-cache --run r.journal");
  INFO(failed.err);
  CHECK(failed.exit_code == 2);
  const RunJournal journal = RunJournal::open_to_read(folder / "r.journal");
  CHECK(journal.evaluation_count() == 16);
  CHECK(journal.shown_state() == "failed");
  CHECK(mentions(journal.state_note(), "failed to be scored"));
  CHECK(mentions(failed.err, journal.state_note()));
  CHECK(journal.sessions().at(0).end == "failed: " + journal.state_note());
  const nlohmann::json rows = runs(folder, "r.journal");
  CHECK(rows.at(0).at("state") == "failed");
  CHECK(rows.at(0).at("note") == journal.state_note());
  CHECK(rows.at(0).at("front") == 0);
}

TEST_CASE("results that cannot be written do not undo a finished run") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  CHECK(shell(folder, search("r.journal", "--out /dev/full")).exit_code == 2);
  CHECK(RunJournal::open_to_read(folder / "r.journal").shown_state() == "finished");
}

TEST_CASE("searches at the same time share one cache, and give the bytes of one without") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  const auto of_cache = [](const std::string& journal, const std::string& cache) {
    return "assay search space.toml --batch 4 --evaluations 40 --format csv --quiet --run " + journal + " " +
           cache;
  };
  const Outcome alone = shell(folder, of_cache("alone.journal", "--no-cache"));
  REQUIRE(alone.exit_code == 0);
  std::string together;
  for (const char* name : {"a", "b", "c"})
    together +=
        of_cache(std::string(name) + ".journal", "--cache shared.sqlite") + " --out " + name + ".csv & ";
  const Outcome all = shell(folder, together + "wait");
  INFO(all.err);
  CHECK(all.err.empty());
  for (const char* name : {"a.csv", "b.csv", "c.csv"}) CHECK(folder.read(name) == alone.out);
  const Outcome later = shell(folder,
                              "assay search space.toml --batch 4 --evaluations 40 --format csv --run "
                              "later.journal --cache shared.sqlite");
  CHECK(later.out == alone.out);
  CHECK(mentions(later.err, "0 executed"));
}

TEST_CASE("searches that begin at the same time have a journal each") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  const Outcome outcome =
      shell(folder, "for i in 1 2 3 4 5 6; do '" ASSAY_PROGRAM
                    "' search space.toml --scores params --evaluations 20 --quiet --out $i.csv & "
                    "pids=\"$pids $!\"; done; for p in $pids; do wait $p || exit 1; done");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  std::set<std::string> journals;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "runs"))
    journals.insert(entry.path().filename().string());
  CHECK(journals.size() == 6);
  for (const std::string& name : journals) {
    CHECK(name.ends_with(".journal"));
    CHECK(assay::RunJournal::open_to_read(folder / ("runs/" + name)).evaluation_count() == 20);
  }
}

TEST_CASE("a run goes on from within a generation, and not with fewer evaluations than it has") {
  const Folder folder;
  const auto search = [&](const std::string& more) {
    return shell(folder, "assay search '" + space_file("nasbench201.toml") +
                             "' --scores params --quiet --macs 6e7 --format csv --out " + more);
  };
  REQUIRE(search("whole.csv --evaluations 1200 --run whole").exit_code == 0);
  REQUIRE(search("part.csv --evaluations 1001 --run part").exit_code == 0);
  const std::string part = folder.read("part.csv");

  const Outcome fewer = search("few.csv --evaluations 900 --run part --resume");
  CHECK(fewer.exit_code == 2);
  CHECK(mentions(fewer.err, "1001 candidates are evaluated already"));
  CHECK(RunJournal::open_to_read(folder / "part").shown_state() == "finished");

  const Outcome on = search("part.csv --evaluations 1200 --run part --resume");
  INFO(on.err);
  CHECK(on.exit_code == 0);
  CHECK(folder.read("part.csv") != part);
  CHECK(folder.read("part.csv") == folder.read("whole.csv"));
}
