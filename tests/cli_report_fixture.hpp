// A finished run over small networks, made once for all tests of a program that look at runs.
#pragma once

#include "assay/store/run_journal.hpp"

#include "cli_tiny_space.hpp"

#include <string>

namespace cli_test {

inline constexpr const char* baseline_candidate = "a.kernel=3 a.channels=20 a.stride=1 a.activation=relu";

struct RunFolder {
  Folder folder;
  Outcome search;

  RunFolder() {
    folder.write("space.toml", tiny_space);
    search = shell(folder, std::string("assay search space.toml --accelerator ") +
                               accelerator_file("edge_npu_16.toml") +
                               " --evaluations 30 --shortlist 3 --batch 4" + " --baseline '" +
                               baseline_candidate + "' --run run.journal --format csv --out search.csv");
    INFO(search.err);
    REQUIRE(search.exit_code == 0);
  }
  Outcome run(const std::string& arguments) const { return shell(folder, "assay " + arguments); }
  assay::RunJournal journal(const std::string& name = "run.journal") const {
    return assay::RunJournal::open_to_read(folder / name);
  }

  // A run that was killed after so many evaluations of this one.
  void write_killed(const std::string& name, std::int64_t evaluations) const {
    write_killed(name, evaluations, journal().identity());
  }
  void write_killed(const std::string& name, std::int64_t evaluations,
                    const assay::RunIdentity& identity) const {
    const assay::RunJournal whole = journal();
    assay::RunJournal part = assay::RunJournal::create(folder / name, identity);
    std::vector<assay::EvaluationRow> rows;
    whole.for_each_evaluation([&](const assay::EvaluationRow& row) {
      if (row.evaluation < evaluations) rows.push_back(row);
      return row.evaluation < evaluations;
    });
    part.commit_generation(
        rows, {.generation = 0, .proposed = evaluations + 3, .duplicates = 3, .evaluated = evaluations}, {},
        {});
  }
};

// What most tests only read.
inline const RunFolder& shared_run() {
  static const RunFolder run;
  return run;
}

}  // namespace cli_test
