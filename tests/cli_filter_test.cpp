// assay filter: answers line by line, in order, with the figures of score and estimate, for any batches and
// workers.
#include "cli_child.hpp"
#include "cli_filter_fixture.hpp"

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace cli_test;
using nlohmann::json;

namespace {

const std::string fashion = space_file("ibn_fashion.toml");
const std::string npu = accelerator_file("edge_npu_16.toml");
const std::string scored = "--keep-top 30% --reference-size 40 --batch 4 ";

}  // namespace

TEST_CASE("a program writes a line, reads the answer, and goes on") {
  const FilterFixture f;
  SUBCASE("JSON lines") {
    Child child(f.folder, {"filter", f.folder / "small.toml", "--quiet", "--params", "4000"});
    for (int i = 0; i < 40; ++i) {
      child.write(candidate(i) + "\n");
      const json answer = json::parse(child.read_line());
      CHECK(answer.at("id") == i);
      CHECK((answer.at("verdict") == "keep" || answer.at("verdict") == "reject"));
    }
    // Half a line is no candidate yet, and keeps no answer back.
    child.write(candidate(40) + "\n" + candidate(41).substr(0, 30));
    CHECK(json::parse(child.read_line()).at("id") == 40);
    child.write(candidate(41).substr(30) + "\n");
    CHECK(json::parse(child.read_line()).at("id") == 41);
    child.write("what is this\n");
    CHECK(json::parse(child.read_line()).at("verdict") == "reject");
    child.write(candidate(42));  // the end of the input ends the line
    child.close_input();
    CHECK(json::parse(child.read_line()).at("id") == 42);
    CHECK(child.read_line().empty());
    CHECK(child.wait() == 0);
  }
  SUBCASE("CSV: the header is answered at once, too") {
    Child child(f.folder, {"filter", f.folder / "small.toml", "--quiet"});
    child.write("input.resolution,stem.kernel,a.channels,cell.edge_1_2,cell.edge_1_3\n");
    CHECK(mentions(child.read_line(), "cell.edge_1_3,verdict,reason,"));
    child.write("8,3,8,none,conv\r\n");
    CHECK(mentions(child.read_line(), "8,3,8,none,conv,keep,,"));
    child.write("8,3,8,\"none,conv\n");  // a quote that is never closed must not wait for its end
    CHECK(mentions(child.read_line(), "reject,\"invalid: "));
    child.close_input();
    CHECK(child.wait() == 0);
  }
  SUBCASE("scores") {
    Child child(f.folder, {"filter", f.folder / "small.toml", "--quiet", "--scores", "synflow", "--batch",
                           "4", "--reference-size", "8", "--no-cache"});
    for (int i = 0; i < 5; ++i) {
      child.write(candidate(i) + "\n");
      CHECK(json::parse(child.read_line()).at("id") == i);
    }
    child.close_input();
    CHECK(child.wait() == 0);
  }
}

TEST_CASE("the same bytes for any batches, any number of workers, and from any input") {
  const FilterFixture f;
  const std::string input = candidates(300) + "broken\n" + candidates(30);
  for (const std::string& options : {std::string("--params 4000 --unique --accelerator '" + npu + "' "),
                                     scored + "--min-score synflow=1 --scores synflow,params "}) {
    const std::string reference = f.filtered(input, options);
    const std::vector<json> answers = objects_of(reference);
    REQUIRE(answers.size() == 331);
    for (int i = 0; i < 300; ++i) CHECK(answers[static_cast<std::size_t>(i)].at("id") == i);
    CHECK_FALSE(answers[300].contains("id"));
    CHECK(answers[330].at("id") == 29);
    for (const char* other : {"--workers 1", "--workers 3", "--batch-lines 1", "--batch-lines 7",
                              "--batch-lines 1000 --workers 2"})
      CHECK_MESSAGE((f.filtered(input, options + other) == reference), other);
    f.folder.write("file", input);
    std::string of_file = reference;  // but for the place that a message names
    of_file.replace(of_file.find("standard input:301"), 14, "file");
    CHECK((f.filtered("", options + "--candidates file") == of_file));
    CHECK(f.filtered(input, options + "--out o.jsonl").empty());
    CHECK((f.folder.read("o.jsonl") == reference));
  }
}

TEST_CASE("figures are those of estimate and score") {
  const FilterFixture f;
  f.folder.write("c.jsonl", candidates(space_size));
  const auto table = [&](const std::string& command) {
    const Outcome outcome = shell(f.folder, "assay " + command + " --quiet");
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    return json::parse(outcome.out);
  };
  const json estimated =
      table("estimate small.toml --candidates c.jsonl --format json --accelerator '" + npu + "'");
  const std::string scores = "--scores zen,params,naswot --batch 4 --reference-size 30 ";
  const json scored_rows = table("score small.toml --candidates c.jsonl --format json " + scores);
  const std::vector<json> answers =
      objects_of(f.filtered(candidates(space_size), scores + "--accelerator '" + npu + "'"));
  REQUIRE(answers.size() == space_size);
  int built = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CAPTURE(i);
    const json& answer = answers[i];
    if (answer.at("verdict") == "reject") {
      CHECK(answer.at("reason").get<std::string>().starts_with("not_buildable: "));
      CHECK(estimated[i].at("status").get<std::string>().starts_with("not_buildable: "));
      CHECK(answer.at("params").is_null());
      continue;
    }
    ++built;
    for (const char* key : {"latency_ms", "latency_low_ms", "latency_high_ms", "peak_memory_bytes", "params",
                            "macs", "extrapolated"})
      CHECK(answer.at(key) == estimated[i].at(key));
    for (const char* key : {"zen", "params", "naswot", "rank_score", "rank_score_percentile"})
      CHECK(answer.at(key) == scored_rows[i].at(key));
    CHECK(answer.at("reason").is_null());
  }
  CHECK(built == buildable);
}

TEST_CASE("budgets, floors and duplicates, the cheap ones first") {
  const FilterFixture f;
  const std::vector<json> all = objects_of(
      f.filtered(candidates(space_size),
                 scored +
                     "--scores params,synflow --min-score params=2000,rank_score_percentile=20 --unique "
                     "--macs 200000 --memory-kib 20 --accelerator '" +
                     npu + "' --latency-ms 0.02"));
  std::map<std::string, int> reasons;
  for (const json& row : all) {
    const bool is_kept = row.at("verdict") == "keep";
    const std::string reason = is_kept ? "keep" : row.at("reason").get<std::string>();
    const std::string kind = reason.substr(0, reason.find(':') == 13 ? 13 : std::string::npos);
    ++reasons[kind];
    if (kind == "not_buildable") continue;
    const bool over =
        row.at("macs") > 200000 || row.at("peak_memory_bytes") > 20 * 1024 || row.at("latency_ms") > 0.02;
    CHECK(over == (reason == "macs" || reason == "memory" || reason == "latency"));
    CHECK(row.at("synflow").is_null() == (over || reason == "duplicate"));
    if (reason == "min_score: params") CHECK(row.at("params") < 2000);
    if (reason == "rank_score") CHECK(row.at("rank_score_percentile") < 70);
    if (is_kept) CHECK(row.at("rank_score_percentile") >= 65);
  }
  CHECK(reasons.at("not_buildable") == space_size - buildable);
  CHECK(reasons.at("macs") > 0);
  CHECK(reasons.at("duplicate") > 0);
  CHECK(reasons.at("rank_score") > 0);
  CHECK(reasons.at("keep") > 0);

  // Without the rejected ones, the others are the same.
  const std::string options = "--params 4000 ";
  std::string kept_lines;
  for (const std::string& line : lines_of(f.filtered(candidates(space_size), options)))
    if (mentions(line, "\"verdict\":\"keep\"")) kept_lines += line + "\n";
  CHECK(f.filtered(candidates(space_size), options + "--rejected drop") == kept_lines);
}

TEST_CASE("the best of random candidates, and under a budget the best of those that meet it") {
  const FilterFixture f;
  const auto kept = [&](const std::string& options) {
    int count = 0;
    for (const json& row :
         objects_of(f.filtered(candidates(space_size), "--scores params --reference-size 400 " + options)))
      count += row.at("verdict") == "keep";
    return count;
  };
  // The candidates are the whole space, each once. A reference of 400 draws finds its shares
  // to within a few.
  CHECK(kept("--keep-top 100%") == buildable);
  CHECK(kept("--keep-top 25") == doctest::Approx(0.25 * buildable).epsilon(0.4));
  CHECK(kept("--keep-top 50%") == doctest::Approx(0.5 * buildable).epsilon(0.3));
  // About half of the candidates have so few parameters: the best quarter of them is fewer, but not none.
  const int affordable = kept("--keep-top 100% --params 5500");
  CHECK(affordable >= buildable / 3);
  CHECK(affordable <= 2 * buildable / 3);
  const int best = kept("--keep-top 25% --params 5500");
  CHECK(best > 0);
  CHECK(best < affordable);
  // The reference is scored once.
  const Outcome first = f.run(candidates(3), "--keep-top 5% --scores synflow --batch 4 --reference-size 20");
  CHECK(mentions(first.err, "20 random candidates of small are kept in"));
  const Outcome second = f.run(candidates(3), "--keep-top 5% --scores synflow --batch 4 --reference-size 20");
  CHECK_FALSE(mentions(second.err, "kept in"));
  CHECK(second.out == first.out);
  const Outcome none = f.run(candidates(3), "--keep-top 5% --params 10");
  CHECK(none.exit_code == 2);
  CHECK(mentions(none.err, "Loosen the budget"));
}

TEST_CASE("Ctrl-C while the input is silent ends cleanly") {
  const FilterFixture f;
  Child child(f.folder, {"filter", f.folder / "small.toml", "--out", f.folder / "o.jsonl"});
  child.write(candidates(100));
  child.wait_until_idle();
  child.signal(SIGINT);
  CHECK(child.wait() == 130);
  CHECK(lines_of(f.folder.read("o.jsonl")).size() == 100);
}

TEST_CASE("forty times the lines take no more memory") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  MESSAGE("skipped: sanitizers keep freed memory");
#else
  const FilterFixture f;
  f.folder.write("few", candidates(2'000));
  f.folder.write("many", candidates(80'000));
  const std::string command = "assay filter small.toml --quiet --unique --out o.jsonl --candidates ";
  const long few = peak_kib(f.folder, command + "few");
  const long many = peak_kib(f.folder, command + "many");
  CAPTURE(few);
  CAPTURE(many);
  CHECK(many < few + 8 * 1024);
  CHECK(lines_of(f.folder.read("o.jsonl")).size() == 80'000);
#endif
}

TEST_CASE("the example: a random search in Python asks about every candidate") {
  const Folder folder;
  if (shell(folder, "python3 --version").exit_code != 0) {
    MESSAGE("skipped: there is no python3");
    return;
  }
  const Outcome outcome =
      shell(folder, "python3 '" ASSAY_SOURCE_DIR "/tools/random_search.py' '" ASSAY_PROGRAM "' '" + fashion +
                        "' 20 --accelerator '" + npu + "' --latency-ms 0.06");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  const std::vector<json> kept = objects_of(outcome.out);
  CHECK(kept.size() == 20);
  for (const json& row : kept) CHECK(row.at("latency_ms") <= 0.06);
  CHECK(mentions(outcome.err, ": 20 kept, "));
}
