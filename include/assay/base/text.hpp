// Text helpers shared by parsers and reports.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// The nearest of `known` to `name` by edit distance (Damerau-Levenshtein, case-insensitive), if it is near
// enough to be a plausible typing error (distance at most a third of the longer name, at least 1).
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> known);

// " Did you mean \"kernel\"?" or, when nothing is near, " Known are: a, b, c." (at most `limit` names
// listed).
std::string suggestion(std::string_view name, std::span<const std::string> known, std::size_t limit = 24);

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);

// As one word of a POSIX shell's command: 'my space.toml', --seed, 'it'\''s'.
std::string shell_quoted(std::string_view text);
// The words of a command that shell_quoted wrote.
std::vector<std::string> shell_words(std::string_view command);

// Strict numbers: the whole text must be one number; nullopt otherwise. Doubles must be finite.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_number(std::string_view text);

// Per name the end of it, as that says most: "…block12.edge_1_3.conv". About `most` bytes long, and longer
// where different names would look the same.
std::map<std::string, std::string, std::less<>> short_ends(std::span<const std::string> names,
                                                           std::size_t most = 25);

// Shortest text that reads back as the same double; used wherever results are written, so that files compare
// byte for byte. The value must be finite.
std::string exact_number(double value);

// For people: "1.25 MiB", "412 B".
std::string human_bytes(std::uint64_t bytes);
// For people: "2.50M", "831k", "90".
std::string human_count(double count);
// For people: "12.346", "0.719", "0.00123": as many decimals, and more where they would leave fewer than
// three digits of a small value.
std::string human_milliseconds(double milliseconds, int decimals = 3);
// For people: "3 min 20 s", "12 s", "0.42 s".
std::string human_duration(double seconds);

}  // namespace assay
