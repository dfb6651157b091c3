// A run's identity in the journal: stored once, compared on every resume.
#pragma once

#include "assay/store/run_journal.hpp"

#include "database.hpp"

#include <string>

namespace assay {

// Key-value pairs about the run as a whole.
void write_value(SQLite::Database& database, const std::string& key, const std::string& value);
std::string read_value(SQLite::Database& database, const std::string& key);  // empty when missing

void write_identity(SQLite::Database& database, const RunIdentity& identity);
// Throws InputError (damaged) when it cannot be understood.
RunIdentity read_identity(SQLite::Database& database, const std::string& path);

// Throws InputError listing what differs, unless both are the same run.
void check_same_run(const RunIdentity& stored, const RunIdentity& wanted, const std::string& path);

}  // namespace assay
