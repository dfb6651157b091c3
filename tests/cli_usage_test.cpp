// Wrong usage: exit code 2 and one message that says what to do.
#include "cli_process.hpp"

#include <doctest/doctest.h>

using namespace cli_test;

namespace {

void refuses(const std::string& command, const std::string& part) {
  const Folder folder;
  const Outcome outcome = shell(folder, command);
  INFO(command);
  INFO(outcome.err);
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.out.empty());
  CHECK(mentions(outcome.err, part));
}

const std::string nasbench = space_file("nasbench201.toml");

}  // namespace

TEST_CASE("help and version") {
  const Folder folder;
  CHECK(shell(folder, "assay --version").exit_code == 0);
  const Outcome overview = shell(folder, "assay --help");
  CHECK(overview.exit_code == 0);
  for (const char* command : {"search", "score", "validate", "estimate", "train", "space", "export"}) {
    CHECK(mentions(overview.out, command));
    const Outcome help = shell(folder, std::string("assay ") + command + " --help");
    CHECK(help.exit_code == 0);
    CHECK(mentions(help.out, "Example:"));
    CHECK(mentions(help.out, "--out FILE"));
  }
}

TEST_CASE("unknown commands and options name the nearest known one") {
  refuses("assay", "usage:");
  refuses("assay serach x", "Did you mean \"search\"?");
  refuses("assay score x --sampel 3", "Did you mean \"--sample\"?");
  refuses("assay score " + nasbench + " --sample 1 --scores synflo", "Did you mean \"synflow\"?");
  refuses("assay score " + nasbench + " --sample 1 --format cvs", "Did you mean \"csv\"?");
  refuses("assay search " + nasbench + " --strategy evolutoin", "Did you mean \"evolution\"?");
}

TEST_CASE("options out of range") {
  refuses("assay score " + nasbench + " --sample none", "--sample is \"none\"");
  refuses("assay score " + nasbench + " --sample -1", "--sample");
  refuses("assay score " + nasbench + " --sample 1 --seed 1.5", "--seed is \"1.5\"");
  refuses("assay score " + nasbench + " --sample 1 --workers nan", "--workers");
  refuses(
      "assay search " + nasbench + " --latency-ms fast --accelerator " + accelerator_file("edge_npu_16.toml"),
      "--latency-ms is \"fast\"");
  refuses("assay search " + nasbench + " --latency-ms 1", "Add --accelerator FILE");
  refuses("assay score " + nasbench + " --sample 1 --sample 2", "more than once");
  refuses("assay score " + nasbench + " --sample", "--sample");
  refuses("assay score a b --sample 1", "one argument too many");
}

TEST_CASE("inputs that are missing, or too many") {
  refuses("assay score", "name a space file");
  refuses("assay score no_such.toml --sample 1", "no_such.toml");
  refuses("assay score no_such.json", "no_such.json");
  refuses("assay score " + nasbench, "--candidates FILE");
  refuses("assay score " + nasbench + " --sample 1 --all", "one of");
  refuses("assay score " + nasbench + " --candidates no_such.csv", "no_such.csv");
  refuses("assay estimate " + nasbench + " --sample 1", "--accelerator FILE");
  refuses("assay estimate " + nasbench + " --sample 1 --accelerator no_such.toml", "no_such.toml");
  refuses("assay estimate " + nasbench + " --sample 1 --estimator no_such.json", "no_such.json");
  refuses("assay train " + nasbench + " --sample 1", "--data is missing");
  refuses("assay train " + nasbench + " --sample 1 --data no_such_set", "no_such_set");
}

TEST_CASE("outputs that cannot be written") {
  refuses("assay export " + nasbench + " --sample 1 --out no/such/folder/x.json", "Create the folder");
  refuses("assay export " + nasbench + " --sample 1 --out /dev/full", "Free some space");
  refuses("assay export " + nasbench + " --sample 1 > /dev/full", "Free some space");
}
