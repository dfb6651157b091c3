// Signals: what they end, how, and that the run goes on afterwards.
#include "cli_fault_run.hpp"

#include <algorithm>

#include <doctest/doctest.h>

using namespace cli_test;

namespace {

// What the same run gives when nothing happens to it.
const Outcome& reference(const FaultRun& run) {
  static const Outcome outcome = shell(run.folder, run.command("reference.journal"));
  return outcome;
}

}  // namespace

TEST_CASE("one signal ends a search or its training cleanly, and the run goes on to the same end") {
  const FaultRun run;
  REQUIRE(reference(run).exit_code == 0);
  const std::string results = results_of_journal(run.folder / "reference.journal");
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    for (const bool in_training : {false, true}) {
      CAPTURE(number);
      CAPTURE(in_training);
      const std::string name = "r" + std::to_string(number) + (in_training ? "t" : "s");
      const std::string journal = run.folder / name;
      Running program(run.folder, run.program(name));
      program.wait_until([&] { return (in_training ? trainings_in(journal) : evaluations_in(journal)) > 0; });
      const Outcome stopped = program.wait_after(number);
      INFO(stopped.err);
      CHECK(stopped.exit_code == 128 + number);
      CHECK_FALSE(program.by_signal);
      // The shortlist so far.
      CHECK(stopped.out.starts_with("rank,"));
      CHECK(std::count(stopped.out.begin(), stopped.out.end(), '\n') == 3);
      {
        const assay::RunJournal kept = assay::RunJournal::open_to_read(journal);
        CHECK(kept.state() == "stopped");
        CHECK(mentions(kept.state_note(), in_training ? "training" : "search"));
        CHECK_FALSE(kept.in_use());
      }
      const Outcome resumed = shell(run.folder, run.command(name, "--resume"));
      INFO(resumed.err);
      CHECK(resumed.exit_code == 0);
      CHECK(resumed.out == reference(run).out);
      CHECK(results_of_journal(journal) == results);
    }
  }
}

TEST_CASE("a second signal ends at once, but a signal that comes twice is one") {
  const Folder folder;
  write_image_data(folder);
  // One step of this training, between which it looks for signals, takes seconds.
  std::string space = "name = \"slow\"\nclasses = 2\n[input]\nchannels = 1\nheight = 28\nwidth = 28\n";
  for (const char* stage : {"a", "b", "c", "d"})
    space +=
        std::string("[[stage]]\nname = \"") + stage + "\"\nblock = \"conv\"\nkernel = 5\nchannels = 64\n";
  folder.write("slow.toml", space + "[[stage]]\nname = \"head\"\nblock = \"classifier\"\n");
  const std::string train = "'" ASSAY_PROGRAM
                            "' train slow.toml --sample 1 --data data --epochs 1 --train-batch 320 --quiet "
                            "--checkpoint c";
  bool amid_a_step = false;
  for (int attempt = 0; attempt < 20 && !amid_a_step; ++attempt) {
    fs::remove_all(folder / "c");
    Running program(folder, train);
    program.wait_until([&] { return fs::exists(folder / "c"); });
    program.signal(SIGINT);
    ::usleep(400'000);
    if (program.ended()) continue;  // it was between two steps, and ended as it should
    amid_a_step = true;
    const Outcome outcome = program.wait_after(SIGTERM);
    CHECK(program.by_signal);
    CHECK(outcome.exit_code == 128 + SIGTERM);
  }
  CHECK(amid_a_step);

  Running again(folder, "'" ASSAY_PROGRAM
                        "' train slow.toml --sample 1 --data data --epochs 90 --train-batch 16 "
                        "--quiet --checkpoint d");
  again.wait_until([&] { return fs::exists(folder / "d"); });
  again.signal(SIGTERM);
  ::usleep(20'000);
  const Outcome twice = again.wait_after(SIGTERM);
  INFO(twice.err);
  CHECK_FALSE(again.by_signal);
  CHECK(twice.exit_code == 128 + SIGTERM);
}

TEST_CASE("a program that was started to outlive its terminal does") {
  const FaultRun run;
  const std::string journal = run.folder / "r";
  Running program(run.folder, "/bin/sh -c \"trap '' HUP; exec " + run.program("r") + "\"");
  program.wait_until([&] { return evaluations_in(journal) > 0; });
  const Outcome outcome = program.wait_after(SIGHUP);
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("a reader that leaves early is no error to tell of") {
  const Folder folder;
  const std::string score =
      "score '" + space_file("ibn_fashion.toml") + "' --sample 20000 --scores params --quiet --format csv";
  for (const char* ignored : {"", "trap '' PIPE; "}) {
    CAPTURE(ignored);
    const Outcome outcome =
        shell(folder, std::string(ignored) + "set -o pipefail; assay " + score + " | head -1");
    CHECK(mentions(outcome.out, "params"));
    CHECK(outcome.err.empty());
    CHECK(outcome.exit_code == 128 + SIGPIPE);
  }
}
