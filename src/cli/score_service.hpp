// Scores of networks, each computed once: what `score`, `search` and whoever else needs scores have in
// common.
//
// Between the caller and the Scorer stand the pool of workers, the sharing of equal networks, and the cache
// of earlier runs. None of them changes a bit of a result. What is executed is a function of the network's
// canonical form, so networks of one form share it; scores that are read off the declared network (params,
// macs) are computed for each.
#pragma once

#include "assay/runtime/runtime.hpp"
#include "assay/score/score.hpp"
#include "assay/store/score_cache.hpp"

#include "arguments.hpp"
#include "common.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

namespace assay::cli {

OptionGroup cache_options();
// --cache, or $XDG_CACHE_HOME/assay/scores.sqlite, or ~/.cache/assay/scores.sqlite; nullopt with --no-cache.
std::optional<std::string> cache_path(const Arguments& arguments);

// Stands for the version of every score: a build may move roundings.
std::uint64_t hash_of_program();

struct ScoredNetwork {
  bool done = false;  // false: a stop was requested before
  // Its status is "not_buildable: ..." where there is no network.
  ScoreRecord record;
  double seconds = 0;  // of execution; 0 where the scores were known
};

// Where the scores of the networks came from; those of networks that cannot be built, or whose scores need no
// execution, came from nowhere.
struct ScoreOrigins {
  std::int64_t executed = 0;
  std::int64_t shared = 0;  // with an equal network of this run
  std::int64_t cached = 0;  // from an earlier run
};

// Remembers the latest entries, at least `capacity` and at most twice as many.
template <class Value>
class RecentMap {
 public:
  explicit RecentMap(std::size_t capacity) : capacity_(capacity) {}

  const Value* find(std::uint64_t key) const {
    for (const auto* map : {&young_, &old_})
      if (const auto found = map->find(key); found != map->end()) return &found->second;
    return nullptr;
  }
  void insert(std::uint64_t key, Value value) {
    if (young_.size() >= capacity_) {
      old_ = std::move(young_);
      young_.clear();
    }
    young_.insert_or_assign(key, std::move(value));
  }

 private:
  std::size_t capacity_;
  std::unordered_map<std::uint64_t, Value> young_, old_;
};

class ScoreService {
 public:
  // Throws InputError as validate(settings) does. A cache that cannot be used is one warning (unless quiet)
  // and left alone: it never stands in the way of results.
  ScoreService(const ScoreSettings& settings, int workers, const WorkerMemory& memory,
               const std::optional<std::string>& cache_path, bool quiet);

  const ScoreSettings& settings() const { return settings_; }
  // Whether any of the scores executes the network: milliseconds instead of microseconds.
  bool executes() const { return executed_ != nullptr; }
  WorkerPool& pool() { return pool_; }
  int workers() const { return pool_.size(); }
  const ScoreOrigins& origins() const { return origins_; }

  // Makes network `index`, on any of the pool's threads and possibly twice; InputError: it cannot be built.
  using MakeNetwork = std::function<Network(std::int64_t index)>;
  // How many are done. Called one at a time, from any thread.
  using Progress = std::function<void(std::int64_t done)>;

  // Scores networks 0 .. count-1. Holds no network longer than it takes to score it, but all results: long
  // streams come in windows. One call at a time.
  std::vector<ScoredNetwork> score(std::int64_t count, const MakeNetwork& network, std::stop_token stop,
                                   const Progress& progress = {});

  // "120 executed, 30 share the scores of an equal network, 50 from the cache FILE"; empty when nothing was
  // to be executed.
  std::string origins_text() const;
  // Writes what the cache has not written yet.
  void flush_cache();

 private:
  struct Job;  // one network of a call
  void look_at(Job& job, Worker& worker, const std::function<Network()>& network) const;
  std::vector<Job*> to_execute(std::vector<Job>& jobs);
  void execute(Job& job, Worker& worker, const Network& network, const std::stop_token& stop) const;
  void complete(Job& job) const;

  std::optional<CachedScores> recall(std::uint64_t network);
  void keep(std::uint64_t network, const CachedScores& scores);
  void give_up_cache(const std::string& reason);

  ScoreSettings settings_;
  // Scores that execute the network, in alphabetical order: which passes they share, and with it the last
  // bits of their values, then depends on which are asked for, not on how. Null when there are none.
  std::unique_ptr<Scorer> executed_;
  // Those read off the declared network. Null when there are none.
  std::unique_ptr<Scorer> declared_;
  WorkerPool pool_;
  bool quiet_ = false;
  ScoreOrigins origins_;
  std::uint64_t conditions_ = 0;
  std::unique_ptr<ScoreCache> cache_;
  RecentMap<CachedScores> recent_;
};

}  // namespace assay::cli
