// The main job as a whole: determinism, interruption, training of the shortlist.
#include "cli_image_data.hpp"

#include <algorithm>
#include <chrono>

#include <doctest/doctest.h>

using namespace cli_test;

namespace {

const std::string space = "'" + space_file("ibn_fashion.toml") + "'";
const std::string npu = "'" + accelerator_file("edge_npu_16.toml") + "'";

std::string search(const std::string& journal, const std::string& more = "") {
  return "assay search " + space + " --accelerator " + npu +
         " --latency-ms 0.06 --memory-kib 64 --evaluations 96 --batch 4 --shortlist 3 --train data --epochs "
         "2 --train-batch 16 --quiet --no-cache "
         "--format csv --run " +
         journal + " " + more;
}

}  // namespace

TEST_CASE("one and two workers, killed and resumed runs: the same bytes") {
  const Folder folder;
  write_image_data(folder);
  const Outcome reference = shell(folder, search("a.journal", "--workers 1"));
  INFO(reference.err);
  REQUIRE(reference.exit_code == 0);
  CHECK(mentions(reference.out, "rank,test_accuracy_percent,rank_score,latency_ms"));
  CHECK(std::count(reference.out.begin(), reference.out.end(), '\n') == 4);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(shell(folder, search("b.journal", "--workers 2")).out == reference.out);
  const std::chrono::duration<double> uninterrupted = std::chrono::steady_clock::now() - begin;

  // Killed at moments spread over the search and the training, resumed each time, until it ends by itself.
  int kills = 0;
  Outcome outcome;
  const std::string command = search("c.journal", "--workers 2");
  for (int attempt = 0; attempt < 40; ++attempt) {
    const std::string resume = fs::exists(folder / "c.journal") ? " --resume" : "";
    const std::string seconds = std::to_string((0.2 + 0.1 * attempt) * uninterrupted.count());
    outcome =
        shell(folder, "timeout -s KILL " + seconds + " '" ASSAY_PROGRAM "'" + command.substr(5) + resume);
    if (outcome.exit_code == 0) break;
    ++kills;
  }
  INFO(outcome.err);
  CHECK(kills >= 1);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.out == reference.out);
}

TEST_CASE("Ctrl-C ends cleanly with what was found so far, and the run can be continued") {
  const Folder folder;
  // Interrupted once the journal exists and has begun to fill, however slow the machine is.
  const auto interrupted = [&](const std::string& signal, const std::string& more) {
    return shell(
        folder,
        "'" ASSAY_PROGRAM "' search " + space + " --accelerator " + npu +
            " --evaluations 100000 --batch 4 --shortlist 3 --format csv --run r.journal --seed 5" + more +
            " & for i in $(seq 600); do [ -s r.journal-wal ] && break; sleep 0.1; done; sleep 1; kill -" +
            signal + " $!; wait $!");
  };
  const Outcome stopped = interrupted("INT", "");
  INFO(stopped.err);
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.out.starts_with("rank,rank_score,latency_ms"));
  CHECK(mentions(stopped.err, "stopped on request"));
  CHECK(mentions(stopped.err, "--resume"));
  const Outcome again = interrupted("TERM", " --resume --workers 1");
  INFO(again.err);
  CHECK(again.exit_code == 143);
  CHECK(again.out.starts_with("rank,rank_score,latency_ms"));
  CHECK(mentions(again.err, "--resume"));
}

TEST_CASE("a baseline: every result is a reduction against it") {
  const Folder folder;
  const Outcome sample =
      shell(folder, "assay score " + space + " --sample 1 --seed 3 --scores params --quiet --out base.csv");
  REQUIRE(sample.exit_code == 0);
  const Outcome outcome = shell(
      folder, "assay search " + space + " --accelerator " + npu +
                  " --evaluations 64 --batch 4 --baseline base.csv --format csv --quiet --run r.journal");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  for (const char* column : {"latency_reduction_percent", "memory_reduction_percent",
                             "params_reduction_percent", "macs_reduction_percent"}) {
    CHECK(mentions(outcome.out, column));
  }
}

TEST_CASE("a space that is smaller than the number of evaluations is searched to its end") {
  const Folder folder;
  folder.write(
      "space.toml",
      "name = \"tiny\"\nclasses = 10\n[input]\nchannels = 3\nheight = 8\nwidth = 8\n[[stage]]\nname = \"a\"\n"
      "block = \"conv\"\nkernel = [1, 3]\nchannels = [4, 8]\n[[stage]]\nname = \"head\"\nblock = "
      "\"classifier\"\n");
  const Outcome outcome =
      shell(folder, "assay search space.toml --scores params,macs --format csv --run r.journal");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(mentions(outcome.err, "4 evaluated"));
}

TEST_CASE("score: the same bytes for any number of workers, and for a network in another file") {
  const Folder folder;
  const std::string score = "assay score " + space + " --sample 12 --batch 4 --quiet --no-cache --workers ";
  CHECK(shell(folder, score + "1").out == shell(folder, score + "2").out);
  CHECK(shell(folder, "assay export " + space + " --sample 1 --out net.json").exit_code == 0);
  const std::string of_file =
      shell(folder, "assay score net.json --batch 4 --quiet --no-cache --scores snip,zen").out;
  const std::string of_space =
      shell(folder, "assay score " + space + " --sample 1 --batch 4 --quiet --no-cache --scores snip,zen")
          .out;
  const auto values = [](const std::string& csv) {
    return csv.substr(csv.rfind(",", csv.rfind(",", csv.rfind(",", csv.rfind(",") - 1) - 1) - 1));
  };
  CHECK(values(of_file) == values(of_space));
  CHECK(mentions(of_file, "snip,zen,rank_score,status"));
}

TEST_CASE("estimate: layers of one network sum to its latency") {
  const Folder folder;
  const std::string estimate = "assay estimate " + space + " --sample 1 --accelerator " + npu + " --quiet ";
  const Outcome layers = shell(folder, estimate + "--layers");
  INFO(layers.err);
  REQUIRE(layers.exit_code == 0);
  const Outcome whole = shell(folder, estimate);
  const auto column_sum = [](const std::string& csv, const std::string& name) {
    std::istringstream in(csv);
    std::string line, field;
    std::getline(in, line);
    std::istringstream header(line);
    int index = 0;
    while (std::getline(header, field, ',') && field != name) ++index;
    double sum = 0;
    while (std::getline(in, line)) {
      std::istringstream row(line);
      for (int i = 0; i <= index; ++i) std::getline(row, field, ',');
      sum += std::stod(field);
    }
    return sum;
  };
  CHECK(column_sum(layers.out, "latency_ms") == doctest::Approx(column_sum(whole.out, "latency_ms")));
  CHECK(column_sum(layers.out, "share_percent") == doctest::Approx(100));
}
