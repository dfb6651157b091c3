#include "score_service.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"

#include "terminal.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <mutex>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// Enough for every form of NAS-Bench-201, and a few MiB.
constexpr std::size_t remembered_networks = 32768;

// Everything that decides the bits of an executed score besides the network.
std::uint64_t conditions_of(const ScoreSettings& settings) {
  // Named one by one, so that a new setting cannot be forgotten here.
  const auto& [scores, batch, repeats, resolution, seed] = settings;
  std::uint64_t hash = hash_text(runtime_description(), hash_of_program());
  for (const std::string& score : scores) hash = hash_combine(hash_text(score), hash);
  for (const int number : {batch, repeats, resolution})
    hash = hash_combine(static_cast<std::uint64_t>(number), hash);
  return hash_combine(seed, hash);
}

// What is executed, as a number: the graph, and the marks of its blocks, which the fingerprint leaves out but
// scores that walk the network block by block see.
std::uint64_t form_of(const Network& network, std::uint64_t fingerprint) {
  const Network executed = canonical(network);
  std::uint64_t hash = fingerprint;
  for (const BlockMark& block : executed.blocks())
    hash = hash_combine(static_cast<std::uint64_t>(block.output), hash);
  return hash;
}

bool is_executed(const std::string& score) {
  const ScoreInfo* info = find_score(score);
  return info != nullptr && info->conditions.has_value();
}

// A Scorer of those scores that are (or are not) executed; null when there are none.
std::unique_ptr<Scorer> scorer_of(ScoreSettings settings, bool executed) {
  std::erase_if(settings.scores, [&](const std::string& score) { return is_executed(score) != executed; });
  if (settings.scores.empty()) return nullptr;
  std::ranges::sort(settings.scores);
  return std::make_unique<Scorer>(std::move(settings));
}

// Whether the same network may get other scores tomorrow: more memory may be free then.
bool depends_on_machine(const std::string& status) {
  return status == "cancelled" || status.find("not_executable") != std::string::npos;
}

}  // namespace

std::uint64_t hash_of_program() {
  std::ifstream program = open_input("/proc/self/exe");
  std::vector<char> chunk(1 << 16);
  std::uint64_t hash = 0;
  do {
    program.read(chunk.data(), std::ssize(chunk));
    hash = hash_bytes(chunk.data(), static_cast<std::size_t>(program.gcount()), hash);
  } while (program);
  return hash;
}

OptionGroup cache_options() {
  return {
      "Score cache",
      {{"cache", "FILE",
        "where scores are kept for later runs; $XDG_CACHE_HOME/assay/scores.sqlite or "
        "~/.cache/assay/scores.sqlite when not given",
        ""},
       {"no-cache", "", "neither use nor keep scores of other runs, for timing. Results are the same", ""}}};
}

std::optional<std::string> cache_path(const Arguments& arguments) {
  const auto given = arguments.text("cache");
  if (arguments.flag("no-cache")) {
    if (given)
      throw InputError(fmt::format("assay {}: --cache and --no-cache exclude each other. Give one.",
                                   arguments.command_name()));
    return std::nullopt;
  }
  if (given && given->empty()) {
    throw InputError(fmt::format("assay {}: --cache names no file. Name one, or give --no-cache.",
                                 arguments.command_name()));
  }
  if (given) return given;
  // The XDG base directory specification has relative paths ignored.
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder != nullptr && *folder == '/')
    return fmt::format("{}/assay/scores.sqlite", folder);
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return fmt::format("{}/.cache/assay/scores.sqlite", home);
  return std::nullopt;
}

struct ScoreService::Job {
  ScoredNetwork result;     // at first with the scores of the declared network alone
  std::uint64_t form = 0;   // what is executed
  bool executable = false;  // there is something to execute, and a network
  Job* twin = nullptr;      // an earlier one of the same form, which has or will have the scores
  std::optional<CachedScores> executed;
};

ScoreService::ScoreService(const ScoreSettings& settings, int workers, const WorkerMemory& memory,
                           const std::optional<std::string>& cache_path, bool quiet)
    : settings_(settings), pool_(workers, memory.bytes), quiet_(quiet), recent_(remembered_networks) {
  validate(settings_);
  executed_ = scorer_of(settings_, true);
  declared_ = scorer_of(settings_, false);
  if (executed_ == nullptr || !cache_path) return;
  try {
    conditions_ = conditions_of(executed_->settings());
    // A network that needs more than was allowed says so, whether or not its scores were found elsewhere.
    if (memory.asked_for) conditions_ = hash_combine(static_cast<std::uint64_t>(memory.bytes), conditions_);
    cache_ = std::make_unique<ScoreCache>(*cache_path);
  } catch (const InputError& error) {
    give_up_cache(error.what());
  }
}

void ScoreService::give_up_cache(const std::string& reason) {
  cache_.reset();
  if (!quiet_)
    note(fmt::format("{} Scores are computed without it. Name another file with --cache, or give --no-cache.",
                     reason));
}

std::optional<CachedScores> ScoreService::recall(std::uint64_t network) {
  if (const CachedScores* known = recent_.find(network)) {
    ++origins_.shared;
    return *known;
  }
  if (cache_ == nullptr) return std::nullopt;
  try {
    std::optional<CachedScores> known = cache_->find({network, conditions_});
    if (!known) return std::nullopt;
    if (known->values.size() != executed_->settings().scores.size())
      throw InternalError("A score cache holds another number of scores than were put into it.");
    ++origins_.cached;
    recent_.insert(network, *known);
    return known;
  } catch (const InputError& error) {
    give_up_cache(error.what());
    return std::nullopt;
  }
}

void ScoreService::keep(std::uint64_t network, const CachedScores& scores) {
  ++origins_.executed;
  if (depends_on_machine(scores.status)) return;
  recent_.insert(network, scores);
  if (cache_ == nullptr) return;
  try {
    cache_->put({network, conditions_}, scores);
  } catch (const InputError& error) {
    give_up_cache(error.what());
  }
}

void ScoreService::flush_cache() {
  if (cache_ == nullptr) return;
  try {
    cache_->flush();
  } catch (const InputError& error) {
    give_up_cache(error.what());
  }
}

// Everything about the network that takes microseconds.
void ScoreService::look_at(Job& job, Worker& worker, const std::function<Network()>& network) const {
  try {
    const Network declared = network();
    if (declared_ != nullptr)
      job.result.record = declared_->score(worker, declared);
    else
      job.result.record.fingerprint = fingerprint(declared);
    job.executable = executed_ != nullptr;
    if (job.executable) job.form = form_of(declared, job.result.record.fingerprint);
  } catch (const InputError& error) {
    job.result.record.status = fmt::format("not_buildable: {}", error.what());
  }
  job.result.done = !job.executable;
}

// Those whose scores nobody has or is about to have.
std::vector<ScoreService::Job*> ScoreService::to_execute(std::vector<Job>& jobs) {
  std::vector<Job*> unknown;
  std::unordered_map<std::uint64_t, Job*> first;
  for (Job& job : jobs) {
    if (!job.executable) continue;
    const auto [at, is_first] = first.try_emplace(job.form, &job);
    if (!is_first) {
      job.twin = at->second;
    } else if (!(job.executed = recall(job.form))) {
      unknown.push_back(&job);
    }
  }
  return unknown;
}

void ScoreService::execute(Job& job, Worker& worker, const Network& network,
                           const std::stop_token& stop) const {
  const Clock clock;
  ScoreRecord record = executed_->score(worker, network, stop);
  if (record.status == "cancelled") return;
  job.executed = {.values = std::move(record.values), .status = std::move(record.status)};
  job.result.seconds = clock.seconds();
}

// Puts the scores of both kinds into the order that was asked for.
void ScoreService::complete(Job& job) const {
  const auto& executed = job.twin != nullptr ? job.twin->executed : job.executed;
  job.result.done = job.result.done || executed.has_value();
  ScoreRecord& record = job.result.record;
  const std::vector<double> declared = std::move(record.values);
  record.values.clear();
  const auto place = [](const Scorer& scorer, const std::string& score) {
    return static_cast<std::size_t>(std::ranges::find(scorer.settings().scores, score) -
                                    scorer.settings().scores.begin());
  };
  for (const std::string& score : settings_.scores) {
    double value = std::numeric_limits<double>::quiet_NaN();
    if (is_executed(score)) {
      if (executed) value = executed->values[place(*executed_, score)];
    } else if (!declared.empty()) {
      value = declared[place(*declared_, score)];
    }
    record.values.push_back(value);
  }
  if (executed && executed->status != "ok")
    record.status = record.ok() ? executed->status : record.status + "; " + executed->status;
}

std::vector<ScoredNetwork> ScoreService::score(std::int64_t count, const MakeNetwork& network,
                                               std::stop_token stop, const Progress& progress) {
  std::vector<Job> jobs(static_cast<std::size_t>(count));
  pool_.run(count, [&](Worker& worker, std::int64_t index) {
    if (!stop.stop_requested())
      look_at(jobs[static_cast<std::size_t>(index)], worker, [&] { return network(index); });
  });

  const std::vector<Job*> unknown = to_execute(jobs);
  std::mutex mutex;
  std::int64_t done = count - std::ssize(unknown);
  pool_.run(std::ssize(unknown), [&](Worker& worker, std::int64_t index) {
    if (stop.stop_requested()) return;
    Job& job = *unknown[static_cast<std::size_t>(index)];
    execute(job, worker, network(&job - jobs.data()), stop);
    if (!job.executed) return;
    const std::lock_guard lock(mutex);
    keep(job.form, *job.executed);
    if (progress) progress(++done);
  });

  if (progress && !stop.stop_requested()) progress(count);

  std::vector<ScoredNetwork> results;
  results.reserve(jobs.size());
  for (Job& job : jobs) {
    complete(job);
    origins_.shared += job.twin != nullptr && job.result.done;
    results.push_back(std::move(job.result));
  }
  return results;
}

std::string ScoreService::origins_text() const {
  const auto [executed, shared, cached] = origins_;
  if (executed + shared + cached == 0) return "";
  std::string text = fmt::format("{} executed", executed);
  if (shared > 0) text += fmt::format(", {} equal to another one", shared);
  if (cached > 0 && cache_ != nullptr) text += fmt::format(", {} from the cache {}", cached, cache_->path());
  return text;
}

}  // namespace assay::cli
