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

std::uint16_t option_or_fail(const Decision& decision, std::string_view text) {
  const int option = find_option(decision, text);
  if (option >= 0) return static_cast<std::uint16_t>(option);
  if (trim(text).empty())
    throw InputError(fmt::format("Decision \"{}\" is empty. Give one of: {}.", decision.name,
                                 join(decision.options, ", ")));
  // The nearest of a few numbers says little; the whole list says all.
  const std::string hint = decision.options.size() <= 24
                               ? fmt::format(" Its options are: {}.", join(decision.options, ", "))
                               : suggestion(trim(text), decision.options);
  throw InputError(fmt::format("Decision \"{}\" has no option \"{}\".{}", decision.name, trim(text), hint));
}

// Errors inside of a row do not know where it stands.
template <class F>
auto at_place(const std::string& source, std::int64_t line, const F& work) {
  try {
    return work();
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}:{}: {}", source, line, error.what()));
  }
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

// What the columns of a CSV file, or the keys of JSON objects, mean in a space.
class Decisions {
 public:
  explicit Decisions(const Space& space) : space_(space), names_(names_of(space)) {}

  // The column of each decision.
  std::vector<std::size_t> columns_of(const std::vector<std::string>& columns) const {
    std::vector<std::size_t> found;
    for (const std::string& name : names_) {
      const std::ptrdiff_t at = find_key(columns, name, found.empty() ? 0 : found.back() + 1);
      if (at < 0)
        throw InputError(fmt::format(
            "There is no column for decision \"{}\" of space \"{}\".{} Add the column; every decision "
            "needs one.",
            name, space_.name(), misspelled(name, columns, names_)));
      found.push_back(static_cast<std::size_t>(at));
    }
    return found;
  }

  void read_row(const std::vector<std::string>& fields, const std::vector<std::size_t>& columns,
                Candidate& candidate) const {
    candidate.choices.clear();
    for (std::size_t d = 0; d < columns.size(); ++d)
      candidate.choices.push_back(option_or_fail(space_.decisions()[d], fields[columns[d]]));
    candidate = space_.normalised(candidate);
  }

  void read_object(const std::vector<std::string>& keys, const std::vector<std::string>& texts,
                   Candidate& candidate) const {
    candidate.choices.clear();
    std::ptrdiff_t last = -1;
    for (const Decision& decision : space_.decisions()) {
      last = find_key(keys, decision.name, static_cast<std::size_t>(last + 1));
      if (last < 0)
        throw InputError(
            fmt::format("There is no key for decision \"{}\" of space \"{}\".{} Every decision needs one.",
                        decision.name, space_.name(), misspelled(decision.name, keys, names_)));
      candidate.choices.push_back(option_or_fail(decision, texts[static_cast<std::size_t>(last)]));
    }
    candidate = space_.normalised(candidate);
  }

 private:
  const Space& space_;
  std::vector<std::string> names_;
};

}  // namespace

struct CandidateParser::Implementation {
  Decisions decisions;
  std::string source;
  bool json = false;
  std::vector<std::string> columns;
  std::vector<std::size_t> column_of;  // [decision], of CSV

  Implementation(const Space& space, std::string name) : decisions(space), source(std::move(name)) {}

  void split(std::string_view line, CandidateRow& row) const {
    if (json) {
      if (!is_json_object(line))
        throw InputError(
            "This line is not a JSON object. Write one object a line, {\"decision\": \"option\", ...}.");
      return split_json_object(line, row.keys, row.fields, row.types);
    }
    split_csv_line(line, row.fields);
    row.types.assign(row.fields.size(), FieldType::text);
  }

  void parse(std::string_view line, CandidateRow& row) const {
    try {
      split(line, row);
    } catch (const InputError&) {
      row.keys.clear();
      row.fields.clear();
      row.types.clear();
      throw;
    }
    if (json) return decisions.read_object(row.keys, row.fields, row.candidate);
    if (const std::size_t found = row.fields.size(); found != columns.size()) {
      // The fields that have a column tell whose row it is.
      row.fields.resize(std::min(found, columns.size()));
      row.types.resize(row.fields.size());
      throw InputError(
          fmt::format("The row has {} fields, but the header has {} columns. Complete or remove the row.",
                      found, columns.size()));
    }
    decisions.read_row(row.fields, column_of, row.candidate);
  }
};

CandidateParser::CandidateParser(const Space& space, std::string source)
    : implementation_(std::make_unique<Implementation>(space, std::move(source))) {
  implementation_->json = true;
}

CandidateParser::CandidateParser(const Space& space, std::string source, std::string_view header,
                                 std::int64_t number)
    : implementation_(std::make_unique<Implementation>(space, std::move(source))) {
  Implementation& i = *implementation_;
  at_place(i.source, number, [&] {
    split_csv_line(header, i.columns);
    check_csv_header(i.columns);
    i.column_of = i.decisions.columns_of(i.columns);
  });
}

CandidateParser::~CandidateParser() = default;
CandidateParser::CandidateParser(CandidateParser&&) noexcept = default;

bool CandidateParser::is_json() const {
  return implementation_->json;
}
const std::vector<std::string>& CandidateParser::columns() const {
  return implementation_->columns;
}

void CandidateParser::parse(std::string_view line, std::int64_t number, CandidateRow& row) const {
  row.line = static_cast<int>(number);
  at_place(implementation_->source, number, [&] { implementation_->parse(line, row); });
}

struct CandidateReader::Implementation {
  Decisions decisions;
  std::istream& in;
  std::string source;
  bool json = false;
  std::unique_ptr<CsvReader> csv;
  std::vector<std::string> columns;
  std::vector<std::size_t> column_of;  // [decision], of CSV
  int line = 0;
  std::unique_ptr<JsonObjects> objects;
  FlatObject object;  // the last one read; the first is read for its keys
  bool pending = false;

  Implementation(const Space& space, std::istream& i, std::string name)
      : decisions(space), in(i), source(std::move(name)) {
    skip_byte_order_mark();
    while (in.peek() != std::istream::traits_type::eof() && std::isspace(in.peek()) != 0)
      if (in.get() == '\n') ++line;
    json = in.peek() == '{' || in.peek() == '[';
    if (json) {
      objects = std::make_unique<JsonObjects>(in, source, line + 1);
      pending = objects->next(object);
      if (pending) columns = object.keys;
    } else {
      csv = std::make_unique<CsvReader>(in, source);
      columns = csv->header();
      column_of = at_place(source, 1, [&] { return decisions.columns_of(columns); });
    }
  }

  void skip_byte_order_mark() {
    for (const int byte : {0xEF, 0xBB, 0xBF}) {
      if (in.peek() != byte) return;
      in.get();
    }
  }

  bool next_json(CandidateRow& row) {
    if (!std::exchange(pending, false) && !objects->next(object)) return false;
    row.line = object.line;
    at_place(source, row.line, [&] { decisions.read_object(object.keys, object.texts, row.candidate); });
    row.fields.clear();
    row.types.clear();
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const std::ptrdiff_t at = find_key(object.keys, columns[c], c);
      row.fields.push_back(at < 0 ? "" : object.texts[static_cast<std::size_t>(at)]);
      row.types.push_back(at < 0 ? FieldType::absent : object.types[static_cast<std::size_t>(at)]);
    }
    return true;
  }

  bool next_csv(CandidateRow& row) {
    if (!csv->next(row.fields)) return false;
    row.types.assign(row.fields.size(), FieldType::text);
    row.line = csv->line() + line;
    at_place(source, row.line, [&] { decisions.read_row(row.fields, column_of, row.candidate); });
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
  return implementation_->json ? implementation_->next_json(row) : implementation_->next_csv(row);
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
      throw InputError(
          fmt::format("{}: \"{}\" is not of the form decision=option. As text, a candidate has one of these "
                      "for each decision.",
                      source, word));
    const std::string name(word.substr(0, equals));
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      throw InputError(fmt::format("{}: Space \"{}\" has no decision \"{}\".{}", source, space.name(), name,
                                   suggestion(name, names)));
    const auto d = static_cast<std::size_t>(found - names.begin());
    if (choices[d] >= 0) throw InputError(fmt::format("{}: Decision \"{}\" is given twice.", source, name));
    try {
      choices[d] = option_or_fail(space.decisions()[d], word.substr(equals + 1));
    } catch (const InputError& error) {
      throw InputError(fmt::format("{}: {}", source, error.what()));
    }
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
