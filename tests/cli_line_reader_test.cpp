// Lines of a pipe, however its bytes are cut.
#include "assay/base/random.hpp"

#include "../src/cli/line_reader.hpp"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace assay;
using namespace assay::cli;

namespace {

struct Expected {
  std::string text;
  std::int64_t number;
  bool too_long;
  friend bool operator==(const Expected&, const Expected&) = default;
};

// What the reader should make of the text, said plainly.
std::vector<Expected> split(const std::string& text) {
  std::vector<Expected> lines;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    const bool too_long = line.size() > LineReader::longest;
    if (line.ends_with('\r')) line.pop_back();
    ++number;
    if (too_long)
      lines.push_back({"", number, true});
    else if (line.find_first_not_of(" \t\r") != std::string::npos)
      lines.push_back({line, number, false});
    begin = end + 1;
  }
  return lines;
}

std::string random_text(Random& random) {
  std::string text;
  const auto lines = random.below(60);
  for (std::uint64_t i = 0; i < lines; ++i) {
    const auto kind = random.below(12);
    if (kind == 0)
      text += std::string(LineReader::longest - 2 + random.below(4), 'x');
    else if (kind == 1)
      text += std::string(random.below(3), ' ');
    else
      text += std::string(random.below(3000), static_cast<char>('a' + i % 26));
    if (random.below(5) == 0) text += '\r';
    if (i + 1 < lines || random.below(2) == 0) text += '\n';
  }
  return text;
}

// The text sent through a pipe in pieces of random sizes, `least` to `most` lines asked for at a time.
std::vector<Expected> read_all(const std::string& text, Random& random, std::size_t least, std::size_t most) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::vector<std::size_t> pieces;
  for (std::size_t sent = 0; sent < text.size(); sent += pieces.back())
    pieces.push_back(std::min<std::size_t>(text.size() - sent, 1 + random.below(100'000)));
  std::thread writer([&] {
    const char* from = text.data();
    for (const std::size_t piece : pieces) {
      for (std::size_t written = 0; written < piece;) {
        const ssize_t count = ::write(ends[1], from + written, piece - written);
        if (count <= 0) return;
        written += static_cast<std::size_t>(count);
      }
      from += piece;
    }
    ::close(ends[1]);
  });
  std::vector<Expected> lines;
  LineReader reader("/dev/fd/" + std::to_string(ends[0]));
  for (;;) {
    const auto batch = reader.next(least, most);
    CHECK(batch.size() <= most);
    if (batch.empty()) break;
    for (const Line& line : batch) lines.push_back({std::string(line.text), line.number, line.too_long});
  }
  writer.join();
  ::close(ends[0]);
  return lines;
}

}  // namespace

TEST_CASE("whatever the pieces, the lines are those of the text") {
  Random random(1, Purpose::noise);
  for (int i = 0; i < 40; ++i) {
    const std::string text = random_text(random);
    CAPTURE(i);
    for (const auto& [least, most] :
         std::vector<std::pair<std::size_t, std::size_t>>{{1, 1024}, {1, 1}, {7, 7}}) {
      const std::vector<Expected> lines = read_all(text, random, least, most);
      const std::vector<Expected> expected = split(text);
      REQUIRE(lines.size() == expected.size());
      CHECK((lines == expected));
    }
  }
}
