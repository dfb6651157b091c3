// Standard error, which the whole program shares: notes and progress must not run into each other. One
// object, used from any thread.
#pragma once

#include "arguments.hpp"
#include "live_block.hpp"
#include "progress_view.hpp"
#include "work_rate.hpp"

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

// How progress is shown: not, as lines of a log now and then, as a block that is redrawn in place, or as
// objects for programs.
enum class ProgressMode { none, lines, block, json };

// --progress, for every command that shows some.
OptionSpec progress_option();
// --progress and --quiet. Throws InputError where they do not go together.
ProgressMode progress_mode(const Arguments& arguments);

class Console {
 public:
  static Console& get();

  // A command begins.
  void begin(const std::string& command, ProgressMode mode);
  ProgressMode mode() const { return mode_; }
  double seconds() const;

  // A line for people, above the block; with json an object {"note": "..."}.
  void note(std::string_view text) { print("note", text); }
  void error(std::string_view text) { print("error", text); }

  // Displays in progress: where one begins while another stands there, the new one alone is shown until it
  // ends.
  void open(const void* display);
  void close(const void* display);

  // When a state is shown: as often as the mode has it, or in any case (json only).
  enum class When { due, now };
  void show(const void* display, const ProgressState& state, const ProgressTimes& times, When when);
  void clear();

  // The command has ended.
  void end(int exit_code);

 private:
  void print(std::string_view key, std::string_view text);
  void draw(const ProgressState& state, const ProgressTimes& times);

  std::mutex mutex_;
  std::string command_;
  ProgressMode mode_ = ProgressMode::none;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::vector<const void*> displays_;
  LiveBlock block_;
  LogSchedule schedule_;
  double last_object_ = 0;  // seconds() of the last one
  bool utf8_ = true, colour_ = false;
};

}  // namespace assay::cli
