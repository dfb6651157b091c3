// What several commands share: where networks come from, which estimator judges them, where results go.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/report/table.hpp"
#include "assay/score/score.hpp"
#include "assay/space/codec.hpp"
#include "assay/space/space.hpp"

#include "arguments.hpp"

#include <functional>
#include <istream>
#include <memory>
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
  explicit Output(const Arguments& arguments);

  Format format() const { return format_; }
  bool quiet() const { return quiet_; }
  // Writes to --out or standard output. Text for people is cut to the terminal's width.
  void write(const Table& table) const;
  void write(const std::string& text) const;

 private:
  Format format_;
  std::string path_;
  bool quiet_;
};

// --- networks
// ------------------------------------------------------------------------------------------------------

// SPACE with --candidates, --candidate, --sample or --all; or a network JSON file.
OptionGroup input_options();

// One network to look at, with the columns of its own that results repeat.
struct Item {
  std::vector<Cell> fields;  // as Workload::columns
  std::optional<Candidate> candidate;
  int line = 0;  // in the candidate file, 0: none
};

class Workload {
 public:
  explicit Workload(const Arguments& arguments);

  const Space* space() const { return space_ ? &*space_ : nullptr; }
  // The candidates' own columns: every decision, and whatever else their file holds; a network file's is
  // "network".
  const std::vector<std::string>& columns() const { return columns_; }
  const std::vector<Item>& items() const { return items_; }
  const std::string& source() const { return source_; }

  // Decodes an item. Throws InputError naming the line of the candidate file.
  Network network(const Item& item) const;

 private:
  void read_candidates(const std::string& path);
  void add(const Candidate& candidate);

  std::string source_;
  std::string candidates_source_;
  std::optional<Space> space_;
  std::optional<Network> network_;
  std::vector<std::string> columns_;
  std::vector<Item> items_;
};

// A result table that begins with the candidates' own columns. Own columns that bear the name of a result
// become "input.NAME". For people the candidates' columns are left out and one last column holds the
// candidate's text instead.
Table result_table(const Workload& workload, const Output& output, const std::vector<Column>& results);
void add_result(Table& table, const Workload& workload, const Item& item, std::vector<Cell> results);

// Networks of a space for fitting an estimator: always the same ones, whatever the run's seed.
std::vector<Network> sample_networks(const Space& space, int count);

// --- estimates and scores
// --------------------------------------------------------------------------------------------

OptionGroup estimator_options();
// From --estimator, or fitted to --accelerator's cycle model over `networks`; nullopt when neither is given.
std::optional<Estimator> make_estimator(const Arguments& arguments,
                                        const std::function<std::vector<Network>()>& networks);

OptionGroup score_options();
ScoreSettings score_settings(const Arguments& arguments);

// --workers, checked; 0: one per core.
int worker_count(const Arguments& arguments);
// --max-memory in bytes, shared evenly by the workers; most of what the machine has free when it is not
// given.
std::int64_t worker_memory(const Arguments& arguments);

}  // namespace assay::cli
