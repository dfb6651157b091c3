// Spaces, accelerators and estimators by their names, and the commands that tell of the program itself.
#include "cli_process.hpp"

#include <doctest/doctest.h>

using namespace cli_test;

namespace {

const std::string shipped = "export ASSAY_SPACES='" ASSAY_SOURCE_DIR "/spaces'; ";

}  // namespace

TEST_CASE("a name stands for the file that is shipped under it") {
  const Folder folder;
  const Outcome by_path = shell(folder, "assay space " + space_file("nasbench201.toml"));
  REQUIRE(by_path.exit_code == 0);
  CHECK(shell(folder, shipped + "assay space nasbench201").out == by_path.out);

  const std::string estimate = "assay estimate nasbench201 --sample 3 --quiet ";
  const Outcome cycles =
      shell(folder, shipped + estimate + "--accelerator " + accelerator_file("edge_npu_16.toml"));
  REQUIRE(cycles.exit_code == 0);
  CHECK(shell(folder, shipped + estimate + "--accelerator edge_npu_16").out == cycles.out);
  const std::string fitted = accelerator_file("zcu102_dpu.estimator.json");
  CHECK(shell(folder, shipped + estimate + "--estimator zcu102_dpu").out ==
        shell(folder, shipped + estimate + "--estimator " + fitted).out);
}

TEST_CASE("files come first, then $ASSAY_SPACES, then ./spaces") {
  const Folder folder;
  const auto space = [](const std::string& name) {
    return "name = \"" + name +
           "\"\nclasses = 2\n[input]\nchannels = 1\nheight = 8\nwidth = 8\n"
           "[[stage]]\nname = \"stem\"\nblock = \"conv\"\nchannels = [4, 8]\n"
           "[[stage]]\nname = \"head\"\nblock = \"classifier\"\n";
  };
  fs::create_directories(folder / "spaces");
  fs::create_directories(folder / "mine");
  folder.write("spaces/tiny.toml", space("in_spaces"));
  CHECK(mentions(shell(folder, "assay space tiny").err, "in_spaces"));
  folder.write("mine/tiny.toml", space("in_mine"));
  CHECK(mentions(shell(folder, "export ASSAY_SPACES=mine; assay space tiny").err, "in_mine"));
  folder.write("tiny", space("a_file"));
  CHECK(mentions(shell(folder, "export ASSAY_SPACES=mine; assay space tiny").err, "a_file"));
  CHECK(shell(folder, "assay completion spaces").out == "tiny\n");
}

TEST_CASE("a name that nothing has says where it was looked for") {
  const Folder folder;
  const auto refuses = [&](const std::string& command, const std::string& part) {
    const Outcome outcome = shell(folder, shipped + command);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(mentions(outcome.err, part));
  };
  refuses("assay space nasbnech201", "Did you mean \"nasbench201\"?");
  refuses("assay space nasbnech201", ASSAY_SOURCE_DIR "/spaces");
  refuses("assay estimate nasbench201 --sample 1 --accelerator edge_npu_61",
          "--accelerator: \"edge_npu_61\" is no file");
  refuses("unset ASSAY_SPACES; assay space nasbench201", "Set ASSAY_SPACES");
  refuses("assay space ./nasbench201", "nasbench201");
}

TEST_CASE("completion and manual know what they know") {
  const Folder folder;
  CHECK(mentions(shell(folder, "assay completion bash").out, "complete -F _assay assay"));
  CHECK(mentions(shell(folder, "assay completion zsh").out, "#compdef assay"));
  CHECK(mentions(shell(folder, "assay completion fish").err,
                 "\"fish\" is no shell that this completes. Give bash or zsh;"));
  CHECK(mentions(shell(folder, "assay completion bahs").err, "Did you mean \"bash\"?"));
  CHECK(shell(folder, "assay completion").exit_code == 2);
  CHECK(mentions(shell(folder, "assay man search").out, "\\-\\-latency\\-ms"));
  CHECK(mentions(shell(folder, "assay man serach").err, "Did you mean \"search\"?"));
  CHECK(mentions(shell(folder, "assay man search --folder x").err, "Leave the command or --folder out"));
  CHECK(mentions(shell(folder, "assay man --folder no/such/folder").err, "no/such/folder"));
}
