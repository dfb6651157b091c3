// What can happen to a journal: the process is killed, the disk is full, the file is another's or broken.
#include "assay/base/file.hpp"
#include "assay/base/random.hpp"

#include "store_fixture.hpp"

#include <chrono>
#include <csignal>
#include <deque>
#include <fstream>
#include <optional>
#include <thread>

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace assay;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

// Reads everything there is to read.
void read_all(const RunJournal& journal) {
  journal.for_each_evaluation([](const EvaluationRow&) { return true; });
  journal.generations();
  journal.rejections();
  journal.front();
  journal.shortlist();
  journal.trainings();
  journal.state();
}

std::string journal_bytes(const TemporaryDirectory& directory) {
  const std::string path = directory / "original.assay";
  {
    RunJournal journal = RunJournal::create(path, example_identity());
    for (int g = 0; g < 20; ++g) write_generation(journal);
    journal.record_results(std::vector<ResultRow>{{3, -2.5}}, std::vector<ResultRow>{{3, -2.5}});
    journal.record_epoch(3, {});
  }
  return read_file(path);
}

}  // namespace

TEST_CASE("kill -9 at any moment loses nothing but the batch in flight") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  const RunIdentity identity = example_identity();
  Random random(1, Purpose::noise);
  std::int64_t evaluations = 0;
  for (int round = 0; round < 25; ++round) {
    int reported[2];
    REQUIRE(pipe(reported) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        RunJournal journal = std::filesystem::exists(path) ? RunJournal::resume(path, identity)
                                                           : RunJournal::create(path, identity);
        // A generation is on its way once another one was written that began 50 ms later, and safe once yet
        // another one was that began 50 ms after that.
        using Written = std::deque<std::pair<Clock::time_point, std::int64_t>>;
        Written written, on_the_way;
        const auto take = [](Written& from, Clock::time_point begin) {
          std::optional<std::int64_t> count;
          for (; !from.empty() && from.front().first + 50ms <= begin; from.pop_front())
            count = from.front().second;
          return count;
        };
        for (std::int64_t safe = journal.evaluation_count();;) {
          const Clock::time_point begin = Clock::now();
          write_generation(journal);
          const Clock::time_point end = Clock::now();
          if (const auto count = take(on_the_way, begin)) safe = *count;
          if (const auto count = take(written, begin)) on_the_way.emplace_back(end, *count);
          written.emplace_back(end, journal.evaluation_count());
          std::this_thread::sleep_for(200us);  // faster than a search, slower than would fill the disk
          if (write(reported[1], &safe, sizeof safe) != sizeof safe) _exit(1);
        }
      } catch (const std::exception&) {
      }
      _exit(2);
    }
    close(reported[1]);
    // Some generations long (none: while it opens or creates the journal), and then at any point of the next.
    for (std::uint64_t wanted = random.below(4); wanted > 0; --wanted) {
      std::int64_t safe = 0;
      REQUIRE(read(reported[0], &safe, sizeof safe) == sizeof safe);
      evaluations = safe;
    }
    std::this_thread::sleep_for(random.below(round % 2 == 0 ? 3'000 : 300'000) * 1us);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));  // it did not give up by itself
    for (std::int64_t safe = 0; read(reported[0], &safe, sizeof safe) == sizeof safe;) evaluations = safe;
    close(reported[0]);

    if (!std::filesystem::exists(path)) continue;  // killed before there was a journal
    CHECK(RunJournal::open_to_read(path).evaluation_count() >= evaluations);  // a report of a killed run
    const RunJournal journal = RunJournal::resume(path, identity);
    const std::int64_t kept = journal.evaluation_count();
    CHECK(kept >= evaluations);
    CHECK(kept % 8 == 0);
    CHECK(static_cast<std::int64_t>(journal.generations().size()) == kept / 8);
    std::int64_t next = 0;
    journal.for_each_evaluation(
        [&](const EvaluationRow& row) { return same_row(row, example_row(identity, next++)); });
    CHECK(next == kept);
    evaluations = kept;
  }
  CHECK(evaluations > 100);
}

TEST_CASE("files that are no journals are refused") {
  const TemporaryDirectory directory;
  const RunIdentity identity = example_identity();
  const std::string bytes = journal_bytes(directory);
  const auto refusal = [&](const std::string& content) {
    const std::string path = directory / "other.assay";
    write_file(path, content);
    const std::string message = input_error_of([&] { RunJournal::resume(path, identity); });
    CHECK(mentions(message, path));
    CHECK_FALSE(input_error_of([&] { RunJournal::open_to_read(path); }).empty());
    CHECK(read_file(path) == content);
    return message;
  };
  CHECK(mentions(refusal(""), "not a run journal"));
  CHECK(mentions(refusal("score,latency\n1,2\n"), "is not a run journal"));
  CHECK(mentions(refusal(std::string(5000, '\0')), "is not a run journal"));
  // The header of an SQLite file holds the format (user version) at byte 60 and whose file it is at 68.
  std::string changed = bytes;
  changed[63] = 9;
  CHECK(mentions(refusal(changed), "has format 9"));
  changed = bytes;
  changed[68] = 'x';
  CHECK(mentions(refusal(changed), "is a database, but not a run journal"));

  const std::string pipe = directory / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  for (const std::string& path : {directory.path(), pipe, std::string("/dev/zero")}) {
    CHECK(mentions(input_error_of([&] { RunJournal::resume(path, identity); }), "it is no regular file"));
    CHECK(mentions(input_error_of([&] { RunJournal::open_to_read(path); }), "it is no regular file"));
  }
  CHECK(mentions(input_error_of([&] { RunJournal::create("", identity); }), "is empty"));
  CHECK(mentions(input_error_of([&] { RunJournal::open_to_read(""); }), "is empty"));
  CHECK(mentions(input_error_of([&] { RunJournal::create(directory / "no/such/run", identity); }),
                 "No such file"));
}

TEST_CASE("truncated and corrupted journals never do worse than an InputError") {
  const TemporaryDirectory directory;
  const RunIdentity identity = example_identity();
  const std::string bytes = journal_bytes(directory);
  const std::string path = directory / "broken.assay";
  Random random(2, Purpose::noise);
  int refused_truncated = 0, refused_corrupted = 0;
  constexpr int cases = 150;
  for (int i = 0; i < 2 * cases; ++i) {
    std::string broken = bytes;
    if (i < cases) {
      broken.resize(random.below(bytes.size() - 1));
    } else {
      for (std::uint64_t flips = 1 + random.below(20); flips > 0; --flips) {
        broken[random.below(broken.size())] = static_cast<char>(random.below(256));
      }
    }
    std::ofstream(path, std::ios::binary) << broken;
    bool refused = !input_error_of([&] { read_all(RunJournal::open_to_read(path)); }).empty();
    refused |= !input_error_of([&] { read_all(RunJournal::resume(path, identity)); }).empty();
    (i < cases ? refused_truncated : refused_corrupted) += refused ? 1 : 0;
    for (const char* suffix : {"-wal", "-shm", "-journal"}) std::filesystem::remove(path + suffix);
  }
  CHECK(refused_truncated == cases);
  MESSAGE("refused of ", cases, " corrupted journals: ", refused_corrupted);
  CHECK(refused_corrupted > cases / 4);
}

TEST_CASE("a directory that may not be written to is a clear message; finished runs in it can be read") {
  const TemporaryDirectory directory;
  const std::string finished = directory / "finished.assay";
  {
    RunJournal journal = RunJournal::create(finished, example_identity());
    write_generation(journal);
  }
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0555));
  const int status = in_child([&] {
    constexpr uid_t nobody = 65534;
    if (geteuid() == 0 && setuid(nobody) != 0) return 2;
    const std::string message =
        input_error_of([&] { RunJournal::create(directory / "run.assay", example_identity()); });
    if (!mentions(message, "Permission denied") || !mentions(message, directory.path())) return 1;
    return RunJournal::open_to_read(finished).evaluation_count() == 8 ? 0 : 3;
  });
  CHECK(status == 0);
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
}

TEST_CASE("a disk that fills up is a clear message, and the run can be resumed") {
  const TemporaryDirectory directory;
  const RunIdentity identity = example_identity();
  constexpr int no_mount = 77;
  const int status = in_child([&] {
    // A small file system of its own, in a mount namespace of its own.
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return no_mount;
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("assay", directory.path().c_str(), "tmpfs", 0, "size=512k") != 0) {
      return no_mount;
    }
    const std::string path = directory / "run.assay";
    const std::string ballast = directory / "ballast";
    write_file(ballast, std::string(100'000, 'x'));
    std::int64_t written = 0;
    {
      RunJournal journal = RunJournal::create(path, identity);
      for (int round = 0; round < 2; ++round) {  // still full, still clear
        std::string message;
        std::int64_t before = 0;
        while (message.empty()) {
          before = journal.evaluation_count();
          message = input_error_of([&] { write_generation(journal); });
          if (before > 100'000) return 3;
        }
        if (!mentions(message, "is full") || !mentions(message, path)) return 4;
        const std::int64_t kept = journal.evaluation_count();  // less than 50 ms are undone
        if (kept < written || kept > before || kept == 0) return 5;
        written = kept;
      }
    }
    if (RunJournal::open_to_read(path).evaluation_count() != written) return 7;
    std::filesystem::remove(ballast);
    RunJournal journal = RunJournal::resume(path, identity);
    write_generation(journal);
    std::int64_t next = 0;
    journal.for_each_evaluation(
        [&](const EvaluationRow& row) { return same_row(row, example_row(identity, next++)); });
    return next == written + 8 ? 0 : 8;
  });
  if (status == no_mount) {
    MESSAGE("skipped: file systems may not be mounted here");
  } else {
    CHECK(status == 0);
  }
}

TEST_CASE("a write error is a clear message, and the run can be resumed") {
  // A limit on the file size fails writes without any privilege.
  const TemporaryDirectory directory;
  const RunIdentity identity = example_identity();
  const std::string path = directory / "run.assay";
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {200'000, RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    RunJournal journal = RunJournal::create(path, identity);
    for (int g = 0; g < 20'000; ++g) {
      const std::string message = input_error_of([&] { write_generation(journal); });
      if (!message.empty()) return mentions(message, "cannot be read or written") ? 0 : 3;
    }
    return 4;
  });
  CHECK(status == 0);
  RunJournal journal = RunJournal::resume(path, identity);
  CHECK(journal.evaluation_count() > 0);
  write_generation(journal);
  std::int64_t next = 0;
  journal.for_each_evaluation(
      [&](const EvaluationRow& row) { return same_row(row, example_row(identity, next++)); });
  CHECK(next == journal.evaluation_count());
}

TEST_CASE("a journal cannot be created on a full disk, and leaves nothing behind") {
  const TemporaryDirectory directory;
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {6'000, RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    return input_error_of([&] { RunJournal::create(directory / "run.assay", example_identity()); }).empty()
               ? 1
               : 0;
  });
  CHECK(status == 0);
  CHECK(std::filesystem::is_empty(directory.path()));
}
