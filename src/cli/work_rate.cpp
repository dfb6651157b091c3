#include "work_rate.hpp"

#include <algorithm>
#include <cmath>

namespace assay::cli {
namespace {

constexpr double window_seconds = 30;
constexpr double point_distance = 0.5;  // work closer together makes one point
constexpr std::size_t fewest_points = 5;
constexpr double least_seconds = 2;

}  // namespace

void WorkRate::add(double seconds, double done, double known) {
  const double work = done - known;
  if (points_.empty() || known > known_) {
    known_ = known;
    points_.assign(1, {seconds, work});
    return;
  }
  if (work <= points_.back().work) return;
  longest_pause_ = std::max(longest_pause_, seconds - points_.back().seconds);
  const bool extends = points_.size() > 2 && seconds - points_[points_.size() - 2].seconds < point_distance;
  if (extends)
    points_.back() = {seconds, work};
  else
    points_.push_back({seconds, work});
  while (points_.size() > fewest_points && points_[1].seconds <= seconds - window_seconds)
    points_.pop_front();
}

double WorkRate::end(double now) const {
  return std::max(points_.back().seconds, now - longest_pause_);
}

std::optional<double> WorkRate::per_second(double now) const {
  if (points_.size() < 2) return std::nullopt;
  const double seconds = end(now) - points_.front().seconds;
  if (seconds < least_seconds) return std::nullopt;
  return (points_.back().work - points_.front().work) / seconds;
}

std::optional<double> WorkRate::seconds_for(double left, double now) const {
  const auto rate = per_second(now);
  if (!rate) return std::nullopt;
  return std::max(0.0, left / *rate - (now - end(now)));
}

bool LogSchedule::due(double seconds) {
  if (seconds < next_) return false;
  const auto following = [](double t) {
    if (t < 30) return 30.0;
    const double step = t < 600 ? 60 : t < 3600 ? 300 : 900;
    return (std::floor(t / step) + 1) * step;
  };
  next_ = following(seconds);
  return true;
}

}  // namespace assay::cli
