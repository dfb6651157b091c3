// The filter between its input and its output: reads, judges and writes, batch by batch.
#pragma once

#include "assay/base/file.hpp"
#include "assay/space/space.hpp"

#include "candidate_filter.hpp"
#include "filter_format.hpp"
#include "line_reader.hpp"
#include "progress_view.hpp"
#include "terminal.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace assay::cli {

struct StreamOptions {
  std::string input = "-", output = "-";
  std::optional<StreamFormat> format;  // that of the input where it is not given
  std::size_t batch_lines = 0;         // so many lines at a time; 0: as they come
  bool drop_rejected = false;          // instead of writing them, too
  bool strict = false;                 // a line that is no candidate is an InputError
};

class FilterStream {
 public:
  // `space` and `filter` must outlive the object. Throws InputError when input or output cannot be opened.
  FilterStream(const Space& space, CandidateFilter& filter, StreamOptions options);

  // Until the input ends, nobody reads the output any more (where SIGPIPE is ignored), or a stop is
  // requested. Throws InputError for a CSV header that lacks a decision, and for an output that cannot be
  // written.
  void run(const std::stop_token& stop);

  // What has happened so far, as the display of progress shows it.
  ProgressState progress() const;
  // "100 read in 2 s (50 a second): 20 kept, 80 rejected (latency 60, rank_score 20)."
  std::string summary() const;

 private:
  std::string rejections_text() const;
  std::span<const Line> begin(std::span<const Line> lines);
  std::vector<std::string> columns_of(const Line& line) const;
  void answer(std::span<const FilterRow> rows);
  void write(std::span<const FilterRow> rows);

  const Space& space_;
  CandidateFilter& filter_;
  StreamOptions options_;
  std::string input_name_;
  LineReader reader_;
  OutputFile out_;
  std::optional<CandidateParser> parser_;  // from the first line on
  std::optional<FilterFormat> format_;
  std::vector<std::string> chunks_;  // of a batch's answers, one for each worker
  std::string buffer_;
  Clock clock_;
  std::int64_t read_ = 0, kept_ = 0;
  std::map<std::string, std::int64_t, std::less<>> rejected_;  // by reason
  bool closed_ = false;
};

}  // namespace assay::cli
