// Networks compared with random candidates of a space.
#include "cli_tiny_space.hpp"

#include <algorithm>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace cli_test;
using nlohmann::json;

TEST_CASE("a single candidate is compared with random ones, which are scored once") {
  const Fixture f;
  const std::string best =
      "score space.toml --candidate 'a.kernel=3 a.channels=20 a.stride=1 a.activation=relu' "
      "--batch 4 --scores params,synflow ";
  const Outcome first = f.run(best + "--format json");
  INFO(first.err);
  REQUIRE(first.exit_code == 0);
  CHECK(mentions(first.err, "256 random candidates of tiny are kept in "));
  const json row = json::parse(first.out)[0];
  // Of every 12 candidates one has as many parameters (with the other stride and activation), none more.
  CHECK(row.at("params_percentile").get<double>() > 90);
  CHECK(row.at("params_percentile").get<double>() < 100);
  CHECK(row.at("rank_score_percentile").get<double>() > 80);
  CHECK(row.at("rank_score").get<double>() < 0);

  const Outcome second = f.run(best + "--format json");
  CHECK(second.out == first.out);
  CHECK_FALSE(mentions(second.err, "kept in"));
  // For people: a line per score.
  const Outcome table = f.run(best + "--format table --quiet");
  CHECK(mentions(table.out, "better than"));
  CHECK(std::count(table.out.begin(), table.out.end(), '\n') == 4);
  // Not asked for, and not possible.
  CHECK_FALSE(mentions(f.run(best + "--reference-size 0").out, "percentile"));
  CHECK_FALSE(mentions(f.run("score space.toml --sample 1 --scores params").out, "percentile"));
  CHECK(mentions(f.run("score space.toml --sample 2 --scores params --reference-size 20").out,
                 "params_percentile,rank_score_percentile"));
}

TEST_CASE("a network file is compared with the space that is named") {
  const Fixture f;
  const std::string candidate = "'a.kernel=3 a.channels=20 a.stride=1 a.activation=relu'";
  REQUIRE(f.run("export space.toml --candidate " + candidate + " --out net.json").exit_code == 0);
  const std::string options = " --scores params,zen --batch 4 --quiet --format json";
  const Outcome of_file = f.run("score net.json --reference space.toml" + options);
  REQUIRE(of_file.exit_code == 0);
  const Outcome of_space = f.run("score space.toml --candidate " + candidate + options);
  for (const char* key : {"params_percentile", "zen_percentile", "rank_score", "rank_score_percentile"})
    CHECK(json::parse(of_file.out)[0].at(key) == json::parse(of_space.out)[0].at(key));
  f.refuses("score net.json --scores params --reference-size 9", {"--reference SPACE.toml"});
}

TEST_CASE("reference files: damaged, foreign and old ones are named and made anew") {
  const Fixture f;
  const std::string score =
      "score space.toml --candidate 'a.kernel=1 a.channels=8 a.stride=1 a.activation=relu' --batch 4 "
      "--scores "
      "params,zen --reference-size 20 --reference-file r.json --format json ";
  const Outcome good = f.run(score);
  REQUIRE(good.exit_code == 0);
  const std::string content = f.folder.read("r.json");
  json file = json::parse(content);
  CHECK(file.at("size") == 20);
  CHECK(file.at("sample_seed") == 1);
  CHECK(file.at("scores").size() + file.at("failed").get<std::size_t>() == 20);
  const auto mended = [&](const std::string& text, const std::string& reason) {
    f.folder.write("r.json", text);
    const Outcome outcome = f.run(score);
    INFO(reason);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out == good.out);
    CHECK(mentions(outcome.err, "r.json"));
    CHECK(mentions(outcome.err, reason));
    CHECK(mentions(outcome.err, "made anew"));
    CHECK(f.folder.read("r.json") == content);
  };
  const auto changed = [&](const std::string& pointer, const json& value) {
    json bad = file;
    bad[json::json_pointer(pointer)] = value;
    return bad.dump();
  };
  mended("", "no JSON");
  mended(content.substr(0, content.size() / 2), "no JSON");
  mended("{\"format\": \"assay-rank-weights\"}", "format");
  mended(changed("/version", 0), "version is 0");
  mended(changed("/assay", "0.0.9"), "its assay is \"0.0.9\"");
  mended(changed("/build", "00"), "its build is");
  mended(changed("/space/fingerprint", "00"), "its space is");
  mended(changed("/settings/seed", 2), "its settings is");
  mended(changed("/scores/3", json::array({1})), "another number of scores");
  mended(changed("/scores/3/1", nullptr), "r.json");
  json fewer = file;
  fewer["scores"].erase(0);
  mended(fewer.dump(), "another number of candidates");

  // Another seed is another file beside it; here it replaces the named one.
  const Outcome other = f.run(score + "--seed 2");
  CHECK(mentions(other.err, "its settings is"));
  // A place that cannot be written is told, and no failure.
  const Outcome nowhere =
      shell(f.folder,
            "export XDG_CACHE_HOME=/dev/null; assay score space.toml --candidate 'a.kernel=1 a.channels=8 "
            "a.stride=1 a.activation=relu' --batch 4 --scores params,zen --reference-size 20 --format json");
  CHECK(nowhere.exit_code == 0);
  CHECK(nowhere.out == good.out);
  CHECK(mentions(nowhere.err, "The reference is not kept."));
}
