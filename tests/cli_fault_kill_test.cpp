// kill -9 during search and training. tools/kill_test.py does the same at hundreds of moments.
#include "assay/base/random.hpp"

#include "cli_fault_run.hpp"

#include <chrono>
#include <map>

#include <doctest/doctest.h>

using namespace cli_test;

namespace {

std::map<std::string, std::string> models_in(const std::string& path) {
  std::map<std::string, std::string> models;
  for (const fs::directory_entry& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".onnx") models[entry.path().filename()] = slurp(entry.path());
  return models;
}

}  // namespace

TEST_CASE(
    "kill -9 at random moments of search and training: nothing committed is lost, and the end is the same") {
  const FaultRun run;
#ifdef ASSAY_ONNX
  const std::string more = "--save-models models";
#else
  const std::string more;
  fs::create_directory(run.folder / "models");
#endif
  const auto begin = std::chrono::steady_clock::now();
  const Outcome reference = shell(run.folder, run.command("reference.journal", more));
  const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - begin;
  INFO(reference.err);
  REQUIRE(reference.exit_code == 0);
  const std::string results = results_of_journal(run.folder / "reference.journal");
  const auto models = models_in(run.folder / "models");

  assay::Random random(7, assay::Purpose::noise);
  const std::string journal = run.folder / "r.journal";
  int kills = 0, training_kills = 0, resumes = 0;
  for (int attempt = 0; attempt < 60; ++attempt) {
    const bool resume = fs::exists(journal);
    resumes += resume;
    Running program(run.folder, run.program("r.journal", resume ? more + " --resume" : more));
    // Enough are killed when the last run is let go to its end. The later moments lie in the training.
    const bool last = kills >= 6, in_training = kills >= 3;
    const double seconds = duration.count() * (in_training ? 0.2 : 0.6) * random.uniform();
    auto since = std::chrono::steady_clock::now();
    std::size_t evaluations = 0, trainings = 0;
    program.wait_until([&] {
      evaluations = std::max(evaluations, evaluations_in(journal));
      trainings = std::max(trainings, trainings_in(journal));
      const auto now = std::chrono::steady_clock::now();
      if (in_training && trainings == 0) since = now;
      return !last && std::chrono::duration<double>(now - since).count() > seconds;
    });
    const Outcome outcome = last ? program.wait() : program.wait_after(SIGKILL);
    if (program.by_signal) {
      ++kills;
      if (!fs::exists(journal)) continue;
      training_kills += trainings > 0;
      CHECK(evaluations_in(journal) >= evaluations);
      CHECK(trainings_in(journal) >= trainings);
      CHECK(shell(run.folder, "assay report r.journal --format json").exit_code == 0);
      continue;
    }
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    CHECK(outcome.out == reference.out);
    CHECK(results_of_journal(journal) == results);
    CHECK((models_in(run.folder / "models") == models));
    CHECK_FALSE(fs::exists(journal + ".training"));
    CHECK_FALSE(fs::exists(journal + ".lock"));
    if (last) break;
    fs::remove(journal);
    fs::remove_all(run.folder / "models");
  }
  CHECK(kills >= 6);
  MESSAGE(kills, " kills, ", training_kills, " of them in training; ", resumes, " resumes");
}
