// assay measure: files that a later run continues, on the cycle model and on this machine.
#include "assay/base/file.hpp"

#include "cli_tiny_space.hpp"

#include <algorithm>
#include <sstream>
#include <vector>

using namespace cli_test;

namespace {

const std::string npu = "--device " + accelerator_file("edge_npu_16.toml");

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

struct Measure {
  Folder folder;
  Measure() { folder.write("space.toml", tiny_space); }
  Outcome operator()(const std::string& arguments) const {
    return shell(folder, "assay measure " + arguments);
  }
  void refuses(const std::string& arguments, const std::string& part) const {
    CAPTURE(arguments);
    const Outcome outcome = (*this)(arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(mentions(outcome.err, part));
  }
};

}  // namespace

TEST_CASE("measure: rows of subgraphs and of networks, the same for a seed") {
  const Measure measure;
  const std::string what = "space.toml " + npu + " --subgraphs 80 --networks 7 --noise 0.02 ";
  REQUIRE(measure(what + "--out a.csv --networks-out g.csv").exit_code == 0);
  REQUIRE(measure(what + "--out b.csv --networks-out h.csv").exit_code == 0);
  const std::vector<std::string> rows = lines(measure.folder.read("a.csv"));
  CHECK(rows.size() == 81);
  CHECK(rows[0].starts_with("operator,activation,fused,operands,in_channels,"));
  CHECK(mentions(rows[1], ",ms,edge_npu_16,1,int8,cycle model,1000,1"));
  CHECK(measure.folder.read("b.csv") == measure.folder.read("a.csv"));
  const std::vector<std::string> networks = lines(measure.folder.read("g.csv"));
  CHECK(networks.size() == 8);
  CHECK(
      networks[0] ==
      "a.kernel,a.channels,a.stride,a.activation,latency_ms,min_ms,median_ms,noise_percent,reference_ms,unit,"
      "device,batch,data_type,runtime,clock_mhz,threads");
  CHECK(measure.folder.read("h.csv") == measure.folder.read("g.csv"));

  const Outcome other = measure("space.toml " + npu + " --subgraphs 80 --noise 0.02 --seed 2 --quiet");
  CHECK(other.exit_code == 0);
  CHECK(other.err.empty());
  CHECK(lines(other.out).size() == 81);
  CHECK(other.out != measure.folder.read("a.csv"));
}

TEST_CASE("measure: an interrupted run goes on where it stopped and ends with the same rows") {
  const Measure measure;
  const std::string what = "space.toml " + npu + " --subgraphs 90 --networks 9 --noise 0.02 ";
  REQUIRE(measure(what + "--out whole.csv --networks-out networks.csv").exit_code == 0);
  const std::string whole = measure.folder.read("whole.csv");
  const std::string networks = measure.folder.read("networks.csv");
  // Cut within the header, behind it, within a row, behind the random rows, within the chosen ones, at the
  // end.
  for (const double share : {0.0, 0.001, 0.3, 0.5, 0.71, 0.97, 1.0}) {
    CAPTURE(share);
    const auto part = [&](const std::string& text) {
      return text.substr(0, static_cast<std::size_t>(share * static_cast<double>(text.size())));
    };
    measure.folder.write("part.csv", part(whole));
    measure.folder.write("part_networks.csv", part(networks));
    const Outcome outcome = measure(what + "--out part.csv --networks-out part_networks.csv");
    CHECK(outcome.exit_code == 0);
    CHECK(measure.folder.read("part.csv") == whole);
    CHECK(measure.folder.read("part_networks.csv") == networks);
  }
}

TEST_CASE("measure: of several spaces each has its own file of networks") {
  const Measure measure;
  std::string other = tiny_space;
  other.replace(other.find("\"tiny\""), 6, "\"other\"");
  other.replace(other.find("kernel = [1, 3]"), 15, "kernel = [1, 5]");
  measure.folder.write("other.toml", other);
  const Outcome outcome = measure("space.toml other.toml " + npu +
                                  " --subgraphs 60 --networks 3 --out all.csv --networks-out n.csv");
  CHECK(outcome.exit_code == 0);
  CHECK(lines(measure.folder.read("all.csv")).size() == 61);
  CHECK(lines(measure.folder.read("n.tiny.csv")).size() == 4);
  CHECK(lines(measure.folder.read("n.other.csv")).size() == 4);
}

TEST_CASE("measure: a small space gives what it has, and says so") {
  const Measure measure;
  const Outcome outcome = measure("space.toml " + npu + " --subgraphs 5000 --out all.csv");
  CHECK(outcome.exit_code == 0);
  CHECK(mentions(outcome.err, "distinct subgraphs"));
  CHECK(lines(measure.folder.read("all.csv")).size() < 5001);
  CHECK(measure("space.toml " + npu + " --subgraphs 0 --networks 999 --networks-out all_networks.csv")
            .exit_code == 0);
  CHECK(lines(measure.folder.read("all_networks.csv")).size() == 49);
}

TEST_CASE("measure: as many rows as were asked for, however few") {
  const Measure measure;
  for (const std::size_t count : {1, 2, 9, 10, 12, 61}) {
    CAPTURE(count);
    const Outcome outcome =
        measure("space.toml " + npu + " --out few.csv --subgraphs " + std::to_string(count));
    CHECK(outcome.exit_code == 0);
    CHECK_FALSE(mentions(outcome.err, "no more"));
    CHECK(lines(measure.folder.read("few.csv")).size() == count + 1);
    fs::remove(measure.folder / "few.csv");
  }
}

TEST_CASE("measure: this machine, killed and continued") {
  const Measure measure;
  const std::string what =
      "space.toml --device cpu --subgraphs 70 --networks 6 --repeats 5 --out rows.csv --networks-out n.csv";
  // Wherever it was.
  shell(measure.folder, "'" ASSAY_PROGRAM "' measure " + what + " --quiet & sleep 0.15; kill -9 $!; wait");
  const Outcome outcome = measure(what);
  CHECK(outcome.exit_code == 0);
  CHECK(mentions(outcome.err, "Halves of the repeats differ"));
  CHECK(lines(measure.folder.read("rows.csv")).size() == 71);
  CHECK(lines(measure.folder.read("n.csv")).size() == 7);
  CHECK(mentions(measure.folder.read("rows.csv"), ",ms,host_cpu,1,fp32,\"oneDNN"));
  // What it writes can be read.
  const Outcome again = measure(what);
  CHECK(again.exit_code == 0);
  CHECK(mentions(again.err, "70 subgraphs are measured already"));
  CHECK(mentions(again.err, "6 networks are measured already"));
}

TEST_CASE("measure: a file of another run is not continued") {
  const Measure measure;
  const std::string what = "space.toml --subgraphs 70 --networks 6 --out rows.csv --networks-out n.csv ";
  REQUIRE(measure(what + npu).exit_code == 0);
  measure.refuses(what + npu + " --seed 2", "rows.csv: the file cannot be continued: row 1 is \"");
  measure.refuses(what + "--device " + accelerator_file("edge_npu_64.toml"),
                  "rows.csv: the file cannot be continued: its rows were taken on another device");
  measure.refuses("space.toml --subgraphs 60 --out rows.csv " + npu, "it has 70 rows instead of 60");
  measure.refuses("space.toml --subgraphs 0 --networks 5 --networks-out n.csv " + npu,
                  "n.csv: the file cannot be continued: line 7 is not what this seed");
  measure.refuses("space.toml --subgraphs 0 --networks 6 --networks-out n.csv --seed 3 " + npu,
                  "n.csv: the file cannot be continued: line ");
}

TEST_CASE("measure: a file of something else is refused and keeps every byte") {
  const Measure measure;
  const std::string subgraphs = "space.toml --subgraphs 60 --out foreign " + npu;
  const std::string networks = "space.toml --subgraphs 0 --networks 3 --networks-out foreign " + npu;
  for (const std::string& text :
       {std::string("hello"), std::string("hello\n"), std::string("a\n\x01\xff\0b", 6),
        std::string("operator,of,others\n1,2,3\n4")}) {
    CAPTURE(text);
    measure.folder.write("foreign", text);
    measure.refuses(subgraphs, "foreign: the file cannot be continued: its first line is not the header");
    measure.refuses(networks, "foreign: the file cannot be continued: its first line is not the header");
    CHECK(measure.folder.read("foreign") == text);
  }
  // Before anything is measured.
  measure.refuses("space.toml --subgraphs 60 --out rows.csv --networks 3 --networks-out foreign " + npu,
                  "foreign: the file cannot be continued");
  CHECK(measure.folder.read("rows.csv").empty());
}

TEST_CASE("measure: a refused file keeps its torn last line") {
  const Measure measure;
  const std::string what = "space.toml --subgraphs 60 --networks 3 --out rows.csv --networks-out n.csv ";
  REQUIRE(measure(what + npu).exit_code == 0);
  const std::string rows = measure.folder.read("rows.csv") + "torn";
  measure.folder.write("rows.csv", rows);
  measure.refuses(what + npu + " --seed 2", "rows.csv: the file cannot be continued: row 1");
  CHECK(measure.folder.read("rows.csv") == rows);
}

TEST_CASE("measure: the two results and what is read are different files") {
  const Measure measure;
  measure.refuses("space.toml --networks 3 --out rows.csv --networks-out ./rows.csv " + npu,
                  "--networks-out ./rows.csv would overwrite --out rows.csv");
  CHECK_FALSE(fs::exists(measure.folder / "rows.csv"));
  measure.refuses("space.toml --out space.toml " + npu,
                  "--out space.toml would overwrite the file space.toml");
  measure.folder.write("npu.toml", assay::read_file(accelerator_file("edge_npu_16.toml")));
  fs::create_symlink("npu.toml", measure.folder / "link.toml");
  measure.refuses("space.toml --device npu.toml --out link.toml", "would overwrite --device npu.toml");
}

TEST_CASE("measure: options that make no sense are named") {
  const Measure measure;
  measure.refuses("space.toml",
                  "--device is missing. Give --device cpu, or --device with an accelerator file");
  measure.refuses(npu, "name a space file");
  measure.refuses("space.toml --device cpu --noise 0.1", "--noise has no meaning for this machine's CPU");
  measure.refuses("space.toml --repeats 9 " + npu, "--repeats has no meaning for a cycle model");
  measure.refuses("space.toml --threads 2 " + npu, "--threads has no meaning for a cycle model");
  measure.refuses("space.toml --networks 3 " + npu, "--networks-out FILE");
  measure.refuses("space.toml --device cpu --repeats 1", "--repeats is \"1\"");
  measure.refuses("space.toml --device " + accelerator_file("host_cpu.toml"), "leaves lanes.input_channels");
  measure.refuses("space.toml --out missing/rows.csv " + npu, "missing/rows.csv cannot be opened");
}
