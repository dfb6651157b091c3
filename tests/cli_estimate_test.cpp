// assay estimate: subgraphs with advice, memory step by step, data types.
#include "cli_tiny_space.hpp"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

using namespace cli_test;

namespace {

using nlohmann::json;

const std::string nasbench =
    "assay estimate '" + space_file("nasbench201.toml") + "' --accelerator '" +
    accelerator_file("edge_npu_16.toml") +
    "' --quiet --candidate 'cell.edge_0_1=conv3x3 cell.edge_0_2=conv3x3 cell.edge_1_2=conv1x1 "
    "cell.edge_0_3=conv3x3 cell.edge_1_3=conv1x1 cell.edge_2_3=conv3x3' ";

json rows(const Outcome& outcome) {
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return json::parse(outcome.out);
}

int widest_line(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  int widest = 0;
  while (std::getline(in, line)) {
    widest = std::max(widest, static_cast<int>(std::count_if(line.begin(), line.end(), [](char c) {
                        return (c & 0xC0) != 0x80;  // not the later bytes of a character
                      })));
  }
  return widest;
}

}  // namespace

TEST_CASE("estimate --layers: advice by subgraph, for machines") {
  const Folder folder;
  folder.write("space.toml", tiny_space);
  const json layers = rows(shell(folder,
                                 "assay estimate space.toml --candidate 'a.kernel=3 a.channels=20 "
                                 "a.stride=1 a.activation=relu' --accelerator '" +
                                     accelerator_file("edge_npu_16.toml") + "' --layers --format json"));
  REQUIRE(layers.size() >= 2);
  const json& conv = layers[0];
  CHECK(conv["operator"] == "a.conv");
  CHECK(conv["in_channels"] == 3);
  CHECK(conv["out_channels"] == 20);
  CHECK(conv["out_channels_down"] == 16);
  CHECK(conv["out_channels_up"] == 32);
  CHECK(conv["out_channels_down_latency_ms"].get<double>() < conv["latency_ms"].get<double>());
  CHECK(conv["out_channels_down_extrapolated"].is_boolean());
  CHECK(conv["dense_latency_ms"].is_null());
  CHECK(conv["dense_extrapolated"].is_null());
  CHECK(conv["fusing_saves_ms"].get<double>() > 0);
  double share = 0;
  for (const json& layer : layers) share += layer["share_percent"].get<double>();
  CHECK(share == doctest::Approx(100));
}

TEST_CASE("estimate --memory-profile: steps, peak, and the better order") {
  const Folder folder;
  const json whole = rows(shell(folder, nasbench + "--format json"));
  const json steps = rows(shell(folder, nasbench + "--memory-profile --format json"));
  const auto peak_of = [&](const std::string& order) {
    std::int64_t peak = 0;
    int marked = 0, position = 0;
    for (const json& step : steps) {
      if (step["order"] != order) continue;
      CHECK(step["step"] == ++position);
      peak = std::max(peak, step["live_bytes"].get<std::int64_t>());
    }
    for (const json& step : steps) {
      if (step["order"] != order || !step["peak"].get<bool>()) continue;
      ++marked;
      CHECK(step["live_bytes"] == peak);
    }
    CHECK((marked > 0) == (peak > 0));
    return peak;
  };
  const std::int64_t counted = peak_of("counted"), lowest = peak_of("lowest_peak");
  CHECK(counted == whole[0]["peak_memory_bytes"]);
  // Two branches side by side in declared order; one after the other needs less.
  CHECK(counted == 80 * 1024);
  CHECK(lowest == 64 * 1024);
  const std::string accelerator = slurp(accelerator_file("edge_npu_16.toml"));
  folder.write("reorder.toml", accelerator + "reorder = true\n");
  const json reordered = rows(shell(
      folder, "assay estimate '" + space_file("nasbench201.toml") +
                  "' --accelerator reorder.toml --quiet --format json --candidate 'cell.edge_0_1=conv3x3 "
                  "cell.edge_0_2=conv3x3 cell.edge_1_2=conv1x1 cell.edge_0_3=conv3x3 "
                  "cell.edge_1_3=conv1x1 cell.edge_2_3=conv3x3'"));
  CHECK(reordered[0]["peak_memory_bytes"] == lowest);

  const Outcome csv = shell(folder, nasbench + "--memory-profile --format csv");
  CHECK(csv.out.starts_with("row,order,step,operator,last_operator,live_bytes,peak,proven\n"));
}

TEST_CASE("estimate: tables for people fit a terminal and hold layers, memory and totals") {
  const Folder folder;
  const Outcome outcome = shell(folder, nasbench + "--layers --format table");
  REQUIRE(outcome.exit_code == 0);
  for (const char* part : {"what would make it faster", "subgraphs", "of the peak", "peak\n", "Peak ",
                           "weights", "fused with another"}) {
    CAPTURE(part);
    CHECK(mentions(outcome.out, part));
  }
  // The last lines hold the candidate itself, which is as long as it is. Names are as long as it takes to
  // tell the first stage's subgraphs from the second's.
  CHECK(widest_line(outcome.out.substr(0, outcome.out.rfind("\n\n"))) <= 125);
  CHECK(mentions(outcome.out, "stage1.block1.edge_0_1.conv "));
  CHECK(mentions(outcome.out, "stage2.block1.edge_0_1.conv "));
  // A single network's subgraphs are shown anyway; its memory step by step when asked for.
  const Outcome plain = shell(folder, nasbench + "--format table");
  CHECK(mentions(plain.out, "what would make it faster"));
  CHECK_FALSE(mentions(plain.out, "of the peak"));
  const Outcome memory = shell(folder, nasbench + "--memory-profile --format table");
  CHECK_FALSE(mentions(memory.out, "what would make it faster"));
  CHECK(mentions(memory.out, "of the peak"));
}

TEST_CASE("estimate --data-type counts memory for another number format") {
  const Folder folder;
  const json int8 = rows(shell(folder, nasbench + "--format json"))[0];
  const json fp16 = rows(shell(folder, nasbench + "--format json --data-type fp16"))[0];
  CHECK(fp16["peak_memory_bytes"] == 2 * int8["peak_memory_bytes"].get<std::int64_t>());
  CHECK(fp16["weight_bytes"] == 2 * int8["weight_bytes"].get<std::int64_t>());
  CHECK(int8["weight_bytes"] == int8["params"]);
  CHECK(fp16["latency_ms"] == int8["latency_ms"]);
  const Outcome wrong = shell(folder, nasbench + "--data-type fp61");
  CHECK(wrong.exit_code == 2);
  CHECK(mentions(wrong.err, "Did you mean \"fp16\"?"));
}

TEST_CASE("estimate: layers and memory steps are two tables") {
  const Folder folder;
  for (const char* format : {"csv", "json"}) {
    const Outcome both = shell(folder, nasbench + "--layers --memory-profile --format " + format);
    CHECK(both.exit_code == 2);
    CHECK(both.out.empty());
    CHECK(mentions(both.err, "--memory-profile"));
  }
}

TEST_CASE("search and estimate agree on a candidate, to the byte") {
  const Folder folder;
  const std::string hardware = " '" + space_file("ibn_fashion.toml") + "' --accelerator '" +
                               accelerator_file("edge_npu_16.toml") + "' --quiet --format json ";
  const json found =
      rows(shell(folder, "assay search" + hardware +
                             "--scores params --evaluations 200 --shortlist 30 --run s.journal"));
  std::string candidates;
  for (const json& row : found) candidates += row.dump() + "\n";
  folder.write("found.jsonl", candidates);
  const json estimated = rows(shell(folder, "assay estimate" + hardware + "--candidates found.jsonl"));
  REQUIRE(found.size() >= 10);
  REQUIRE(estimated.size() == found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(estimated[i]["peak_memory_bytes"] == found[i]["peak_memory_bytes"]);
    CHECK(estimated[i]["latency_ms"].get<double>() == doctest::Approx(found[i]["latency_ms"].get<double>()));
  }
}
