// assay advise: the way to a faster network, for people and machines; pins, limits, and what it refuses.
#include "cli_tiny_space.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

using namespace cli_test;

namespace {

using nlohmann::json;

// Two inverted bottlenecks, the second with a gate, on 64 pixels.
constexpr const char* ibn_space = R"(name = "ibns"
classes = 10
[input]
channels = 3
resolution = 64
[defaults]
activation = ["h_swish", "relu"]
[[stage]]
name = "stem"
block = "conv"
stride = 2
channels = 16
[[stage]]
name = "early"
block = "ibn"
channels = 24
stride = 2
[[stage]]
name = "late"
block = "ibn"
channels = 40
stride = 2
depth = 2
se = true
[[stage]]
name = "head"
block = "classifier"
)";

struct Advice {
  Folder folder;
  std::string command;

  Advice() {
    folder.write("ibns.toml", ibn_space);
    command = "assay advise ibns.toml --accelerator '" + accelerator_file("edge_npu_16.toml") +
              "' --candidate activation=h_swish --batch 4 ";
  }
  Outcome run(const std::string& options) const {
    const bool own = options.find("--steps") != std::string::npos;
    return shell(folder, command + (own ? "" : "--beam 3 --steps 4 ") + options);
  }
  json rows(const std::string& options) const {
    const Outcome outcome = run("--quiet --format json " + options);
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    return json::parse(outcome.out);
  }
  void refuses(const std::string& options, const std::string& part) const {
    const Outcome outcome = run(options);
    INFO(options);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.out.empty());
    CHECK(mentions(outcome.err, part));
  }
};

std::vector<json> part(const json& rows, const std::string& name) {
  std::vector<json> found;
  for (const json& row : rows)
    if (row["part"] == name) found.push_back(row);
  return found;
}

}  // namespace

TEST_CASE("advise: every step with its figures, and a network that has them") {
  const Advice advice;
  const json rows = advice.rows("--out-network faster.json");
  const json original = rows[0];
  CHECK(original["part"] == "original");
  const std::vector<json> taken = part(rows, "taken");
  REQUIRE(!taken.empty());
  const json& result = taken.back();
  CHECK(result["latency_ms"].get<double>() < 0.9 * original["latency_ms"].get<double>());
  CHECK(result["rank_score"].get<double>() >= original["rank_score"].get<double>());
  CHECK(result["saved_percent"].get<double>() > 10);
  double latency = original["latency_ms"].get<double>();
  for (const json& row : taken) {
    const double change = row["latency_change_percent"].get<double>();
    CHECK(row["latency_ms"].get<double>() == doctest::Approx(latency * (1 + change / 100)).epsilon(1e-3));
    latency = row["latency_ms"].get<double>();
    CHECK(!row["subgraphs_before"].get<std::string>().empty());
    CHECK(row["capacity"].is_number());
    CHECK(row["lane_efficiency_before_percent"].is_number());
  }
  CHECK(part(rows, "alone").size() > 10);
  CHECK(!part(rows, "rejected").empty());

  const Outcome estimate =
      shell(advice.folder, "assay estimate faster.json --quiet --format json --accelerator '" +
                               accelerator_file("edge_npu_16.toml") + "'");
  REQUIRE(estimate.exit_code == 0);
  const json figures = json::parse(estimate.out)[0];
  CHECK(figures["latency_ms"] == result["latency_ms"]);
  CHECK(figures["peak_memory_bytes"] == result["peak_memory_bytes"]);
  CHECK(figures["params"] == result["params"]);
  // And the network file is one to advise on.
  const Outcome again =
      shell(advice.folder,
            "assay advise faster.json --list --quiet --format csv --scores capacity --accelerator '" +
                accelerator_file("edge_npu_16.toml") + "'");
  CHECK(again.exit_code == 0);
}

TEST_CASE("advise: the same bytes for any number of workers") {
  const Advice advice;
  const Outcome one = advice.run("--quiet --format json --workers 1 --no-cache");
  const Outcome two = advice.run("--quiet --format json --workers 2 --no-cache");
  REQUIRE(one.exit_code == 0);
  CHECK(one.out == two.out);
  CHECK(advice.run("--quiet --format json").out == one.out);  // and with a cache
  CHECK(advice.run("--quiet --format json").out == one.out);
}

TEST_CASE("advise: for people") {
  const Advice advice;
  const Outcome outcome = advice.run("--format table");
  CHECK(outcome.exit_code == 0);
  for (const char* text : {"original", "by this", "rank score", "1 replace_activation network=relu", "before",
                           "after", "% of the lanes, bound by", "Tried on the result and left"}) {
    INFO(text);
    CHECK(mentions(outcome.out, text));
  }
  CHECK(mentions(outcome.err, "train the result before you rely on it"));
  const Outcome list = advice.run("--list --format table");
  CHECK(mentions(list.out, "reduce_resolution"));
  CHECK(mentions(list.out, "not allowed"));
  CHECK(!mentions(list.out, "Tried on the result"));
  CHECK(!mentions(advice.run("--format table --tried 0").out, "Tried on the result"));
}

TEST_CASE("advise: what is forbidden, kept or pinned") {
  const Advice advice;
  for (const json& row : part(advice.rows("--forbid replace_activation,depth_multiplier"), "taken")) {
    CHECK(row["rewrite"] != "replace_activation");
    CHECK(row["rewrite"] != "depth_multiplier");
  }
  for (const json& row : part(advice.rows("--only replace_activation"), "taken"))
    CHECK(row["rewrite"] == "replace_activation");
  for (const json& row : part(advice.rows("--keep late,stride8 --scores capacity"), "taken"))
    CHECK(!row["site"].get<std::string>().starts_with("late"));
  const std::vector<json> pinned =
      part(advice.rows("--apply 'fuse_ibn late.block2,replace_activation stride2=relu' --steps 0"), "taken");
  REQUIRE(pinned.size() == 2);
  CHECK(pinned[0]["step"] == "fuse_ibn late.block2");
  CHECK(pinned[1]["step"] == "replace_activation stride2=relu");
}

TEST_CASE("advise: limits that cannot be kept are exit code 1") {
  const Advice advice;
  const Outcome outcome =
      advice.run("--latency-ms 0.000001 --beam 1 --steps 1 --scores capacity --format json");
  CHECK(outcome.exit_code == 1);
  CHECK(mentions(outcome.err, "No combination of the allowed rewrites keeps all limits"));
  const json rows = json::parse(outcome.out);
  CHECK(rows[0]["part"] == "original");
}

TEST_CASE("advise: what it refuses") {
  const Advice advice;
  advice.refuses("--only fuse", "fuse_ibn");
  advice.refuses("--forbid ,", "--forbid names no rewrite");
  advice.refuses("--keep latte --scores capacity", "Nothing of the network is called \"latte\"");
  advice.refuses("--apply 'fuse_ibn late.block9' --scores capacity", "does not offer the step");
  advice.refuses("--objective speed", "--objective is \"speed\"");
  advice.refuses("--scores synflow,naswot", "can only be combined by their ranks");
  advice.refuses("--out-network ibns.toml", "would overwrite");
  const auto refuses = [&](const std::string& command, const std::string& part) {
    const Outcome outcome = shell(advice.folder, command);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(mentions(outcome.err, part));
  };
  refuses("assay advise ibns.toml --sample 2 --accelerator '" + accelerator_file("edge_npu_16.toml") + "'",
          "one network at a time");
  refuses("assay advise ibns.toml --candidate activation=relu", "say for which hardware");
}
