#include "settings_json.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::cli {

using nlohmann::json;

void throw_bad_file(const std::string& source, std::string_view format, const std::string& cause,
                    const std::string& remedy) {
  throw InputError(fmt::format("{}: is no valid {} file: {}. {}.", source, format, cause, remedy));
}

json parse_file_of(std::string_view format, int version, const std::vector<std::string_view>& keys,
                   std::string_view text, const std::string& source, const std::string& remedy) {
  const auto fail = [&](const std::string& cause) { throw_bad_file(source, format, cause, remedy); };
  json file;
  try {
    file = json::parse(text);
  } catch (const json::parse_error& error) {
    fail(fmt::format("it is no JSON from byte {} on", error.byte));
  }
  if (!file.is_object() || file.value("format", json()) != std::string(format))
    fail(fmt::format("\"format\" is not \"{}\"", format));
  if (file.value("version", json()) != version)
    fail(fmt::format("its version is {}, and this assay reads version {}",
                     file.value("version", json()).dump(), version));
  std::vector<std::string> known(keys.begin(), keys.end());
  for (const std::string& key : known)
    if (!file.contains(key)) fail(fmt::format("\"{}\" is missing", key));
  for (const auto& item : file.items()) {
    if (item.key() != "format" && item.key() != "version" &&
        std::ranges::find(known, item.key()) == known.end())
      fail(fmt::format("\"{}\" is not known.{}", item.key(), suggestion(item.key(), known)));
  }
  return file;
}

nlohmann::ordered_json settings_to_json(const ScoreSettings& settings) {
  return {{"scores", settings.scores},
          {"batch", settings.batch},
          {"repeats", settings.repeats},
          {"resolution", settings.resolution},
          {"seed", settings.seed}};
}

ScoreSettings settings_from_json(const json& file) {
  ScoreSettings settings;
  file.at("scores").get_to(settings.scores);
  file.at("batch").get_to(settings.batch);
  file.at("repeats").get_to(settings.repeats);
  file.at("resolution").get_to(settings.resolution);
  file.at("seed").get_to(settings.seed);
  validate(settings);
  return settings;
}

std::string hex(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}

}  // namespace assay::cli
