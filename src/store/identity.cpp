#include "identity.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <charconv>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

using nlohmann::json;

std::string hex(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}

std::uint64_t read_number(SQLite::Database& database, const std::string& key, int base,
                          const std::string& path) {
  const std::string text = read_value(database, key);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw_damaged(path, fmt::format("its {} is \"{}\"", key, text));
  }
  return value;
}

void add_difference(std::vector<std::string>& differences, const std::string& what, const std::string& stored,
                    const std::string& wanted) {
  if (stored != wanted) {
    differences.push_back(fmt::format("\n  {} is {} in the journal and {} now", what, stored, wanted));
  }
}

std::string named(const std::string& name, std::uint64_t fingerprint) {
  return name.empty() ? "none" : fmt::format("\"{}\" ({})", name, hex(fingerprint));
}

void add_settings_differences(std::vector<std::string>& differences, const RunIdentity& stored,
                              const RunIdentity& wanted) {
  const json a = json::parse(stored.settings_json);
  const json b = json::parse(wanted.settings_json);
  std::set<std::string> keys;
  for (const json& settings : {a, b}) {
    for (const auto& item : settings.items()) keys.insert(item.key());
  }
  const auto value = [](const json& settings, const std::string& key) {
    return settings.contains(key) ? settings[key].dump() : std::string("not set");
  };
  // Journals did not always tell it: one that does not may have had any.
  if (!a.contains("max_memory_per_worker")) keys.erase("max_memory_per_worker");
  for (const std::string& key : keys) add_difference(differences, key, value(a, key), value(b, key));
}

}  // namespace

void write_value(SQLite::Database& database, const std::string& key, const std::string& value) {
  Query(database, "INSERT OR REPLACE INTO run (key, value) VALUES (?, ?)").with(key).with(value).run();
}

std::string read_value(SQLite::Database& database, const std::string& key) {
  Query query(database, "SELECT value FROM run WHERE key = ?");
  return query.with(key).next() ? query.text(0) : std::string{};
}

void write_identity(SQLite::Database& database, const RunIdentity& identity) {
  json decisions = json::array();
  for (const JournalDecision& decision : identity.decisions) {
    decisions.push_back({{"name", decision.name}, {"options", decision.options}});
  }
  write_value(database, "assay_version", identity.assay_version);
  write_value(database, "seed", std::to_string(identity.seed));
  write_value(database, "settings", json::parse(identity.settings_json).dump());
  write_value(database, "space_name", identity.space_name);
  write_value(database, "space_text", identity.space_text);
  write_value(database, "space_fingerprint", hex(identity.space_fingerprint));
  write_value(database, "decisions", decisions.dump());
  write_value(database, "accelerator_name", identity.accelerator_name);
  write_value(database, "accelerator_text", identity.accelerator_text);
  write_value(database, "accelerator_fingerprint", hex(identity.accelerator_fingerprint));
  write_value(database, "estimator", identity.estimator_json);
  write_value(database, "scores", json(identity.scores).dump());
}

RunIdentity read_identity(SQLite::Database& database, const std::string& path) {
  RunIdentity identity;
  identity.assay_version = read_value(database, "assay_version");
  identity.seed = read_number(database, "seed", 10, path);
  identity.settings_json = read_value(database, "settings");
  identity.space_name = read_value(database, "space_name");
  identity.space_text = read_value(database, "space_text");
  identity.space_fingerprint = read_number(database, "space_fingerprint", 16, path);
  identity.accelerator_name = read_value(database, "accelerator_name");
  identity.accelerator_text = read_value(database, "accelerator_text");
  identity.accelerator_fingerprint = read_number(database, "accelerator_fingerprint", 16, path);
  identity.estimator_json = read_value(database, "estimator");
  try {
    if (!json::parse(identity.settings_json).is_object()) throw_damaged(path, "its settings are no object");
    identity.scores = json::parse(read_value(database, "scores")).get<std::vector<std::string>>();
    for (const json& decision : json::parse(read_value(database, "decisions"))) {
      identity.decisions.push_back({decision.at("name"), decision.at("options")});
    }
  } catch (const json::exception& error) {
    throw_damaged(path, error.what());
  }
  return identity;
}

void check_same_run(const RunIdentity& stored, const RunIdentity& wanted, const std::string& path) {
  std::vector<std::string> differences;
  add_difference(differences, "the version of assay", stored.assay_version, wanted.assay_version);
  add_difference(differences, "the space", named(stored.space_name, stored.space_fingerprint),
                 named(wanted.space_name, wanted.space_fingerprint));
  add_difference(differences, "the accelerator",
                 named(stored.accelerator_name, stored.accelerator_fingerprint),
                 named(wanted.accelerator_name, wanted.accelerator_fingerprint));
  add_difference(differences, "the seed", std::to_string(stored.seed), std::to_string(wanted.seed));
  add_difference(differences, "the list of scores", join(stored.scores, ","), join(wanted.scores, ","));
  add_settings_differences(differences, stored, wanted);
  if (stored.decisions != wanted.decisions && stored.space_fingerprint == wanted.space_fingerprint) {
    differences.push_back("\n  the decisions of the space are not the same");
  }
  if (differences.empty()) return;
  throw InputError(
      fmt::format("The run journal {} belongs to another run and cannot be resumed by this one:{}\nResume it "
                  "with what it was started with, or start a new run under another name.",
                  path, join(differences, ";")));
}

}  // namespace assay
