// What several commands share: where results go, which estimator judges networks, how they are scored.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/report/table.hpp"
#include "assay/score/score.hpp"
#include "assay/space/space.hpp"

#include "arguments.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace assay::cli {

inline constexpr const char* assay_version = "0.1.0";

// --- results
// -------------------------------------------------------------------------------------------------------

OptionGroup output_options();

class Output {
 public:
  // `usual` is the format where neither --format nor the ending of --out says one: without it, a table on a
  // terminal and CSV elsewhere.
  explicit Output(const Arguments& arguments, std::optional<Format> usual = std::nullopt);

  Format format() const { return format_; }
  // --out, or "-".
  const std::string& path() const { return path_; }
  bool quiet() const { return quiet_; }
  // Writes to --out or standard output. Text for people is cut to the terminal's width.
  void write(const Table& table) const;
  void write(const std::string& text) const;

 private:
  Format format_;
  std::string path_;
  bool quiet_;
};

// --- estimates and scores
// --------------------------------------------------------------------------------------------

// Networks of a space for fitting an estimator: always the same ones, whatever the run's seed.
std::vector<Network> sample_networks(const Space& space, int count);

OptionGroup estimator_options();
// From --estimator, or fitted to --accelerator's cycle model over `networks`, or, without `networks`, that
// cycle model itself; nullopt when neither option is given.
std::optional<Estimator> make_estimator(const Arguments& arguments,
                                        const std::function<std::vector<Network>()>& networks);

OptionGroup score_options();
// As the options say; commands that know --rank-weights take ranking_of instead.
ScoreSettings score_settings(const Arguments& arguments);

// --workers, checked; 0: one per core.
int worker_count(const Arguments& arguments);
struct WorkerMemory {
  std::int64_t bytes = 0;  // that each worker may use
  bool asked_for = false;  // by --max-memory: part of the question, not of the machine
};
// --max-memory, shared evenly by the workers; most of what the machine has free when it is not given.
WorkerMemory worker_memory(const Arguments& arguments);

}  // namespace assay::cli
