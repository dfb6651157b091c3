#include "database.hpp"

#include "assay/base/error.hpp"
#include "assay/store/run_journal.hpp"

#include <new>

#include <fmt/format.h>
#include <sqlite3.h>

namespace assay {

std::string journal_library() {
  return fmt::format("SQLite {}", sqlite3_libversion());
}

bool is_busy(const SQLite::Exception& error) {
  return error.getErrorCode() == SQLITE_BUSY || error.getErrorCode() == SQLITE_LOCKED;
}

void throw_damaged(const std::string& path, const std::string& what) {
  throw InputError(
      fmt::format("The run journal {} is damaged: {}. Restore it from a copy and remove the files beside it "
                  "that begin with its name, or start a new run under "
                  "another name.",
                  path, what));
}

void throw_journal_error(const std::string& path, const SQLite::Exception& error) {
  switch (error.getErrorCode()) {
    case SQLITE_FULL:
      throw InputError(
          fmt::format("The disk that holds the run journal {} is full. Free some space and resume the run: "
                      "everything recorded before is kept.",
                      path));
    case SQLITE_IOERR:
      throw InputError(
          fmt::format("The run journal {} cannot be read or written: {}. Check the disk and its quota, then "
                      "resume the run: everything recorded before is kept.",
                      path, error.what()));
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      throw InputError(
          fmt::format("The run journal {} cannot be opened: {}. It has to be a file in an existing directory "
                      "that you may write to (for reading, too, after a run was killed).",
                      path, error.what()));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw InputError(
          fmt::format("The run journal {} is locked by another program. Close that first.", path));
    case SQLITE_NOTADB:
      throw InputError(
          fmt::format("{} is not a run journal. Name a file that an assay search has written.", path));
    case SQLITE_NOMEM:
      throw std::bad_alloc();
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
      throw InternalError(fmt::format("The run journal {} was used wrongly: {}.", path, error.what()));
    default:
      throw_damaged(path, error.what());
  }
}

}  // namespace assay
