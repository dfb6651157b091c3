// The small JSON files that assay writes for itself: read strictly, so that a damaged or edited file is an
// error and never a different result.
#pragma once

#include "assay/score/score.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace assay::cli {

// The parsed file, an object with "format", "version" and exactly the keys that are named. Throws InputError
// naming `source`, what is wrong with it, and `remedy`.
nlohmann::json parse_file_of(std::string_view format, int version, const std::vector<std::string_view>& keys,
                             std::string_view text, const std::string& source, const std::string& remedy);

[[noreturn]] void throw_bad_file(const std::string& source, std::string_view format, const std::string& cause,
                                 const std::string& remedy);

// {"scores": [...], "batch": 16, "repeats": 1, "resolution": 0, "seed": 1}
nlohmann::ordered_json settings_to_json(const ScoreSettings& settings);
// Throws nlohmann::json::exception for missing keys and wrong types, InputError as validate(settings).
ScoreSettings settings_from_json(const nlohmann::json& json);

// Sixteen hexadecimal digits, as fingerprints are written.
std::string hex(std::uint64_t value);

}  // namespace assay::cli
