// Candidate files: CSV with one column per decision, JSON lines or a JSON array of objects with the same
// keys. Any extra column or key passes through unchanged. All are streamed.
#pragma once

#include "assay/space/space.hpp"

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// What a field was written as: a text (all of CSV), a JSON value other than a text (a number, true, an array,
// an object), null, or not at all.
enum class FieldType : std::uint8_t { text, json, null, absent };

struct CandidateRow {
  Candidate candidate;
  // The keys of a JSON object that CandidateParser has read: names of its fields. Empty otherwise.
  std::vector<std::string> keys;
  // Every column of the row, in the file's order: the text itself; a JSON value exactly as it stands in the
  // file (1.50, [1, 2]); empty for null and absent.
  std::vector<std::string> fields;
  std::vector<FieldType> types;  // of the fields
  int line = 0;
};

// One row at a time, for whoever splits the input into lines himself. Safe to use from several threads.
class CandidateParser {
 public:
  // JSON: an object a line.
  CandidateParser(const Space& space, std::string source);
  // CSV below this header, which stands on line `number`. Throws InputError as CandidateReader does.
  CandidateParser(const Space& space, std::string source, std::string_view header, std::int64_t number);
  ~CandidateParser();
  CandidateParser(CandidateParser&&) noexcept;

  bool is_json() const;
  // Of CSV. A JSON object has its own.
  const std::vector<std::string>& columns() const;

  // Reads line `number`, given without its end; no field may hold a line break. What `row` held is replaced,
  // its memory reused. Throws InputError as CandidateReader does; then `row` has the fields that the line
  // has nevertheless, none when it is no row at all.
  void parse(std::string_view line, std::int64_t number, CandidateRow& row) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

class CandidateReader {
 public:
  // The format is told by the first non-blank character: '{' means JSON lines, '[' a JSON array, whose
  // objects may span lines. Throws InputError for a missing decision column (nearest existing name given),
  // naming `source`.
  CandidateReader(const Space& space, std::istream& in, std::string source);
  ~CandidateReader();

  // The file's columns (JSON: the keys of the first object), decisions and others, in the file's order.
  const std::vector<std::string>& columns() const;
  bool is_json() const;
  // False at the end. Throws InputError naming source, line (of an object: where it begins), decision and the
  // nearest known option; and for a key that an object has twice.
  bool next(CandidateRow& row);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace assay
