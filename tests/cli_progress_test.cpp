// Progress as text, without a terminal: widths, lines, rates, intervals, and how a block is redrawn.
#include "../src/cli/live_block.hpp"
#include "../src/cli/progress_view.hpp"
#include "../src/cli/text_width.hpp"
#include "../src/cli/wording.hpp"
#include "../src/cli/work_rate.hpp"
#include "screen.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace assay::cli;
using cli_test::Screen;

namespace {

ProgressState search_like() {
  return {.phase = "search",
          .title = "searching ibn_fashion",
          .counted = "evaluated",
          .unit = "candidates",
          .done = 1160,
          .total = 2000,
          .details = {"best rank score 1.342   0.482 ms", "rejected latency 3,800, memory 410"},
          .fields = {{"evaluated", 1160}, {"rejected", {{"latency", 3800}}}}};
}

const ProgressTimes some_times{
    .seconds = 40.5, .phase_seconds = 38, .per_second = 24.13, .seconds_left = 35.2};

std::vector<std::string> texts(const std::vector<BlockLine>& lines) {
  std::vector<std::string> result;
  for (const BlockLine& line : lines) result.push_back(line.text);
  return result;
}

}  // namespace

TEST_CASE("the width of text is counted as terminals show it") {
  CHECK(display_width("") == 0);
  CHECK(display_width("searching") == 9);
  CHECK(display_width("Größe") == 5);
  CHECK(display_width("探索") == 4);
  CHECK(display_width("e\u0301") == 1);  // a combining accent
  CHECK(display_width("━╸─") == 3);
  CHECK(display_width("\xff\xfe") == 2);  // no UTF-8: byte by byte, and not for ever
}

TEST_CASE("text is cut between characters") {
  CHECK(cut_to_width("searching", 9) == "searching");
  CHECK(cut_to_width("searching", 8) == "searchi…");
  CHECK(cut_to_width("探索空間", 8) == "探索空間");
  CHECK(cut_to_width("探索空間", 7) == "探索空…");
  CHECK(cut_to_width("探索空間", 6) == "探索…");  // the third would not fit beside the ellipsis
  CHECK(cut_to_width("ab", 1) == "…");
  CHECK(cut_to_width("ab", 0) == "");
  CHECK(cut_to_width("", 0) == "");
}

TEST_CASE("numbers read well in sentences") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(-1234567) == "-1,234,567");
  CHECK(grouped(-123) == "-123");
  CHECK(number_of(1, "network") == "1 network");
  CHECK(number_of(0, "network") == "0 networks");
  CHECK(number_of(4096, "random candidate") == "4,096 random candidates");
  CHECK(calm_duration(0.3) == "0 s");
  CHECK(calm_duration(59.4) == "59 s");
  CHECK(calm_duration(59.6) == "1 min 0 s");
  CHECK(calm_duration(599.4) == "9 min 59 s");
  CHECK(calm_duration(635) == "11 min");
  CHECK(calm_duration(3599) == "60 min");
  CHECK(calm_duration(7325) == "2 h 2 min");
}

TEST_CASE("a block has a bar, counts, and a line for each detail") {
  const auto lines = texts(block_lines(search_like(), some_times, {.columns = 100}));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "searching ibn_fashion  ━━━━━━━━━━━━━━━━━─────────────  58 %  35 s left");
  CHECK(lines[1] == "  1,160 of 2,000 evaluated   24.1/s   38 s");
  CHECK(lines[2] == "  best rank score 1.342   0.482 ms");
  CHECK(lines[3] == "  rejected latency 3,800, memory 410");
}

TEST_CASE("a simple command takes one line") {
  ProgressState state{.title = "scoring", .counted = "scored", .done = 450, .total = 1000};
  CHECK(texts(block_lines(state, some_times, {.columns = 100})) ==
        std::vector<std::string>{
            "scoring  ━━━━━━━━━━━━━╸────────────────  45 %  450 of 1,000 scored  24.1/s  35 s left"});
  SUBCASE("whose bar gives way first") {
    CHECK(texts(block_lines(state, some_times, {.columns = 66})) ==
          std::vector<std::string>{"scoring  ━━━━╸─────  45 %  450 of 1,000 scored  24.1/s  35 s left"});
    CHECK(texts(block_lines(state, some_times, {.columns = 60})) ==
          std::vector<std::string>{"scoring  45 %  450 of 1,000 scored  24.1/s  35 s left"});
    CHECK(texts(block_lines(state, some_times, {.columns = 30})) ==
          std::vector<std::string>{"scoring  45 %  450 of 1,000 …"});
  }
  SUBCASE("also where nobody knows how much there is") {
    state.total.reset();
    CHECK(texts(block_lines(state, {.phase_seconds = 12}, {.columns = 80})) ==
          std::vector<std::string>{"scoring  450 scored  12 s"});
    state.share = 0.25;
    CHECK(texts(block_lines(state, {.phase_seconds = 12}, {.columns = 50})) ==
          std::vector<std::string>{"scoring  ━━━━────────────  25 %  450 scored  12 s"});
  }
  SUBCASE("and ASCII where the locale has no more") {
    CHECK(texts(block_lines(state, some_times, {.columns = 80, .utf8 = false})) ==
          std::vector<std::string>{
              "scoring  [##########............]  45 %  450 of 1,000 scored  24.1/s  35 s left"});
  }
}

TEST_CASE("no line of a block ever fills the terminal's") {
  ProgressState state = search_like();
  state.title = "searching 探索空間 with a rather long name";
  state.details.push_back(std::string(300, 'x'));
  for (const bool colour : {false, true}) {
    for (int columns = 1; columns < 140; ++columns) {
      const auto lines = block_lines(state, some_times, {.columns = columns, .colour = colour});
      Screen screen(1000);
      for (const BlockLine& line : lines) {
        CHECK(line.width < columns);
        Screen one(1000);
        one.write(line.text);
        CHECK(display_width(one.text()) <= line.width);  // without the colours' codes
      }
    }
  }
}

TEST_CASE("a block is no higher than the terminal") {
  CHECK(block_lines(search_like(), some_times, {.rows = 3}).size() == 2);
  CHECK(block_lines(search_like(), some_times, {.rows = 1}).size() == 1);
}

TEST_CASE("what is nearly done is not done") {
  ProgressState state{.title = "scoring", .done = 99'999, .total = 100'000};
  CHECK(block_lines(state, some_times, {})[0].text.find("99 %") != std::string::npos);
  state.done = 100'000;
  CHECK(block_lines(state, some_times, {})[0].text.find("100 %") != std::string::npos);
}

TEST_CASE("names cannot command the terminal, a log or a reader of JSON") {
  ProgressState state = search_like();
  state.title = "searching a\033[2Jb\nc";
  state.details = {"::error::x\r\033]0;y\a", "\xff"};
  for (const BlockLine& line : block_lines(state, some_times, {.columns = 200}))
    for (const char c : line.text) CHECK(static_cast<unsigned char>(c) >= 0x20);
  const std::string log = log_line(state, some_times);
  for (const char c : log) CHECK(static_cast<unsigned char>(c) >= 0x20);
  state.phase = "\xff\n";
  const std::string json = json_line("search", state, some_times);
  CHECK(json.find('\n') == std::string::npos);
  CHECK(nlohmann::json::parse(json).at("phase") == "\uFFFD\n");
}

TEST_CASE("a log gets everything in one line") {
  CHECK(log_line(search_like(), some_times) ==
        "searching ibn_fashion: 58 %, 1,160 of 2,000 evaluated, 24.1/s, 35 s left; best rank score 1.342, "
        "0.482 ms; rejected latency 3,800, memory 410");
  CHECK(log_line({.title = "fitting"}, {.phase_seconds = 12}) == "fitting: 12 s");
}

TEST_CASE("programs get one object with keys that always stand there") {
  const auto json = nlohmann::json::parse(json_line("search", search_like(), some_times));
  CHECK(json == nlohmann::json::parse(R"({"command": "search", "phase": "search", "done": 1160, "total": 2000,
      "unit": "candidates", "seconds": 40.5, "per_second": 24.13, "seconds_left": 35.2, "evaluated": 1160,
      "rejected": {"latency": 3800}})"));
  const auto unknown = nlohmann::json::parse(json_line("fit", {.phase = "fit"}, {.seconds = 1}));
  CHECK(unknown == nlohmann::json::parse(R"({"command": "fit", "phase": "fit", "done": 0, "total": null,
      "unit": "", "seconds": 1.0, "per_second": null, "seconds_left": null})"));
}

TEST_CASE("the rate is that of late") {
  WorkRate rate;
  CHECK_FALSE(rate.per_second(0));
  // A minute at 10 a second, then two at 1 a second.
  double done = 0;
  for (int t = 0; t <= 600; ++t) rate.add(t / 10.0, done = t);
  CHECK(rate.per_second(60).value() == doctest::Approx(10).epsilon(0.02));
  CHECK(rate.seconds_for(100, 60).value() == doctest::Approx(10).epsilon(0.02));
  for (int t = 61; t <= 180; ++t) rate.add(t, ++done);
  CHECK(rate.per_second(180).value() == doctest::Approx(1).epsilon(0.05));
}

TEST_CASE("the rate of work in large pieces is steady, and time left counts down between them") {
  WorkRate rate;
  double left_before = 1e9;
  for (int t = 0; t <= 4000; ++t) {
    const double pieces = t / 100;  // 32 at a time, every 100 s
    rate.add(t, 32 * pieces);
    if (t < 300) continue;
    CHECK(rate.per_second(t).value() == doctest::Approx(0.32).epsilon(0.01));
    const double left = rate.seconds_for(32 * (100 - pieces), t).value();
    CHECK(left <= left_before + 1.5);
    left_before = left;
  }
  CHECK(left_before == doctest::Approx(6000).epsilon(0.02));
}

TEST_CASE("a standstill shows") {
  WorkRate rate;
  for (int t = 0; t <= 20; ++t) rate.add(t, t);
  CHECK(rate.per_second(20).value() == doctest::Approx(1));
  CHECK(rate.per_second(61).value() == doctest::Approx(1.0 / 3).epsilon(0.02));
}

TEST_CASE("what an earlier run knows says nothing about the rate") {
  WorkRate rate;
  for (int t = 0; t <= 50; ++t) rate.add(t / 10.0, 1000.0 * t, 1000.0 * t);
  CHECK_FALSE(rate.per_second(5));
  for (int t = 1; t <= 10; ++t) rate.add(5 + t, 50'000 + 2 * t, 50'000);
  CHECK(rate.per_second(15).value() == doctest::Approx(2).epsilon(0.01));
  CHECK(rate.seconds_for(100, 15).value() == doctest::Approx(50).epsilon(0.01));
}

TEST_CASE("a log's lines come further and further apart") {
  LogSchedule schedule;
  std::vector<double> times;
  for (int tenth = 0; tenth <= 24 * 36'000; ++tenth)
    if (schedule.due(tenth / 10.0)) times.push_back(tenth / 10.0);
  REQUIRE(times.size() > 22);
  CHECK(std::vector<double>(times.begin(), times.begin() + 5) == std::vector<double>{10, 30, 60, 120, 180});
  CHECK(std::ranges::count_if(times, [](double t) { return t <= 3600; }) == 22);
  CHECK(times.size() == 114);
  SUBCASE("and do not pile up where nobody asked for a while") {
    LogSchedule late;
    CHECK(late.due(1000));
    CHECK_FALSE(late.due(1001));
    CHECK(late.due(1200));
  }
}

TEST_CASE("a block is redrawn in place, and notes stand above it") {
  Screen screen(40);
  LiveBlock block;
  const auto lines = [](std::vector<std::string> texts) {
    std::vector<BlockLine> result;
    for (const std::string& text : texts) result.push_back({text, display_width(text)});
    return result;
  };
  screen.write("before\r\n");
  screen.write(block.draw(lines({"one", "two", "three"}), 40));
  CHECK(screen.text() == "before\none\ntwo\nthree");
  CHECK_FALSE(screen.cursor_visible());
  CHECK(block.draw(lines({"one", "two", "three"}), 40) == "");  // nothing new: nothing is written
  screen.write(block.draw(lines({"1", "2"}), 40));
  CHECK(screen.text() == "before\n1\n2");
  screen.write(block.print_above("a note\r\n", 40));
  CHECK(screen.text() == "before\na note\n1\n2");
  screen.write(block.draw(lines({"longer", "2", "3"}), 40));
  CHECK(screen.text() == "before\na note\nlonger\n2\n3");
  SUBCASE("on a terminal that became narrower") {
    screen.write(block.draw(lines({"a line of about thirty columns", "2", "another one that is long"}), 40));
    screen.resize(12);
    CHECK(screen.text() == "before\na note\na line of about thirty columns\n2\nanother one that is long");
    screen.write(block.draw(lines({"short", "2"}), 12));
    CHECK(screen.text() == "before\na note\nshort\n2");
  }
  screen.write(block.erase(block.shown() ? 40 : 12));
  screen.write("after");
  CHECK(screen.text().starts_with("before\na note\nafter"));
  CHECK(screen.text().size() == std::string("before\na note\nafter").size());
  CHECK(screen.cursor_visible());
  CHECK(block.erase(40) == "");
}
