#include "score_percentile.hpp"

#include "assay/base/error.hpp"
#include "assay/space/space.hpp"

#include "common.hpp"
#include "reference.hpp"
#include "score_service.hpp"

#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace assay::cli {

struct ScorePercentiles::State {
  ScoreService service;
  std::map<std::string, Reference> references;  // by the space's path
};

ScorePercentiles::ScorePercentiles(const Arguments& arguments, bool quiet)
    : arguments_(arguments), quiet_(quiet) {}

ScorePercentiles::~ScorePercentiles() = default;

double ScorePercentiles::of(const Network& network, const std::string& space_path,
                            const std::stop_token& stop) {
  const ScoreSettings settings;
  if (!state_) {
    state_.reset(new State{
        {settings, worker_count(arguments_), worker_memory(arguments_), cache_path(arguments_), quiet_}, {}});
  }
  auto found = state_->references.find(space_path);
  if (found == state_->references.end()) {
    const Space space = Space::load(space_path);
    const auto records =
        reference_records(space, state_->service, usual_reference_size,
                          reference_path(arguments_, space, settings, usual_reference_size), stop, quiet_);
    if (!records) throw Interrupted{};
    found =
        state_->references.emplace(space_path, Reference(*records, rank_terms(settings.scores), {})).first;
  }
  const std::vector<ScoredNetwork> scored = state_->service.score(
      1, [&](std::int64_t) { return network; }, stop);
  if (!scored[0].done) throw Interrupted{};
  const ScoreRecord& record = scored[0].record;
  const double percentile = found->second.percentiles(record.values).back();
  if (!std::isfinite(percentile))
    throw InputError(
        fmt::format("It has no score to compare with candidates of {}: {}.", space_path, record.status));
  return percentile;
}

}  // namespace assay::cli
