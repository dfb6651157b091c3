#include "assay/store/run_journal.hpp"

#include "assay/base/error.hpp"

#include "identity.hpp"
#include "journal_file.hpp"
#include "schema.hpp"

#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

void check_name(const std::string& path) {
  if (path.empty()) throw InputError("The name of the run journal is empty. Name a file.");
}

void check_is_there(const std::string& path) {
  check_name(path);
  if (!is_there(path)) {
    throw InputError(
        fmt::format("There is no run journal {}. Check the name: assay runs lists those of a folder.", path));
  }
  // Opening a pipe or a device could wait for ever.
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw InputError(fmt::format(
        "{} is not a run journal: it is no regular file. Name a file that an assay search has written.",
        path));
  }
}

// SQLite knows what belongs to a file by the name alone: what a killed run left would become part of a new
// one.
void check_no_orphans(const std::string& path) {
  for (const char* ending : {"-wal", "-journal"}) {
    if (!is_there(path + ending)) continue;
    throw InputError(
        fmt::format("{0}{1} was left by a run that was killed, and its journal {0} is gone. Put the journal "
                    "back to go on "
                    "with that run; to begin another one, remove {0}{1}, or give it another name.",
                    path, ending));
  }
}

void check_settings(const RunIdentity& identity) {
  if (!nlohmann::json::accept(identity.settings_json) ||
      !nlohmann::json::parse(identity.settings_json).is_object()) {
    throw InternalError("A run's settings have to be a JSON object.");
  }
}

}  // namespace

RunJournal::RunJournal(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
RunJournal::RunJournal(RunJournal&&) noexcept = default;
RunJournal& RunJournal::operator=(RunJournal&&) noexcept = default;

RunJournal::~RunJournal() {
  try {
    if (implementation_) close();
  } catch (const std::exception&) {
    // What was committed stays in the -wal file and is there when the journal is opened again.
  }
}

RunJournal RunJournal::create(const std::string& path, const RunIdentity& identity) {
  check_settings(identity);
  check_name(path);
  auto journal = std::make_unique<Implementation>();
  journal->path = path;
  journal->lock = std::make_unique<LockFile>(path);
  if (is_there(path)) {
    throw InputError(fmt::format(
        "The run journal {} exists already. Resume that run, or give the new one another name.", path));
  }
  check_no_orphans(path);
  // Under its own name only when complete: a journal is never half made, whenever the process dies.
  const std::string unfinished = path + ".new";
  std::error_code error;
  std::filesystem::remove(unfinished, error);
  try {
    guarded(path, [&] {
      SQLite::Database database(unfinished, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      SQLite::Transaction transaction(database);
      create_schema(database, identity.scores);
      write_identity(database, identity);
      write_value(database, "created_utc", utc_now());
      write_value(database, "state", "running");
      transaction.commit();
    });
  } catch (const InputError&) {
    std::filesystem::remove(unfinished, error);
    throw;
  }
  std::filesystem::rename(unfinished, path, error);
  if (error)
    throw InputError(fmt::format("The run journal {} cannot be created: {}.", path, error.message()));
  try {
    journal->open();
    journal->prepare_to_write(identity);
    return RunJournal(std::move(journal));
  } catch (const InputError&) {
    journal->writing.reset();
    journal->evaluations.reset();
    journal->database.reset();
    for (const char* ending : {"", "-wal", "-shm"}) std::filesystem::remove(path + ending, error);
    throw;
  }
}

RunJournal RunJournal::resume(const std::string& path, const RunIdentity& identity) {
  check_settings(identity);
  check_is_there(path);
  auto journal = std::make_unique<Implementation>();
  journal->path = path;
  journal->lock = std::make_unique<LockFile>(path);
  journal->open();
  check_same_run(journal->identity, identity, path);
  journal->check_content();
  journal->prepare_to_write(identity);
  journal->earlier_state = {read_value(*journal->database, "state"),
                            read_value(*journal->database, "state_note")};
  RunJournal resumed(std::move(journal));
  resumed.set_state({"running", ""});
  return resumed;
}

RunJournal RunJournal::open_to_read(const std::string& path) {
  check_is_there(path);
  auto journal = std::make_unique<Implementation>();
  journal->path = path;
  journal->open();
  guarded(path, [&] { journal->evaluations->check_complete(); });
  return RunJournal(std::move(journal));
}

void RunJournal::close() {
  implementation_->close();
}

void RunJournal::discard() {
  const std::unique_ptr<LockFile> held = std::move(implementation_->lock);
  implementation_->abandon();
  implementation_->close();
  for (const char* ending : {"", "-wal", "-shm"}) {
    std::error_code error;  // what cannot be removed does no harm to anybody but the next run, which tells it
    std::filesystem::remove(path() + ending, error);
  }
}

const RunState& RunJournal::earlier_state() const {
  return implementation_->earlier_state;
}

const std::string& RunJournal::path() const {
  return implementation_->path;
}

const RunIdentity& RunJournal::identity() const {
  return implementation_->identity;
}

bool RunJournal::in_use() const {
  return implementation_->lock != nullptr || LockFile::is_held(path());
}

std::string RunJournal::shown_state() const {
  // Asked before and after: neither a run that ends meanwhile nor one that begins must look killed.
  const bool used = in_use();
  const std::string said = state();
  return said == "running" && !used && !in_use() ? "killed" : said;
}

}  // namespace assay
