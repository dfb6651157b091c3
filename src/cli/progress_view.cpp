#include "progress_view.hpp"

#include "assay/report/escape.hpp"

#include "text_width.hpp"
#include "wording.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// Between the figures of a line.
constexpr std::string_view column_gap = "   ";

enum class Tone { plain, strong, done, faint };

struct Piece {
  std::string text;
  Tone tone = Tone::plain;
};

std::string_view code_of(Tone tone) {
  switch (tone) {
    case Tone::strong:
      return "\033[1m";
    case Tone::done:
      return "\033[36m";
    case Tone::faint:
      return "\033[2m";
    case Tone::plain:
      break;
  }
  return "";
}

BlockLine line_of(const std::vector<Piece>& pieces, const BlockLook& look) {
  BlockLine line;
  for (const Piece& piece : pieces) {
    const std::string text = cut_to_width(line_text(piece.text), look.columns - 1 - line.width);
    if (text.empty()) continue;
    line.width += display_width(text);
    const bool coloured = look.colour && piece.tone != Tone::plain;
    line.text += coloured ? fmt::format("{}{}\033[0m", code_of(piece.tone), text) : text;
  }
  return line;
}

std::string counts_text(const ProgressState& state) {
  if (state.counted.empty()) return "";
  const std::string done = grouped(state.done);
  return state.total ? fmt::format("{} of {} {}", done, grouped(*state.total), state.counted)
                     : fmt::format("{} {}", done, state.counted);
}

std::string rate_text(double per_second) {
  return per_second < 100 ? fmt::format("{:.1f}/s", per_second) : grouped(std::llround(per_second)) + "/s";
}

std::string percent_text(double share) {
  // 100 % is what is done, not what is nearly done. 1,160 of 2,000 are 58 %, whatever the last bit says.
  constexpr double rounding = 1e-9;
  return fmt::format("{} %", static_cast<int>(std::floor(100 * std::clamp(share, 0.0, 1.0) + rounding)));
}

// Counts, rate and time: what stands behind the bar.
std::vector<std::string> figures_of(const ProgressState& state, const ProgressTimes& times) {
  std::vector<std::string> figures;
  if (std::string counts = counts_text(state); !counts.empty()) figures.push_back(std::move(counts));
  if (times.per_second && !state.counted.empty()) figures.push_back(rate_text(*times.per_second));
  return figures;
}

std::string time_text(const ProgressTimes& times) {
  if (times.seconds_left) return calm_duration(*times.seconds_left) + " left";
  return calm_duration(times.phase_seconds);
}

std::vector<Piece> bar_of(double share, int cells, bool utf8) {
  const double filled = std::clamp(share, 0.0, 1.0) * cells;
  const int whole = static_cast<int>(filled);
  const bool half = filled - whole >= 0.5;
  const auto repeat = [](std::string_view text, int count) {
    std::string result;
    for (int i = 0; i < count; ++i) result += text;
    return result;
  };
  const int rest = cells - whole - (half ? 1 : 0);
  if (!utf8) return {{"[" + repeat("#", whole + (half ? 1 : 0)) + repeat(".", rest) + "]", Tone::plain}};
  return {{repeat("━", whole) + (half ? "╸" : ""), Tone::done}, {repeat("─", rest), Tone::faint}};
}

BlockLine head_of(const ProgressState& state, const ProgressTimes& times, bool with_figures,
                  const BlockLook& look) {
  constexpr int longest_bar = 30, shortest_bar = 8;
  std::vector<Piece> behind;
  const auto share = state.share_done();
  if (share) behind.push_back({"  " + percent_text(*share), Tone::strong});
  if (with_figures)
    for (const std::string& figure : figures_of(state, times)) behind.push_back({"  " + figure, Tone::plain});
  behind.push_back({"  " + time_text(times), Tone::plain});

  std::vector<Piece> pieces = {{state.title, Tone::plain}};
  if (share) {
    int others = display_width(line_text(state.title)) + 2 + (look.utf8 ? 0 : 2);
    for (const Piece& piece : behind) others += display_width(piece.text);
    const int cells = std::min(longest_bar, look.columns - 1 - others);
    if (cells >= shortest_bar) {
      pieces.push_back({"  ", Tone::plain});
      for (Piece& piece : bar_of(*share, cells, look.utf8)) pieces.push_back(std::move(piece));
    }
  }
  pieces.insert(pieces.end(), behind.begin(), behind.end());
  return line_of(pieces, look);
}

}  // namespace

std::optional<double> ProgressState::share_done() const {
  if (share) return share;
  if (total && *total > 0) return static_cast<double>(done) / static_cast<double>(*total);
  return std::nullopt;
}

std::vector<BlockLine> block_lines(const ProgressState& state, const ProgressTimes& times,
                                   const BlockLook& look) {
  const std::vector<std::string> figures = figures_of(state, times);
  const bool single = state.details.empty();
  std::vector<BlockLine> lines = {head_of(state, times, single, look)};
  if (!single && !figures.empty()) {
    std::string text = "  " + fmt::format("{}", fmt::join(figures, column_gap));
    if (times.seconds_left) text += fmt::format("{}{}", column_gap, calm_duration(times.phase_seconds));
    lines.push_back(line_of({{text, Tone::plain}}, look));
  }
  for (const std::string& detail : state.details)
    lines.push_back(line_of({{"  " + detail, Tone::faint}}, look));
  const auto most = static_cast<std::size_t>(std::max(1, look.rows - 1));
  if (lines.size() > most) lines.resize(most);
  return lines;
}

std::string log_line(const ProgressState& state, const ProgressTimes& times) {
  std::vector<std::string> parts;
  if (const auto share = state.share_done()) parts.push_back(percent_text(*share));
  for (std::string& figure : figures_of(state, times)) parts.push_back(std::move(figure));
  parts.push_back(time_text(times));
  std::string text = fmt::format("{}: {}", state.title, fmt::join(parts, ", "));
  for (std::string detail : state.details) {
    for (std::size_t at = 0; (at = detail.find(column_gap, at)) != std::string::npos;)
      detail.replace(at, column_gap.size(), ", ");
    text += "; " + detail;
  }
  return log_text(line_text(text));
}

std::string json_line(const std::string& command, const ProgressState& state, const ProgressTimes& times) {
  using Json = nlohmann::ordered_json;
  const auto rounded = [](const std::optional<double>& value) {
    return value && std::isfinite(*value) ? Json(std::round(*value * 1000) / 1000) : Json();
  };
  Json json;
  json["command"] = command;
  json["phase"] = state.phase;
  json["done"] = state.done;
  json["total"] = state.total ? Json(*state.total) : Json();
  json["unit"] = state.unit;
  json["seconds"] = rounded(times.seconds);
  json["per_second"] = rounded(times.per_second);
  json["seconds_left"] = rounded(times.seconds_left);
  for (const auto& [key, value] : state.fields.items()) json[key] = value;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace assay::cli
