// Connects the search to its journal file: run_search speaks candidates, RunJournal speaks plain values.
#pragma once

#include "assay/search/search.hpp"
#include "assay/store/run_journal.hpp"

#include "terminal.hpp"

namespace assay::cli {

class RunRecorder : public Journal {
 public:
  explicit RunRecorder(RunJournal& journal);

  std::optional<ScoreRow> recall(int evaluation, std::uint64_t fingerprint) override;
  void commit(int generation, std::span<const JournalEntry> entries, const Counts& counts,
              std::span<const int> front) override;
  JournalEntry read(int evaluation) override;
  void read_scores(std::size_t score, std::span<double> values) override;
  void read_costs(Metric metric, std::span<double> values) override;

  // The front and the shortlist of a search that has ended.
  void record(const SearchResult& result);
  void record(const Candidate& candidate, const Baseline& baseline);

 private:
  RunJournal& journal_;
  double earlier_seconds_;  // of search, in earlier sessions
  Clock clock_;
};

// "latency" -> count and smallest value, "cannot be built: ..." -> count.
Rejections rejections_of(const Counts& counts);

}  // namespace assay::cli
