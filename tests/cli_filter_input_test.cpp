// assay filter: what comes in besides candidates, and how columns go out.
#include "cli_filter_fixture.hpp"

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace cli_test;
using nlohmann::json;

TEST_CASE("a line that is no candidate is answered in its place, with what it has of columns") {
  const FilterFixture f;
  const std::string good = candidate(1);
  std::string wrong = good;
  wrong.replace(wrong.find("\"16\""), 4, "\"9\"");
  const std::string input = "\xEF\xBB\xBF" + good + "\r\n\n   \n" + wrong + "\n" + good + good +
                            "\n[1]\n\"x\"\n" + std::string("\0\n", 2) +
                            "{\"id\":1,\"id\":2}\n{\"id\": \"\xff\"}\n{\n" +
                            std::string(std::size_t{3} << 20, '{') + "\n" + good;
  const Outcome outcome = f.run(input, "");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  const std::vector<json> rows = objects_of(outcome.out);
  REQUIRE(rows.size() == 11);
  CHECK(rows[0].at("verdict") == "keep");
  CHECK(rows[10].at("verdict") == "keep");
  CHECK(rows[1].at("id") == 1);
  const std::map<std::size_t, std::string> parts = {
      {1, "standard input:4: Decision \"input.resolution\" has no option \"9\""},
      {2, "standard input:5: This line is not a JSON object"},
      {3, ":6: "},
      {4, ":7: "},
      {5, ":8: "},
      {6, ":9: The key \"id\" is given twice"},
      {7, ":10: "},
      {8, ":11: "},
      {9, "Line 12 is longer than 1.00 MiB"}};
  for (const auto& [row, part] : parts) {
    CAPTURE(row);
    CHECK(rows[row].at("verdict") == "reject");
    const std::string reason = rows[row].at("reason");
    INFO(reason);
    CHECK(reason.starts_with("invalid: "));
    CHECK(mentions(reason, part));
    CHECK(rows[row].at("params").is_null());
  }
  CHECK(mentions(outcome.err, "11 read in "));
  CHECK(mentions(outcome.err, "2 kept, 9 rejected (invalid 9)."));

  // The end at the first one, after the answers before it.
  const Outcome strict = f.run(input, "--strict");
  CHECK(strict.exit_code == 2);
  CHECK(lines_of(strict.out) == std::vector<std::string>{lines_of(outcome.out)[0]});
  CHECK(mentions(strict.err, "standard input:4: Decision"));
}

TEST_CASE("columns pass through, between CSV and JSON, and make way for those of results") {
  const FilterFixture f;
  const std::string csv =
      "note,params,input.params,input.resolution,stem.kernel,a.channels,cell.edge_1_2,cell.edge_1_3\n"
      "\"x, \"\"y\"\"\",7,,8,3.0,8,none,none\n";
  CHECK(f.filtered(csv, "") ==
        "note,input.input.params,input.params,input.resolution,stem.kernel,a.channels,cell.edge_1_2,cell."
        "edge_1_3,"
        "verdict,reason,peak_memory_bytes,params,macs\n"
        "\"x, \"\"y\"\"\",7,,8,3.0,8,none,none,keep,,3456,1506,49328\n");
  CHECK(f.filtered(csv, "--format jsonl") ==
        "{\"note\":\"x, "
        "\\\"y\\\"\",\"input.input.params\":\"7\",\"input.params\":\"\",\"input.resolution\":\"8\","
        "\"stem.kernel\":\"3.0\",\"a.channels\":\"8\",\"cell.edge_1_2\":\"none\",\"cell.edge_1_3\":\"none\","
        "\"verdict\":\"keep\",\"reason\":null,\"peak_memory_bytes\":3456,\"params\":1506,\"macs\":49328}\n");
  const std::string object =
      "{\"x\": 1.50, \"input.resolution\": 8, \"stem.kernel\": 3, \"a.channels\": 8, \"macs\": [1, 2], "
      "\"cell.edge_1_2\": \"none\", \"cell.edge_1_3\": \"none\", \"y\": \"\\u00e4\\n\", \"z\": null}";
  CHECK(f.filtered(object, "") ==
        "{\"x\":1.50,\"input.resolution\":8,\"stem.kernel\":3,\"a.channels\":8,\"input.macs\":[1, 2],"
        "\"cell.edge_1_2\":\"none\",\"cell.edge_1_3\":\"none\",\"y\":\"\xc3\xa4\\n\",\"z\":null,"
        "\"verdict\":\"keep\",\"reason\":null,\"peak_memory_bytes\":3456,\"params\":1506,\"macs\":49328}\n");
  CHECK(f.filtered(object + "\n" + candidate(1), "--out o.csv").empty());
  CHECK(lines_of(f.folder.read("o.csv"))[0] ==
        "x,input.resolution,stem.kernel,a.channels,input.macs,cell.edge_1_2,cell.edge_1_3,y,z,verdict,reason,"
        "peak_memory_bytes,params,macs");
  CHECK(mentions(f.folder.read("o.csv"),
                 "\n1.50,8,3,8,\"[1, 2]\",none,none,\"\xc3\xa4\n\",,keep,,3456,1506,49328\n"
                 ",16,3,8,,none,none,,,keep,,"));
}

TEST_CASE("no input, no candidate, nobody who reads, wrong usage") {
  const FilterFixture f;
  const Outcome nothing = f.run("", "");
  CHECK(nothing.exit_code == 0);
  CHECK(nothing.out.empty());
  CHECK(mentions(nothing.err, "0 read"));
  const std::string header = "input.resolution,stem.kernel,a.channels,cell.edge_1_2,cell.edge_1_3";
  CHECK(mentions(f.filtered(header, ""), "cell.edge_1_3,verdict"));
  const auto refuses = [&](const std::string& input, const std::string& options, const std::string& part) {
    const Outcome outcome = f.run(input, options);
    INFO(options);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.out.empty());
    CHECK(mentions(outcome.err, part));
  };
  refuses("input.resolution,stem.kernel,a.channel\n", "", "Is column \"a.channel\" meant for it?");
  refuses("[" + candidate(1) + "]", "", "JSON array");
  refuses("", "--keep-top 0%", "--keep-top");
  refuses("", "--keep-top 5% --reference-size 0", "--reference-size");
  refuses("", "--min-score zen=1", "\"zen\" is not computed");
  refuses("", "--min-score zen", "NAME=X");
  refuses("", "--latency-ms 1", "--accelerator");
  refuses("", "--format json", "jsonl");
  refuses("", "--rejected drob", "drop");
  refuses("", "--candidates no.csv", "no.csv");
  // A million lines are on their way, but two are enough.
  f.folder.write("input", candidates(20'000));
  const Outcome closed =
      shell(f.folder, "assay filter small.toml --candidates input | head -n 2; echo ${PIPESTATUS[0]}");
  INFO(closed.err);
  CHECK(lines_of(closed.out).size() == 3);
  CHECK(lines_of(closed.out).back() == "0");
  CHECK(mentions(closed.err, "Nobody reads the answers any more."));
}

TEST_CASE("a row of another length keeps the fields that have a column") {
  const FilterFixture f;
  const std::string header = "id,input.resolution,stem.kernel,a.channels,cell.edge_1_2,cell.edge_1_3\n";
  const std::string out = f.filtered(header + "7,8,3,8,none,none,what\n8,8\n", "");
  REQUIRE(lines_of(out).size() == 3);
  CHECK(mentions(out, "\n7,8,3,8,none,none,reject,"));
  CHECK(mentions(out, "\n8,8,,,,,reject,"));
}

TEST_CASE("the best 100 % are all") {
  const FilterFixture f;
  const std::string out = f.filtered(
      candidates(space_size), "--keep-top 100% --scores params --reference-size 2 --batch 4 --no-cache");
  int kept = 0;
  for (const json& row : objects_of(out)) kept += row.at("verdict") == "keep";
  CHECK(kept == buildable);
}
