#include "assay/space/codec.hpp"

#include "assay/base/csv.hpp"
#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "json_objects.hpp"

#include <algorithm>
#include <cctype>
#include <istream>
#include <utility>

#include <fmt/format.h>

namespace assay {
namespace {

// The option that a text of a file means: the option's own text, or the same number or truth value written
// otherwise ("0.50", "True"), as data frames like to rewrite them. -1: none.
int find_option(const Decision& decision, std::string_view text) {
  std::string wanted(trim(text));
  std::erase(wanted, ' ');  // option texts hold none
  for (std::size_t i = 0; i < decision.options.size(); ++i)
    if (decision.options[i] == wanted) return static_cast<int>(i);
  std::string lower = wanted;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::optional<double> number = parse_number(wanted);
  for (std::size_t i = 0; i < decision.options.size(); ++i) {
    const std::string& option = decision.options[i];
    if ((option == "true" || option == "false") && option == lower) return static_cast<int>(i);
    if (!number) continue;
    const std::optional<double> value = parse_number(option);
    if (value && *value == *number) return static_cast<int>(i);
  }
  return -1;
}

std::uint16_t option_or_fail(const Decision& decision, std::string_view text, const std::string& place) {
  const int option = find_option(decision, text);
  if (option >= 0) return static_cast<std::uint16_t>(option);
  if (trim(text).empty())
    throw InputError(fmt::format("{}: Decision \"{}\" is empty. Give one of: {}.", place, decision.name,
                                 join(decision.options, ", ")));
  // The nearest of a few numbers says little; the whole list says all.
  const std::string hint = decision.options.size() <= 24
                               ? fmt::format(" Its options are: {}.", join(decision.options, ", "))
                               : suggestion(trim(text), decision.options);
  throw InputError(
      fmt::format("{}: Decision \"{}\" has no option \"{}\".{}", place, decision.name, trim(text), hint));
}

std::vector<std::string> names_of(const Space& space) {
  std::vector<std::string> names;
  for (const Decision& decision : space.decisions()) names.push_back(decision.name);
  return names;
}

// A name of the file that is no decision, but was likely meant as `decision`; "" when there is none.
std::string misspelled(const std::string& decision, const std::vector<std::string>& columns,
                       const std::vector<std::string>& known) {
  std::vector<std::string> foreign;
  for (const std::string& column : columns)
    if (std::find(known.begin(), known.end(), column) == known.end()) foreign.push_back(column);
  const std::optional<std::string> near = nearest_name(decision, foreign);
  return near ? fmt::format(" Is column \"{}\" meant for it?", *near) : "";
}

}  // namespace

struct CandidateReader::Implementation {
  const Space& space;
  std::istream& in;
  std::string source;
  bool json = false;
  std::unique_ptr<CsvReader> csv;
  std::vector<std::string> columns;
  std::vector<int> column_of;  // [decision]
  std::vector<std::string> decision_names;
  int line = 0;
  std::unique_ptr<JsonObjects> objects;
  JsonObject object;  // the last one read; the first is read for its keys
  bool pending = false;

  Implementation(const Space& s, std::istream& i, std::string name)
      : space(s), in(i), source(std::move(name)), decision_names(names_of(s)) {
    skip_byte_order_mark();
    while (in.peek() != std::istream::traits_type::eof() && std::isspace(in.peek()) != 0)
      if (in.get() == '\n') ++line;
    json = in.peek() == '{' || in.peek() == '[';
    if (json) {
      objects = std::make_unique<JsonObjects>(in, source, line + 1);
      pending = objects->next(object);
      if (pending)
        for (const JsonMember& member : object.members) columns.push_back(member.key);
    } else {
      csv = std::make_unique<CsvReader>(in, source);
      columns = csv->header();
    }
    for (const std::string& decision : decision_names) {
      const auto found = std::find(columns.begin(), columns.end(), decision);
      // JSON objects are checked one by one: each may have its own keys.
      if (found == columns.end() && !json) {
        throw InputError(fmt::format(
            "{}:1: There is no column for decision \"{}\" of space \"{}\".{} Add the column; every decision "
            "needs one.",
            source, decision, space.name(), misspelled(decision, columns, decision_names)));
      }
      column_of.push_back(found == columns.end() ? -1 : static_cast<int>(found - columns.begin()));
    }
  }

  void skip_byte_order_mark() {
    for (const int byte : {0xEF, 0xBB, 0xBF}) {
      if (in.peek() != byte) return;
      in.get();
    }
  }

  std::string place(int at) const { return fmt::format("{}:{}", source, at); }

  bool next_json(CandidateRow& row) {
    if (!std::exchange(pending, false) && !objects->next(object)) return false;
    row.line = object.line;
    row.candidate.choices.clear();
    for (const Decision& decision : space.decisions()) {
      const JsonMember* member = object.find(decision.name);
      if (member == nullptr) {
        std::vector<std::string> keys;
        for (const JsonMember& m : object.members) keys.push_back(m.key);
        throw InputError(fmt::format(
            "{}: There is no key for decision \"{}\" of space \"{}\".{} Every decision needs one.",
            place(row.line), decision.name, space.name(), misspelled(decision.name, keys, decision_names)));
      }
      row.candidate.choices.push_back(option_or_fail(decision, member->text, place(row.line)));
    }
    row.fields.clear();
    row.types.clear();
    for (const std::string& column : columns) {
      const JsonMember* member = object.find(column);
      row.fields.push_back(member == nullptr ? "" : member->text);
      row.types.push_back(member == nullptr ? FieldType::absent : member->type);
    }
    return true;
  }

  bool next_csv(CandidateRow& row) {
    if (!csv->next(row.fields)) return false;
    row.types.assign(row.fields.size(), FieldType::text);
    row.line = csv->line() + line;
    row.candidate.choices.clear();
    for (std::size_t d = 0; d < column_of.size(); ++d)
      row.candidate.choices.push_back(option_or_fail(
          space.decisions()[d], row.fields[static_cast<std::size_t>(column_of[d])], place(row.line)));
    return true;
  }
};

CandidateReader::CandidateReader(const Space& space, std::istream& in, std::string source)
    : implementation_(std::make_unique<Implementation>(space, in, std::move(source))) {}
CandidateReader::~CandidateReader() = default;

const std::vector<std::string>& CandidateReader::columns() const {
  return implementation_->columns;
}
bool CandidateReader::is_json() const {
  return implementation_->json;
}

bool CandidateReader::next(CandidateRow& row) {
  const bool more = implementation_->json ? implementation_->next_json(row) : implementation_->next_csv(row);
  if (more) row.candidate = implementation_->space.normalised(row.candidate);
  return more;
}

std::string to_text(const Space& space, const Candidate& candidate) {
  std::string text;
  for (std::size_t d = 0; d < candidate.choices.size(); ++d) {
    const Decision& decision = space.decisions()[d];
    if (d > 0) text += ' ';
    text += decision.name;
    text += '=';
    text += decision.options[candidate.choices[d]];
  }
  return text;
}

Candidate candidate_from_text(const Space& space, std::string_view text, const std::string& source) {
  const std::vector<std::string> names = names_of(space);
  std::vector<int> choices(names.size(), -1);
  std::size_t position = 0;
  while (position < text.size()) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n", position);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    position = end;
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos)
      throw InputError(fmt::format("{}: \"{}\" is not of the form decision=option.", source, word));
    const std::string name(word.substr(0, equals));
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      throw InputError(fmt::format("{}: Space \"{}\" has no decision \"{}\".{}", source, space.name(), name,
                                   suggestion(name, names)));
    const auto d = static_cast<std::size_t>(found - names.begin());
    if (choices[d] >= 0) throw InputError(fmt::format("{}: Decision \"{}\" is given twice.", source, name));
    choices[d] = option_or_fail(space.decisions()[d], word.substr(equals + 1), source);
  }
  Candidate candidate;
  for (std::size_t d = 0; d < choices.size(); ++d) {
    if (choices[d] < 0)
      throw InputError(fmt::format("{}: Decision \"{}\" is missing. Add {}=OPTION, one of: {}.", source,
                                   names[d], names[d], join(space.decisions()[d].options, ", ")));
    candidate.choices.push_back(static_cast<std::uint16_t>(choices[d]));
  }
  return space.normalised(candidate);
}

}  // namespace assay
