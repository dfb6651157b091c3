#include "assay/search/cohort.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

template <class Column>
auto place(Column& column, std::size_t slot, std::size_t width = 1) {
  return column.begin() + static_cast<std::ptrdiff_t>(slot * width);
}

// Moves the entries of those slots, which ascend, to the front and drops the rest.
template <class Value>
void compact(std::vector<Value>& column, std::span<const std::size_t> slots, std::size_t width = 1) {
  std::size_t to = 0;
  for (const std::size_t from : slots) {
    std::copy(place(column, from, width), place(column, from + 1, width), place(column, to, width));
    ++to;
  }
  column.resize(to * width);
}

}  // namespace

int Cohort::add(const Candidate& candidate, const GateResult& gate, const ScoreRow& row) {
  insert(held_.size(), size_, candidate, gate, row);
  if (!row.status.empty()) failed_.push_back(size_);
  return size_++;
}

bool Cohort::good(int evaluation) const {
  return !std::binary_search(failed_.begin(), failed_.end(), evaluation);
}

bool Cohort::holds(int evaluation) const {
  return std::binary_search(held_.begin(), held_.end(), evaluation);
}

void Cohort::keep(std::span<const int> evaluations) {
  std::vector<std::size_t> slots;
  slots.reserve(evaluations.size());
  for (const int evaluation : evaluations) slots.push_back(slot(evaluation));
  std::erase_if(statuses_, [&](const auto& entry) {
    return !std::binary_search(evaluations.begin(), evaluations.end(), entry.first);
  });
  compact(held_, slots);
  compact(choices_, slots, decisions_);
  compact(fingerprints_, slots);
  compact(costs_, slots);
  compact(scores_, slots, score_count_);
  compact(fitness_, slots);
}

void Cohort::restore(int evaluation, const Candidate& candidate, const GateResult& gate,
                     const ScoreRow& row) {
  const auto after = std::lower_bound(held_.begin(), held_.end(), evaluation);
  if (evaluation < 0 || evaluation >= size_ || (after != held_.end() && *after == evaluation))
    throw InternalError("An evaluation came back that was never forgotten.");
  insert(static_cast<std::size_t>(after - held_.begin()), evaluation, candidate, gate, row);
}

void Cohort::insert(std::size_t at, int evaluation, const Candidate& candidate, const GateResult& gate,
                    const ScoreRow& row) {
  const bool is_good = row.status.empty();
  if (candidate.choices.size() != decisions_ || (is_good && row.scores.size() != score_count_)) {
    throw InternalError("An evaluation has another number of decisions or scores than its search.");
  }
  held_.insert(place(held_, at), evaluation);
  choices_.insert(place(choices_, at, decisions_), candidate.choices.begin(), candidate.choices.end());
  fingerprints_.insert(place(fingerprints_, at), gate.fingerprint);
  costs_.insert(place(costs_, at), gate.costs);
  if (is_good) {
    scores_.insert(place(scores_, at, score_count_), row.scores.begin(), row.scores.end());
  } else {
    scores_.insert(place(scores_, at, score_count_), score_count_, nan);
    statuses_.emplace(evaluation, row.status);
  }
  fitness_.insert(place(fitness_, at), nan);
}

void Cohort::throw_not_held(int evaluation) {
  throw InternalError(fmt::format("Evaluation {} is not held any more.", evaluation));
}

std::size_t Cohort::slot(int evaluation) const {
  // The latest ones stand without gaps at the end.
  const std::ptrdiff_t from_end = std::ptrdiff_t{size_} - evaluation;
  const std::ptrdiff_t guess = std::ssize(held_) - from_end;
  if (guess >= 0 && from_end > 0 && held_[static_cast<std::size_t>(guess)] == evaluation)
    return static_cast<std::size_t>(guess);
  const auto found = std::lower_bound(held_.begin(), held_.end(), evaluation);
  if (found == held_.end() || *found != evaluation) throw_not_held(evaluation);
  return static_cast<std::size_t>(found - held_.begin());
}

Candidate Cohort::candidate(int evaluation) const {
  const auto first = place(choices_, slot(evaluation), decisions_);
  return {{first, first + static_cast<std::ptrdiff_t>(decisions_)}};
}

std::span<const double> Cohort::scores(int evaluation) const {
  return std::span(scores_).subspan(slot(evaluation) * score_count_, score_count_);
}

std::string_view Cohort::status(int evaluation) const {
  (void)slot(evaluation);
  const auto found = statuses_.find(evaluation);
  return found == statuses_.end() ? std::string_view{} : found->second;
}

}  // namespace assay
