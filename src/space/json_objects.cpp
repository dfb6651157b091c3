#include "json_objects.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

constexpr int kEnd = std::istream::traits_type::eof();

bool is_blank(int c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Follows JSON character by character: inside a text or not, and how deep in brackets.
struct Nesting {
  bool quoted = false, escaped = false;
  int depth = 0;
  void step(char c) {
    if (quoted) {
      quoted = escaped || c != '"';
      escaped = !escaped && c == '\\';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
};

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

JsonMember member(std::string_view key, std::string_view value) {
  JsonMember member{nlohmann::json::parse(key).get<std::string>(), std::string(value), FieldType::json};
  if (value.front() == '"') {
    member.text = nlohmann::json::parse(value).get<std::string>();
    member.type = FieldType::text;
  } else if (value == "null") {
    member.text.clear();
    member.type = FieldType::null;
  }
  return member;
}

// The members of an object that is known to be valid JSON.
void split_members(std::string_view object, std::vector<JsonMember>& members) {
  Nesting nesting;
  std::size_t begin = 1, colon = 0;
  for (std::size_t i = 0; i < object.size(); ++i) {
    nesting.step(object[i]);
    if (nesting.quoted) continue;
    if (nesting.depth == 1 && object[i] == ':' && colon == 0) colon = i;
    const bool ends = nesting.depth == 0 || (nesting.depth == 1 && object[i] == ',');
    if (!ends || colon == 0) continue;
    members.push_back(member(without_blanks(object.substr(begin, colon - begin)),
                             without_blanks(object.substr(colon + 1, i - colon - 1))));
    begin = i + 1;
    colon = 0;
  }
}

}  // namespace

const JsonMember* JsonObject::find(std::string_view key) const {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const JsonMember& m) { return m.key == key; });
  return found == members.end() ? nullptr : &*found;
}

JsonObjects::JsonObjects(std::istream& in, std::string source, int line)
    : in_(in), source_(std::move(source)), line_(line), array_(in.peek() == '[') {
  if (array_) in_.get();
}

void JsonObjects::fail(int line, const std::string& what) const {
  throw InputError(fmt::format("{}:{}: {}", source_, line, what));
}

// The first character that is not blank, still to be read.
int JsonObjects::skip_blanks() {
  while (is_blank(in_.peek()))
    if (in_.get() == '\n') ++line_;
  return in_.peek();
}

// One object, as far as its brackets go; of JSON lines no further than the line, so that a broken one is
// reported as such.
void JsonObjects::read_text(std::string& text) {
  Nesting nesting;
  for (;;) {
    const int next = in_.peek();
    if (next == kEnd || (next == '\n' && !array_)) return;
    const char c = static_cast<char>(in_.get());
    if (c == '\n') ++line_;
    text += c;
    nesting.step(c);
    if (nesting.depth <= 0 && !nesting.quoted) return;
  }
}

bool JsonObjects::next(JsonObject& object) {
  if (ended_) return false;
  int c = skip_blanks();
  if (array_) {
    if (c == ']') {
      in_.get();
      if (skip_blanks() != kEnd) fail(line_, "There is more after the end of the JSON array. Remove it.");
      ended_ = true;
      return false;
    }
    if (begun_) {
      if (c != ',')
        fail(line_, "The JSON array goes on without a comma, or is not closed. Add \",\" or \"]\".");
      in_.get();
      c = skip_blanks();
    }
  } else if (c == kEnd) {
    return false;
  }
  begun_ = true;
  object.line = line_;
  object.members.clear();
  std::string text;
  if (c == '{') read_text(text);
  if (c != '{' || !nlohmann::json::accept(text)) {
    fail(object.line, array_
                          ? "The array holds something here that is not a JSON object. Write {\"decision\": "
                            "\"option\", ...}, separated by commas."
                          : "This line is not a JSON object. Write one object a line, {\"decision\": "
                            "\"option\", ...}.");
  }
  split_members(text, object.members);
  std::set<std::string_view> seen;
  for (const JsonMember& m : object.members)
    if (!seen.insert(m.key).second)
      fail(object.line, fmt::format("The key \"{}\" is given twice. Remove one.", m.key));
  return true;
}

}  // namespace assay
