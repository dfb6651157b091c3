// assay curate as a user runs it.
#include "assay/base/file.hpp"

#include "cli_process.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace cli_test;

namespace {

const std::string kQuick = " --sample 30 --descents 5 --seeds 3 --evaluations 60 ";

std::string on_edge_npu() {
  return " --accelerator " + accelerator_file("edge_npu_16.toml");
}

}  // namespace

TEST_CASE("a curated space is written, loads, and says how it came about") {
  const Folder folder;
  const Outcome run =
      shell(folder, "assay curate " + space_file("ibn_fashion.toml") + on_edge_npu() + kQuick +
                        "--out new.toml --format table && assay space new.toml --format csv");
  CHECK(run.exit_code == 0);
  CHECK(mentions(run.out, "16 lanes: latency steps up behind multiples of 16 input channels"));
  CHECK(mentions(run.out, "stage2.channels  24 32 40 48"));
  CHECK(mentions(run.out, "24 -> 32: 24 fills 75 % of its lanes"));
  CHECK(mentions(run.out, "less work is not slower"));
  CHECK(mentions(run.out, "evaluations to the target, median"));
  CHECK(mentions(run.out, "stage2.channels,2,32 48\n"));
  const std::string text = folder.read("new.toml");
  CHECK(text.starts_with("# Curated for edge_npu_16 out of "));
  CHECK(mentions(text, "#   assay curate "));
  CHECK(mentions(text, "# The space of the quickstart: small networks"));
  CHECK(mentions(text, "# Curated, was: 24, 32, 40, 48\n"));
}

TEST_CASE("without --out the space is the output, the same bytes every time") {
  const Folder folder;
  const std::string command = "assay curate " + space_file("nats_size.toml") + on_edge_npu() + kQuick;
  const Outcome first = shell(folder, command);
  const Outcome second = shell(folder, command);
  CHECK(first.exit_code == 0);
  CHECK(first.out.starts_with("# Curated for edge_npu_16"));
  CHECK(first.out == second.out);
  CHECK(first.err == second.err);
  CHECK(mentions(first.err, "local minima that they end in"));
  const Outcome quiet = shell(folder, command + " --quiet");
  CHECK(quiet.out == first.out);
  CHECK(quiet.err.empty());
  const Outcome used = shell(folder, command + " --quiet | assay space /dev/stdin --format csv");
  CHECK(mentions(used.out, "width1.channels,4,16 32 48 64\n"));
}

TEST_CASE("the report is for machines too") {
  const Folder folder;
  const std::string command = "assay curate " + space_file("nats_size.toml") + on_edge_npu() + kQuick +
                              "--quiet --out new.toml --format ";
  const Outcome json = shell(folder, command + "json");
  REQUIRE(json.exit_code == 0);
  const nlohmann::json rows = nlohmann::json::parse(json.out);
  const auto row = [&](const std::string& name) {
    for (const auto& r : rows)
      if (r.at("name") == name) return r;
    FAIL("no row ", name);
    return nlohmann::json();
  };
  CHECK(row("lanes").at("after") == 16);
  CHECK(row("width2.channels").at("before") == "8 16 24 32 40 48 56 64");
  CHECK(row("width2.channels").at("after") == "16 32 48 64");
  CHECK(row("candidates").at("before") == 32768);
  CHECK(row("monotone_percent").at("after").get<double>() >=
        row("monotone_percent").at("before").get<double>());
  CHECK(row("monotone_percent").at("before").get<double>() +
            row("rising_percent").at("before").get<double>() ==
        doctest::Approx(100));
  CHECK(row("evaluations_to_target").at("part") == "convergence");
  const Outcome csv = shell(folder, command + "csv");
  CHECK(csv.out.starts_with("part,name,before,after,note\naccelerator,lanes,,16,"));
  const Outcome less = shell(folder, command + "csv --no-convergence");
  CHECK(!mentions(less.out, "evaluations_to_target"));
}

TEST_CASE("where nothing is to be done the space is the same bytes") {
  const Folder folder;
  const Outcome run =
      shell(folder, "assay curate " + space_file("mnasnet_accel.toml") + on_edge_npu() + kQuick);
  CHECK(run.exit_code == 0);
  CHECK(run.out == assay::read_file(space_file("mnasnet_accel.toml")));
  CHECK(mentions(run.err, "nothing was changed"));

  const std::string fixed =
      folder.write("fixed.toml",
                   "name = \"fixed\"\nclasses = 10\n[input]\nchannels = 3\nresolution = 16\n[[stage]]\nname "
                   "= \"s\"\nblock = "
                   "\"conv\"\nchannels = 20\n[[stage]]\nname = \"head\"\nblock = \"classifier\"\n");
  const Outcome none = shell(folder, "assay curate fixed.toml" + on_edge_npu() + kQuick);
  CHECK(none.exit_code == 0);
  CHECK(none.out == folder.read("fixed.toml"));
  CHECK(mentions(none.err, "nothing was changed"));
}

TEST_CASE("what is worse than before is said") {
  const Folder folder;
  // One width for all: the searches of the original find more.
  const Outcome run = shell(folder, "assay curate " + space_file("nats_size.toml") + on_edge_npu() + kQuick +
                                        "--depth-multiplier 0.5,1 --out new.toml");
  CHECK(run.exit_code == 0);
  CHECK(mentions(run.err, "Worse than before: no search in the curated space reaches the original's target"));
  CHECK(mentions(folder.read("new.toml"), "depth_multiplier = [0.5, 1]\n"));
}

TEST_CASE("decisions can be left alone, and a fitted estimator decides as well") {
  const Folder folder;
  const Outcome run =
      shell(folder, "assay estimate " + space_file("nats_size.toml") + on_edge_npu() +
                        " --sample 1 --save-estimator e.json >/dev/null && assay curate " +
                        space_file("nats_size.toml") +
                        " --estimator e.json --keep width1.channels --out new.toml --format csv" + kQuick);
  CHECK(run.exit_code == 0);
  CHECK(!mentions(run.out, "decision,width1.channels"));
  CHECK(mentions(run.out, "decision,width2.channels"));
  CHECK(mentions(folder.read("new.toml"), "\"width1.channels\" = [8, 16, 24, 32, 40, 48, 56, 64]"));
}

TEST_CASE("the original is never overwritten") {
  const Folder folder;
  const std::string text = assay::read_file(space_file("ibn_fashion.toml"));
  folder.write("space.toml", text);
  const Outcome run =
      shell(folder, "assay curate space.toml" + on_edge_npu() + " --out ../$(basename $PWD)/space.toml");
  CHECK(run.exit_code == 2);
  CHECK(mentions(run.err, "would overwrite the file space.toml"));
  CHECK(folder.read("space.toml") == text);
}

TEST_CASE("wrong usage ends with exit code 2, a sentence and no output") {
  const Folder folder;
  const std::string space = space_file("ibn_fashion.toml");
  const auto refused = [&](const std::string& arguments, const std::string& message) {
    INFO(arguments);
    const Outcome run = shell(folder, "assay curate " + arguments);
    CHECK(run.exit_code == 2);
    CHECK(run.out.empty());
    INFO(run.err);
    CHECK(mentions(run.err, message));
  };
  folder.write("other.json", "{\"format\": \"something else\"}");
  refused("", "name a space file");
  refused("missing.toml" + on_edge_npu(), "missing.toml: cannot be read");
  refused(space, "say for which hardware");
  refused(space + on_edge_npu() + " --estimator other.json", "exclude each other");
  refused(space + " --estimator other.json", "other.json");
  refused(space + on_edge_npu() + " --keep stage1.chanels", "Did you mean \"stage1.channels\"?");
  refused(space + on_edge_npu() + " --depth-multiplier 0.5,wide", "--depth-multiplier has \"wide\"");
  refused(space + on_edge_npu() + " --depth-multiplier 0,1", "--depth-multiplier has \"0\"");
  refused(space + on_edge_npu() + " --agreement 20", "--agreement");
  refused(space + on_edge_npu() + " --out no/such/folder.toml", "cannot be written");
  refused(space + on_edge_npu() + " --format xml", "--format");
  refused(space + on_edge_npu() + " --latency-ms 0.000001" + kQuick, "latency");
}
