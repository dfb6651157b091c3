// The journal's tables.
#pragma once

#include "database.hpp"

#include <string>
#include <vector>

namespace assay {

// Tables for a journal with these scores, in an empty database.
void create_schema(SQLite::Database& database, const std::vector<std::string>& scores);
// Throws InputError unless the database is a journal of the format that this version writes.
void check_schema(SQLite::Database& database, const std::string& path);

}  // namespace assay
