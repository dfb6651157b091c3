#include "json_objects.hpp"

#include "assay/base/error.hpp"

#include <algorithm>

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

// The text that a JSON string means. Most need no parser.
void unquote(std::string_view quoted, std::string& text) {
  if (quoted.find('\\') == std::string_view::npos)
    text.assign(quoted.substr(1, quoted.size() - 2));
  else
    nlohmann::json::parse(quoted).get_to(text);
}

// Element `i` of a list that still holds the strings of an earlier object.
std::string& reused(std::vector<std::string>& list, std::size_t i) {
  if (i == list.size()) list.emplace_back();
  return list[i];
}

FieldType read_value(std::string_view value, std::string& text) {
  if (value.front() == '"') {
    unquote(value, text);
    return FieldType::text;
  }
  if (value == "null") {
    text.clear();
    return FieldType::null;
  }
  text.assign(value);
  return FieldType::json;
}

// Null when there is none. Sorted, because a hostile line may have a hundred thousand.
const std::string* repeated(const std::vector<std::string>& keys) {
  std::vector<const std::string*> sorted;
  for (const std::string& key : keys) sorted.push_back(&key);
  const auto text = [](const std::string* key) -> const std::string& { return *key; };
  std::ranges::sort(sorted, {}, text);
  const auto found = std::ranges::adjacent_find(sorted, {}, text);
  return found == sorted.end() ? nullptr : *found;
}

}  // namespace

std::ptrdiff_t find_key(const std::vector<std::string>& keys, std::string_view key, std::size_t guess) {
  if (guess < keys.size() && keys[guess] == key) return static_cast<std::ptrdiff_t>(guess);
  const auto found = std::ranges::find(keys, key);
  return found == keys.end() ? -1 : found - keys.begin();
}

bool is_json_object(std::string_view text) {
  // The parser takes a zero byte for the end of the text.
  return without_blanks(text).starts_with('{') && text.find('\0') == std::string_view::npos &&
         nlohmann::json::accept(text);
}

void split_json_object(std::string_view text, std::vector<std::string>& keys, std::vector<std::string>& texts,
                       std::vector<FieldType>& types) {
  text = without_blanks(text);
  types.clear();
  std::size_t count = 0;
  Nesting nesting;
  std::size_t begin = 1, colon = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    nesting.step(text[i]);
    if (nesting.quoted) continue;
    if (nesting.depth == 1 && text[i] == ':' && colon == 0) colon = i;
    const bool ends = nesting.depth == 0 || (nesting.depth == 1 && text[i] == ',');
    if (!ends || colon == 0) continue;
    unquote(without_blanks(text.substr(begin, colon - begin)), reused(keys, count));
    types.push_back(read_value(without_blanks(text.substr(colon + 1, i - colon - 1)), reused(texts, count)));
    ++count;
    begin = i + 1;
    colon = 0;
  }
  keys.resize(count);
  texts.resize(count);
  if (const std::string* key = repeated(keys))
    throw InputError(fmt::format("The key \"{}\" is given twice. Remove one.", *key));
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

bool JsonObjects::next(FlatObject& object) {
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
  text_.clear();
  if (c == '{') read_text(text_);
  if (!is_json_object(text_)) {
    fail(object.line, array_
                          ? "The array holds something here that is not a JSON object. Write {\"decision\": "
                            "\"option\", ...}, separated by commas."
                          : "This line is not a JSON object. Write one object a line, {\"decision\": "
                            "\"option\", ...}.");
  }
  try {
    split_json_object(text_, object.keys, object.texts, object.types);
  } catch (const InputError& error) {
    fail(object.line, error.what());
  }
  return true;
}

}  // namespace assay
