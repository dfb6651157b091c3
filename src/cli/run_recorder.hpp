// Connects the search to its journal file: run_search speaks candidates, RunJournal speaks plain values.
#pragma once

#include "assay/search/search.hpp"
#include "assay/store/run_journal.hpp"

namespace assay::cli {

class RunRecorder final : public Journal {
 public:
  explicit RunRecorder(RunJournal& journal) : journal_(journal) {}

  std::optional<ScoreRow> recall(int evaluation, std::uint64_t fingerprint) override;
  void commit(int generation, std::span<const JournalEntry> entries, const Counts& counts) override;

  // The front and the shortlist of a search that has ended.
  void record(const SearchResult& result);

 private:
  RunJournal& journal_;
};

// "latency" -> count and smallest value, "cannot be built: ..." -> count.
Rejections rejections_of(const Counts& counts);

}  // namespace assay::cli
