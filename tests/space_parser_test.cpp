// Candidates line by line: what CandidateReader reads from a stream, and lines that are none.
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/space/codec.hpp"

#include <array>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

namespace {

Space small_space() {
  return Space::parse(
      "name = \"small\"\nclasses = 10\n[input]\nchannels = 3\nheight = 8\nwidth = 8\n[[stage]]\nname = "
      "\"s\"\n"
      "block = \"ibn\"\nchannels = [8, 16]\nse = [false, true]\nkernel = [3, 5]\n[[stage]]\nname = \"head\"\n"
      "block = \"classifier\"\n",
      "small.toml");
}

constexpr const char* header = "id,s.channels,s.se,s.kernel";

// Empty: it could be read.
std::string error_of(const CandidateParser& parser, const std::string& line, CandidateRow& row) {
  try {
    parser.parse(line, 7, row);
    return "";
  } catch (const InputError& error) {
    return error.what();
  }
}

// The candidate that CandidateReader sees in the same line; nullopt when it refuses it.
std::optional<CandidateRow> read_as_stream(const Space& space, const std::string& text) {
  std::istringstream in(text);
  try {
    CandidateReader reader(space, in, "input");
    CandidateRow row;
    if (!reader.next(row)) return std::nullopt;
    if (CandidateRow another; reader.next(another)) return std::nullopt;
    return row;
  } catch (const InputError&) {
    return std::nullopt;
  }
}

}  // namespace

TEST_CASE("a line of CSV, a line of JSON") {
  const Space space = small_space();
  CandidateRow row;
  const CandidateParser csv(space, "input", std::string("\xEF\xBB\xBF") + header, 1);
  CHECK_FALSE(csv.is_json());
  CHECK(csv.columns() == std::vector<std::string>{"id", "s.channels", "s.se", "s.kernel"});
  csv.parse("\"a,\"\"b\",16.0,True, 5", 2, row);
  CHECK(to_text(space, row.candidate) == "s.channels=16 s.se=true s.kernel=5");
  CHECK(row.fields == std::vector<std::string>{"a,\"b", "16.0", "True", " 5"});
  CHECK(row.keys.empty());
  CHECK(row.line == 2);

  // The same row takes what another parser reads.
  const CandidateParser json(space, "input");
  CHECK(json.is_json());
  json.parse("{\"s.kernel\": 3, \"s.se\": false, \"x\": [1.50], \"s.channels\": \"8\", \"y\": null}", 3, row);
  CHECK(to_text(space, row.candidate) == "s.channels=8 s.se=false s.kernel=3");
  CHECK(row.keys == std::vector<std::string>{"s.kernel", "s.se", "x", "s.channels", "y"});
  CHECK(row.fields == std::vector<std::string>{"3", "false", "[1.50]", "8", ""});
  constexpr FieldType value = FieldType::json;
  CHECK(row.types == std::vector<FieldType>{value, value, value, FieldType::text, FieldType::null});
}

TEST_CASE("a line that is no candidate leaves its fields, one that is no row leaves none") {
  const Space space = small_space();
  const CandidateParser csv(space, "input", header, 1);
  CandidateRow row;
  CHECK(error_of(csv, "1,8,true,3", row).empty());
  CHECK(error_of(csv, "1,8,true,7", row) ==
        "input:7: Decision \"s.kernel\" has no option \"7\". Its options are: 3, 5.");
  CHECK(row.fields == std::vector<std::string>{"1", "8", "true", "7"});
  CHECK(error_of(csv, "1,8,true", row).starts_with("input:7: The row has 3 fields"));
  CHECK(row.fields == std::vector<std::string>{"1", "8", "true"});
  CHECK(error_of(csv, "1,8,true,3,5", row).starts_with("input:7: The row has 5 fields"));
  CHECK(row.fields == std::vector<std::string>{"1", "8", "true", "3"});
  CHECK(error_of(csv, "1,8,\"true,3", row).starts_with("input:7: A quoted field is not closed"));
  CHECK(
      error_of(csv, std::string("1,8,true,\0", 10), row).starts_with("input:7: The line holds a zero byte"));

  const CandidateParser json(space, "input");
  CHECK(error_of(json, "{\"id\": 1, \"s.se\": true}", row)
            .starts_with("input:7: There is no key for decision"));
  CHECK(row.keys == std::vector<std::string>{"id", "s.se"});
  CHECK(error_of(json, "{\"id\": 1, \"id\": 2}", row) ==
        "input:7: The key \"id\" is given twice. Remove one.");
  CHECK(row.keys.empty());
  for (const char* line :
       {"", "{}x", "[{}]", "{\"a\": }", "{\"a\": \"\xff\"}", "{\"a\": 1}{\"a\": 1}", "{'a': 1}"})
    CHECK(error_of(json, line, row) != "");
  CHECK_THROWS_AS(CandidateParser(space, "input", "id,s.channels,s.se", 1), InputError);
  CHECK_THROWS_AS(CandidateParser(space, "input", "id,id,s.channels,s.se,s.kernel", 1), InputError);
}

TEST_CASE("damaged lines are refused, or read as CandidateReader reads them") {
  const Space space = small_space();
  const CandidateParser csv(space, "input", header, 1), json(space, "input");
  const std::string good_csv = "\"a, \"\"b\",16,true,5";
  const std::string good_json =
      "{\"id\": \"\\u00e4\\\\\", \"s.channels\": 16, \"s.se\": true, \"z\": {\"q\": [1, \"]\"]}, "
      "\"s.kernel\": \"5\"}";
  constexpr std::array<char, 16> alphabet = {'"', ',', '{', '}', '[',  ']',  ':',  '\\',
                                             ' ', '1', '5', 'e', '\t', '\r', '\0', '\xe4'};
  Random random(5, Purpose::noise);
  CandidateRow row;
  int read = 0;
  for (int i = 0; i < 20'000; ++i) {
    const bool is_json = i % 2 == 0;
    std::string line = is_json ? good_json : good_csv;
    for (auto changes = 1 + random.below(3); changes > 0; --changes) {
      const auto at = random.below(line.size());
      const char c = alphabet[random.below(alphabet.size())];
      switch (random.below(3)) {
        case 0:
          line[at] = c;
          break;
        case 1:
          line.insert(at, 1, c);
          break;
        default:
          line.erase(at, 1);
      }
    }
    INFO(line);
    const std::string error = error_of(is_json ? json : csv, line, row);
    const auto as_stream = read_as_stream(space, is_json ? line : std::string(header) + "\n" + line);
    // A stream is told to be JSON by its first character.
    if (is_json && !line.starts_with('{')) continue;
    CHECK(error.empty() == as_stream.has_value());
    if (!error.empty() || !as_stream) continue;
    ++read;
    CHECK(row.candidate == as_stream->candidate);
    CHECK(row.fields == as_stream->fields);
    CHECK(row.types == as_stream->types);
  }
  CHECK(read > 1000);
}
