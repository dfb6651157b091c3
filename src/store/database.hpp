// SQLite with assay's errors: whatever goes wrong with a journal's file is an InputError that names the file.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <SQLiteCpp/SQLiteCpp.h>

namespace assay {

// Says what the SQLite error means for the journal and what to do about it.
[[noreturn]] void throw_journal_error(const std::string& path, const SQLite::Exception& error);
[[noreturn]] void throw_damaged(const std::string& path, const std::string& what);

// Another connection holds a lock.
bool is_busy(const SQLite::Exception& error);

template <class Action>
auto guarded(const std::string& path, Action&& action) {
  try {
    return std::forward<Action>(action)();
  } catch (const SQLite::Exception& error) {
    throw_journal_error(path, error);
  }
}

// A statement that binds its parameters in order: Query(db, "...?...").with(a).with(b).
class Query {
 public:
  Query(SQLite::Database& database, const std::string& sql) : statement_(database, sql) {}

  Query& with(std::int64_t value) {
    statement_.bind(++bound_, value);
    return *this;
  }
  Query& with(int value) { return with(std::int64_t{value}); }
  Query& with(double value) {  // NaN becomes NULL
    statement_.bind(++bound_, value);
    return *this;
  }
  Query& with(const std::string& value) {
    statement_.bind(++bound_, value);
    return *this;
  }
  // Not copied: the value has to live until run() returns.
  Query& with_borrowed(const std::string& value) {
    statement_.bindNoCopy(++bound_, value);
    return *this;
  }
  Query& with_borrowed_blob(const std::string& value) {
    statement_.bindNoCopy(++bound_, value.data(), static_cast<int>(value.size()));
    return *this;
  }

  // How many rows it changed.
  int run() {
    int changed = 0;
    try {
      changed = statement_.exec();
    } catch (const SQLite::Exception&) {  // leaves nothing open that would hinder the rollback
      statement_.tryReset();
      bound_ = 0;
      throw;
    }
    reset();
    return changed;
  }
  // False after the last row.
  bool next() { return statement_.executeStep(); }
  void reset() {
    statement_.reset();
    bound_ = 0;
  }

  std::int64_t integer(int column) const { return statement_.getColumn(column).getInt64(); }
  std::optional<std::int64_t> optional_integer(int column) const {
    const SQLite::Column value = statement_.getColumn(column);
    return value.isNull() ? std::nullopt : std::optional<std::int64_t>(value.getInt64());
  }
  double number(int column) const {  // NULL becomes NaN
    const SQLite::Column value = statement_.getColumn(column);
    return value.isNull() ? std::numeric_limits<double>::quiet_NaN() : value.getDouble();
  }
  std::string text(int column) const { return statement_.getColumn(column).getString(); }

 private:
  SQLite::Statement statement_;
  int bound_ = 0;
};

}  // namespace assay
