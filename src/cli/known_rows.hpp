// A file of candidates some of whose qualities are known: accuracies that somebody trained, latencies that
// somebody measured, scores of an earlier run.
#pragma once

#include "assay/space/codec.hpp"
#include "assay/space/space.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace assay::cli {

class KnownRows {
 public:
  // Throws InputError naming file and line as CandidateReader does, and when the file holds no candidate.
  KnownRows(const Space& space, const std::string& path);

  const std::string& source() const { return source_; }
  std::size_t size() const { return rows_.size(); }
  const Candidate& candidate(std::size_t row) const { return rows_[row].candidate; }

  bool has_column(const std::string& name) const;
  // NaN where the field is blank. Throws InputError when there is no such column (nearest name), or a field
  // is no finite number (line).
  std::vector<double> numbers(const std::string& column) const;

 private:
  std::string source_;
  std::vector<std::string> columns_;
  std::vector<CandidateRow> rows_;
};

// Which rows meet "COLUMN<=VALUE". Rows whose field is blank do not. Throws InputError for another text, and
// as KnownRows::numbers.
std::vector<bool> rows_within(const KnownRows& known, const std::string& limit);

}  // namespace assay::cli
