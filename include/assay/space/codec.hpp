// Candidate files: CSV with one column per decision, or JSON lines with the same keys. Any extra column or
// key passes through unchanged. Both are streamed.
#pragma once

#include "assay/space/space.hpp"

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

namespace assay {

struct CandidateRow {
  Candidate candidate;
  std::vector<std::string> fields;  // every column of the row, in the file's order, as text
  int line = 0;
};

class CandidateReader {
 public:
  // The format is told by the first non-blank character: '{' means JSON lines. Throws InputError for a
  // missing decision column (nearest existing name given), naming `source`.
  CandidateReader(const Space& space, std::istream& in, std::string source);
  ~CandidateReader();

  // The file's columns (JSON lines: the keys of the first object), decisions and others, in the file's order.
  const std::vector<std::string>& columns() const;
  bool is_json() const;
  // False at the end. Throws InputError naming source, line, decision and the nearest known option.
  bool next(CandidateRow& row);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace assay
