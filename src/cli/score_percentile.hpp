// How a network's rank score compares with random candidates of a space, as `assay score --reference` says
// it.
#pragma once

#include "assay/network/network.hpp"

#include "arguments.hpp"

#include <map>
#include <memory>
#include <stop_token>
#include <string>

namespace assay::cli {

// Executes nothing before it is asked. Under the settings that `assay score` has without options; the scores
// of the random candidates are kept beside the score cache.
class ScorePercentiles {
 public:
  ScorePercentiles(const Arguments& arguments, bool quiet);
  ~ScorePercentiles();
  ScorePercentiles(const ScorePercentiles&) = delete;
  ScorePercentiles& operator=(const ScorePercentiles&) = delete;

  // How many percent of the space's random candidates have a lower rank score. Throws InputError for a space
  // that cannot be read and a network that has no score, and Interrupted when a stop was requested.
  double of(const Network& network, const std::string& space_path, const std::stop_token& stop);

  struct Interrupted {};

 private:
  struct State;
  const Arguments& arguments_;
  bool quiet_;
  std::unique_ptr<State> state_;
};

}  // namespace assay::cli
