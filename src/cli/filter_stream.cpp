#include "filter_stream.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "progress_display.hpp"
#include "wording.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// So many lines are judged at a time where they come faster than they are answered: enough for every worker,
// and few enough that answers come about every second.
constexpr std::size_t gated_batch = 1024;
constexpr std::size_t executed_batch = 64;

}  // namespace

FilterStream::FilterStream(const Space& space, CandidateFilter& filter, StreamOptions options)
    : space_(space),
      filter_(filter),
      options_(std::move(options)),
      input_name_(options_.input == "-" ? "standard input" : options_.input),
      reader_(options_.input),
      out_(options_.output) {}

void FilterStream::run(const std::stop_token& stop) {
  const std::size_t least = std::max<std::size_t>(1, options_.batch_lines);
  const std::size_t most = options_.batch_lines > 0 ? options_.batch_lines
                           : filter_.executes()     ? executed_batch
                                                    : gated_batch;
  ProgressDisplay display(progress(), streamed_results(options_.output));
  try {
    while (!stop.stop_requested()) {
      if (display.due()) display.show(progress());
      std::span<const Line> lines = reader_.next(least, most);
      if (lines.empty()) break;
      if (!parser_) lines = begin(lines);
      answer(filter_.judge(*parser_, lines, stop));
    }
    display.show(progress());
    out_.close();
  } catch (const ClosedPipe&) {
    closed_ = true;  // whoever read the answers has seen enough
  }
}

std::string FilterStream::rejections_text() const {
  std::string reasons;
  for (const auto& [reason, count] : rejected_)
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", reason, count);
  return reasons;
}

ProgressState FilterStream::progress() const {
  ProgressState state{.phase = "filter",
                      .title = fmt::format("filtering {}", input_name_),
                      .counted = "read",
                      .unit = "candidates",
                      .done = read_};
  const std::string reasons = rejections_text();
  state.details.push_back(fmt::format("kept {}   rejected {}{}{}", grouped(kept_), grouped(read_ - kept_),
                                      reasons.empty() ? "" : ": ", reasons));
  state.fields["kept"] = kept_;
  state.fields["rejected"] = rejected_;
  return state;
}

std::string FilterStream::summary() const {
  std::string reasons = rejections_text();
  if (!reasons.empty()) reasons = fmt::format(" ({})", reasons);
  const double seconds = clock_.seconds();
  return fmt::format("{} read in {} ({:.0f} a second): {} kept, {} rejected{}.{}", read_,
                     human_duration(seconds), static_cast<double>(read_) / seconds, kept_, read_ - kept_,
                     reasons, closed_ ? " Nobody reads the answers any more." : "");
}

// Tells the format by the first line. Returns the lines that hold candidates.
std::span<const Line> FilterStream::begin(std::span<const Line> lines) {
  const Line& first = lines.front();
  const std::string_view text = trim(first.text);
  if (text.starts_with('['))
    throw InputError(
        fmt::format("{}:{}: a JSON array is no stream of lines. Write one object a line, {{\"decision\": "
                    "\"option\", ...}}.",
                    input_name_, first.number));
  const bool json = text.starts_with('{');
  if (json)
    parser_.emplace(space_, input_name_);
  else
    parser_.emplace(space_, input_name_, first.text, first.number);
  const StreamFormat same = json ? StreamFormat::json_lines : StreamFormat::csv;
  format_.emplace(options_.format.value_or(same), json ? columns_of(first) : parser_->columns(),
                  filter_.results());
  const std::string header = format_->header();
  if (!header.empty()) out_.write(header);
  return json ? lines : lines.subspan(1);
}

// The candidates' columns in CSV: the keys of the first object, or every decision where that is none.
std::vector<std::string> FilterStream::columns_of(const Line& line) const {
  CandidateRow row;
  try {
    parser_->parse(line.text, line.number, row);
  } catch (const InputError&) {
    // It will be rejected in its place; what keys it has are in the row.
  }
  if (row.keys.empty())
    for (const Decision& decision : space_.decisions()) row.keys.push_back(decision.name);
  return row.keys;
}

void FilterStream::answer(std::span<const FilterRow> rows) {
  constexpr std::string_view invalid = "invalid: ";
  const auto bad = std::ranges::find_if(
      rows, [&](const FilterRow& row) { return options_.strict && row.reason.starts_with(invalid); });
  const auto good = rows.first(static_cast<std::size_t>(bad - rows.begin()));
  write(good);
  for (const FilterRow& row : good) {
    ++read_;
    if (row.kept())
      ++kept_;
    else
      ++rejected_[std::string(reason_kind(row.reason))];
  }
  if (bad == rows.end()) return;
  out_.close();
  throw InputError(bad->reason.substr(invalid.size()));
}

void FilterStream::write(std::span<const FilterRow> rows) {
  chunks_.resize(static_cast<std::size_t>(filter_.pool().size()));
  const std::int64_t used = chunks_of(rows.size(), chunks_.size());
  filter_.pool().run(used, [&](Worker&, std::int64_t chunk) {
    std::string& text = chunks_[static_cast<std::size_t>(chunk)];
    text.clear();
    for (const FilterRow& row : chunk_of(rows, chunk, used))
      if (row.kept() || !options_.drop_rejected) format_->append(text, row);
  });
  buffer_.clear();
  for (std::int64_t i = 0; i < used; ++i) buffer_ += chunks_[static_cast<std::size_t>(i)];
  if (!buffer_.empty()) out_.write(buffer_);
}

}  // namespace assay::cli
