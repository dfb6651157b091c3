// Flat objects out of a JSON stream, their values exactly as written: which a parser that returns numbers
// would lose (1.50, 12345678901234567890).
#pragma once

#include "assay/space/codec.hpp"

#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct JsonMember {
  std::string key;
  std::string text;  // as in CandidateRow::fields
  FieldType type;
};

struct JsonObject {
  std::vector<JsonMember> members;
  int line = 0;
  const JsonMember* find(std::string_view key) const;
};

class JsonObjects {
 public:
  // At the '{' of the first line, or the '[' of an array, which is on `line`.
  JsonObjects(std::istream& in, std::string source, int line);
  // Throws InputError for what is no object, and for repeated keys.
  bool next(JsonObject& object);

 private:
  int skip_blanks();
  void read_text(std::string& text);
  [[noreturn]] void fail(int line, const std::string& what) const;

  std::istream& in_;
  std::string source_;
  int line_;
  bool array_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace assay
