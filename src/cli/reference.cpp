#include "reference.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"
#include "assay/runtime/runtime.hpp"

#include "common.hpp"
#include "progress_display.hpp"
#include "settings_json.hpp"
#include "terminal.hpp"
#include "wording.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include <fmt/format.h>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* format_name = "assay-reference";
constexpr int format_version = 1;
constexpr const char* remedy = "Remove it, or name another file with --reference-file";

// Other candidates than those of --sample, whose streams begin at fingerprint 0: comparing candidates with
// themselves would flatter them.
constexpr std::uint64_t sample_seed = 1;
Candidate reference_candidate(const Space& space, std::int64_t index) {
  Random random(sample_seed, Purpose::sample, 1, static_cast<std::uint64_t>(index));
  return space.sample(random);
}

// Everything that decides what is in the file.
nlohmann::ordered_json conditions(const Space& space, const ScoreSettings& settings, int size,
                                  const ReferenceLimits* limits) {
  nlohmann::ordered_json json;
  json["format"] = format_name;
  json["version"] = format_version;
  json["assay"] = assay_version;
  json["build"] = hex(hash_of_program());
  json["runtime"] = runtime_description();
  json["space"] = {{"name", space.name()}, {"fingerprint", hex(space.fingerprint())}};
  json["settings"] = settings_to_json(settings);
  json["sample_seed"] = sample_seed;
  json["size"] = size;
  if (limits != nullptr) json["limits"] = limits->description;
  return json;
}

// Throws InputError saying what is wrong with the file.
std::vector<ScoreRecord> read_reference(const std::string& path, const nlohmann::ordered_json& wanted) {
  std::vector<std::string_view> keys = {"failed", "scores"};
  for (const auto& item : wanted.items()) keys.push_back(item.key());
  const auto file = parse_file_of(format_name, format_version, keys, read_file(path), path, remedy);
  for (const auto& item : wanted.items()) {
    if (nlohmann::json(item.value()) != file.at(item.key()))
      throw_bad_file(path, format_name,
                     fmt::format("its {} is {}, not {}", item.key(), file.at(item.key()).dump(),
                                 nlohmann::json(item.value()).dump()),
                     remedy);
  }
  std::vector<ScoreRecord> records;
  try {
    for (const auto& row : file.at("scores")) {
      ScoreRecord record;
      row.get_to(record.values);
      if (record.values.size() != wanted["settings"]["scores"].size() || !complete(record.values))
        throw_bad_file(path, format_name, "a candidate has another number of scores", remedy);
      records.push_back(std::move(record));
    }
    if (std::ssize(records) + file.at("failed").get<std::int64_t>() != wanted["size"].get<std::int64_t>())
      throw_bad_file(path, format_name, "it has another number of candidates than it says", remedy);
  } catch (const nlohmann::json::exception& error) {
    throw_bad_file(path, format_name, error.what(), remedy);
  }
  return records;
}

void write_reference(const std::string& path, nlohmann::ordered_json file,
                     const std::vector<ScoreRecord>& records) {
  file["failed"] = file["size"].get<std::int64_t>() - std::ssize(records);
  std::string rows;  // one candidate a line
  for (const ScoreRecord& record : records)
    rows += fmt::format("{}\n    {}", rows.empty() ? "" : ",", nlohmann::json(record.values).dump());
  std::string text = file.dump(2);
  text.erase(text.rfind("\n}"));
  if (const fs::path folder = fs::path(path).parent_path(); !folder.empty()) {
    std::error_code ignored;  // whether there is a folder shows when the file is written
    fs::create_directories(folder, ignored);
  }
  write_file(path, fmt::format("{},\n  \"scores\": [{}\n  ]\n}}\n", text, rows));
}

// The first `size` candidates of the stream that meet the limits.
std::vector<std::int64_t> reference_indices(const Space& space, int size, const ReferenceLimits* limits) {
  constexpr std::int64_t most_draws = 200'000;
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; std::ssize(chosen) < size && (limits == nullptr || i < most_draws); ++i) {
    if (limits == nullptr || limits->admits(reference_candidate(space, i))) chosen.push_back(i);
  }
  return chosen;
}

std::optional<std::vector<ScoreRecord>> score_reference(const Space& space, ScoreService& service, int size,
                                                        const std::stop_token& stop,
                                                        const ReferenceLimits* limits) {
  ProgressDisplay display(
      {.phase = "reference",
       .title = fmt::format("scoring random candidates of {} to compare with", space.name()),
       .counted = "scored",
       .unit = "networks",
       .total = size});
  const std::vector<std::int64_t> chosen = reference_indices(space, size, limits);
  const std::vector<ScoredNetwork> scored = service.score(
      std::ssize(chosen),
      [&](std::int64_t i) {
        return space.decode(reference_candidate(space, chosen[static_cast<std::size_t>(i)]));
      },
      stop, [&](std::int64_t done) { display.advance(done); });
  display.close();
  service.flush_cache();
  std::vector<ScoreRecord> records;
  for (const ScoredNetwork& each : scored) {
    if (!each.done) return std::nullopt;
    if (complete(each.record.values)) records.push_back(each.record);
  }
  return records;
}

}  // namespace

std::vector<OptionSpec> reference_sample_options() {
  return {
      {"reference-size", "N", "how many random candidates; 0 is none", std::to_string(usual_reference_size)},
      {"reference-file", "FILE", "where their scores are kept; beside the score cache when not given", ""}};
}

std::optional<std::string> reference_path(const Arguments& arguments, const Space& space,
                                          const ScoreSettings& settings, int size,
                                          const ReferenceLimits* limits) {
  if (auto path = arguments.text("reference-file")) return path;
  const auto cache = cache_path(arguments);
  if (!cache) return std::nullopt;
  std::string key = hex(space.fingerprint()) + settings_to_json(settings).dump() + std::to_string(size);
  if (limits != nullptr) key += limits->description;
  return fs::path(*cache).replace_filename(
      fmt::format("reference-{}-{}.json", space.name(), hex(hash_text(key))));
}

std::optional<std::vector<ScoreRecord>> reference_records(const Space& space, ScoreService& service, int size,
                                                          const std::optional<std::string>& path,
                                                          std::stop_token stop, bool quiet,
                                                          const ReferenceLimits* limits) {
  const auto tell = [&](const std::string& text) {
    if (!quiet) note(text);
  };
  const auto wanted = conditions(space, service.settings(), size, limits);
  std::error_code ignored;  // what is wrong with the path shows when the file is written
  if (path && fs::exists(*path, ignored)) {
    try {
      return read_reference(*path, wanted);
    } catch (const InputError& error) {
      tell(fmt::format("{} It is made anew.", error.what()));
    }
  }
  auto records = score_reference(space, service, size, stop, limits);
  if (!records || !path) return records;
  try {
    write_reference(*path, wanted, *records);
    const std::int64_t kept = limits == nullptr ? size : std::ssize(*records);
    tell(fmt::format("{} of {} {} kept in {} for comparison.", number_of(kept, "random candidate"),
                     space.name(), kept == 1 ? "is" : "are", *path));
  } catch (const InputError& error) {
    tell(fmt::format("{} The reference is not kept.", error.what()));
  }
  return records;
}

Reference::Reference(std::span<const ScoreRecord> records, const std::vector<RankTerm>& terms,
                     const std::vector<double>& weights)
    : archive_(terms, weights) {
  for (const ScoreRecord& record : records) archive_.add(record.values);
  rank_scores_ = archive_.scores();
  std::ranges::sort(rank_scores_);
}

std::vector<double> Reference::percentiles(std::span<const double> values) const {
  std::vector<double> shares = archive_.percentiles_of(values);
  const double rank = rank_score(values);
  const auto [low, high] = std::equal_range(rank_scores_.begin(), rank_scores_.end(), rank);
  const auto worse = static_cast<double>(low - rank_scores_.begin()) + 0.5 * static_cast<double>(high - low);
  shares.push_back(std::isfinite(rank) && !rank_scores_.empty()
                       ? worse / static_cast<double>(rank_scores_.size())
                       : std::numeric_limits<double>::quiet_NaN());
  for (double& share : shares) share *= 100;
  return shares;
}

double Reference::rank_score_of_top(double share) const {
  if (rank_scores_.empty())
    throw InputError(
        "No random candidate could be scored, so there is nothing to compare with. Loosen the "
        "budget, or ask for other --scores.");
  const auto count = static_cast<double>(rank_scores_.size());
  return rank_scores_[rank_scores_.size() -
                      static_cast<std::size_t>(std::max(1.0, std::round(share * count)))];
}

}  // namespace assay::cli
