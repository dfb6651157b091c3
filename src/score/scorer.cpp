#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"

#include "blocks.hpp"
#include "pass_run.hpp"

#include <algorithm>
#include <cmath>
#include <new>

#include <fmt/format.h>

namespace assay {
namespace {

// "not_finite: snip zen; no_activation: naswot".
std::string status_of(std::span<const PlannedScore> scores, std::span<const ScoreOutcome> outcomes,
                      const std::string& message) {
  std::vector<std::pair<std::string_view, std::string>> reasons;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    const std::string_view reason = outcomes[k].reason;
    if (reason.empty()) continue;
    auto at = std::ranges::find(reasons, reason, &decltype(reasons)::value_type::first);
    if (at == reasons.end()) at = reasons.insert(at, {reason, std::string()});
    at->second += fmt::format(" {}", scores[k].entry->info.name);
  }
  std::string status;
  for (const auto& [reason, names] : reasons)
    status += fmt::format("{}{}:{}", status.empty() ? "" : "; ", reason,
                          reason == "not_executable" ? " " + message : names);
  return status.empty() ? "ok" : status;
}

}  // namespace

struct Scorer::Implementation {
  ScoreSettings settings;
  Plan plan;
  InputCache inputs;

  // Throws Cancelled.
  void fill(ScoreRecord& record, Worker& worker, const Network& declared, const std::stop_token& stop);
};

Scorer::Scorer(ScoreSettings settings) : implementation_(std::make_unique<Implementation>()) {
  validate(settings);
  implementation_->plan = make_plan(settings.scores);
  implementation_->settings = std::move(settings);
}

Scorer::~Scorer() = default;

const ScoreSettings& Scorer::settings() const {
  return implementation_->settings;
}

namespace {

// Lets the worker heed the token while this lives.
class StopScope {
 public:
  StopScope(Worker& worker, std::stop_token stop) : worker_(worker) { worker_.set_stop(std::move(stop)); }
  ~StopScope() { worker_.set_stop({}); }
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

 private:
  Worker& worker_;
};

}  // namespace

ScoreRecord Scorer::score(Worker& worker, const Network& declared, std::stop_token stop) const {
  ScoreRecord record;
  record.fingerprint = fingerprint(declared);
  const StopScope scope(worker, stop);
  try {
    implementation_->fill(record, worker, declared, stop);
  } catch (const Cancelled&) {
    record.values.assign(implementation_->plan.scores.size(), std::numeric_limits<double>::quiet_NaN());
    record.status = "cancelled";
  }
  return record;
}

void Scorer::Implementation::fill(ScoreRecord& record, Worker& worker, const Network& declared,
                                  const std::stop_token& stop) {
  std::vector<ScoreOutcome> outcomes(plan.scores.size());
  std::string message;
  // Where all is read off the declared network, the canonical one is not needed.
  const bool declared_only = std::ranges::all_of(
      plan.scores, [](const PlannedScore& score) { return score.entry->of_network != nullptr; });
  const Network network = declared_only ? declared : logits(canonical(declared));
  for (int repeat = 0; repeat < settings.repeats; ++repeat) {
    const std::uint64_t seed =
        repeat == 0 ? settings.seed : hash_combine(settings.seed, static_cast<std::uint64_t>(repeat));
    for (std::size_t p = 0; p < plan.passes.size(); ++p) {
      if (stop.stop_requested()) throw Cancelled();
      const Pass& pass = plan.passes[p];
      const int resolution =
          pass.conditions.resolution > 0 ? pass.conditions.resolution : settings.resolution;
      PassRun run(pass, at_most(network, resolution), settings.batch, seed, record.fingerprint, stop);
      std::string_view failure;
      try {
        run.run(worker, inputs);
      } catch (const InputError& error) {
        failure = "not_executable";
        message = error.what();
      } catch (const std::bad_alloc&) {
        failure = "not_executable";
        message = "There is not enough memory for the network at this batch size.";
      }
      for (std::size_t k = 0; k < plan.scores.size(); ++k) {
        const PlannedScore& score = plan.scores[k];
        if (score.entry->read == nullptr || score.pass != p || !outcomes[k].reason.empty()) continue;
        const ScoreOutcome outcome =
            failure.empty() ? score.entry->read(run.probe(score.probe)) : ScoreOutcome::failed(failure);
        outcomes[k].value += outcome.value / settings.repeats;
        outcomes[k].reason = !outcome.reason.empty()        ? outcome.reason
                             : std::isfinite(outcome.value) ? std::string_view{}
                                                            : "not_finite";
      }
    }
  }
  for (std::size_t k = 0; k < plan.scores.size(); ++k) {
    const ScoreEntry& entry = *plan.scores[k].entry;
    if (entry.of_network != nullptr) outcomes[k].value = entry.of_network(declared);
    if (entry.of_function != nullptr) outcomes[k] = entry.of_function(network);
    record.values.push_back(outcomes[k].reason.empty() ? outcomes[k].value
                                                       : std::numeric_limits<double>::quiet_NaN());
  }
  record.status = status_of(plan.scores, outcomes, message);
}

}  // namespace assay
