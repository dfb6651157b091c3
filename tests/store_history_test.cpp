// What a journal tells of its run's past: the archive, the baseline, sessions; and journals of format 1.
#include "assay/base/file.hpp"

#include "store_fixture.hpp"

#include <set>

#include <doctest/doctest.h>
#include <sqlite3.h>

using namespace assay;

namespace {

void execute(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  char* message = nullptr;
  sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message);
  const std::string error = message != nullptr ? message : "";
  sqlite3_free(message);
  sqlite3_close(database);
  REQUIRE(error == "");
}

SessionRow session_of(const std::string& command) {
  SessionRow session;
  session.command = command;
  session.libraries = journal_library();
  session.isa = "avx2";
  session.workers = 3;
  return session;
}

// Commits one evaluation as that generation, with that front.
void commit(RunJournal& journal, std::int64_t generation, const std::vector<std::int64_t>& front) {
  const EvaluationRow row = example_row(journal.identity(), journal.evaluation_count());
  journal.commit_generation({row}, {generation, 1, 0, 1, 0, 0.5}, {}, front);
}

std::set<std::int64_t> front_at(const std::vector<ArchiveRow>& archive, std::int64_t generation) {
  std::set<std::int64_t> front;
  for (const ArchiveRow& row : archive) {
    if (row.since <= generation && (!row.before || *row.before > generation)) front.insert(row.evaluation);
  }
  return front;
}

std::string archive_text(const RunJournal& journal) {
  std::string text;
  for (const ArchiveRow& row : journal.archive()) {
    text += std::to_string(row.evaluation) + ":" + std::to_string(row.since) + "-" +
            (row.before ? std::to_string(*row.before) : "") + " ";
  }
  return text;
}

// A journal as the first format had it: two scores, one decision of three options, two evaluations.
constexpr const char* format_1 = R"(
  CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE generations (
    generation INTEGER PRIMARY KEY, proposed INTEGER NOT NULL, duplicates INTEGER NOT NULL,
    evaluated INTEGER NOT NULL, failed INTEGER NOT NULL);
  CREATE TABLE rejections (reason TEXT PRIMARY KEY, count INTEGER NOT NULL, smallest REAL) WITHOUT ROWID;
  CREATE TABLE results (
    kind TEXT NOT NULL, position INTEGER NOT NULL, evaluation INTEGER NOT NULL, rank_score REAL NOT NULL,
    PRIMARY KEY (kind, position)) WITHOUT ROWID;
  CREATE TABLE trainings (
    evaluation INTEGER PRIMARY KEY, dataset TEXT NOT NULL, status TEXT NOT NULL, test_accuracy REAL,
    seconds REAL NOT NULL);
  CREATE TABLE epochs (
    evaluation INTEGER NOT NULL, epoch INTEGER NOT NULL, learning_rate REAL, train_loss REAL,
    train_accuracy REAL, test_loss REAL, test_accuracy REAL, seconds REAL,
    PRIMARY KEY (evaluation, epoch)) WITHOUT ROWID;
  CREATE TABLE evaluations (
    evaluation INTEGER PRIMARY KEY, generation INTEGER NOT NULL, fingerprint INTEGER NOT NULL,
    choices BLOB NOT NULL, params INTEGER NOT NULL, macs INTEGER NOT NULL, peak_memory_bytes INTEGER NOT NULL,
    latency_ms REAL, latency_low_ms REAL, latency_high_ms REAL, extrapolated INTEGER NOT NULL,
    status TEXT NOT NULL, seconds REAL NOT NULL, "score_params" REAL, "score_zen" REAL);
  INSERT INTO run VALUES
    ('assay_version', '1.2.3'), ('seed', '7'), ('settings', '{"strategy":"evolution"}'), ('space_name', 'toy'),
    ('space_text', '[input]'), ('space_fingerprint', '0000000000000011'),
    ('decisions', '[{"name":"a.kernel","options":["3","5","7"]}]'), ('accelerator_name', ''),
    ('accelerator_text', ''), ('accelerator_fingerprint', '0000000000000000'), ('scores', '["params","zen"]'),
    ('created_utc', '2025-01-02T03:04:05Z'), ('state', 'stopped'), ('state_note', 'interrupted');
  INSERT INTO evaluations VALUES
    (0, 0, 11, x'00', 10, 20, 30, 1.5, 1.25, 1.75, 0, '', 0.5, 10, -3.5),
    (1, 0, 12, x'02', 11, 21, 31, 2.5, 2.25, 2.75, 1, 'zen is not finite', 0.25, NULL, NULL);
  INSERT INTO generations VALUES (0, 5, 1, 2, 1);
  INSERT INTO rejections VALUES ('latency', 2, 3.5);
  INSERT INTO results VALUES ('front', 0, 0, -0.5), ('shortlist', 0, 0, -0.5);
  PRAGMA application_id = 0x61736179; PRAGMA user_version = 1;)";

RunIdentity identity_of_format_1() {
  RunIdentity identity;
  identity.assay_version = "1.2.3";
  identity.seed = 7;
  identity.settings_json = R"({"strategy":"evolution"})";
  identity.space_name = "toy";
  identity.space_text = "[input]";
  identity.space_fingerprint = 0x11;
  identity.decisions = {{"a.kernel", {"3", "5", "7"}}};
  identity.scores = {"params", "zen"};
  identity.estimator_json = R"({"format":"estimator"})";
  return identity;
}

void check_format_1(const RunJournal& journal) {
  CHECK(journal.identity().seed == 7);
  CHECK(journal.identity().decisions.at(0).options.at(2) == "7");
  CHECK(journal.evaluation_count() == 2);
  CHECK(journal.evaluation(0)->scores == std::vector<double>{10, -3.5});
  CHECK(journal.evaluation(1)->choices == std::vector<std::uint16_t>{2});
  CHECK(journal.evaluation(1)->status == "zen is not finite");
  REQUIRE(journal.generations().size() == 1);
  CHECK(journal.generations()[0].proposed == 5);
  CHECK(journal.generations()[0].seconds == 0);
  CHECK(journal.rejections().at("latency").smallest == 3.5);
  CHECK(journal.front().at(0).rank_score == -0.5);
  CHECK(journal.archive().empty());
  CHECK_FALSE(journal.baseline().has_value());
  CHECK(journal.sessions().empty());
  CHECK(journal.created_utc() == "2025-01-02T03:04:05Z");
}

}  // namespace

TEST_CASE("the archive tells the front at the end of every generation") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  const std::vector<std::vector<std::int64_t>> fronts = {{0}, {0, 1}, {1, 2}, {1, 2}, {0, 3}, {4}};
  {
    RunJournal journal = RunJournal::create(path, example_identity());
    for (std::size_t g = 0; g < fronts.size(); ++g) commit(journal, static_cast<std::int64_t>(g), fronts[g]);
  }
  const RunJournal journal = RunJournal::open_to_read(path);
  CHECK(archive_text(journal) == "0:0-2 1:1-4 2:2-4 0:4-5 3:4-5 4:5- ");
  for (std::size_t g = 0; g < fronts.size(); ++g) {
    CHECK(front_at(journal.archive(), static_cast<std::int64_t>(g)) ==
          std::set<std::int64_t>(fronts[g].begin(), fronts[g].end()));
  }
}

TEST_CASE("the archive of an interrupted run is that of an uninterrupted one") {
  const TemporaryDirectory directory;
  const auto archive_of = [&](const std::string& name, bool interrupted) {
    const std::string path = directory / name;
    {
      RunJournal journal = RunJournal::create(path, example_identity());
      commit(journal, 0, {0});
      if (interrupted) commit(journal, 1, {1, 7});  // 0 left for a moment; 7 was on it for a moment
    }
    RunJournal journal = RunJournal::resume(path, example_identity());
    commit(journal, 1, {0, 1});
    commit(journal, 2, {1, 2});
    return archive_text(journal);
  };
  CHECK(archive_of("a", true) == archive_of("b", false));
  CHECK(archive_of("c", false) == "0:0-2 1:1- 2:2- ");
}

TEST_CASE("a generation that could not be committed leaves the archive alone") {
  const TemporaryDirectory directory;
  RunJournal journal = RunJournal::create(directory / "run.assay", example_identity());
  commit(journal, 0, {0});
  const EvaluationRow wrong = example_row(journal.identity(), 9);
  CHECK_THROWS_AS(journal.commit_generation({wrong}, {1, 1, 0, 1, 0, 0}, {}, std::vector<std::int64_t>{9}),
                  InternalError);
  commit(journal, 1, {0, 1});
  CHECK(archive_text(journal) == "0:0- 1:1- ");
}

TEST_CASE("baseline and sessions are kept") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  const RunIdentity identity = example_identity();
  EvaluationRow row = example_row(identity, 5);
  row.evaluation = row.generation = -1;
  {
    RunJournal journal = RunJournal::create(path, identity);
    journal.begin_session(session_of("assay search 'my space.toml'"));
    write_generation(journal);
    CHECK_FALSE(journal.baseline().has_value());
    journal.record_baseline({row, -1.5});
    journal.record_baseline({row, -0.75});
    CHECK_THROWS_AS(journal.record_baseline({example_row(identity, 5), 0}), InternalError);
    journal.end_session("stopped", {"stopped", "Ctrl-C"});
  }
  {
    RunJournal journal = RunJournal::resume(path, identity);
    REQUIRE(journal.baseline().has_value());
    CHECK(same_row(journal.baseline()->row, row));
    CHECK(journal.baseline()->rank_score == -0.75);
    journal.record_baseline({row, std::nan("")});
    journal.begin_session(session_of("assay search --resume"));
    write_generation(journal);
  }
  const RunJournal journal = RunJournal::open_to_read(path);
  CHECK(std::isnan(journal.baseline()->rank_score));
  CHECK(journal.evaluation_count() == 16);  // the baseline is none of them
  const std::vector<SessionRow> sessions = journal.sessions();
  REQUIRE(sessions.size() == 2);
  CHECK(sessions[0].command == "assay search 'my space.toml'");
  CHECK(sessions[0].workers == 3);
  CHECK(sessions[0].isa == "avx2");
  CHECK(mentions(sessions[0].libraries, "SQLite 3."));
  CHECK(sessions[0].started_utc.size() == 20);
  CHECK(sessions[0].end == "stopped");
  CHECK(sessions[1].seconds > 0);
  CHECK(sessions[1].end.empty());  // killed, as far as anybody can tell
  CHECK(journal.generations().at(1).seconds == 1.0);
  CHECK(journal.search_seconds() == 1.0);
}

TEST_CASE("one number of every evaluation") {
  const TemporaryDirectory directory;
  RunJournal journal = RunJournal::create(directory / "run.assay", example_identity());
  for (int g = 0; g < 5; ++g) write_generation(journal);
  std::size_t next = 0;
  journal.for_each_score(1, [&](double value) {
    const EvaluationRow row = example_row(journal.identity(), static_cast<std::int64_t>(next++));
    CHECK((row.status.empty() ? value == row.scores[1] : std::isnan(value)));
    return true;
  });
  CHECK(next == 40);
  next = 0;
  journal.for_each_cost(JournalCost::peak_memory_bytes, [&](double value) {
    CHECK(value == static_cast<double>(
                       example_row(journal.identity(), static_cast<std::int64_t>(next)).peak_memory_bytes));
    return ++next < 7;
  });
  CHECK(next == 7);
}

TEST_CASE("a run that nobody writes any more was killed") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  { RunJournal::create(path, example_identity()).set_state({"finished", ""}); }
  CHECK(RunJournal::open_to_read(path).shown_state() == "finished");
  CHECK_FALSE(RunJournal::open_to_read(path).in_use());
  RunJournal journal = RunJournal::resume(path, example_identity());
  CHECK(journal.in_use());
  CHECK(RunJournal::open_to_read(path).in_use());
  CHECK(RunJournal::open_to_read(path).shown_state() == "running");
  journal.close();
  CHECK(RunJournal::open_to_read(path).shown_state() == "killed");
}

TEST_CASE("readers that ask whether a run is in use keep nobody from writing it") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  { RunJournal::create(path, example_identity()); }
  write_file(path + ".lock", "");  // as a killed process leaves it
  const pid_t reader = fork();
  if (reader == 0) {
    const RunJournal journal = RunJournal::open_to_read(path);
    for (;;) journal.in_use();
  }
  std::string refusals;
  for (int i = 0; i < 200; ++i)
    refusals += input_error_of([&] { RunJournal::resume(path, example_identity()); });
  kill(reader, SIGKILL);
  waitpid(reader, nullptr, 0);
  CHECK(refusals == "");
}

TEST_CASE("a journal of format 1 is read as it is") {
  const TemporaryDirectory directory;
  const std::string path = directory / "old.assay";
  execute(path, format_1);
  const std::string bytes = read_file(path);
  check_format_1(RunJournal::open_to_read(path));
  CHECK(RunJournal::open_to_read(path).identity().estimator_json.empty());
  CHECK(read_file(path) == bytes);
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("a journal of format 1 is resumed, and is of the present format then") {
  const TemporaryDirectory directory;
  const std::string path = directory / "old.assay";
  execute(path, format_1);
  const std::string bytes = read_file(path);
  RunIdentity other = identity_of_format_1();
  other.seed = 8;
  CHECK(mentions(input_error_of([&] { RunJournal::resume(path, other); }), "the seed is 7"));
  CHECK(read_file(path) == bytes);  // a journal of another run is not touched
  {
    RunJournal journal = RunJournal::resume(path, identity_of_format_1());
    check_format_1(journal);
    CHECK(journal.identity().estimator_json == identity_of_format_1().estimator_json);
    journal.begin_session(session_of("assay search"));
    commit(journal, 1, {0, 2});
    journal.end_session("finished", {"finished", ""});
  }
  const RunJournal journal = RunJournal::open_to_read(path);
  CHECK(journal.evaluation_count() == 3);
  CHECK(archive_text(journal) == "0:1- 2:1- ");
  CHECK(journal.sessions().at(0).end == "finished");
  CHECK(journal.generations().at(1).seconds == 0.5);
  CHECK(journal.identity().estimator_json == identity_of_format_1().estimator_json);
}

TEST_CASE("a journal of a later format is refused, and told apart from a damaged one") {
  const TemporaryDirectory directory;
  const std::string path = directory / "new.assay";
  { RunJournal::create(path, example_identity()); }
  execute(path, "PRAGMA user_version = 3");
  for (const std::string& message : {input_error_of([&] { RunJournal::open_to_read(path); }),
                                     input_error_of([&] { RunJournal::resume(path, example_identity()); })}) {
    CHECK(mentions(message, "has format 3, but this version of assay reads formats 1 to 2"));
  }
}

TEST_CASE("what a killed run left is not taken for a part of a new one") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  for (const char* ending : {"-wal", "-journal"}) {
    write_file(path + ending, "left behind");
    CHECK(mentions(input_error_of([&] { RunJournal::create(path, example_identity()); }),
                   path + ending + " was left by a run that was killed"));
    CHECK(read_file(path + ending) == "left behind");
    CHECK_FALSE(std::filesystem::exists(path));
    std::filesystem::remove(path + ending);
  }
  RunJournal journal = RunJournal::create(path, example_identity());
  write_generation(journal);
  CHECK(std::filesystem::exists(path + "-wal"));
  journal.discard();
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("a run that is being written is found by its other names") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay", link = directory / "link.assay";
  RunJournal journal = RunJournal::create(path, example_identity());
  write_generation(journal);
  std::filesystem::create_symlink("run.assay", link);
  CHECK(
      mentions(input_error_of([&] { RunJournal::resume(link, example_identity()); }), "is being written by"));
  CHECK(RunJournal::open_to_read(link).shown_state() == "running");
}
