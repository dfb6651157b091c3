// The journal's tables.
#pragma once

#include "database.hpp"

#include <string>
#include <vector>

namespace assay {

// Tables for a journal with these scores, in an empty database.
void create_schema(SQLite::Database& database, const std::vector<std::string>& scores);
// Throws InputError unless the database is a journal of this version's format or an earlier one.
void check_schema(SQLite::Database& database, const std::string& path);
// Brings a journal of an earlier format to this version's, inside the caller's transaction.
void migrate(SQLite::Database& database, const std::vector<std::string>& scores);
// For reading alone: gives this connection, and nobody else, empty tables and views in place of what an
// earlier format lacks. The file stays as it is.
void stand_in(SQLite::Database& database, const std::vector<std::string>& scores);

}  // namespace assay
