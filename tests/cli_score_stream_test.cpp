// `assay score` on streams of candidates: order, memory, interruption, equal networks, and the cache between
// runs.
#include "cli_process.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>

using namespace cli_test;

namespace {

// 16 candidates of 4 forms: node 1 is always zero, so two of the decisions change nothing but the declared
// parameters.
const std::string small_space =
    "name = \"small\"\nclasses = 10\n[input]\nchannels = 3\nheight = 8\nwidth = 8\n[[stage]]\nname = \"a\"\n"
    "block = \"cell\"\nchannels = 8\n[[stage]]\nname = \"head\"\nblock = \"classifier\"\n"
    "[block.skip]\ntype = \"identity\"\n[block.cell]\nnodes = 4\nedge_0_1 = \"none\"\nedge_0_2 = [\"conv\", "
    "\"skip\"]\n"
    "edge_0_3 = [\"skip\", \"conv\"]\nedge_1_2 = [\"none\", \"conv\"]\nedge_1_3 = [\"none\", \"conv\"]\n"
    "edge_2_3 = \"conv\"\n";

// `count` rows over and over the candidates of the small space, each with its number.
std::string rows_as_csv(int count) {
  std::string text = "id,cell.edge_0_2,cell.edge_0_3,cell.edge_1_2,cell.edge_1_3\n";
  for (int i = 0; i < count; ++i) {
    const int k = i * 7;
    text += std::to_string(i) + (k & 1 ? ",conv" : ",skip") + (k & 2 ? ",conv" : ",skip") +
            (k & 4 ? ",conv" : ",none") + (k & 8 ? ",conv\n" : ",none\n");
  }
  return text;
}

std::string rows_as_json(int count, bool array) {
  std::string text = array ? "[" : "";
  for (int i = 0; i < count; ++i) {
    const int k = i * 7;
    text += std::string(array && i > 0 ? "," : "") + "{\"id\":" + std::to_string(i) +
            ",\"cell.edge_0_2\":\"" + (k & 1 ? "conv" : "skip") + "\",\"cell.edge_0_3\":\"" +
            (k & 2 ? "conv" : "skip") + "\",\"cell.edge_1_2\":\"" + (k & 4 ? "conv" : "none") +
            "\",\"cell.edge_1_3\":\"" + (k & 8 ? "conv" : "none") + "\"}\n";
  }
  return text + (array ? "]" : "");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Runs and expects success.
Outcome succeeds(const Folder& folder, const std::string& command) {
  Outcome outcome = shell(folder, command);
  INFO(command);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome;
}

const std::string score = "assay score small.toml --batch 4 ";

Folder& with_small_space(Folder& folder) {
  folder.write("small.toml", small_space);
  return folder;
}

}  // namespace

TEST_CASE("rows keep their order over many windows, from every kind of input, for any number of workers") {
  Folder folder;
  with_small_space(folder);
  constexpr int count = 1300;
  folder.write("c.csv", rows_as_csv(count));
  folder.write("c.jsonl", rows_as_json(count, false));
  folder.write("c.json", rows_as_json(count, true));
  const std::string options = "--scores params,synflow --quiet --no-cache --candidates ";
  const std::string reference = succeeds(folder, score + options + "c.csv --workers 1").out;
  const std::vector<std::string> lines = lines_of(reference);
  REQUIRE(lines.size() == count + 1);
  CHECK(lines[0] ==
        "id,cell.edge_0_2,cell.edge_0_3,cell.edge_1_2,cell.edge_1_3,params,synflow,rank_score,status");
  for (int i = 0; i < count; ++i) {
    REQUIRE(lines[static_cast<std::size_t>(i) + 1].starts_with(std::to_string(i) + ","));
    REQUIRE(lines[static_cast<std::size_t>(i) + 1].ends_with(",ok"));
  }
  CHECK(succeeds(folder, score + options + "c.csv --workers 2").out == reference);
  CHECK(succeeds(folder, score + options + "- < c.csv").out == reference);
  CHECK(succeeds(folder, "cat c.csv | " + score + options + "-").out == reference);
  CHECK(succeeds(folder, score + options + "c.jsonl").out == reference);
  CHECK(succeeds(folder, score + options + "c.json").out == reference);
  CHECK(succeeds(folder, "cat c.json | " + score + options + "- --out o.csv").out.empty());
  CHECK(folder.read("o.csv") == reference);
}

TEST_CASE("networks that compute the same are executed once, and keep their own parameters") {
  Folder folder;
  with_small_space(folder);
  folder.write("c.csv", rows_as_csv(1300));
  for (const std::string cache : {"", " --no-cache"}) {
    const Outcome outcome =
        succeeds(folder, score + "--candidates c.csv --scores params,synflow --workers 2" + cache);
    INFO(outcome.err);
    CHECK(mentions(outcome.err, "Scores: 4 executed, 1296 equal to another one."));
    std::set<std::string> params, synflow;
    for (const std::string& line : lines_of(outcome.out)) {
      std::vector<std::string> fields;
      std::istringstream in(line);
      for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
      params.insert(fields.at(5));
      synflow.insert(fields.at(6));
    }
    CHECK(synflow.size() == 4 + 1);  // and the heading
    CHECK(params.size() > 4 + 1);
  }
}

TEST_CASE("what comes from the cache is what would be computed") {
  Folder folder;
  with_small_space(folder);
  folder.write("c.csv", rows_as_csv(64));
  const std::string base = score + "--candidates c.csv ";
  const Outcome fresh = succeeds(folder, base + "--scores params,synflow,naswot,zen --no-cache");
  CHECK(mentions(fresh.err, "4 executed"));
  const Outcome first = succeeds(folder, base + "--scores params,synflow,naswot,zen");
  CHECK(mentions(first.err, "4 executed"));
  CHECK(first.out == fresh.out);
  const Outcome second = succeeds(folder, base + "--scores params,synflow,naswot,zen");
  CHECK(mentions(second.err, "0 executed, 60 equal to another one, 4 from the cache"));
  CHECK(second.out == fresh.out);
  // The same scores in another order, and other scores that nothing is executed for.
  const Outcome reordered = succeeds(folder, base + "--scores zen,macs,naswot,synflow");
  CHECK(mentions(reordered.err, "0 executed"));
  CHECK(reordered.out == succeeds(folder, base + "--scores zen,macs,naswot,synflow --no-cache").out);
  // Everything that decides a value is part of the key.
  for (const std::string other :
       {"--scores params,synflow,naswot", "--scores synflow,naswot,zen --batch 6",
        "--scores synflow,naswot,zen --seed 2", "--scores synflow,naswot,zen --repeats 2",
        "--scores synflow,naswot,zen --resolution 6"}) {
    const std::string command = "assay score small.toml --batch 4 --candidates c.csv ";
    const std::string line = other.find("--batch") == std::string::npos
                                 ? command + other
                                 : "assay score small.toml --candidates c.csv " + other;
    const Outcome outcome = succeeds(folder, line);
    INFO(line);
    INFO(outcome.err);
    CHECK(mentions(outcome.err, "4 executed"));
    CHECK(outcome.out == succeeds(folder, line + " --no-cache").out);
  }
}

TEST_CASE("a search takes scores from the cache, and ends with the same bytes") {
  Folder folder;
  with_small_space(folder);
  const std::string search =
      "assay search small.toml --batch 4 --evaluations 4 --scores synflow,zen --format csv --run ";
  const std::string reference = succeeds(folder, search + "a.journal --no-cache").out;
  CHECK(succeeds(folder, search + "b.journal --workers 1").out == reference);
  const Outcome cached = succeeds(folder, search + "c.journal --workers 2");
  CHECK(cached.out == reference);
  CHECK(mentions(cached.err, "0 executed, 4 from the cache"));
}

TEST_CASE("two runs at once share one cache") {
  Folder folder;
  with_small_space(folder);
  folder.write("c.csv", rows_as_csv(64));
  const std::string command = score + "--candidates c.csv --scores synflow --quiet --cache shared.sqlite ";
  succeeds(folder, command + "--out a.csv & a=$!; " + command + "--out b.csv & b=$!; wait $a && wait $b");
  const std::string alone = score + "--candidates c.csv --scores synflow --quiet --no-cache";
  CHECK(folder.read("a.csv") == succeeds(folder, alone).out);
  CHECK(folder.read("a.csv") == folder.read("b.csv"));
  CHECK(mentions(succeeds(folder, score + "--candidates c.csv --scores synflow --cache shared.sqlite").err,
                 "0 executed"));
}

TEST_CASE("a cache that cannot be used is one warning, and nothing else") {
  Folder folder;
  with_small_space(folder);
  const std::string command = score + "--all --scores synflow ";
  const std::string reference = succeeds(folder, command + "--no-cache --quiet").out;
  folder.write("broken.sqlite", std::string(8192, 'x'));
  fs::create_directory(folder / "folder.sqlite");
  for (const std::string cache :
       {"broken.sqlite", "folder.sqlite", "small.toml/scores.sqlite", "/proc/none/s.sqlite"}) {
    const Outcome outcome = succeeds(folder, command + "--cache " + cache);
    INFO(outcome.err);
    CHECK(outcome.out == reference);
    CHECK(mentions(outcome.err, cache + " cannot be used"));
    CHECK(std::ranges::count(outcome.err, '\n') == 2);  // the warning and the closing note
    CHECK(succeeds(folder, command + "--quiet --cache " + cache).err.empty());
  }
  CHECK(folder.read("broken.sqlite") == std::string(8192, 'x'));
  CHECK(succeeds(folder, "unset XDG_CACHE_HOME HOME; " + command + "--quiet").out == reference);
  const Outcome both = shell(folder, command + "--cache a.sqlite --no-cache");
  CHECK(both.exit_code == 2);
  CHECK(mentions(both.err, "--no-cache"));
}

TEST_CASE(
    "what a limit on memory allows depends on the limit, not on what earlier runs have left in the cache") {
  Folder folder;
  folder.write("large.toml",
               "name = \"large\"\nclasses = 10\n[input]\nchannels = 3\nheight = 8\nwidth = 8\n[[stage]]\n"
               "name = \"a\"\nblock = \"conv\"\nchannels = 1024\n[[stage]]\nname = \"head\"\n"
               "block = \"classifier\"\n");
  const std::string command = "assay score large.toml --sample 1 --scores zen --quiet ";
  CHECK(mentions(succeeds(folder, command + "--max-memory 4").out, "not_executable"));
  CHECK(mentions(succeeds(folder, command).out, ",ok"));
  CHECK(mentions(succeeds(folder, command + "--max-memory 4").out, "not_executable"));
}

TEST_CASE("a run that was killed has left its scores for the next one") {
  Folder folder;
  const std::string command = " score '" + space_file("nasbench201.toml") +
                              "' --sample 100000 --scores synflow --batch 2 --quiet --cache s.sqlite";
  // Killed once something has been written.
  const Outcome killed =
      shell(folder, "'" ASSAY_PROGRAM "'" + command +
                        " & for i in $(seq 600); do [ -s s.sqlite-wal ] && break; sleep 0.1; done; sleep 1; "
                        "kill -KILL $!; wait $!");
  CHECK(killed.exit_code == 137);
  const Outcome next = succeeds(folder, "assay score '" + space_file("nasbench201.toml") +
                                            "' --sample 5 --scores synflow --batch 2 --cache s.sqlite");
  INFO(next.err);
  CHECK(mentions(next.err, "0 executed, 5 from the cache"));
}

TEST_CASE("Ctrl-C writes what is complete") {
  Folder folder;
  const std::string program = "'" ASSAY_PROGRAM "' score '" + space_file("nasbench201.toml") +
                              "' --scores synflow --batch 2 --cache s.sqlite --format csv ";
  const std::string when_it_works =
      " & for i in $(seq 600); do [ -s s.sqlite-wal ] && break; sleep 0.1; done; sleep 1; kill -INT $!; wait "
      "$!";
  const Outcome stopped = shell(folder, program + "--sample 100000 --quiet" + when_it_works);
  INFO(stopped.err);
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.err.empty());
  const std::vector<std::string> lines = lines_of(stopped.out);
  REQUIRE(lines.size() > 2);
  CHECK(lines.size() < 100000);
  // They are the first rows of what a whole run writes, but for the rank score.
  const auto without_rank = [](const std::string& line) {
    const std::size_t status = line.rfind(','), rank = line.rfind(',', status - 1);
    return line.substr(0, rank) + line.substr(status);
  };
  const std::vector<std::string> whole =
      lines_of(succeeds(folder, "assay " + program.substr(program.find("score")) + "--sample 2 --quiet").out);
  for (std::size_t i = 0; i < 3; ++i) CHECK(without_rank(lines[i]) == without_rank(whole[i]));
}

TEST_CASE("Ctrl-C while standard input is silent ends at once, with what came before") {
  Folder folder;
  with_small_space(folder);
  folder.write("c.csv", rows_as_csv(700));  // one window and a part of the next
  const Outcome stopped = shell(
      folder,
      "mkfifo pipe; (cat c.csv; printf '700,conv,sk'; exec sleep 60) > pipe & feeder=$!; '" ASSAY_PROGRAM
      "' score small.toml --scores params --candidates - --quiet < pipe & sleep 2; kill -INT $!; "
      "wait $!; code=$?; kill $feeder; exit $code");
  INFO(stopped.err);
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.err.empty());
  CHECK(lines_of(stopped.out).size() == 512 + 1);
}

TEST_CASE("a mistake in the last row is found before anything is executed") {
  Folder folder;
  with_small_space(folder);
  folder.write("c.csv", rows_as_csv(600) + "600,conv,skip,nothing,none\n");
  const Outcome outcome =
      shell(folder, score + "--candidates c.csv --scores params,synflow --cache s.sqlite --out o.csv");
  CHECK(outcome.exit_code == 2);
  CHECK(mentions(outcome.err, "c.csv:602"));
  CHECK_FALSE(mentions(outcome.err, "scored"));
  CHECK_FALSE(fs::exists(folder / "o.csv"));
  // Standard input cannot be read twice.
  const Outcome piped = shell(folder, score + "--candidates - --scores params,synflow < c.csv");
  CHECK(piped.exit_code == 2);
  CHECK(mentions(piped.err, "standard input:602"));
}

TEST_CASE("forty times the rows take no more memory") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  MESSAGE("skipped: sanitizers keep freed memory");
#else
  Folder folder;
  with_small_space(folder);
  folder.write("few.csv", rows_as_csv(2'000));
  folder.write("many.csv", rows_as_csv(80'000));
  // The results of 80,000 rows would take more than 100 MiB.
  const std::string options = " small.toml --quiet --out o.csv ";
  for (const std::string& command :
       {"assay score" + options + "--scores params,macs",
        "assay estimate" + options + "--accelerator '" + accelerator_file("edge_npu_16.toml") + "'"}) {
    const long few = peak_kib(folder, command + " --candidates few.csv");
    const long many = peak_kib(folder, command + " --candidates many.csv");
    INFO(command);
    CAPTURE(few);
    CAPTURE(many);
    CHECK(many < few + 24 * 1024);
    CHECK(lines_of(folder.read("o.csv")).size() == 80'001);
  }
#endif
}
