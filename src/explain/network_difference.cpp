#include "assay/explain/network_difference.hpp"

#include "assay/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace assay {
namespace {

bool same_work(const ExplainedSubgraph& a, const ExplainedSubgraph& b) {
  return a.operators == b.operators && a.shape == b.shape;
}

constexpr int gap_cost = 10;

// Above two gaps: rather removed and added.
int exchange_cost(const ExplainedSubgraph& a, const ExplainedSubgraph& b) {
  if (same_work(a, b)) return a.name == b.name ? 0 : 1;
  if (a.kind != b.kind) return 2 * gap_cost + 1;
  if (a.name == b.name) return 5;
  // Half of a name says where a subgraph stands.
  return a.name.substr(0, a.name.find('.')) == b.name.substr(0, b.name.find('.')) ? 12 : 18;
}

enum class Step : unsigned char { both, only_a, only_b };

// The part of both that lies between equal beginnings and ends.
std::vector<PartPair> align_middle(std::span<const ExplainedSubgraph> a, std::span<const ExplainedSubgraph> b,
                                   int offset) {
  const std::size_t rows = a.size() + 1, columns = b.size() + 1;
  std::vector<Step> steps(rows * columns, Step::both);
  std::vector<int> above(columns), row(columns);
  for (std::size_t j = 1; j < columns; ++j) {
    above[j] = static_cast<int>(j) * gap_cost;
    steps[j] = Step::only_b;
  }
  for (std::size_t i = 1; i < rows; ++i) {
    row[0] = static_cast<int>(i) * gap_cost;
    steps[i * columns] = Step::only_a;
    for (std::size_t j = 1; j < columns; ++j) {
      const int both = above[j - 1] + exchange_cost(a[i - 1], b[j - 1]);
      const int only_a = above[j] + gap_cost, only_b = row[j - 1] + gap_cost;
      row[j] = std::min({both, only_a, only_b});
      steps[i * columns + j] = row[j] == both ? Step::both : row[j] == only_b ? Step::only_b : Step::only_a;
    }
    std::swap(above, row);
  }
  std::vector<PartPair> pairs;
  std::size_t i = a.size(), j = b.size();
  while (i > 0 || j > 0) {
    const Step step = steps[i * columns + j];
    if (step != Step::only_b) --i;
    if (step != Step::only_a) --j;
    const int in_a = static_cast<int>(i) + offset, in_b = static_cast<int>(j) + offset;
    if (step == Step::both)
      pairs.push_back({in_a, in_b, same_work(a[i], b[j]) ? PartChange::same : PartChange::changed});
    else if (step == Step::only_a)
      pairs.push_back({in_a, -1, PartChange::removed});
    else
      pairs.push_back({-1, in_b, PartChange::added});
  }
  std::ranges::reverse(pairs);
  return pairs;
}

// "12 % less", "1.8 x".
std::string change_text(double before, double after) {
  const double ratio = after / before;
  if (ratio >= 2) return fmt::format("{:.2g} times the", ratio);
  return fmt::format("{:.3g} % {}", 100 * std::abs(ratio - 1), ratio < 1 ? "less" : "more");
}

struct Effect {
  std::string what;
  double change = 0;
};

Effect effect_of(const PartPair& pair, const NetworkExplanation& a, const NetworkExplanation& b,
                 double (*figure)(const ExplainedSubgraph&)) {
  const ExplainedSubgraph* in_a = pair.a < 0 ? nullptr : &a.subgraphs[static_cast<std::size_t>(pair.a)];
  const ExplainedSubgraph* in_b = pair.b < 0 ? nullptr : &b.subgraphs[static_cast<std::size_t>(pair.b)];
  Effect effect;
  effect.change = (in_b != nullptr ? figure(*in_b) : 0) - (in_a != nullptr ? figure(*in_a) : 0);
  if (in_a == nullptr)
    effect.what = fmt::format("{} ({}), which A does not have", in_b->name, in_b->brief);
  else if (in_b == nullptr)
    effect.what = fmt::format("{} ({}), which B does not have", in_a->name, in_a->brief);
  else
    effect.what = fmt::format("{} ({} instead of {})", in_b->name, in_b->brief, in_a->brief);
  return effect;
}

// The stage that a pair stands in, as B calls it.
std::string stage_of(const PartPair& pair, const NetworkExplanation& a, const NetworkExplanation& b) {
  const std::string& name = pair.b >= 0 ? b.subgraphs[static_cast<std::size_t>(pair.b)].name
                                        : a.subgraphs[static_cast<std::size_t>(pair.a)].name;
  const std::size_t dot = name.find('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

}  // namespace

std::string_view to_string(PartChange change) {
  switch (change) {
    case PartChange::same:
      return "same";
    case PartChange::changed:
      return "changed";
    case PartChange::removed:
      return "only in A";
    case PartChange::added:
      break;
  }
  return "only in B";
}

std::vector<PartPair> align_subgraphs(const NetworkExplanation& a, const NetworkExplanation& b) {
  std::span<const ExplainedSubgraph> rest_a = a.subgraphs, rest_b = b.subgraphs;
  const auto alike = [](const ExplainedSubgraph& x, const ExplainedSubgraph& y) {
    return exchange_cost(x, y) == 0;
  };
  // Networks of one space share most of what they do: only the rest is compared pair by pair.
  int begin = 0;
  while (!rest_a.empty() && !rest_b.empty() && alike(rest_a.front(), rest_b.front())) {
    rest_a = rest_a.subspan(1);
    rest_b = rest_b.subspan(1);
    ++begin;
  }
  int end = 0;
  while (!rest_a.empty() && !rest_b.empty() && alike(rest_a.back(), rest_b.back())) {
    rest_a = rest_a.first(rest_a.size() - 1);
    rest_b = rest_b.first(rest_b.size() - 1);
    ++end;
  }
  std::vector<PartPair> pairs;
  for (int i = 0; i < begin; ++i) pairs.push_back({i, i, PartChange::same});
  const std::vector<PartPair> middle = align_middle(rest_a, rest_b, begin);
  pairs.insert(pairs.end(), middle.begin(), middle.end());
  const int size_a = static_cast<int>(a.subgraphs.size()), size_b = static_cast<int>(b.subgraphs.size());
  for (int i = end; i > 0; --i) pairs.push_back({size_a - i, size_b - i, PartChange::same});
  return pairs;
}

std::string main_difference(const NetworkExplanation& a, const NetworkExplanation& b,
                            const std::vector<PartPair>& pairs) {
  const bool time = std::isfinite(a.latency_ms) && std::isfinite(b.latency_ms);
  const auto latency = [](const ExplainedSubgraph& part) { return part.latency_ms; };
  const auto macs = [](const ExplainedSubgraph& part) { return static_cast<double>(part.macs); };
  double (*const figure)(const ExplainedSubgraph&) = time ? +latency : +macs;
  const double before = time ? a.latency_ms : static_cast<double>(a.macs);
  const double after = time ? b.latency_ms : static_cast<double>(b.macs);
  const auto text = [&](double value) { return time ? fmt::format("{:.4g} ms", value) : human_count(value); };
  const char* noun = time ? "time" : "MACs";
  const bool equal = std::abs(after - before) <= 1e-9 * before;
  if (equal) {
    const bool same =
        std::ranges::all_of(pairs, [](const PartPair& p) { return p.change == PartChange::same; });
    return same
               ? fmt::format("A and B run the same subgraphs ({}).", text(after))
               : fmt::format("A and B take the same {} ({}), but not the same subgraphs.", noun, text(after));
  }
  std::string sentence = fmt::format("B takes {} {} than A ({} instead of {}).", change_text(before, after),
                                     noun, text(after), text(before));
  if (after / before >= 2)
    sentence = fmt::format("B takes {} {} of A ({} instead of {}).", change_text(before, after), noun,
                           text(after), text(before));

  // Parts may go both ways: shares are of what goes the way of the sum.
  const double direction = after > before ? 1 : -1;
  double along = 0, against = 0;
  // One subgraph where it makes most of the difference, else a stage.
  Effect most;
  std::map<std::string, double> stages;
  for (const PartPair& pair : pairs) {
    Effect effect = effect_of(pair, a, b, figure);
    effect.change *= direction;
    (effect.change > 0 ? along : against) += std::abs(effect.change);
    stages[stage_of(pair, a, b)] += effect.change;
    if (effect.change > most.change) most = std::move(effect);
  }
  const bool both_ways = against > 0.005 * along;
  if (both_ways) {
    const std::string added = text(direction > 0 ? along : against),
                      saved = text(direction > 0 ? against : along);
    sentence += direction > 0
                    ? fmt::format(" What takes more adds {}, what takes less saves {}.", added, saved)
                    : fmt::format(" What takes less saves {}, what takes more adds {}.", saved, added);
  }
  const auto part_text = [&](double part) {
    return fmt::format("{} {}, {:.0f} %,", part > 0.5 ? "Most of" : "The largest part of",
                       !both_ways      ? "that"
                       : direction > 0 ? "what is added"
                                       : "what is saved",
                       100 * part);
  };
  const double share = most.change / along;
  const auto stage = std::ranges::max_element(stages, {}, &std::pair<const std::string, double>::second);
  const double stage_share = stage->second / along;
  if (share >= 0.4 || stage->first.empty() || stage_share <= share)
    return fmt::format("{} {} comes from {}.", sentence, part_text(share), most.what);
  Effect largest;  // in that stage
  for (const PartPair& pair : pairs) {
    if (stage_of(pair, a, b) != stage->first) continue;
    Effect effect = effect_of(pair, a, b, figure);
    effect.change *= direction;
    if (effect.change > largest.change) largest = std::move(effect);
  }
  return fmt::format("{} {} comes from {}; the largest single part there is {}, {:.0f} %.", sentence,
                     part_text(stage_share), stage->first, largest.what, 100 * largest.change / along);
}

}  // namespace assay
