// Scores of networks, kept from one run to the next in one SQLite file (WAL) that any number of processes may
// use at once. It sees keys and numbers only; what a key stands for is its users' affair.
//
// A cache is expendable: when anything is wrong with its file, users go on without it. Every failure is an
// InputError that names the file and the cause. An entry is returned exactly as it was put (bit for bit), or
// not at all: each carries a checksum.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace assay {

struct ScoreKey {
  std::uint64_t network = 0;     // what was scored
  std::uint64_t conditions = 0;  // hash of everything else that decides the values

  friend bool operator==(const ScoreKey&, const ScoreKey&) = default;
};

struct CachedScores {
  std::vector<double> values;  // NaN where there is none
  std::string status;
};

// To be used by one thread at a time.
class ScoreCache {
 public:
  // About 150 bytes each: half a GiB. Beyond that the oldest entries make room.
  static constexpr std::int64_t default_limit = 4'000'000;

  // Opens the file, or makes it (and the folders above it). Throws InputError when it cannot be read and
  // written, is no score cache, is damaged, or was written in a newer format.
  explicit ScoreCache(std::string path, std::int64_t max_entries = default_limit);
  // Flushes, but cannot report a failure.
  ~ScoreCache();
  ScoreCache(const ScoreCache&) = delete;
  ScoreCache& operator=(const ScoreCache&) = delete;

  const std::string& path() const;

  // Sees what other processes have flushed, and what this one has put. Throws InputError when the file is
  // damaged.
  std::optional<CachedScores> find(const ScoreKey& key);
  // Written with others in one short transaction, now and then. Of two entries of one key the first stays.
  void put(const ScoreKey& key, CachedScores scores);
  // Writes what is pending. While another process keeps the file locked, entries stay pending.
  void flush();

  std::int64_t size();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace assay
