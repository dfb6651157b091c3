#include "console.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/report/escape.hpp"

#include "terminal.hpp"
#include "terminal_guard.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

namespace assay::cli {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Where nothing is said, as in most containers, terminals understand UTF-8 today.
bool says_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value(environment(name));
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(), [](unsigned char c) { return std::tolower(c); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return true;
}

// A program in the background leaves the terminal to the one in front.
bool in_front() {
  const pid_t front = ::tcgetpgrp(STDERR_FILENO);
  return front < 0 || front == ::getpgrp();
}

bool can_redraw() {
  const std::string_view kind = environment("TERM");
  return is_terminal(STDERR_FILENO) && !kind.empty() && kind != "dumb";
}

}  // namespace

OptionSpec progress_option() {
  return {
      "progress", "auto|block|lines|json|none",
      "how progress is shown on standard error: a block on a terminal, lines now and then in a log, or an "
      "object a second (JSON lines)",
      "auto"};
}

ProgressMode progress_mode(const Arguments& arguments) {
  static const std::vector<std::string> names = {"auto", "block", "lines", "json", "none"};
  const auto given = arguments.text("progress");
  if (!given) return ProgressMode::none;  // the command has none
  if (std::ranges::find(names, *given) == names.end())
    throw InputError(fmt::format("assay {}: --progress is \"{}\".{}", arguments.command_name(), *given,
                                 suggestion(*given, names)));
  if (arguments.flag("quiet")) {
    if (*given != "auto" && *given != "none")
      throw InputError(fmt::format(
          "assay {}: --quiet leaves out all progress, and --progress {} asks for it. Give one of them.",
          arguments.command_name(), *given));
    return ProgressMode::none;
  }
  if (*given == "auto") return can_redraw() ? ProgressMode::block : ProgressMode::lines;
  if (*given == "block") return ProgressMode::block;
  if (*given == "lines") return ProgressMode::lines;
  return *given == "json" ? ProgressMode::json : ProgressMode::none;
}

Console& Console::get() {
  static Console console;
  return console;
}

void Console::begin(const std::string& command, ProgressMode mode) {
  const std::lock_guard lock(mutex_);
  command_ = command;
  mode_ = mode;
  begin_ = std::chrono::steady_clock::now();
  schedule_ = {};
  utf8_ = says_utf8();
  colour_ = is_terminal(STDERR_FILENO) && environment("NO_COLOR").empty();
}

double Console::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void Console::print(std::string_view key, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (mode_ == ProgressMode::json) {
    nlohmann::ordered_json json;
    json[std::string(key)] = text;
    write_stderr(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  const std::string line = log_text(text) + "\n";
  if (block_.shown() && was_suspended()) block_.forget();
  if (!block_.shown()) return write_stderr(line);
  const int columns = terminal_size(STDERR_FILENO).columns;
  write_block(block_.print_above(line, columns), block_.rows_above(columns));
}

void Console::open(const void* display) {
  const std::lock_guard lock(mutex_);
  displays_.push_back(display);
}

void Console::close(const void* display) {
  clear();
  const std::lock_guard lock(mutex_);
  std::erase(displays_, display);
}

void Console::clear() {
  const std::lock_guard lock(mutex_);
  if (!block_.shown()) return;
  if (was_suspended()) return block_.forget();
  write_block(block_.erase(terminal_size(STDERR_FILENO).columns), -1);
}

void Console::draw(const ProgressState& state, const ProgressTimes& times) {
  if (!in_front()) return;
  if (was_suspended()) block_.forget();
  const auto [columns, rows] = terminal_size(STDERR_FILENO);
  const BlockLook look{.columns = columns, .rows = rows, .colour = colour_, .utf8 = utf8_};
  const std::string text = block_.draw(block_lines(state, times, look), columns);
  if (!text.empty()) write_block(text, block_.rows_above(columns));
}

void Console::show(const void* display, const ProgressState& state, const ProgressTimes& times, When when) {
  const std::lock_guard lock(mutex_);
  if (displays_.empty() || displays_.back() != display) return;
  switch (mode_) {
    case ProgressMode::none:
      return;
    case ProgressMode::lines:
      if (when == When::due && schedule_.due(times.seconds)) write_stderr(log_line(state, times) + "\n");
      return;
    case ProgressMode::block:
      if (when == When::due) draw(state, times);
      return;
    case ProgressMode::json:
      // A little early rather than late: somebody may take a second without an object for a standstill.
      if (when == When::due && times.seconds - last_object_ < 0.95) return;
      last_object_ = times.seconds;
      write_stderr(json_line(command_, state, times) + "\n");
      return;
  }
}

void Console::end(int exit_code) {
  const double seconds = this->seconds();
  const std::lock_guard lock(mutex_);
  if (mode_ != ProgressMode::json) return;
  nlohmann::ordered_json json;
  json["command"] = command_;
  json["phase"] = "end";
  json["seconds"] = std::round(seconds * 1000) / 1000;
  json["exit_code"] = exit_code;
  write_stderr(json.dump() + "\n");
}

}  // namespace assay::cli
