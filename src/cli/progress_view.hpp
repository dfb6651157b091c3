// How far a command is, as text: lines of a terminal, a line of a log, an object for programs. Pure
// functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace assay::cli {

// Everything but time. Texts may hold anything; what could command a terminal is replaced when it is shown.
struct ProgressState {
  std::string phase = {};    // for programs: "search"
  std::string title = {};    // for people: "searching ibn_fashion"
  std::string counted = {};  // what `done` counts, for people: "evaluated"; empty: they see the share only
  std::string unit = {};     // the same for programs: "candidates"
  std::int64_t done = 0;
  std::int64_t known = 0;                  // of them, without work: recalled from an earlier run
  std::optional<std::int64_t> total = {};  // where it is known
  std::optional<double> share = {};        // 0 .. 1, where the total is not known but this is
  std::vector<std::string> details = {};   // more for people, a line each, figures three spaces apart
  // More members for programs, as documented in the README.
  nlohmann::ordered_json fields = nlohmann::ordered_json::object();

  std::optional<double> share_done() const;
};

struct ProgressTimes {
  double seconds = 0;        // since the command began
  double phase_seconds = 0;  // since this phase began
  std::optional<double> per_second = {}, seconds_left = {};
};

struct BlockLine {
  std::string text;  // with colours
  int width = 0;     // columns that it takes
  friend bool operator==(const BlockLine&, const BlockLine&) = default;
};

struct BlockLook {
  int columns = 80;  // lines are shorter than that: what fills a line may wrap
  int rows = 24;     // so is the block
  bool colour = false;
  bool utf8 = true;  // else the bar is made of ASCII
};

// One line, and one for each detail.
std::vector<BlockLine> block_lines(const ProgressState& state, const ProgressTimes& times,
                                   const BlockLook& look);
// Without a line end.
std::string log_line(const ProgressState& state, const ProgressTimes& times);
// One JSON object, without a line end. Keys that always stand there: command, phase, done, total, unit,
// seconds, per_second, seconds_left; null where unknown.
std::string json_line(const std::string& command, const ProgressState& state, const ProgressTimes& times);

}  // namespace assay::cli
