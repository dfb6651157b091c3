// The score cache: what is put comes back bit for bit, whoever writes at the same time, however a writer
// dies, and a file that cannot be used is an error that says so.
#include "assay/base/file.hpp"
#include "assay/store/score_cache.hpp"

#include "store_fixture.hpp"

#include <algorithm>
#include <bit>
#include <csignal>
#include <limits>

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/stat.h>

using namespace assay;

namespace {

ScoreKey key_of(std::uint64_t i) {
  return {.network = hash_value(i), .conditions = 7};
}

CachedScores scores_of(std::uint64_t i) {
  const double fraction = static_cast<double>(hash_value(i, 1) >> 11) * 0x1p-53;
  if (i % 10 == 3)
    return {.values = {std::numeric_limits<double>::quiet_NaN(), -fraction}, .status = "no_weights: synflow"};
  return {.values = {fraction, 1e300 * fraction}, .status = "ok"};
}

bool same(const CachedScores& a, const CachedScores& b) {
  return a.status == b.status && std::ranges::equal(a.values, b.values, [](double x, double y) {
           return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
         });
}

// How many of the entries 0 .. count-1 are there; each must be right.
int intact(ScoreCache& cache, std::uint64_t count) {
  int found = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto scores = cache.find(key_of(i));
    if (!scores) continue;
    REQUIRE(same(*scores, scores_of(i)));
    ++found;
  }
  return found;
}

void fill(const std::string& path, std::uint64_t count) {
  ScoreCache cache(path);
  for (std::uint64_t i = 0; i < count; ++i) cache.put(key_of(i), scores_of(i));
}

void refused(const std::string& path, const std::string& cause) {
  try {
    ScoreCache cache(path);
    intact(cache, 100);
    FAIL_CHECK("the cache " << path << " was taken");
  } catch (const InputError& error) {
    INFO(error.what());
    CHECK(std::string(error.what()).find(path) != std::string::npos);
    CHECK(std::string(error.what()).find(cause) != std::string::npos);
  }
}

template <class Work>
pid_t start_child(Work&& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child > 0) return child;
  try {
    work();
    _exit(0);
  } catch (...) {
    _exit(1);
  }
}

bool ended_well(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("what is put comes back bit for bit, at once and in a later run") {
  const TemporaryDirectory directory;
  const std::string path = directory / "not/yet/there/scores.sqlite";
  {
    ScoreCache cache(path);
    for (std::uint64_t i = 0; i < 2000; ++i) cache.put(key_of(i), scores_of(i));
    CHECK(intact(cache, 2000) == 2000);
    cache.put(key_of(5), {.values = {1, 2}, .status = "another"});
    CHECK_FALSE(cache.find({.network = key_of(5).network, .conditions = 8}));
  }
  ScoreCache cache(path);
  CHECK(intact(cache, 3000) == 2000);
  CHECK(cache.size() == 2000);
}

TEST_CASE("processes that open and write one new cache at the same time lose nothing") {
  const TemporaryDirectory directory;
  const std::string path = directory / "scores.sqlite";
  std::vector<pid_t> children;
  for (std::uint64_t child = 0; child < 4; ++child) {
    children.push_back(start_child([&] {
      // Each writes a range of its own and one that all share.
      ScoreCache cache(path);
      for (std::uint64_t i = 0; i < 1500; ++i) {
        const std::uint64_t number = i % 2 == 0 ? i : 10'000 * (child + 1) + i;
        cache.put(key_of(number), scores_of(number));
        if (i % 50 == 0) cache.flush();
      }
      cache.flush();
    }));
  }
  for (const pid_t child : children) CHECK(ended_well(child));
  ScoreCache cache(path);
  CHECK(cache.size() == 750 + 4 * 750);
  CHECK(intact(cache, 50'000) == 750 + 4 * 750);
}

TEST_CASE("kill -9 while writing leaves a cache that is whole") {
  const TemporaryDirectory directory;
  const std::string path = directory / "scores.sqlite";
  int before = 0;
  for (int round = 0; round < 10; ++round) {
    const pid_t child = start_child([&] {
      ScoreCache cache(path);
      for (std::uint64_t i = static_cast<std::uint64_t>(before);; ++i) {
        cache.put(key_of(i), scores_of(i));
        if (i % 20 == 0) cache.flush();
      }
    });
    usleep(20'000 + 7'000 * static_cast<unsigned>(round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    ScoreCache cache(path);
    const int now = intact(cache, static_cast<std::uint64_t>(cache.size()));
    CHECK(now == cache.size());  // without gaps: what was flushed first is there
    CHECK(now >= before);
    before = now;
  }
  CHECK(before > 0);
}

TEST_CASE("the oldest entries make room") {
  const TemporaryDirectory directory;
  const std::string path = directory / "scores.sqlite";
  {
    ScoreCache cache(path, 1000);
    for (std::uint64_t i = 0; i < 5000; ++i) cache.put(key_of(i), scores_of(i));
  }
  ScoreCache cache(path, 1000);
  CHECK(cache.size() == 1000);
  CHECK_FALSE(cache.find(key_of(0)));
  CHECK(cache.find(key_of(4999)));
}

TEST_CASE("a file that is no cache, or not a usable one, is refused with its cause and left as it is") {
  const TemporaryDirectory directory;
  const std::string path = directory / "scores.sqlite";

  write_file(path,
             "this is no database, but a text of some length, so that it is not taken for an empty one");
  const std::string text = read_file(path);
  refused(path, "not a database");
  CHECK(read_file(path) == text);

  std::filesystem::remove(path);
  RunJournal::create(path, example_identity()).close();
  const std::string journal = read_file(path);
  refused(path, "not a score cache");
  CHECK(read_file(path) == journal);

  refused(directory.path(), "unable to open");
  refused("/proc/no/scores.sqlite", "folder");
  write_file(directory / "file", "");
  refused((directory / "file") + "/scores.sqlite", "folder");
}

TEST_CASE("a cache of another format is refused") {
  const TemporaryDirectory directory;
  const std::string path = directory / "scores.sqlite";
  fill(path, 100);
  std::string bytes = read_file(path);
  REQUIRE(bytes.substr(60, 4) == std::string("\0\0\0\1", 4));  // user_version in SQLite's header
  bytes[63] = 2;
  write_file(path, bytes);
  refused(path, "format 2");
}

TEST_CASE("a folder that may not be written is refused") {
  const TemporaryDirectory directory;
  const std::string path = directory / "scores.sqlite";
  fill(path, 10);
  chmod(path.c_str(), 0444);
  chmod(directory.path().c_str(), 0555);
  // The superuser may write everywhere: somebody else has to try.
  const pid_t child = start_child([&] {
    if (geteuid() == 0 && seteuid(65534) != 0) _exit(2);
    try {
      const ScoreCache cache(path);
    } catch (const InputError&) {
      return;
    }
    _exit(3);
  });
  CHECK(ended_well(child));
  chmod(directory.path().c_str(), 0755);
}

TEST_CASE("flipped bits are noticed, never returned") {
  const TemporaryDirectory directory;
  const std::string path = directory / "scores.sqlite";
  fill(path, 200);
  const std::string whole = read_file(path);
  int noticed = 0;
  for (std::uint64_t round = 0; round < 200; ++round) {
    std::string broken = whole;
    broken[hash_value(round, 3) % broken.size()] ^= static_cast<char>(1 << (round % 8));
    write_file(path, broken);
    std::filesystem::remove(path + "-wal");
    std::filesystem::remove(path + "-shm");
    try {
      ScoreCache cache(path);
      intact(cache, 200);  // an entry may be missing, but none may be wrong
    } catch (const InputError&) {
      ++noticed;
    }
  }
  CHECK(noticed > 50);
}

TEST_CASE(
    "a cache that another process keeps locked is given up in the end, and nothing is waited for to read") {
  const TemporaryDirectory directory;
  const std::string path = directory / "scores.sqlite";
  fill(path, 10);
  ScoreCache cache(path);
  // Another program's transaction that never ends. Another process, because SQLite's locks are per process.
  int ready[2], end[2];
  REQUIRE(pipe(ready) == 0);
  REQUIRE(pipe(end) == 0);
  const pid_t child = start_child([&] {
    sqlite3* other = nullptr;
    if (sqlite3_open(path.c_str(), &other) != SQLITE_OK ||
        sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) != SQLITE_OK)
      _exit(1);
    char byte = 1;
    if (write(ready[1], &byte, 1) != 1 || read(end[0], &byte, 1) != 1) _exit(1);
    sqlite3_close(other);
  });
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  CHECK(intact(cache, 10) == 10);
  cache.put(key_of(10), scores_of(10));
  cache.flush();
  CHECK(intact(cache, 11) == 11);  // pending
  CHECK(cache.size() == 10);
  cache.flush();
  CHECK_THROWS_AS(cache.flush(), InputError);
  REQUIRE(write(end[1], &byte, 1) == 1);
  CHECK(ended_well(child));
  cache.flush();
  CHECK(cache.size() == 11);
}
