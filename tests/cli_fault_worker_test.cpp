// Workers that throw, and memory that does not suffice.
#include "assay/base/random.hpp"
#include "assay/runtime/runtime.hpp"

#include "../src/cli/network_evaluator.hpp"
#include "../src/cli/run_recorder.hpp"
#include "../src/cli/score_service.hpp"
#include "cli_fault_run.hpp"

#include <atomic>
#include <new>
#include <stdexcept>

#include <doctest/doctest.h>

using namespace assay;
using namespace assay::cli;
using cli_test::fault_space;
using cli_test::Folder;
using cli_test::mentions;
using cli_test::shell;

namespace {

void throw_fault(int kind) {
  if (kind == 0) throw std::runtime_error("a fault");
  if (kind == 1) throw std::bad_alloc();
  throw InputError("a fault");
}
template <class Action>
std::string fault_of(Action&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return std::string("input error: ") + error.what();
  } catch (const std::bad_alloc&) {
    return "no memory";
  } catch (const std::runtime_error& error) {
    return std::string("runtime error: ") + error.what();
  }
  return "none";
}
constexpr const char* fault_texts[] = {"runtime error: a fault", "no memory", "input error: a fault"};

// Scores as params and macs, from several workers, one of which throws at the network of some number.
class FaultyEvaluator final : public Evaluator {
 public:
  explicit FaultyEvaluator(Evaluator& whole, WorkerPool& pool) : whole_(whole), pool_(pool) {}

  std::int64_t fault_at = -1;  // scored networks
  int kind = 0;
  std::atomic<std::int64_t> scored = 0;

  std::span<const std::string> score_names() const override { return whole_.score_names(); }
  void gate(std::span<const Candidate> candidates, std::span<GateResult> results) override {
    whole_.gate(candidates, results);
  }
  std::size_t score(std::span<const Candidate> candidates, std::span<ScoreRow> rows,
                    std::stop_token stop) override {
    const std::int64_t before = scored;
    pool_.run(std::ssize(candidates), [&](Worker&, std::int64_t i) {
      if (before + i == fault_at) throw_fault(kind);
    });
    scored += std::ssize(candidates);
    return whole_.score(candidates, rows, std::move(stop));
  }
  std::vector<double> rank(std::size_t count, const Column& column) override {
    return whole_.rank(count, column);
  }

 private:
  Evaluator& whole_;
  WorkerPool& pool_;
};

const std::vector<std::string> scores = {"params", "macs"};

RunIdentity identity_of(const Space& space) {
  RunIdentity identity;
  identity.assay_version = "1";
  identity.space_name = space.name();
  identity.space_text = fault_space;
  identity.space_fingerprint = space.fingerprint();
  for (const Decision& decision : space.decisions())
    identity.decisions.push_back({decision.name, decision.options});
  identity.scores = scores;
  return identity;
}

}  // namespace

TEST_CASE("a job that throws on one of several workers: once, without a hang, and the pool goes on") {
  WorkerPool pool(4);
  Random random(3, Purpose::noise);
  for (int round = 0; round < 60; ++round) {
    const int kind = round % 3;
    const auto fault = static_cast<std::int64_t>(random.below(100));
    std::atomic<int> ran = 0;
    CHECK(fault_of([&] {
            pool.run(100, [&](Worker&, std::int64_t index) {
              ++ran;
              if (index == fault) throw_fault(kind);
            });
          }) == fault_texts[kind]);
    CHECK(ran > fault);  // all before it, and what the others had begun
    std::atomic<int> after = 0;
    pool.run(50, [&](Worker&, std::int64_t) { ++after; });
    CHECK(after == 50);
  }
}

// Sanitizers reserve more address space than any limit on it allows.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("more threads than the system lets start are a message") {
  const Folder folder;
  folder.write("space.toml", fault_space);
  // Root's threads are not counted.
  const std::string limited =
      "ulimit -v 3000000; ulimit -s 400000; assay score space.toml --sample 2 --batch 2 "
      "--scores snip --no-cache --workers 64";
  const cli_test::Outcome outcome = shell(folder, "(" + limited + ")");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 2);
  CHECK(mentions(outcome.err, "Of 64 threads the system let only"));
  CHECK(mentions(outcome.err, "Use fewer workers."));
}
#endif

TEST_CASE("networks that throw while they are scored leave the service usable") {
  const Space space = Space::parse(fault_space, "space.toml");
  ScoreService service({.scores = {"snip", "params"}, .batch = 2}, 3, {}, std::nullopt, true);
  const auto network = [&](std::int64_t index) {
    Random random(1, Purpose::sample, 0, static_cast<std::uint64_t>(index));
    return space.decode(space.sample(random));
  };
  const auto expected = service.score(12, network, {});
  Random random(5, Purpose::noise);
  for (int round = 0; round < 12; ++round) {
    const int kind = round % 2;
    const auto fault = static_cast<std::int64_t>(random.below(12));
    CHECK(fault_of([&] {
            service.score(12,
                          [&](std::int64_t index) {
                            if (index == fault) throw_fault(kind);
                            return network(index);
                          },
                          {});
          }) == fault_texts[kind]);
  }
  // What cannot be built is a status of that network alone.
  const auto some = service.score(12,
                                  [&](std::int64_t index) {
                                    if (index == 5) throw_fault(2);
                                    return network(index);
                                  },
                                  {});
  CHECK(some[5].record.status == "not_buildable: a fault");
  const auto again = service.score(12, network, {});
  for (std::size_t i = 0; i < 12; ++i) {
    CHECK(again[i].record.ok());
    CHECK(again[i].record.values == expected[i].record.values);
    if (i != 5) CHECK(some[i].record.values == expected[i].record.values);
  }
}

TEST_CASE("a search whose worker throws keeps what it had, and goes on once the fault is gone") {
  const Space space = Space::parse(fault_space, "space.toml");
  const RunIdentity identity = identity_of(space);
  SearchSettings settings;
  settings.evaluations = 150;
  settings.front_metric = Metric::macs;
  ScoreService service({.scores = scores}, 3, {}, std::nullopt, true);
  NetworkEvaluator whole(space, nullptr, service, std::vector<RankTerm>(scores.size()), {});
  const auto search = [&](Evaluator& evaluator, RunJournal& journal) {
    RunRecorder recorder(journal);
    SearchHooks hooks;
    hooks.journal = &recorder;
    const SearchResult result = run_search(space, evaluator, settings, hooks);
    recorder.record(result);
  };
  const Folder folder;
  {
    RunJournal journal = RunJournal::create(folder / "reference", identity);
    search(whole, journal);
  }
  Random random(11, Purpose::noise);
  for (int round = 0; round < 6; ++round) {
    CAPTURE(round);
    const std::string path = folder / ("r" + std::to_string(round));
    FaultyEvaluator faulty(whole, service.pool());
    faulty.kind = round % 3;
    faulty.fault_at = static_cast<std::int64_t>(random.below(150));
    {
      RunJournal journal = RunJournal::create(path, identity);
      CHECK(fault_of([&] { search(faulty, journal); }) == fault_texts[faulty.kind]);
      CHECK(journal.evaluation_count() == faulty.fault_at / settings.generation * settings.generation);
    }
    CHECK(RunJournal::open_to_read(path).evaluation_count() <= faulty.fault_at);
    {
      RunJournal journal = RunJournal::resume(path, identity);
      search(whole, journal);
    }
    CHECK(cli_test::results_of_journal(path) == cli_test::results_of_journal(folder / "reference"));
  }
}

TEST_CASE("a network that needs more memory than allowed is counted, shown and journalled, cache or not") {
  const Folder folder;
  folder.write("space.toml",
               "name = \"wide\"\nclasses = 10\n[input]\nchannels = 3\nheight = 32\nwidth = 32\n[[stage]]\n"
               "name = \"a\"\nblock = \"conv\"\nkernel = [1, 3]\nchannels = [8, 16, 2048]\n[[stage]]\n"
               "name = \"head\"\nblock = \"classifier\"\n");
  const std::string search =
      "assay search space.toml --scores snip --batch 4 --evaluations 6 --workers 2 --format csv --cache "
      "cache ";
  // Their scores are in the cache when the limit is set.
  REQUIRE(shell(folder, search + "--run free").exit_code == 0);
  for (const char* name : {"limited", "again"}) {
    const cli_test::Outcome limited = shell(folder, search + "--max-memory 20 --run " + name);
    INFO(limited.err);
    CHECK(limited.exit_code == 0);
    CHECK(mentions(limited.err, "2 scores failed: not_executable 2;"));
    std::int64_t failed = 0;
    RunJournal::open_to_read(folder / name).for_each_evaluation([&](const EvaluationRow& row) {
      if (row.status.empty()) return true;
      ++failed;
      CHECK(mentions(row.status, "not_executable: The network needs"));
      CHECK(mentions(row.status, "but a worker may use 10"));
      return true;
    });
    CHECK(failed == 2);
  }
  CHECK(cli_test::results_of_journal(folder / "limited") == cli_test::results_of_journal(folder / "again"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("memory that the system refuses is a status of that network, not a crash") {
  const Folder folder;
  folder.write("space.toml",
               "name = \"huge\"\nclasses = 10\n[input]\nchannels = 3\nheight = 64\nwidth = 64\n[[stage]]\n"
               "name = \"a\"\nblock = \"conv\"\nkernel = 1\nchannels = [8, 30000]\n[[stage]]\n"
               "name = \"head\"\nblock = \"classifier\"\n");
  const cli_test::Outcome outcome =
      shell(folder,
            "(ulimit -v 1500000; assay score space.toml --all --scores snip --batch 8 "
            "--max-memory 1000000 --workers 1 --no-cache --quiet --format csv)");
  INFO(outcome.err);
  INFO(outcome.out);
  CHECK(outcome.exit_code == 0);
  CHECK(mentions(outcome.out,
                 "not_executable: There is not enough memory for the network at this batch size."));
  CHECK(mentions(outcome.out, ",ok"));
}

TEST_CASE("however little memory there is, the program does not crash") {
  const Folder folder;
  folder.write("space.toml", fault_space);
  for (int kib = 160'000; kib <= 340'000; kib += 20'000) {
    CAPTURE(kib);
    const cli_test::Outcome outcome = shell(
        folder, "(ulimit -v " + std::to_string(kib) +
                    "; assay score space.toml --sample 24 --batch 64 --scores snip --workers 2 --no-cache "
                    "--quiet --format csv)");
    INFO(outcome.err);
    CHECK(outcome.exit_code <= 3);
    // Rows, or a message.
    CHECK((outcome.exit_code == 0 ? outcome.out : outcome.err).size() > 20);
  }
}
#endif
