// Flat objects out of a JSON stream, their values exactly as written: which a parser that returns numbers
// would lose (1.50, 12345678901234567890).
#pragma once

#include "assay/space/codec.hpp"

#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct FlatObject {
  // Side by side: the key, the value and its type as in CandidateRow. Kept apart, and reused from object to
  // object, so that a row can take them over without copying a string.
  std::vector<std::string> keys, texts;
  std::vector<FieldType> types;
  int line = 0;
};

// Index of the key, or -1. Objects of a file mostly have their keys in one order: looks at `guess` first.
std::ptrdiff_t find_key(const std::vector<std::string>& keys, std::string_view key, std::size_t guess);

// Whether the text is one JSON object, and nothing else.
bool is_json_object(std::string_view text);

// The members of a text that is_json_object. Throws InputError, without a place, for repeated keys.
void split_json_object(std::string_view text, std::vector<std::string>& keys, std::vector<std::string>& texts,
                       std::vector<FieldType>& types);

class JsonObjects {
 public:
  // At the '{' of the first line, or the '[' of an array, which is on `line`.
  JsonObjects(std::istream& in, std::string source, int line);
  // Throws InputError for what is no object, and for repeated keys.
  bool next(FlatObject& object);

 private:
  int skip_blanks();
  void read_text(std::string& text);
  [[noreturn]] void fail(int line, const std::string& what) const;

  std::istream& in_;
  std::string source_;
  std::string text_;
  int line_;
  bool array_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace assay
