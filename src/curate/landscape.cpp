#include "assay/curate/landscape.hpp"

#include "assay/base/error.hpp"
#include "assay/score/statistics.hpp"

#include "cost_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <span>
#include <vector>

#include <fmt/format.h>

namespace assay {
namespace {

using curation::CandidateCosts;
using curation::CostModel;

constexpr double kFlat = 1e-3;  // of the network's latency

// The neighbours of a candidate: each active decision one option down or up.
std::vector<Candidate> neighbours(const Space& space, const Candidate& candidate) {
  std::vector<Candidate> found;
  for (std::size_t d = 0; d < candidate.choices.size(); ++d) {
    for (const int step : {-1, 1}) {
      const int option = candidate.choices[d] + step;
      if (option < 0 || option >= std::ssize(space.decisions()[d].options)) continue;
      Candidate next = candidate;
      next.choices[d] = static_cast<std::uint16_t>(option);
      next = space.normalised(next);
      // An inactive decision falls back to its first option: no step at all.
      if (next != candidate && space.violated_constraint(next).empty()) found.push_back(std::move(next));
    }
  }
  return found;
}

double pearson(std::span<const double> a, std::span<const double> b) {
  const auto alike = [](std::span<const double> x) { return std::ranges::min(x) == std::ranges::max(x); };
  if (alike(a) || alike(b)) return std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<double>(a.size());
  double mean_a = 0, mean_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    mean_a += a[i] / n;
    mean_b += b[i] / n;
  }
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return ab / std::sqrt(aa * bb);
}

void count_steps(Landscape& landscape, CostModel& model, const Candidate& candidate,
                 const CandidateCosts& here) {
  for (const Candidate& next : neighbours(model.space(), candidate)) {
    const auto& there = model.costs(next);
    if (!there || there->macs == here.macs) continue;
    ++landscape.steps;
    const bool down = there->macs < here.macs;
    const double more_work_ms = down ? here.latency_ms : there->latency_ms;
    const double less_work_ms = down ? there->latency_ms : here.latency_ms;
    // Rounding in the last digits is no rise.
    if (less_work_ms > more_work_ms * (1 + 1e-9))
      ++landscape.rising;
    else if (less_work_ms > more_work_ms * (1 - kFlat))
      ++landscape.flat;
  }
}

struct Descent {
  CandidateCosts end;
  int steps = 0;
};

Descent descend(CostModel& model, Candidate at, CandidateCosts here, std::int64_t least_macs, Random random) {
  Descent descent;
  for (bool moved = true; moved;) {
    moved = false;
    std::vector<Candidate> open = neighbours(model.space(), at);
    while (!open.empty() && !moved) {
      std::swap(open[random.below(open.size())], open.back());
      const auto& there = model.costs(open.back());
      if (there && there->macs >= least_macs && there->latency_ms < here.latency_ms) {
        here = *there;
        at = std::move(open.back());
        ++descent.steps;
        moved = true;
      } else {
        open.pop_back();
      }
    }
  }
  descent.end = here;
  return descent;
}

void run_descents(Landscape& landscape, CostModel& model, const LandscapeSettings& settings) {
  std::set<std::uint64_t> ends;
  std::vector<double> latencies, steps;
  // A floor above most of the space leaves fewer descents than were asked for.
  for (int tries = 0; landscape.descents < settings.descents && tries < 50 * settings.descents; ++tries) {
    const auto index = static_cast<std::uint64_t>(tries);
    const Candidate start = curation::draw(model.space(), settings.seed, index);
    const auto costs = model.costs(start);
    if (!costs || costs->macs < landscape.least_macs) continue;
    const Descent descent = descend(model, start, *costs, landscape.least_macs,
                                    Random(settings.seed, Purpose::select, costs->fingerprint, index));
    ++landscape.descents;
    ends.insert(descent.end.fingerprint);
    latencies.push_back(descent.end.latency_ms);
    steps.push_back(descent.steps);
  }
  landscape.minima = static_cast<int>(ends.size());
  if (latencies.empty()) return;
  landscape.best_latency_ms = *std::ranges::min_element(latencies);
  landscape.excess_percent = 100 * (curation::median(latencies) / landscape.best_latency_ms - 1);
  landscape.steps_to_minimum = curation::median(steps);
}

}  // namespace

double Landscape::monotone_share() const {
  return steps > 0 ? 1 - static_cast<double>(rising) / static_cast<double>(steps) : 1;
}

double Landscape::flat_share() const {
  return steps > 0 ? static_cast<double>(flat) / static_cast<double>(steps) : 0;
}

Landscape measure_landscape(const Space& space, const Estimator& estimator,
                            const LandscapeSettings& settings) {
  CostModel model(space, estimator);
  Landscape landscape;
  std::vector<double> macs, latencies;
  for (int i = 0; i < settings.candidates; ++i) {
    const Candidate candidate = curation::draw(space, settings.seed, static_cast<std::uint64_t>(i));
    const auto here = model.costs(candidate);
    if (!here) continue;
    ++landscape.candidates;
    landscape.extrapolated += here->extrapolated ? 1 : 0;
    macs.push_back(static_cast<double>(here->macs));
    latencies.push_back(here->latency_ms);
    count_steps(landscape, model, candidate, *here);
  }
  if (macs.empty()) {
    throw InputError(fmt::format("{}: none of {} random candidates can be built, so there is no landscape.",
                                 space.source(), settings.candidates));
  }
  landscape.spearman = spearman(macs, latencies);
  landscape.pearson = pearson(macs, latencies);
  landscape.median_latency_ms = curation::median(latencies);
  landscape.least_macs =
      settings.least_macs > 0 ? settings.least_macs : static_cast<std::int64_t>(curation::median(macs));
  run_descents(landscape, model, settings);
  return landscape;
}

}  // namespace assay
