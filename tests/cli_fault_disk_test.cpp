// Disks that are full, places that may not be written, limits on the size of files: a message that names the
// file and what to do, exit code 2, and a run that can go on.
#include "cli_fault_run.hpp"

#include <doctest/doctest.h>

using namespace cli_test;

namespace {

// A shell script that runs in the folder, in a mount namespace of its own: nothing stays mounted. Within,
// `assay` is the program.
Outcome in_namespace(const Folder& folder, const std::string& script) {
  folder.write("script.sh", "set -e\nassay() { '" ASSAY_PROGRAM "' \"$@\"; }\n" + script);
  const std::string unshare = ::geteuid() == 0 ? "unshare -m" : "unshare -rm";
  return shell(folder, unshare + " bash script.sh");
}

// File systems of this many KiB in folders of these names; `fill NAME KIB` leaves so much of one free,
// `empty` frees the rest.
std::string small_disk(const std::string& name, int kib) {
  return "mkdir -p " + name + "\nmount -t tmpfs -o size=" + std::to_string(kib) + "k none " + name +
         "\nfill() { head -c 100M /dev/zero > $1/ballast 2>/dev/null || true; "
         "truncate -s -${2}K $1/ballast; }\n"
         "empty() { rm $1/ballast; }\n";
}

bool may_mount() {
  static const bool may = [] {
    const Folder folder;
    return in_namespace(folder, small_disk("full", 64) + "fill full 4").exit_code == 0;
  }();
  if (!may) MESSAGE("skipped: file systems may not be mounted here");
  return may;
}

// Runs `command` with the disk full, expects exit code 2, then `again` with the disk empty.
struct Fill {
  Outcome full, after;
};
Fill fill_and_free(const FaultRun& run, const std::string& prepare, int free_kib, const std::string& command,
                   const std::string& again) {
  Fill fill;
  fill.after =
      in_namespace(run.folder, small_disk("full", 2048) + prepare + "\nfill full " +
                                   std::to_string(free_kib) + "\ncode=0\n" + command +
                                   " >first 2>errors || code=$?\necho $code > code\nempty full\n" + again);
  fill.full = {std::atoi(run.folder.read("code").c_str()), run.folder.read("first"),
               run.folder.read("errors")};
  return fill;
}

}  // namespace

TEST_CASE("a full disk under the journal, the checkpoints, the results or the trained networks") {
  if (!may_mount()) return;
  const FaultRun run;
  const Outcome reference = shell(run.folder, run.command("reference.journal"));
  REQUIRE(reference.exit_code == 0);

  SUBCASE("the journal") {
    const Fill fill = fill_and_free(run, "", 100, run.command("full/r"), run.command("full/r", "--resume"));
    INFO(fill.full.err);
    CHECK(fill.full.exit_code == 2);
    CHECK(mentions(fill.full.err, "full/r"));
    CHECK(mentions(fill.full.err, "is full"));
    CHECK(mentions(fill.full.err, "Free some space"));
    CHECK(fill.full.out.empty());
    INFO(fill.after.err);
    CHECK(fill.after.exit_code == 0);
    CHECK(fill.after.out == reference.out);
  }
  SUBCASE("a checkpoint") {
    const Fill fill = fill_and_free(run, "mkdir full/c; ln -s full/c r.training", 8, run.command("r"),
                                    run.command("r", "--resume"));
    INFO(fill.full.err);
    CHECK(fill.full.exit_code == 2);
    CHECK(mentions(fill.full.err, "r.training/"));
    CHECK(mentions(fill.full.err, "No space left on device. Free some space"));
    INFO(fill.after.err);
    CHECK(fill.after.exit_code == 0);
    CHECK(fill.after.out == reference.out);
    CHECK(results_of_journal(run.folder / "r") == results_of_journal(run.folder / "reference.journal"));
  }
  SUBCASE("the results") {
    const Fill fill =
        fill_and_free(run, "", 0, run.command("r", "--out full/out.csv"), run.command("r", "--resume"));
    INFO(fill.full.err);
    CHECK(fill.full.exit_code == 2);
    CHECK(
        mentions(fill.full.err, "full/out.csv: cannot be written: No space left on device. Free some space"));
    INFO(fill.after.err);
    CHECK(fill.after.exit_code == 0);
    CHECK(fill.after.out == reference.out);
  }
#ifdef ASSAY_ONNX
  SUBCASE("the trained networks") {
    const Fill fill =
        fill_and_free(run, "", 4, run.command("r", "--save-models full/m"),
                      run.command("r", "--save-models full/m --resume") + "\nls full/m > models");
    INFO(fill.full.err);
    CHECK(fill.full.exit_code == 2);
    CHECK(mentions(fill.full.err, "full/m"));
    CHECK(mentions(fill.full.err, "No space left on device. Free some space"));
    INFO(fill.after.err);
    CHECK(fill.after.exit_code == 0);
    CHECK(fill.after.out == reference.out);
    CHECK(run.folder.read("models") == "1.onnx\n2.onnx\n");
  }
#endif
}

TEST_CASE("a full disk under the score cache is one warning, and changes nothing") {
  if (!may_mount()) return;
  const FaultRun run;
  const std::string score =
      "assay score space.toml --sample 300 --batch 4 --scores snip,zen --format csv --seed 2 ";
  const Outcome reference = shell(run.folder, score + "--no-cache");
  REQUIRE(reference.exit_code == 0);
  for (const int free_kib : {0, 30}) {  // it cannot be made, it cannot grow
    CAPTURE(free_kib);
    const Fill fill =
        fill_and_free(run, "", free_kib, score + "--cache full/cache", score + "--cache full/cache");
    INFO(fill.full.err);
    CHECK(fill.full.exit_code == 0);
    CHECK(fill.full.out == reference.out);
    const std::string warning = "The score cache full/cache cannot be used: ";
    CHECK(mentions(fill.full.err, warning));
    CHECK(fill.full.err.find(warning) == fill.full.err.rfind(warning));
    CHECK(mentions(fill.full.err, "Name another file with --cache"));
    INFO(fill.after.err);
    CHECK(fill.after.exit_code == 0);
    CHECK(fill.after.out == reference.out);
  }
}

TEST_CASE("a limit on the size of files is an error, not a crash, and the run goes on without it") {
  const FaultRun run;
  const Outcome reference = shell(run.folder, run.command("reference.journal"));
  REQUIRE(reference.exit_code == 0);
  const Outcome limited = shell(run.folder, "(ulimit -f 150; " + run.command("r") + ")");
  INFO(limited.err);
  CHECK(limited.exit_code == 2);
  CHECK(mentions(limited.err, "The run journal r "));
  const Outcome resumed = shell(run.folder, run.command("r", "--resume"));
  INFO(resumed.err);
  CHECK(resumed.exit_code == 0);
  CHECK(resumed.out == reference.out);
  CHECK(results_of_journal(run.folder / "r") == results_of_journal(run.folder / "reference.journal"));

  const Outcome results = shell(run.folder,
                                "(ulimit -f 1; assay score space.toml --sample 200 --scores params "
                                "--quiet --no-cache --out scores.csv)");
  INFO(results.err);
  CHECK(results.exit_code == 2);
  CHECK(mentions(results.err, "scores.csv: cannot be written: File too large. Raise the limit"));
  CHECK_FALSE(fs::exists(run.folder / "scores.csv"));
}

TEST_CASE("a folder that may not be written: new runs are refused, ended ones can be reported") {
  if (!may_mount()) return;
  const FaultRun run;
  fs::create_directory(run.folder / "place");
  REQUIRE(shell(run.folder, run.command("place/ended.journal")).exit_code == 0);
  const auto refused = [&](const std::string& command, std::initializer_list<const char*> parts) {
    const Outcome outcome =
        in_namespace(run.folder, "mount --bind place place\nmount -o remount,bind,ro place\n" + command);
    CAPTURE(command);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.out.empty());
    for (const char* part : parts) CHECK(mentions(outcome.err, part));
  };
  refused(run.command("place/new.journal"), {"place/new.journal", "Read-only file system", "Choose a place"});
  refused(run.command("place/ended.journal", "--resume"), {"place/ended.journal", "Read-only file system"});
  refused(run.command("r", "--out place/out.csv"),
          {"place/out.csv", "Read-only file system", "Choose a path"});
  CHECK_FALSE(fs::exists(run.folder / "r"));
#ifdef ASSAY_ONNX
  refused(run.command("r", "--save-models place/models"), {"place/models", "Read-only file system"});
#endif
  const Outcome report = in_namespace(run.folder,
                                      "mount --bind place place\nmount -o remount,bind,ro place\n"
                                      "assay report place/ended.journal --format csv");
  INFO(report.err);
  CHECK(report.exit_code == 0);
  CHECK(mentions(report.out, "rank"));
}
