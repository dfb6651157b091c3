#include "assay/base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace assay {
namespace {

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

// Damerau-Levenshtein distance (adjacent transpositions cost one), ignoring case.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

// At most `most` bytes and an ellipsis, from a part of the name on where one begins there.
std::string short_end(const std::string& name, std::size_t most) {
  if (name.size() <= most) return name;
  std::size_t begin = name.size() - most;
  const std::size_t separator = name.find_first_of("./", begin);
  if (separator != std::string::npos && separator + 1 < name.size()) begin = separator + 1;
  while (begin < name.size() && (name[begin] & 0xC0) == 0x80) ++begin;  // within a character of UTF-8
  return "…" + name.substr(begin);
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> known) {
  std::optional<std::string> best;
  std::size_t best_distance = 0;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    const std::size_t allowed = std::max<std::size_t>(1, std::max(name.size(), candidate.size()) / 3);
    if (distance <= allowed && (!best || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggestion(std::string_view name, std::span<const std::string> known, std::size_t limit) {
  if (const auto nearest = nearest_name(name, known)) return fmt::format(" Did you mean \"{}\"?", *nearest);
  if (known.empty()) return "";
  const std::size_t shown = std::min(limit, known.size());
  return fmt::format(" Known are: {}{}.", join(known.first(shown), ", "),
                     shown < known.size() ? fmt::format(" and {} more", known.size() - shown) : "");
}

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::map<std::string, std::string, std::less<>> short_ends(std::span<const std::string> names,
                                                           std::size_t most) {
  for (;; most += most / 3 + 1) {
    std::map<std::string, std::string, std::less<>> ends;
    std::map<std::string, std::string> owners;
    bool distinct = true;
    for (const std::string& name : names) {
      const std::string& end = ends[name] = short_end(name, most);
      distinct = distinct && owners.try_emplace(end, name).first->second == name;
    }
    if (distinct) return ends;
  }
}

std::string shell_quoted(std::string_view text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
  if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::vector<std::string> shell_words(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, begun = false;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (c == ' ' && !quoted) {
      if (begun) words.push_back(std::move(word));
      word.clear();
      begun = false;
      continue;
    }
    begun = true;
    if (c == '\'')
      quoted = !quoted;
    else
      word += c == '\\' && !quoted && i + 1 < command.size() ? command[++i] : c;
  }
  if (begun) words.push_back(std::move(word));
  return words;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string exact_number(double value) {
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return error == std::errc() ? std::string(buffer.data(), end) : fmt::format("{}", value);
}

namespace {

// Three significant digits and the unit that makes the number smaller than `most`.
std::string scaled(double value, double step, double most, std::span<const char* const> units,
                   std::string_view gap) {
  std::size_t unit = 0;
  while (std::abs(value) >= most && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  const int decimals = unit == 0 ? 0 : std::abs(value) < 10 ? 2 : std::abs(value) < 100 ? 1 : 0;
  return fmt::format("{:.{}f}{}{}", value, decimals, units[unit][0] == 0 ? "" : gap, units[unit]);
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  return scaled(static_cast<double>(bytes), 1024, 1024, units, " ");
}

std::string human_count(double count) {
  static constexpr const char* units[] = {"", "k", "M", "G", "T"};
  return scaled(count, 1000, 999.5, units, "");  // 999.5k is 1.00M, not 1000k
}

std::string human_milliseconds(double milliseconds, int decimals) {
  constexpr int most = 12;
  if (milliseconds != 0 && std::isfinite(milliseconds))
    decimals =
        std::clamp(2 - static_cast<int>(std::floor(std::log10(std::abs(milliseconds)))), decimals, most);
  return fmt::format("{:.{}f}", milliseconds, decimals);
}

std::string human_duration(double seconds) {
  if (seconds < 1) return fmt::format("{:.2f} s", seconds);
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace assay
