// Scores judged by known accuracies, and weights learned from them.
#include "cli_tiny_space.hpp"

#include <algorithm>
#include <sstream>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace cli_test;
using nlohmann::json;

namespace {

json line(const Outcome& outcome, const std::string& score) {
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  for (const json& row : json::parse(outcome.out))
    if (row.at("score") == score) return row;
  FAIL("no line of " << score);
  return {};
}

}  // namespace

TEST_CASE("validate judges every score, the rank score and other columns") {
  const Fixture f;
  const Outcome outcome = f.validate("--columns wrong --quiet --format json");
  const json params = line(outcome, "params");
  CHECK(params.at("spearman") == 1);
  CHECK(params.at("kendall") == 1);
  CHECK(params.at("spearman_low") == 1);
  CHECK(params.at("regret") == 0);
  CHECK(params.at("failed") == 0);
  CHECK(line(outcome, "wrong").at("spearman") == -1);
  CHECK(line(outcome, "wrong").at("regret").get<double>() > 1);
  const json macs = line(outcome, "macs");
  CHECK(macs.at("spearman").get<double>() < 1);
  CHECK(macs.at("spearman_low").get<double>() < macs.at("spearman").get<double>());
  CHECK(macs.at("spearman_high").get<double>() > macs.at("spearman").get<double>());
  CHECK(line(outcome, "rank_score").at("failed") == 0);

  // The same bytes with one worker, and the same lines from the scores of an earlier run.
  CHECK(f.validate("--columns wrong --quiet --format json --workers 1 --no-cache").out == outcome.out);
  REQUIRE(f.run("score space.toml --candidates known.csv --batch 4 --quiet --scores params,macs,synflow,zen "
                "--out scored.csv")
              .exit_code == 0);
  const std::string scores = " --scores params,macs,synflow,zen --quiet --format json ";
  const Outcome computed = f.validate(scores + "--columns wrong");
  const Outcome reused =
      f.run("validate space.toml --known scored.csv --accuracy accuracy --columns wrong --scored" + scores);
  CHECK(reused.out == computed.out);
  CHECK(line(computed, "params") == params);
}

TEST_CASE("validate: networks that could not be scored rank last and are counted") {
  const Fixture f;
  f.folder.write("known.csv",
                 "a.kernel,a.channels,a.stride,a.activation,accuracy,zen,params\n"
                 "1,4,1,relu,10,,1\n3,4,1,relu,50,1,2\n1,6,1,relu,60,2,3\n3,6,1,relu,70,3,4\n"
                 "1,8,1,relu,,9,5\n");
  const Outcome outcome = f.validate("--scored --format json");
  CHECK(line(outcome, "zen").at("failed") == 1);
  CHECK(line(outcome, "zen").at("spearman") == 1);
  CHECK(mentions(outcome.err, "1 rows without a value in accuracy"));
  CHECK(mentions(outcome.err, "There is no rank score"));
  // Named scores make the rank score; the failed row is last there, too.
  const json rank = line(f.validate("--scored --scores zen,params --format json"), "rank_score");
  CHECK(rank.at("failed") == 1);
  CHECK(rank.at("spearman") == 1);
}

TEST_CASE("validate --limit judges the ten best among the rows within it") {
  const Fixture f;
  std::string rows = "a.kernel,a.channels,a.stride,a.activation,accuracy,latency,params\n";
  // Accuracies 1 .. 24 with a latency of the same number; params prefers the less accurate of the fast ones.
  int i = 0;
  for (const char* kernel : {"1", "3"})
    for (const char* channels : {"4", "6", "8", "12", "16", "20"})
      for (const char* stride : {"1", "2"}) {
        ++i;
        rows += std::string(kernel) + "," + channels + "," + stride + ",relu," + std::to_string(i) + "," +
                (i == 3 ? "" : std::to_string(i)) + "," + std::to_string(i <= 15 ? 100 - i : i) + "\n";
      }
  f.folder.write("known.csv", rows);
  const json params =
      line(f.validate("--scored --limit 'latency <= 15' --format json --quiet --resamples 0"), "params");
  // 1 2 4 5 ... 11 of the rows 1 .. 15 without the one whose latency is not known.
  CHECK(params.at("limited_top10_accuracy").get<double>() == doctest::Approx(6.3));
  CHECK(params.at("limited_distance").get<double>() == doctest::Approx(15 - 6.3));
  CHECK(params.at("spearman_low").is_null());
  CHECK(line(f.validate("--scored --limit 'latency<=0' --format json --quiet"), "params")
            .at("limited_top10_accuracy")
            .is_null());
  f.refuses("validate space.toml --known known.csv --accuracy accuracy --scored --limit latency=3",
            {"--limit"});
  f.refuses("validate space.toml --known known.csv --accuracy accuracy --scored --limit 'latncy<=3'",
            {"Did you mean \"latency\"?"});
}

TEST_CASE("validate refuses what it cannot judge by") {
  const Fixture f;
  const std::string header = "a.kernel,a.channels,a.stride,a.activation,accuracy\n";
  const std::string known = "validate space.toml --known known.csv --accuracy accuracy --scores params ";
  f.refuses("validate", {"name a space file"});
  f.refuses("validate space.toml --accuracy accuracy", {"--known is missing"});
  f.refuses("validate space.toml --known known.csv", {"--accuracy is missing"});
  f.refuses("validate space.toml --known no.csv --accuracy accuracy", {"no.csv"});
  f.refuses("validate space.toml --known known.csv --accuracy acuracy", {"Did you mean \"accuracy\"?"});
  f.refuses("validate space.toml --known known.csv --accuracy a.activation",
            {"known.csv:2", "no finite number"});
  f.refuses(known + "--columns rong", {"Did you mean \"wrong\"?"});
  f.refuses(known + "--scored", {"no column \"params\""});
  f.refuses("validate space.toml --known known.csv --accuracy accuracy --scored", {"--scored"});
  f.folder.write("known.csv", header + "1,4,1,relu,90\n3,4,1,relu,91\n1,8,1,relu,\n");
  f.refuses(known, {"2 rows have a value", "at least 3"});
  f.folder.write("known.csv", header + "1,4,1,relu,90\n3,4,1,relu,90\n1,8,1,relu,90.0\n");
  f.refuses(known, {"are equal"});
  f.folder.write("known.csv", header + "1,4,1,relu,90\n3,4,1,relu,nan\n1,8,1,relu,91\n");
  f.refuses(known, {"known.csv:3", "nan"});
  f.folder.write("known.csv", header);
  f.refuses(known, {"holds no candidate"});
}

TEST_CASE("equal rows can be judged, not learned from in vain") {
  const Fixture f;
  f.folder.write("known.csv",
                 "a.kernel,a.channels,a.stride,a.activation,accuracy\n"
                 "1,4,1,relu,90\n1,4,1,relu,91\n1,4,1,relu,92\n");
  const json params = line(f.validate("--scores params --format json --quiet"), "params");
  CHECK(params.at("spearman").is_null());
  CHECK(params.at("regret") == 0);
}

TEST_CASE("weights are learned, written, and used by score") {
  const Fixture f;
  const std::string learn = "--scores params,macs,synflow --quiet --format json --fit-weights ";
  REQUIRE(f.validate(learn + "w.json").exit_code == 0);
  const json file = json::parse(f.folder.read("w.json"));
  CHECK(file.at("format") == "assay-rank-weights");
  CHECK(file.at("space").at("name") == "tiny");
  CHECK(file.at("settings").at("batch") == 4);
  CHECK(file.at("version") == 2);
  REQUIRE(file.at("weights").size() == file.at("settings").at("scores").size());
  CHECK(file.at("learned_from").at("rows") == 48);
  CHECK(file.at("learned_from").at("cohort").get<int>() > 48 + 200);  // with random candidates
  CHECK(file.at("learned_from").at("cross_validated_spearman").get<double>() > 0.9);
  const auto weight = [&](const std::string& score) {
    for (const json& entry : file.at("weights"))
      if (entry.at("score") == score) return entry.at("weight").get<double>();
    return 0.0;
  };
  CHECK(weight("params") > 1);
  CHECK(weight("macs") < weight("params"));

  // The same file with one worker and without what other runs left.
  REQUIRE(f.validate(learn + "again.json --workers 1 --no-cache").exit_code == 0);
  CHECK(f.folder.read("again.json") == f.folder.read("w.json"));

  // They decide the scores and how they are executed.
  std::string header;
  for (const json& score : file.at("settings").at("scores")) header += score.get<std::string>() + ",";
  const Outcome scored = f.run("score space.toml --all --quiet --rank-weights w.json");
  CHECK(mentions(scored.out, "a.activation," + header + "rank_score,status\n"));
  CHECK(scored.out == f.run("score space.toml --all --quiet --batch 4 --rank-weights w.json").out);
  const Outcome other_batch = f.run("score space.toml --all --batch 8 --rank-weights w.json");
  CHECK(mentions(other_batch.err, "learned with --batch 4"));
  // A weight of its own for each score moves the rank score.
  header.pop_back();
  CHECK(scored.out != f.run("score space.toml --all --quiet --batch 4 --scores " + header).out);
  f.refuses("score space.toml --all --rank-weights w.json --scores zen", {"not those of --scores"});

  // In another space they are used, and that is said.
  std::string other = tiny_space;
  other.replace(other.find("[4, 6,"), 6, "[4, 7,");
  f.folder.write("other.toml", other);
  const Outcome elsewhere = f.run("score other.toml --sample 3 --rank-weights w.json");
  CHECK(elsewhere.exit_code == 0);
  CHECK(mentions(elsewhere.err, "learned in another space, tiny"));
}

TEST_CASE("learning begins at the default rank score and may turn the structure's scores round") {
  const Fixture f;
  const auto learn = [&](const std::string& column) {
    const Outcome outcome = f.run(
        "validate space.toml --known known.csv --scores capacity,signal_propagation,depth,zen --batch 4 "
        "--quiet --format json --fit-weights w.json --accuracy " +
        column);
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    return json::parse(f.folder.read("w.json"));
  };
  const auto entry = [](const json& file, const std::string& score) {
    for (const json& each : file.at("weights"))
      if (each.at("score") == score) return each;
    return json();
  };
  const json file = learn("accuracy");
  CHECK(entry(file, "capacity").at("enters_by") == "value");
  CHECK(entry(file, "capacity").at("better") == "higher");
  if (const json zen = entry(file, "zen"); !zen.is_null()) CHECK(zen.at("enters_by") == "log_rank");
  const std::string search = "score space.toml --sample 20 --quiet --format json --rank-weights w.json";
  REQUIRE(f.run(search).exit_code == 0);

  // What the file says is what is computed: capacity by value and turned round, and next to nothing of depth.
  json edited = file;
  edited["settings"]["scores"] = {"capacity", "depth"};
  edited["weights"] =
      json::array({{{"score", "capacity"}, {"better", "lower"}, {"enters_by", "value"}, {"weight", 2.0}},
                   {{"score", "depth"}, {"better", "higher"}, {"enters_by", "log_rank"}, {"weight", 1e-12}}});
  f.folder.write("w.json", edited.dump());
  const Outcome scored = f.run(search);
  REQUIRE(scored.exit_code == 0);
  const json rows = json::parse(scored.out);
  REQUIRE(rows.size() == 20);
  for (const json& row : rows)
    CHECK(row.at("rank_score").get<double>() ==
          doctest::Approx(-2 * row.at("capacity").get<double>()).epsilon(1e-9));
}

TEST_CASE("what was learned from some rows is judged by the others") {
  const Fixture f;
  const Outcome outcome = f.validate("--scores params,macs --fit-rows 12 --format json");
  CHECK(line(outcome, "learned_rank_score").at("spearman").get<double>() >
        line(outcome, "rank_score").at("spearman").get<double>());
  CHECK(mentions(outcome.err, "learned from 12 accuracies"));
  f.refuses("validate space.toml --known known.csv --accuracy accuracy --scores params --fit-rows 46",
            {"--fit-rows is 46"});
  f.refuses(
      "validate space.toml --known known.csv --accuracy accuracy --scores params --fit-weights known.csv",
      {"would overwrite --known known.csv"});
  f.refuses("validate space.toml --known known.csv --accuracy wrong --scores params --fit-weights w.json",
            {"none of the scores agrees"});
  CHECK_FALSE(fs::exists(f.folder / "w.json"));
}

TEST_CASE("a weights file that is none is refused with its name and what is wrong") {
  const Fixture f;
  const json good = json::parse(R"({"format": "assay-rank-weights", "version": 2,
    "space": {"name": "tiny", "fingerprint": "00ff"},
    "settings": {"scores": ["params", "zen"], "batch": 4, "repeats": 1, "resolution": 0, "seed": 1},
    "weights": [{"score": "params", "better": "higher", "enters_by": "value", "weight": 0.5},
                {"score": "zen", "better": "lower", "enters_by": "log_rank", "weight": 1.5}],
    "learned_from": {"accuracy": "a", "rows": 30, "cohort": 256, "cross_validated_spearman": null}})");
  f.folder.write("w.json", good.dump());
  CHECK(f.run("score space.toml --sample 3 --quiet --rank-weights w.json").exit_code == 0);
  const auto refuses = [&](const std::string& text, std::initializer_list<std::string> parts) {
    f.folder.write("w.json", text);
    f.refuses("score space.toml --sample 3 --rank-weights w.json", {"w.json"});
    f.refuses("score space.toml --sample 3 --rank-weights w.json", parts);
  };
  const auto changed = [&](const std::string& pointer, const json& value) {
    json bad = good;
    bad[json::json_pointer(pointer)] = value;
    return bad.dump();
  };
  refuses("", {"no JSON"});
  refuses("[1]", {"format"});
  refuses("\xff\xfe", {"no JSON"});
  refuses(good.dump().substr(0, 120), {"no JSON"});
  refuses(changed("/format", "assay-estimator"), {"format"});
  refuses(changed("/version", 1), {"version is 1", "reads version 2", "--fit-weights"});
  refuses(changed("/wieghts", 1), {"\"wieghts\" is not known", "weights"});
  refuses(changed("/weights", json::array({1})), {"w.json"});
  refuses(changed("/weights", json::array({good.at("weights")[0]})), {"weighs params", "params,zen"});
  refuses(changed("/weights/1/score", "macs"), {"weighs params,macs", "params,zen"});
  refuses(changed("/weights/1/weight", -1), {"weight of zen is -1"});
  refuses(changed("/weights/1/weight", "x"), {"w.json"});
  refuses(changed("/weights/1/better", "up"), {"\"up\" is neither \"higher\" nor \"lower\""});
  refuses(changed("/weights/1/enters_by", 3), {"3 is neither \"log_rank\" nor \"value\""});
  refuses(changed("/settings/scores/1", "zon"), {"Did you mean \"zen\"?"});
  refuses(changed("/settings/scores/1", "params"), {"named twice"});
  refuses(changed("/settings/batch", 1), {"batch"});
  refuses(changed("/space/fingerprint", "xyz"), {"fingerprint"});
  f.refuses("score space.toml --sample 3 --rank-weights none.json", {"none.json"});
}

TEST_CASE("a search with other weights is not resumed") {
  const Fixture f;
  const auto weights = [&](const std::string& name, double of_params) {
    const json file = {
        {"format", "assay-rank-weights"},
        {"version", 2},
        {"space", {{"name", "tiny"}, {"fingerprint", "00"}}},
        {"settings",
         {{"scores", {"params", "macs"}}, {"batch", 4}, {"repeats", 1}, {"resolution", 0}, {"seed", 1}}},
        {"weights",
         {{{"score", "params"}, {"better", "higher"}, {"enters_by", "log_rank"}, {"weight", of_params}},
          {{"score", "macs"}, {"better", "higher"}, {"enters_by", "log_rank"}, {"weight", 1.0}}}},
        {"learned_from",
         {{"accuracy", "a"}, {"rows", 30}, {"cohort", 256}, {"cross_validated_spearman", nullptr}}}};
    f.folder.write(name, file.dump());
  };
  weights("a.json", 1.5);
  weights("b.json", 1.25);
  const std::string search =
      "search space.toml --evaluations 20 --shortlist 2 --quiet --run r.journal --rank-weights ";
  REQUIRE(f.run(search + "a.json").exit_code == 0);
  f.refuses(search + "b.json --resume", {"rank_weights is [1.5,1.0] in the journal and [1.25,1.0] now"});
  f.refuses(
      "search space.toml --evaluations 20 --quiet --run r.journal --resume --batch 4 --scores params,macs",
      {"rank_weights is [1.5,1.0] in the journal and not set now"});
  CHECK(f.run(search + "a.json --resume").exit_code == 0);
}
