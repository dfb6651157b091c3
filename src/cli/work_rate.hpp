// Time in the display of progress: how fast work goes of late, and when a log gets its next line.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace assay::cli {

// Work a second over the last half minute (longer where work comes in large pieces), so that a slow start or
// a pause is soon forgotten. Times are seconds since any beginning, ascending.
class WorkRate {
 public:
  // `done` units are done at `seconds`, `known` of them without work: recalled from an earlier run. While
  // that number grows nothing is known about the rate.
  void add(double seconds, double done, double known = 0);

  // nullopt until work was seen for two seconds.
  std::optional<double> per_second(double now) const;
  // What `left` units will take from `now` on; counts down between two pieces of work.
  std::optional<double> seconds_for(double left, double now) const;

 private:
  struct Point {
    double seconds = 0;
    double work = 0;
  };
  // Up to which time the rate holds: the last work, but no further back than the longest pause so far.
  double end(double now) const;

  std::deque<Point> points_;  // when work had grown
  double longest_pause_ = 0;
  double known_ = 0;
};

// When a log gets a line: after 10 s, 30 s, 1 min, then every minute, from 10 min on every 5, from 1 h on
// every 15. An hour leaves 22 lines, a day 114.
class LogSchedule {
 public:
  // Whether a line is due, `seconds` after the beginning. Lines that were missed do not pile up.
  bool due(double seconds);

 private:
  double next_ = 10;
};

}  // namespace assay::cli
