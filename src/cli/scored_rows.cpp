#include "scored_rows.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "interrupt.hpp"
#include "progress_display.hpp"
#include "result_writer.hpp"
#include "terminal.hpp"
#include "wording.hpp"

#include <utility>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// So many networks are read, scored and put away at a time.
constexpr std::size_t window = 512;

class ScoringProgress {
 public:
  explicit ScoringProgress(const Workload& workload) : total_(workload.total()), display_(state(0, total_)) {}

  // `done` of a window's `size` networks; the window goes from `begin` to `end` as shares of all networks,
  // negative where nobody knows.
  void show(std::int64_t done, std::int64_t size, double begin, double end) {
    display_.advance(finished_ + done);
    if (total_ || end < 0 || !display_.due()) return;
    const double part = static_cast<double>(done) / static_cast<double>(size);
    ProgressState now = state(finished_ + done, total_);
    now.share = begin + part * (end - begin);
    display_.show(std::move(now));
  }
  void finish_window(std::int64_t done) { finished_ += done; }

  // The closing words.
  std::string summary(const ScoreService& service) {
    display_.close();
    const double seconds = clock_.seconds();
    std::string text = fmt::format("{} scored in {} ({:.1f} a second, {}).", number_of(finished_, "network"),
                                   human_duration(seconds), static_cast<double>(finished_) / seconds,
                                   number_of(service.workers(), "thread"));
    if (const std::string origins = service.origins_text(); !origins.empty())
      text += fmt::format(" Scores: {}.", origins);
    return text;
  }

 private:
  static ProgressState state(std::int64_t done, std::optional<std::int64_t> total) {
    return {.phase = "score",
            .title = "scoring",
            .counted = "scored",
            .unit = "networks",
            .done = done,
            .total = total};
  }

  std::optional<std::int64_t> total_;
  ProgressDisplay display_;
  Clock clock_;
  std::int64_t finished_ = 0;
};

}  // namespace

ScoredRows::ScoredRows(std::string folder, RankCohort cohort)
    : rows_(std::move(folder)), cohort_(std::move(cohort)) {}

void ScoredRows::add(std::vector<Cell> own, const ScoreRecord& record) {
  if (rows_.size() == 0) first_status_ = record.status;
  not_buildable_ += record.status.starts_with("not_buildable");
  width_ = std::ssize(record.values);
  cohort_.add(record.values);
  own.insert(own.end(), record.values.begin(), record.values.end());
  own.emplace_back(record.status);
  rows_.append(own);
}

void ScoredRows::finish(const std::function<void(ScoredRow row)>& visit) {
  cohort_.close();
  rows_.replay([&](std::vector<Cell> cells) {
    ScoredRow row;
    row.status = std::get<std::string>(cells.back());
    const auto values = cells.end() - 1 - width_;
    for (auto cell = values; cell != cells.end() - 1; ++cell) row.values.push_back(std::get<double>(*cell));
    row.rank_score = cohort_.next_rank_score(row.values);
    cells.erase(values, cells.end());
    row.own = std::move(cells);
    visit(std::move(row));
  });
}

void score_all(Workload& workload, const Output& output, ScoreService& service, std::stop_token stop,
               ScoredRows& scored) {
  ScoringProgress progress(workload);
  while (!stop.stop_requested()) {
    const double begin = workload.share();
    std::vector<Item> items;
    try {
      items = workload.next(window);
    } catch (const InputError&) {
      if (!InterruptGuard::requested()) throw;  // a signal cuts off what is being read
    }
    if (items.empty() || InterruptGuard::requested()) break;
    const auto count = std::ssize(items);
    const double end = workload.share();
    std::vector<ScoredNetwork> results = service.score(
        count, [&](std::int64_t i) { return workload.network(items[static_cast<std::size_t>(i)]); }, stop,
        [&](std::int64_t done) { progress.show(done, count, begin, end); });
    std::int64_t done = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!results[i].done) continue;
      scored.add(own_cells(workload, output, items[i]), results[i].record);
      ++done;
    }
    progress.finish_window(done);
  }
  service.flush_cache();
  const std::string summary = progress.summary(service);
  if (!output.quiet()) note(summary);
}

}  // namespace assay::cli
