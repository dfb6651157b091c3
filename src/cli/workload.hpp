// Which networks a command looks at: one of a file, or a stream of candidates of a space.
#pragma once

#include "assay/report/table.hpp"
#include "assay/space/space.hpp"

#include "arguments.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace assay::cli {

// SPACE with --candidates, --candidate, --sample or --all; or a model file.
OptionGroup input_options();

// One network to look at, with the columns of its own that results repeat.
struct Item {
  std::vector<Cell> fields;  // as Workload::columns
  std::optional<Candidate> candidate;
  int line = 0;  // in the candidate file, 0: none
};

// Items are made as they are asked for, so that a million of them need no more memory than a thousand.
class Workload {
 public:
  // Throws InputError when the arguments do not say which networks, or name what cannot be read.
  explicit Workload(const Arguments& arguments);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  const Space* space() const { return space_ ? &*space_ : nullptr; }
  // The candidates' own columns: every decision, and whatever else their file holds; a network file's is
  // "network".
  const std::vector<std::string>& columns() const { return columns_; }
  // The space or network file.
  const std::string& source() const { return source_; }
  // Operators of the model file that were left out (ModelFile::gaps).
  const std::string& gaps() const { return gaps_; }

  // Reads a file of candidates to its end and goes back to its beginning, so that a mistake in its last row
  // is found before hours of work. What can be read only once (standard input, a pipe) is left alone.
  void check();

  // The next items: `count`, or fewer at the end. Throws InputError for a row that is no candidate (naming
  // the line), and for a file that holds none.
  std::vector<Item> next(std::size_t count);
  std::vector<Item> all();
  // How many there are; nullopt of a file, which is read as it comes.
  std::optional<std::int64_t> total() const;
  // The share of the items that were handed out, 0 .. 1; negative where nobody knows (standard input).
  double share() const;

  // Decodes an item. Throws InputError naming the line of the candidate file. Thread-safe.
  Network network(const Item& item) const;

 private:
  struct CandidateFile;
  bool next_item(Item& item);

  std::string source_;
  std::optional<Space> space_;
  std::optional<Network> network_;
  std::string gaps_;
  std::vector<std::string> columns_;
  // Where candidates come from: a file, or a function that is asked for number 0, 1, 2 ... count_-1.
  std::unique_ptr<CandidateFile> file_;
  std::function<std::optional<Candidate>(std::int64_t)> candidate_;
  std::int64_t count_ = 0;
  std::int64_t taken_ = 0;
};

}  // namespace assay::cli
