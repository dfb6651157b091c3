// A synthetic search problem: candidates are real, their networks are never looked at. Scores have concave
// gains per decision and interactions between neighbouring decisions; latency climbs in stairs.
#pragma once

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"
#include "assay/search/pareto.hpp"
#include "assay/search/search.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace assay {

// Independent decisions, all with the same number of options.
inline Space toy_space(int decisions, int options) {
  std::string widths;
  for (int option = 1; option <= options; ++option) widths += std::to_string(8 * option) + ", ";
  std::string toml = "name = \"toy\"\n[input]\nchannels = 1\nheight = 8\nwidth = 8\n";
  for (int i = 0; i < decisions; ++i) {
    toml += "[[stage]]\nname = \"s" + std::to_string(i) + "\"\nblock = \"conv\"\nkernel = 1\nchannels = [" +
            widths + "]\n";
  }
  return Space::parse(toml, "toy.toml");
}

class ToyEvaluator : public Evaluator {
 public:
  explicit ToyEvaluator(const Space& space, std::uint64_t seed = 0)
      : decisions_(space.decisions().size()), seed_(seed) {
    Random random(seed, Purpose::noise);
    for (std::size_t i = 0; i < decisions_; ++i) {
      gain_.push_back(0.3 + random.uniform());
      time_.push_back(0.3 + random.uniform());
    }
  }

  // Bends of the rules, for tests.
  std::size_t equal_decisions = 0;          // so many leading decisions make no difference to the network
  std::uint64_t unbuildable_in = 0;         // one fingerprint in so many cannot be built
  std::uint64_t failing_in = 0;             // one in so many gets a score that is not finite
  std::stop_source* stop_source = nullptr;  // requests a stop ...
  std::int64_t stop_after = 0;              // ... once so many have been scored

  std::map<std::uint64_t, int> times_scored;
  std::int64_t scored = 0;

  std::span<const std::string> score_names() const override { return names_; }

  double latency_ms(const Candidate& candidate) const {
    double total = 1;
    for (std::size_t i = equal_decisions; i < decisions_; ++i) {
      const int option = candidate.choices[i];
      total += time_[i] * (1 + 1.5 * ((option + 1) / 2) + 0.1 * option);
    }
    return total;
  }

  double least_latency_ms() const { return latency_ms(Candidate{std::vector<std::uint16_t>(decisions_, 0)}); }

  double quality(const Candidate& candidate) const {
    double total = 0;
    for (std::size_t i = equal_decisions; i < decisions_; ++i) {
      const int option = candidate.choices[i];
      total += gain_[i] * std::log1p(option);
      for (std::size_t k = i + 1; k <= i + 2; ++k) {
        const std::uint64_t pair = hash_combine(hash_combine(seed_, i), k);
        const std::uint64_t bits =
            hash_combine(pair, hash_combine(option, candidate.choices[k % decisions_]));
        total += 0.5 * (static_cast<double>(bits >> 11) * 0x1p-53 - 0.5);
      }
    }
    return total;
  }

  void gate(std::span<const Candidate> candidates, std::span<GateResult> results) override {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto& choices = candidates[i].choices;
      GateResult& result = results[i];
      result.fingerprint = hash_bytes(choices.data() + equal_decisions, (decisions_ - equal_decisions) * 2);
      if (unbuildable_in > 0 && result.fingerprint % unbuildable_in == 0)
        result.failure = "kernel 7 is too large";
      result.costs.params =
          100 +
          std::accumulate(choices.begin() + static_cast<std::ptrdiff_t>(equal_decisions), choices.end(), 0);
      result.costs.macs = result.costs.params * 1000;
      result.costs.peak_memory_bytes = result.costs.params * 512;
      result.costs.latency_ms = latency_ms(candidates[i]);
    }
  }

  std::size_t score(std::span<const Candidate> candidates, std::span<ScoreRow> rows,
                    std::stop_token stop) override {
    std::vector<GateResult> gates(candidates.size());
    gate(candidates, gates);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (stop_source != nullptr && scored == stop_after) stop_source->request_stop();
      if (stop.stop_requested()) return i;
      const std::uint64_t fingerprint = gates[i].fingerprint;
      const bool fails = failing_in > 0 && fingerprint % failing_in == 0;
      // The second score follows the first with noise of its own.
      const double noise = static_cast<double>(hash_combine(fingerprint, 1) % 1000) / 1000;
      rows[i].scores = {quality(candidates[i]), fails ? std::nan("") : quality(candidates[i]) + noise};
      rows[i].seconds = 0.25;
      ++times_scored[fingerprint];
      ++scored;
    }
    return candidates.size();
  }

  // Sum over scores of log(rank / count).
  std::vector<double> rank(std::size_t count, const Column& column) override {
    std::vector<double> total(count, 0.0);
    for (std::size_t s = 0; s < names_.size(); ++s) {
      const std::vector<double> scores = column(s);
      std::vector<std::size_t> order(count);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::stable_sort(order.begin(), order.end(),
                       [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
      for (std::size_t r = 0; r < count; ++r) {
        total[order[r]] += std::log(static_cast<double>(r + 1) / static_cast<double>(count));
      }
    }
    return total;
  }

 private:
  std::size_t decisions_;
  std::uint64_t seed_;
  std::vector<std::string> names_ = {"quality", "noisy"};
  std::vector<double> gain_, time_;
};

// A journal in memory that can lose everything after some generation, like a run that was killed there.
class MemoryJournal : public Journal {
 public:
  std::optional<ScoreRow> recall(int evaluation, std::uint64_t fingerprint) override {
    if (evaluation >= static_cast<int>(entries.size())) return std::nullopt;
    const JournalEntry& entry = entries[static_cast<std::size_t>(evaluation)];
    if (entry.gate.fingerprint != fingerprint) throw InputError("another fingerprint");
    return entry.row;
  }
  void commit(int generation, std::span<const JournalEntry> fresh, const Counts& counts,
              std::span<const int> front) override {
    for (const JournalEntry& entry : fresh) {
      if (entry.evaluation != static_cast<int>(entries.size())) throw InternalError("out of order");
      entries.push_back(entry);
    }
    generations.push_back(generation);
    committed_evaluations.push_back(counts.evaluated);
    fronts.emplace_back(front.begin(), front.end());
  }

  JournalEntry read(int evaluation) override { return entries.at(static_cast<std::size_t>(evaluation)); }
  void read_scores(std::size_t score, std::span<double> values) override {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = entries.at(i).row.scores.at(score);
  }
  void read_costs(Metric metric, std::span<double> values) override {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = metric_value(entries.at(i).gate.costs, metric);
  }

  std::vector<JournalEntry> entries;
  std::vector<int> generations;
  std::vector<std::int64_t> committed_evaluations;
  std::vector<std::vector<int>> fronts;
};

// Every bit of a result as text.
inline std::string digest(const SearchResult& result) {
  std::string text = std::to_string(static_cast<int>(result.reason));
  const auto add = [&](auto value) { text += ' ' + std::to_string(value); };
  const auto add_number = [&](double value) {
    text += ' ' + (std::isfinite(value) ? exact_number(value) : "none");
  };
  const Counts& counts = result.counts;
  for (const auto count :
       {counts.proposed, counts.duplicates, counts.unbuildable, counts.evaluated, counts.failed})
    add(count);
  for (const auto count : counts.over_budget) add(count);
  for (const double value : counts.smallest) add_number(value);
  for (int e = 0; e < result.cohort.size(); ++e) {
    text += '\n';
    add(result.cohort.fingerprint(e));
    for (const std::uint16_t choice : result.cohort.candidate(e).choices) add(choice);
    for (const double score : result.cohort.scores(e)) add_number(score);
    add_number(result.cohort.costs(e).latency_ms);
    add_number(result.rank_scores[static_cast<std::size_t>(e)]);
    text += result.cohort.status(e);
  }
  text += '\n';
  for (const int e : result.front) add(e);
  text += " |";
  for (const int e : result.shortlist) add(e);
  return text;
}

template <class Action>
std::string input_error_of(Action&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace assay
