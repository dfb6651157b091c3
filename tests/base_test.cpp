#include "assay/base/csv.hpp"
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/random.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <sstream>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace assay;

namespace {

std::string message_of(auto&& action) {
  try {
    action();
  } catch (const InputError& error) {
    CHECK(error.exit_code() == 2);
    return error.what();
  }
  return {};
}

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("random streams depend on every part of the key and on nothing else") {
  const auto first = [](auto... key) { return Random(key...).bits64(); };
  const auto reference = first(1u, Purpose::sample, 2u, 3u);
  CHECK(reference == first(1u, Purpose::sample, 2u, 3u));
  CHECK(reference != first(2u, Purpose::sample, 2u, 3u));
  CHECK(reference != first(1u, Purpose::mutate, 2u, 3u));
  CHECK(reference != first(1u, Purpose::sample, 3u, 3u));
  CHECK(reference != first(1u, Purpose::sample, 2u, 4u));
}

TEST_CASE("bulk fills agree for every length and have the moments of their distribution") {
  constexpr std::size_t n = 200'000;
  std::vector<float> all(n);
  Random(7, Purpose::weights).fill_normal(all, 1.0f, 2.0f);
  std::vector<float> some(1001);
  Random(7, Purpose::weights).fill_normal(some, 1.0f, 2.0f);
  CHECK(std::equal(some.begin(), some.end(), all.begin()));

  const auto moment = [&](int power) {
    double sum = 0;
    for (const float x : all) sum += std::pow((x - 1.0) / 2.0, power);
    return sum / n;
  };
  CHECK(std::abs(moment(1)) < 0.01);
  CHECK(moment(2) == doctest::Approx(1).epsilon(0.02));
  CHECK(std::abs(moment(3)) < 0.03);
  CHECK(moment(4) == doctest::Approx(3).epsilon(0.05));
  double neighbours = 0;
  for (std::size_t i = 0; i + 1 < n; ++i) neighbours += (all[i] - 1.0) * (all[i + 1] - 1.0) / 4;
  CHECK(std::abs(neighbours / n) < 0.01);

  Random(7, Purpose::input).fill_uniform(all, -1, 3);
  CHECK(*std::min_element(all.begin(), all.end()) >= -1.0f);
  CHECK(*std::max_element(all.begin(), all.end()) <= 3.0f);
  CHECK(std::accumulate(all.begin(), all.end(), 0.0) / n == doctest::Approx(1).epsilon(0.02));

  Random(7, Purpose::rademacher).fill_rademacher(all);
  CHECK(std::all_of(all.begin(), all.end(), [](float x) { return x == 1.0f || x == -1.0f; }));
  CHECK(std::abs(std::accumulate(all.begin(), all.end(), 0.0) / n) < 0.01);
}

TEST_CASE("bulk bits are those of single calls, wherever they start and end") {
  for (const int before : {0, 1, 3, 4})
    for (const std::size_t size : {0, 1, 5, 255, 256, 257, 1000}) {
      Random bulk(3, Purpose::rademacher), single(3, Purpose::rademacher);
      for (int i = 0; i < before; ++i) CHECK(bulk() == single());
      std::vector<std::uint32_t> bits(size);
      bulk.fill_bits(bits);
      for (const std::uint32_t each : bits) REQUIRE(each == single());
      CHECK(bulk() == single());
    }
}

TEST_CASE("the Kolmogorov distance of bulk normals to the normal distribution is small") {
  std::vector<float> values(100'000);
  Random(11, Purpose::weights).fill_normal(values, 0, 1);
  std::sort(values.begin(), values.end());
  double distance = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = 0.5 * std::erfc(-values[i] / std::sqrt(2.0));
    distance =
        std::max(distance, std::abs(expected - static_cast<double>(i) / static_cast<double>(values.size())));
  }
  CHECK(distance < 0.0052);  // 1.63 / sqrt(n), the 1 % point
}

TEST_CASE("below is uniform and stays below") {
  Random random(3, Purpose::sample);
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  CHECK(counts.size() == 7);
  for (const auto& [value, count] : counts) CHECK(std::abs(count - 10'000) < 500);
  CHECK(random.below(1) == 0);
}

TEST_CASE("nearest_name finds typing errors and only those") {
  const std::vector<std::string> known = {"kernel", "expansion", "depth", "se"};
  CHECK(nearest_name("kernal", known) == "kernel");
  CHECK(nearest_name("Kernel", known) == "kernel");
  CHECK(nearest_name("dpeth", known) == "depth");
  CHECK_FALSE(nearest_name("resolution", known).has_value());
  CHECK(mentions(suggestion("kernle", known), "Did you mean \"kernel\"?"));
  CHECK(mentions(suggestion("resolution", known), "kernel, expansion, depth, se"));
}

TEST_CASE("numbers are parsed strictly and printed exactly") {
  CHECK(parse_integer("-12") == -12);
  for (const char* bad : {"", "1.5", "12a", " 1", "99999999999999999999"})
    CHECK_FALSE(parse_integer(bad).has_value());
  CHECK(parse_number("1e-3") == 1e-3);
  for (const char* bad : {"", "nan", "inf", "1,5", "x"}) CHECK_FALSE(parse_number(bad).has_value());
  for (const double value : {0.1, 1.0 / 3, 1e300, -2.5, 0.0})
    CHECK(parse_number(exact_number(value)) == value);
  CHECK(human_bytes(412) == "412 B");
  CHECK(human_bytes(1310720) == "1.25 MiB");
  CHECK(human_count(2'500'000) == "2.50M");
  CHECK(human_count(999'499) == "999k");
  CHECK(human_count(999'500) == "1.00M");
  CHECK(human_milliseconds(12.3456) == "12.346");
  CHECK(human_milliseconds(0.0012345) == "0.00123");
  CHECK(human_milliseconds(-0.0012345, 4) == "-0.00123");
  CHECK(human_milliseconds(0) == "0.000");
  CHECK(human_duration(200) == "3 min 20 s");
}

TEST_CASE("a command's words survive the shell's quotes") {
  const std::vector<std::string> words = {"assay", "my space.toml", "it's", "", "--seed", "\\", "a\nb", "$x"};
  std::string command;
  for (const std::string& word : words) command += (command.empty() ? "" : " ") + shell_quoted(word);
  CHECK(shell_words(command) == words);
  CHECK(shell_words("").empty());
}

TEST_CASE("shortened names keep their ends, and stay different where they are") {
  const auto ends = [](std::vector<std::string> names) {
    std::vector<std::string> texts;
    const auto all = short_ends(names, 15);
    for (const std::string& name : names) texts.push_back(all.at(name));
    return texts;
  };
  CHECK(ends({"stage2.conv"}) == std::vector<std::string>{"stage2.conv"});
  CHECK(ends({"stage2.block2.expand"}) == std::vector<std::string>{"…block2.expand"});
  CHECK(ends({"/layer1/layer1.0/Conv"}) == std::vector<std::string>{"…layer1.0/Conv"});
  CHECK(ends({"stage2.block2.expand", "stage3.block2.expand", "stage3.block2.expand",
              "stage3.block3.expand"}) ==
        std::vector<std::string>{"stage2.block2.expand", "stage3.block2.expand", "stage3.block2.expand",
                                 "stage3.block3.expand"});
  CHECK(ends({"twenty bytes and no separator", ""}) == std::vector<std::string>{"…nd no separator", ""});
  CHECK(ends({"größerer_name_äöü"}) == std::vector<std::string>{"…rer_name_äöü"});
  CHECK(ends({"größerer_name_äö"}) == std::vector<std::string>{"…erer_name_äö"});
}

TEST_CASE("CSV: quotes, line ends and exact round trip") {
  std::istringstream in("\xEF\xBB\xBFname,text\r\n\r\na,\"x, \"\"y\"\"\nz\"\nb,\n");
  CsvReader reader(in, "file.csv");
  CHECK(reader.header() == std::vector<std::string>{"name", "text"});
  CHECK(reader.column("text") == 1);
  CHECK(reader.column("none") == -1);
  std::vector<std::string> row;
  REQUIRE(reader.next(row));
  CHECK(row == std::vector<std::string>{"a", "x, \"y\"\nz"});
  CHECK(reader.line() == 3);
  REQUIRE(reader.next(row));
  CHECK(row == std::vector<std::string>{"b", ""});
  CHECK(reader.line() == 5);
  CHECK_FALSE(reader.next(row));
  CHECK(csv_row(std::vector<std::string>{"a,b", "c\"d", "e"}) == "\"a,b\",\"c\"\"d\",e\n");
}

TEST_CASE("CSV: what is wrong is said with its line") {
  const auto read_all = [](std::string text) {
    return message_of([&] {
      std::istringstream in(text);
      CsvReader reader(in, "file.csv");
      std::vector<std::string> row;
      while (reader.next(row)) {
      }
    });
  };
  CHECK(mentions(read_all(""), "empty"));
  CHECK(mentions(read_all("a,a\n"), "stands twice"));
  CHECK(mentions(read_all("a,,b\n"), "column 2 has no name"));
  CHECK(mentions(read_all("a,b\n1,2\n1\n"), "file.csv:3: the row has 1 fields"));
  CHECK(mentions(read_all("a\n\"x\n"), "never closed"));
  CHECK(mentions(read_all(std::string("a\nx\0y\n", 6)), "zero byte"));
}

TEST_CASE("CSV: garbage ends in an error or in rows, never otherwise") {
  Random random(5, Purpose::sample);
  const std::string alphabet = "a,\"\n\r\\ 1;x\t";
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (std::uint64_t i = random.below(40); i > 0; --i) text += alphabet[random.below(alphabet.size())];
    message_of([&] {
      std::istringstream in(text);
      CsvReader reader(in, "garbage");
      std::vector<std::string> row;
      while (reader.next(row)) REQUIRE(row.size() == reader.header().size());
    });
  }
}

TEST_CASE("files are written whole or not at all") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("assay_base_test." + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "out.txt").string();
  write_file(path, "old");
  {
    OutputFile file(path);
    file.write("half");
  }
  CHECK(read_file(path) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  write_file(path, "new");
  CHECK(read_file(path) == "new");
  CHECK(mentions(message_of([&] { read_file(path + ".missing"); }), "No such file"));
  CHECK(
      mentions(message_of([&] { write_file((folder / "no" / "such").string(), "x"); }), "Create the folder"));
  CHECK(mentions(message_of([&] { write_file("/dev/full", "x"); }), "Free some space"));

  // Through links, also to what is not there yet.
  std::filesystem::create_directories(folder / "links");
  const std::string link = (folder / "links" / "a").string();
  std::filesystem::create_symlink("b", link);
  std::filesystem::create_symlink("../elsewhere.txt", folder / "links" / "b");
  for (const char* content : {"first", "second"}) {
    write_file(link, content);
    CHECK(std::filesystem::is_symlink(link));
    CHECK(read_file((folder / "elsewhere.txt").string()) == content);
  }
  std::filesystem::create_symlink("circle", folder / "circle");
  CHECK(mentions(message_of([&] { write_file((folder / "circle").string(), "x"); }), "cannot be written"));
  std::filesystem::remove_all(folder);
}
