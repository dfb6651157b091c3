#include "assay/store/score_cache.hpp"

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"

#include "database.hpp"

#include <bit>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <new>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>
#include <sqlite3.h>

namespace assay {
namespace {

using namespace std::chrono_literals;
using Instant = std::chrono::steady_clock::time_point;

constexpr std::int64_t application_id = 0x61736373;  // "ascs"
constexpr std::int64_t format_version = 1;
constexpr int busy_timeout_ms = 2000;
// A transaction is short enough not to be waited for, and rare enough not to be noticed.
constexpr std::size_t entries_per_flush = 512;
constexpr auto flush_interval = 2s;
// So many flushes in a row that found the file locked: it will not be free soon.
constexpr int most_busy_flushes = 3;

[[noreturn]] void fail(const std::string& path, const std::string& cause) {
  throw InputError(fmt::format("The score cache {} cannot be used: {}.", path, cause));
}

struct KeyHash {
  std::size_t operator()(const ScoreKey& key) const { return hash_combine(key.network, key.conditions); }
};

std::string bytes_of(const std::vector<double>& values) {
  std::string bytes(values.size() * sizeof(double), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::int64_t checksum(const ScoreKey& key, const std::string& values, const std::string& status) {
  return std::bit_cast<std::int64_t>(
      hash_text(status, hash_text(values, hash_combine(key.network, key.conditions))));
}

}  // namespace

struct ScoreCache::Implementation {
  std::string path;
  std::int64_t max_entries = 0;
  std::unique_ptr<SQLite::Database> database;
  std::optional<Query> select, insert, prune;
  std::unordered_map<ScoreKey, CachedScores, KeyHash> pending;
  Instant last_flush = std::chrono::steady_clock::now();
  int busy_flushes = 0;

  template <class Action>
  auto guard(Action&& action) {
    try {
      return action();
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() == SQLITE_NOMEM) throw std::bad_alloc();
      fail(path, error.what());
    }
  }

  std::int64_t number(const std::string& sql) {
    Query query(*database, sql);
    return query.next() ? query.integer(0) : 0;
  }

  void open();
  void prepare();
  void create_or_check();
  void enter_wal();
  std::optional<CachedScores> read(const ScoreKey& key);
  void flush();
  void write_pending();
};

void ScoreCache::Implementation::open() {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) fail(path, fmt::format("its folder cannot be made: {}", error.message()));
  guard([&] {
    database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                                                  busy_timeout_ms);
    if (sqlite3_db_readonly(database->getHandle(), "main") == 1) fail(path, "it may not be written");
    create_or_check();
    enter_wal();
    database->exec("PRAGMA synchronous = NORMAL");
    prepare();
  });
}

// A file of somebody else must be recognised before anything is written to it.
void ScoreCache::Implementation::create_or_check() {
  const auto is_new = [&] {
    return number("PRAGMA application_id") == 0 && number("SELECT count(*) FROM sqlite_master") == 0;
  };
  if (is_new()) {
    SQLite::Transaction transaction(*database, SQLite::TransactionBehavior::IMMEDIATE);
    if (is_new()) {  // no other process was faster
      database->exec(fmt::format(R"(
        CREATE TABLE scores (
          entry INTEGER PRIMARY KEY, network INTEGER NOT NULL, conditions INTEGER NOT NULL,
          score_values BLOB NOT NULL, status TEXT NOT NULL, checksum INTEGER NOT NULL,
          UNIQUE (network, conditions));
        PRAGMA application_id = {}; PRAGMA user_version = {};)",
                                 application_id, format_version));
    }
    transaction.commit();
  }
  if (number("PRAGMA application_id") != application_id)
    fail(path, "it is a database, but not a score cache");
  if (const std::int64_t version = number("PRAGMA user_version"); version != format_version)
    fail(path,
         fmt::format("it has format {}, but this version of assay uses format {}", version, format_version));
}

// SQLite does not wait for other processes here, whatever the timeout.
void ScoreCache::Implementation::enter_wal() {
  for (int attempt = 0;; ++attempt) {
    try {
      database->exec("PRAGMA journal_mode = WAL");
      return;
    } catch (const SQLite::Exception& error) {
      if (!is_busy(error) || attempt == 100) throw;
      std::this_thread::sleep_for(20ms);
    }
  }
}

void ScoreCache::Implementation::prepare() {
  select.emplace(*database,
                 "SELECT score_values, status, checksum FROM scores WHERE network = ? AND conditions = ?");
  insert.emplace(*database,
                 "INSERT OR IGNORE INTO scores (network, conditions, score_values, status, checksum) "
                 "VALUES (?, ?, ?, ?, ?)");
  prune.emplace(*database, "DELETE FROM scores WHERE entry <= (SELECT max(entry) FROM scores) - ?");
}

std::optional<CachedScores> ScoreCache::Implementation::read(const ScoreKey& key) {
  if (const auto found = pending.find(key); found != pending.end()) return found->second;
  select->reset();
  select->with(std::bit_cast<std::int64_t>(key.network)).with(std::bit_cast<std::int64_t>(key.conditions));
  if (!select->next()) {
    select->reset();
    return std::nullopt;
  }
  const std::string bytes = select->text(0);
  CachedScores scores{.values = std::vector<double>(bytes.size() / sizeof(double)),
                      .status = select->text(1)};
  const bool whole = select->integer(2) == checksum(key, bytes, scores.status);
  select->reset();
  if (!whole) fail(path, "it is damaged: an entry does not match its checksum");
  std::memcpy(scores.values.data(), bytes.data(), bytes.size());
  return scores;
}

void ScoreCache::Implementation::write_pending() {
  SQLite::Transaction transaction(*database, SQLite::TransactionBehavior::IMMEDIATE);
  for (const auto& [key, scores] : pending) {
    const std::string bytes = bytes_of(scores.values);
    insert->with(std::bit_cast<std::int64_t>(key.network))
        .with(std::bit_cast<std::int64_t>(key.conditions))
        .with_borrowed_blob(bytes)
        .with(scores.status)
        .with(checksum(key, bytes, scores.status))
        .run();
  }
  // Entries are numbered as they come, so the lowest numbers are the oldest.
  prune->with(max_entries).run();
  transaction.commit();
}

void ScoreCache::Implementation::flush() {
  if (pending.empty()) return;
  guard([&] {
    try {
      write_pending();
      pending.clear();
      busy_flushes = 0;
    } catch (const SQLite::Exception& error) {
      if (!is_busy(error) || ++busy_flushes == most_busy_flushes) throw;
    }
  });
  last_flush = std::chrono::steady_clock::now();
}

ScoreCache::ScoreCache(std::string path, std::int64_t max_entries)
    : implementation_(std::make_unique<Implementation>()) {
  implementation_->path = std::move(path);
  implementation_->max_entries = max_entries;
  implementation_->open();
}

ScoreCache::~ScoreCache() {
  try {
    flush();
  } catch (const std::exception&) {
    // Entries that were not written are computed again.
  }
}

const std::string& ScoreCache::path() const {
  return implementation_->path;
}

std::optional<CachedScores> ScoreCache::find(const ScoreKey& key) {
  return implementation_->guard([&] { return implementation_->read(key); });
}

void ScoreCache::put(const ScoreKey& key, CachedScores scores) {
  implementation_->pending.try_emplace(key, std::move(scores));
  if (implementation_->pending.size() % entries_per_flush == 0 ||
      std::chrono::steady_clock::now() - implementation_->last_flush > flush_interval)
    implementation_->flush();
}

void ScoreCache::flush() {
  implementation_->flush();
}

std::int64_t ScoreCache::size() {
  return implementation_->guard([&] { return implementation_->number("SELECT count(*) FROM scores"); });
}

}  // namespace assay
