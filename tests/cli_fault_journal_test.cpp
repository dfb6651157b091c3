// What --run and --resume may be given that is no journal of this run.
#include "cli_fault_run.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>

using namespace cli_test;

namespace {

const std::string usual = "--scores params --evaluations 40 --quiet --format csv ";

struct Refusals {
  Folder folder;

  Refusals() { folder.write("space.toml", fault_space); }
  std::string search(const std::string& run) const {
    return "assay search space.toml " + usual + "--run " + run;
  }
  // Exit code 2 within ten seconds, nothing on standard output, and the message says all this.
  void refuses(const std::string& command, std::initializer_list<std::string> parts) const {
    CAPTURE(command);
    const Outcome outcome = shell(folder, "timeout 10 '" ASSAY_PROGRAM "'" + command.substr(5));
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.out.empty());
    for (const std::string& part : parts) CHECK(mentions(outcome.err, part));
  }
  // What every command says of a file that is no journal.
  void refuses_everywhere(const std::string& path, std::initializer_list<std::string> parts) const {
    const std::string content = fs::is_regular_file(folder / path) ? folder.read(path) : "";
    refuses(search(path + " --resume"), parts);
    refuses("assay report " + path + " --format json", parts);
    if (!fs::is_directory(folder / path)) refuses("assay runs " + path, parts);  // of a folder it lists them
    refuses("assay export --run " + path + " --out network.json", parts);
    if (!content.empty()) CHECK(folder.read(path) == content);
    CHECK_FALSE(fs::exists(folder / (path + ".lock")));
  }
};

void execute(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  const int code = sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
  sqlite3_close(database);
  REQUIRE(code == SQLITE_OK);
}

}  // namespace

TEST_CASE("names of nothing, of folders, devices, pipes and other files") {
  const Refusals test;
  fs::create_directory(test.folder / "place");
  REQUIRE(shell(test.folder, "mkfifo pipe; : > empty; echo hello > text").exit_code == 0);

  test.refuses(test.search("''"), {"empty", "Name a file"});
  test.refuses(test.search("'' --resume"), {"empty", "Name a file"});
  test.refuses(test.search("place/no/r"), {"place/no/r", "No such file or directory"});
  test.refuses(test.search("place"), {"place: this is a folder", "-1.journal", "--run"});
  test.refuses(test.search("r --baseline missing.csv"),
               {"--baseline", "no file \"missing.csv\"", "decision=option"});
  for (const char* taken : {"pipe", "/dev/null", "text", "space.toml"})
    test.refuses(test.search(taken), {taken, "exists already", "--resume"});
  test.refuses_everywhere("place", {"place", "is not a run journal"});
  for (const char* other : {"pipe", "/dev/null"})
    test.refuses_everywhere(other, {other, "is not a run journal", "no regular file"});
  test.refuses_everywhere("missing", {"There is no run journal missing"});
  test.refuses_everywhere("text", {"text is not a run journal"});
  test.refuses_everywhere("empty", {"empty is ", "not a run journal"});
  // Nothing was left beside any of them.
  for (const fs::directory_entry& entry : fs::directory_iterator(test.folder / ""))
    CHECK_FALSE(mentions(entry.path().filename(), ".new"));
}

TEST_CASE("the cache is no journal, and the journal no cache") {
  const Refusals test;
  REQUIRE(
      shell(test.folder, "assay score space.toml --sample 4 --batch 2 --scores snip --quiet --cache cache")
          .exit_code == 0);
  test.refuses_everywhere("cache", {"cache is a database, but not a run journal"});
  test.refuses(test.search("cache"), {"cache", "exists already"});
  test.refuses(test.search("r --cache ''"), {"--cache names no file", "--no-cache"});

  const Outcome outcome = shell(test.folder,
                                "assay search space.toml --scores snip --evaluations 40 --batch 2 "
                                "--run r --cache r --format csv");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(mentions(outcome.err, "The score cache r cannot be used: it is a database, but not a score cache"));
  CHECK(assay::RunJournal::open_to_read(test.folder / "r").evaluation_count() == 40);
}

TEST_CASE("journals that are broken, foreign or newer than the program") {
  const Refusals test;
  REQUIRE(shell(test.folder, test.search("whole")).exit_code == 0);
  const std::string whole = test.folder.read("whole");

  test.folder.write("short", whole.substr(0, whole.size() / 2));
  test.refuses_everywhere("short", {"short", "damaged"});
  test.folder.write("tiny", whole.substr(0, 300));
  test.refuses_everywhere("tiny", {"tiny"});
  std::string changed = whole;
  for (std::size_t i = 4096; i < changed.size(); i += 7) changed[i] = static_cast<char>(changed[i] ^ 0x55);
  test.folder.write("garbled", changed);
  test.refuses_everywhere("garbled", {"garbled", "damaged"});
  // The header of an SQLite file holds the format (user version) at byte 60 and whose file it is at 68.
  changed = whole;
  changed[63] = 99;
  test.folder.write("newer", changed);
  test.refuses_everywhere("newer", {"newer has format 99", "Use the version that wrote it"});
  changed = whole;
  changed[68] = 'x';
  test.folder.write("foreign", changed);
  test.refuses_everywhere("foreign", {"foreign is a database, but not a run journal"});

  // The whole one still goes on.
  const Outcome outcome = shell(test.folder, test.search("whole --resume"));
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("journals whose tables do not go together") {
  const Refusals test;
  const std::string accelerator = "--accelerator '" + accelerator_file("edge_npu_16.toml") + "' ";
  REQUIRE(shell(test.folder, "assay search space.toml " + accelerator +
                                 "--scores params,depth --evaluations 40 --quiet --run whole --out found.csv")
              .exit_code == 0);
  const std::string whole = test.folder.read("whole");
  const auto damaged = [&](const std::string& sql) {
    CAPTURE(sql);
    test.folder.write("damaged", whole);
    execute(test.folder / "damaged", sql);
    for (const char* command : {"report damaged --out page.html", "report damaged --format json",
                                "explain damaged:1", "diff damaged:1 damaged:2"})
      test.refuses("assay " + std::string(command), {"damaged is damaged: "});
  };
  damaged("DELETE FROM evaluations");
  damaged("DELETE FROM evaluations WHERE evaluation >= 20");
  damaged("DELETE FROM evaluations WHERE evaluation = 20");
  damaged("UPDATE evaluations SET evaluation = 4000000000 WHERE evaluation = 39");
  damaged("UPDATE results SET evaluation = 99999999 WHERE kind = 'shortlist' AND position = 0");
  damaged("UPDATE results SET evaluation = -7 WHERE kind = 'shortlist' AND position = 0");
  damaged("UPDATE results SET evaluation = -1 WHERE kind = 'shortlist' AND position = 0");
  damaged("UPDATE evaluations SET score_depth = NULL");
  damaged("UPDATE evaluations SET score_params = NULL WHERE evaluation = 3");
  damaged("UPDATE evaluations SET latency_ms = NULL WHERE evaluation % 2 = 0");
  damaged("UPDATE evaluations SET latency_ms = -5 WHERE evaluation = 7");
}
