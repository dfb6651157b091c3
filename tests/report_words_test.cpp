// What the page of a report says in figures and sentences, beside what the program says.
#include "assay/base/text.hpp"

#include "report_page.hpp"

using namespace assay;
using namespace report_test;

TEST_CASE("figures are rounded as the program rounds them, and say less or more in words") {
  if (no_browser()) return;
  RunReport report = sample_report({.candidates = 64, .training = false});
  ReportCandidate& winner = report.shortlist[0].candidate;
  winner.peak_memory_bytes = 12'544;                      // 12.25 KiB
  report.baseline->candidate.peak_memory_bytes = 12'672;  // 12.375 KiB
  winner.params = 138'500;
  report.baseline->candidate.params = 100'000;
  winner.macs = report.baseline->candidate.macs = 999'500;
  const Page page(report);
  page.open();
  const auto plain = [](std::string text) {
    for (std::size_t at; (at = text.find("\u202f")) != std::string::npos;) text.replace(at, 3, " ");
    return text;
  };
  const std::string tiles = plain(text_of("#tiles"));
  CAPTURE(tiles);
  CHECK(contains(tiles, human_bytes(12'544)));
  CHECK(contains(tiles, "1.0 % less"));
  CHECK(contains(tiles, human_count(138'500)));
  CHECK(contains(tiles, "38.5 % more"));
  CHECK(contains(tiles, human_count(999'500)));
  CHECK(contains(tiles, "the same"));
}

TEST_CASE("the panel shows a figure once, also where it is a score") {
  if (no_browser()) return;
  RunReport report = sample_report({.candidates = 64});
  report.scores[0] = "params";
  const Page page(report);
  page.open();
  browser().evaluate("assayReport.openNetwork(assayReport.candidateByEvaluation(3))");
  const std::string figures = text_of("#drawer .figures");
  CHECK_FALSE(contains(figures, "params"));
  CHECK(contains(figures, "parameters"));
  CHECK(contains(figures, report.scores[1]));
}

TEST_CASE("what training says is what the accuracies say") {
  if (no_browser()) return;
  RunReport report = sample_report({.candidates = 64, .shortlist = 4, .baseline = false});
  const auto train = [&](std::size_t i, std::vector<double> accuracies) {
    ReportTraining& training = *report.shortlist[i].training;
    training.test_accuracy = accuracies.back();
    training.epochs.clear();
    for (const double accuracy : accuracies)
      training.epochs.push_back({static_cast<int>(training.epochs.size()), 0.5, accuracy, 1.0});
  };
  // The shortlist stands best score first: one pair of six disagrees.
  train(0, {0.8, 0.94});
  train(1, {0.95, 0.92});
  train(2, {0.8, 0.93});
  train(3, {0.92, 0.91});
  const auto reading = [&] {
    const Page page(report);
    page.open();
    return text_of("#training-reading");
  };
  std::string text = reading();
  CAPTURE(text);
  CHECK(contains(text,
                 "4 networks were trained. Of 6 pairs that differ, the one with the higher rank score "
                 "is the more accurate one in 5 (Kendall's rank correlation 0.67)."));
  CHECK(contains(text, "#1 and #3 were at their best in the last epoch"));
  report.shortlist[3].training.reset();
  CHECK(contains(reading(), "in 2: too few to tell"));
  report.shortlist[2].training.reset();
  report.shortlist[1].training.reset();
  CHECK(contains(reading(), "1 network was trained: too few to compare"));
}

TEST_CASE("settings have units, and a run's command repeats it") {
  if (no_browser()) return;
  RunReport report = sample_report({.candidates = 64});
  report.settings_json =
      R"({"strategy":"evolution","generation":32,"batch":16,"resolution":64,"repeats":1,"initial":["a.b=1"],)"
      R"("budget":{"latency_ms":0.5},"max_memory_per_worker":1048576,"rank_weights":[0.25]})";
  report.repeat = "assay search repeated.toml";
  const Page page(report);
  page.open();
  const std::string facts = text_of("#run-facts");
  for (const char* part : {"32 candidates", "16 images a pass", "at most 64 pixels a side",
                           "1 initialisation", "tried first", "a.b=1", "0.250", "assay search repeated.toml"})
    CHECK_MESSAGE(contains(facts, part), part);
  CHECK_FALSE(contains(facts, "initial\n"));
}
