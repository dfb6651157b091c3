#include "rank_weights.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include "common.hpp"
#include "settings_json.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace assay::cli {
namespace {

constexpr const char* format_name = "assay-rank-weights";
constexpr int format_version = 2;
constexpr const char* remedy = "Give a file that assay validate --fit-weights wrote";

constexpr const char* by_value = "value";
constexpr const char* by_log_rank = "log_rank";
constexpr const char* higher = "higher";
constexpr const char* lower = "lower";

// Which of the two words stands there. Throws std::invalid_argument for any other.
bool is_first(const nlohmann::json& word, const char* first, const char* second) {
  if (word != first && word != second)
    throw std::invalid_argument(fmt::format("{} is neither \"{}\" nor \"{}\"", word.dump(), first, second));
  return word == first;
}

// Throws std::invalid_argument for what hex() does not write.
std::uint64_t fingerprint_of(const std::string& text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc() || last != end)
    throw std::invalid_argument(fmt::format("the space's fingerprint is \"{}\"", text));
  return value;
}

}  // namespace

std::string RankWeights::to_json() const {
  nlohmann::ordered_json file;
  file["format"] = format_name;
  file["version"] = format_version;
  file["space"] = {{"name", space_name}, {"fingerprint", hex(space_fingerprint)}};
  file["settings"] = settings_to_json(settings);
  for (std::size_t k = 0; k < weights.size(); ++k) {
    file["weights"].push_back({{"score", settings.scores[k]},
                               {"better", terms[k].direction > 0 ? higher : lower},
                               {"enters_by", terms[k].by_rank ? by_log_rank : by_value},
                               {"weight", weights[k]}});
  }
  file["learned_from"] = {{"accuracy", accuracy}, {"rows", rows}, {"cohort", cohort}};
  file["learned_from"]["cross_validated_spearman"] = nullptr;
  if (cross_validated_spearman) file["learned_from"]["cross_validated_spearman"] = *cross_validated_spearman;
  return file.dump(2) + "\n";
}

RankWeights RankWeights::from_json(std::string_view text, const std::string& source) {
  const auto file = parse_file_of(format_name, format_version,
                                  {"space", "settings", "weights", "learned_from"}, text, source, remedy);
  RankWeights result;
  try {
    file.at("space").at("name").get_to(result.space_name);
    result.settings = settings_from_json(file.at("settings"));
    std::vector<std::string> weighed;
    for (const nlohmann::json& entry : file.at("weights")) {
      weighed.push_back(entry.at("score"));
      result.terms.push_back({.direction = is_first(entry.at("better"), higher, lower) ? +1 : -1,
                              .by_rank = is_first(entry.at("enters_by"), by_log_rank, by_value)});
      result.weights.push_back(entry.at("weight"));
    }
    if (weighed != result.settings.scores)
      throw std::invalid_argument(fmt::format("it weighs {}, and its settings name the scores {}",
                                              join(weighed, ","), join(result.settings.scores, ",")));
    const auto& learned = file.at("learned_from");
    learned.at("accuracy").get_to(result.accuracy);
    learned.at("rows").get_to(result.rows);
    learned.at("cohort").get_to(result.cohort);
    if (const auto& value = learned.at("cross_validated_spearman"); !value.is_null())
      result.cross_validated_spearman = value.get<double>();
    result.space_fingerprint = fingerprint_of(file.at("space").at("fingerprint"));
  } catch (const nlohmann::json::exception& error) {
    throw_bad_file(source, format_name, error.what(), remedy);
  } catch (const std::invalid_argument& error) {
    throw_bad_file(source, format_name, error.what(), remedy);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", source, error.what()));
  }
  for (std::size_t k = 0; k < result.weights.size(); ++k) {
    if (!std::isfinite(result.weights[k]) || result.weights[k] <= 0) {
      throw_bad_file(source, format_name,
                     fmt::format("the weight of {} is {}, not a positive number", result.settings.scores[k],
                                 result.weights[k]),
                     remedy);
    }
  }
  return result;
}

OptionSpec rank_weights_option() {
  return {
      "rank-weights", "FILE.json",
      "combine the scores as assay validate --fit-weights learned; sets --scores, and --batch, --repeats and "
      "--resolution where they are not given",
      ""};
}

Ranking ranking_of(const Arguments& arguments, const Space* space, bool quiet) {
  ScoreSettings given = score_settings(arguments);
  const auto path = arguments.text("rank-weights");
  if (!path) return {given, rank_terms(given.scores), {}};
  const RankWeights learned = RankWeights::from_json(read_file(*path), *path);
  if (arguments.given("scores") && !std::ranges::is_permutation(given.scores, learned.settings.scores)) {
    throw InputError(
        fmt::format("assay {}: {} weighs the scores {}, which are not those of --scores. Leave one "
                    "of the two options out.",
                    arguments.command_name(), *path, join(learned.settings.scores, ",")));
  }
  Ranking ranking{learned.settings, learned.terms, learned.weights};
  ranking.settings.seed = given.seed;
  std::vector<std::string> differences;
  const auto override = [&](const char* option, int ScoreSettings::*setting) {
    if (!arguments.given(option) || given.*setting == learned.settings.*setting) return;
    differences.push_back(fmt::format("--{} {}", option, learned.settings.*setting));
    ranking.settings.*setting = given.*setting;
  };
  override("batch", &ScoreSettings::batch);
  override("repeats", &ScoreSettings::repeats);
  override("resolution", &ScoreSettings::resolution);
  if (quiet) return ranking;
  if (!differences.empty())
    note(fmt::format("{}: the weights were learned with {}.", *path, join(differences, " ")));
  if (space != nullptr && space->fingerprint() != learned.space_fingerprint)
    note(fmt::format("{}: the weights were learned in another space, {}.", *path, learned.space_name));
  return ranking;
}

}  // namespace assay::cli
