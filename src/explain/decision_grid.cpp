#include "assay/explain/decision_grid.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/network/executed.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

// Values of the options; empty unless all are numbers.
std::vector<double> numbers_of(const Decision& decision) {
  std::vector<double> numbers;
  for (const std::string& option : decision.options) {
    const std::optional<double> number = parse_number(option);
    if (!number) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

std::vector<std::uint16_t> ascending_options(const Decision& decision) {
  std::vector<std::uint16_t> order(decision.options.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  const std::vector<double> numbers = numbers_of(decision);
  if (!numbers.empty())
    std::ranges::stable_sort(order, {}, [&](std::uint16_t option) { return numbers[option]; });
  return order;
}

bool is_active(const Space& space, const Candidate& centre, std::size_t decision) {
  Candidate changed = centre;
  changed.choices[decision] = centre.choices[decision] == 0 ? 1 : 0;
  return space.decisions()[decision].options.size() > 1 &&
         space.normalised(changed) != space.normalised(centre);
}

bool is_width(std::string_view name) {
  return name.find("channels") != std::string_view::npos || name.find("width") != std::string_view::npos ||
         name.find("depth_multiplier") != std::string_view::npos;
}

}  // namespace

DecisionGrid decision_grid(const Space& space, const Candidate& centre, std::size_t row_decision,
                           std::size_t column_decision, const Estimator* estimator) {
  if (row_decision == column_decision) {
    throw InputError(fmt::format("A landscape needs two decisions, and {} stands twice.",
                                 space.decisions()[row_decision].name));
  }
  DecisionGrid grid;
  grid.row_decision = row_decision;
  grid.column_decision = column_decision;
  grid.row_options = ascending_options(space.decisions()[row_decision]);
  grid.column_options = ascending_options(space.decisions()[column_decision]);
  std::optional<Estimator::Session> session;
  if (estimator != nullptr) session.emplace(*estimator);
  for (const std::uint16_t row : grid.row_options) {
    grid.macs.emplace_back(grid.column_options.size(), nothing);
    grid.latency_ms.emplace_back(grid.column_options.size(), nothing);
    for (std::size_t column = 0; column < grid.column_options.size(); ++column) {
      Candidate candidate = centre;
      candidate.choices[row_decision] = row;
      candidate.choices[column_decision] = grid.column_options[column];
      if (!space.violated_constraint(candidate).empty()) continue;
      try {
        const Network network = executed(space.decode(candidate));
        grid.macs.back()[column] = static_cast<double>(network.macs());
        if (session) grid.latency_ms.back()[column] = session->predict(network).latency_ms;
      } catch (const InputError&) {
        // A hole in the landscape.
      }
    }
  }
  return grid;
}

StepShares step_shares(const std::vector<std::vector<double>>& macs,
                       const std::vector<std::vector<double>>& values) {
  std::int64_t steps = 0, rising = 0, flat = 0;
  const auto step = [&](std::size_t r, std::size_t c, std::size_t to_r, std::size_t to_c) {
    // Seen in the direction in which the work falls; a hole compares as no fall.
    if (macs[to_r][to_c] > macs[r][c]) {
      std::swap(r, to_r);
      std::swap(c, to_c);
    }
    if (!(macs[to_r][to_c] < macs[r][c])) return;
    ++steps;
    const double before = values[r][c], after = values[to_r][to_c];
    if (after > before * (1 + 1e-9))
      ++rising;
    else if (after > before * (1 - 1e-3))
      ++flat;
  };
  for (std::size_t r = 0; r < macs.size(); ++r) {
    for (std::size_t c = 0; c < macs[r].size(); ++c) {
      if (r + 1 < macs.size()) step(r, c, r + 1, c);
      if (c + 1 < macs[r].size()) step(r, c, r, c + 1);
    }
  }
  if (steps == 0) return {};
  return {static_cast<double>(rising) / static_cast<double>(steps),
          static_cast<double>(flat) / static_cast<double>(steps)};
}

std::optional<std::pair<std::size_t, std::size_t>> choose_grid_decisions(const Space& space,
                                                                         const Candidate& centre,
                                                                         std::span<const double> importance,
                                                                         const Estimator* estimator,
                                                                         const Space* beside) {
  constexpr std::size_t most_tried = 6;
  using Key = std::tuple<std::pair<bool, bool>, bool, double, std::size_t>;  // the smallest first
  const auto fixed_beside = [&](const Decision& decision) {
    if (beside == nullptr) return false;
    const auto found = std::ranges::find(beside->decisions(), decision.name, &Decision::name);
    return found == beside->decisions().end() || found->options.size() < 2;
  };
  std::vector<Key> keys;
  for (std::size_t d = 0; d < space.decisions().size(); ++d) {
    const Decision& decision = space.decisions()[d];
    if (numbers_of(decision).empty() || !is_active(space, centre, d)) continue;
    // Two options are a step, not a landscape.
    keys.emplace_back(std::pair(fixed_beside(decision), decision.options.size() < 3),
                      !is_width(decision.name), -importance[d], d);
  }
  if (keys.size() < 2) return std::nullopt;
  std::ranges::sort(keys);
  // Only decisions as good as the second one: a rocky pair of step and width is no better landscape.
  const auto worse = [&](const Key& key) {
    return std::pair(std::get<0>(key), std::get<1>(key)) >
           std::pair(std::get<0>(keys[1]), std::get<1>(keys[1]));
  };
  keys.erase(std::ranges::find_if(keys, worse), keys.end());
  keys.resize(std::min(keys.size(), most_tried));

  std::pair<std::size_t, std::size_t> best;
  std::pair rockiest(-1.0, -1.0);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t j = i + 1; j < keys.size(); ++j) {
      // In the order of the space, which is that of the network.
      const std::pair<std::size_t, std::size_t> pair =
          std::minmax(std::get<3>(keys[i]), std::get<3>(keys[j]));
      StepShares shares;
      if (estimator != nullptr) {
        const DecisionGrid grid = decision_grid(space, centre, pair.first, pair.second, estimator);
        shares = step_shares(grid.macs, grid.latency_ms);
      }
      if (std::pair(shares.rising, shares.flat) <= rockiest) continue;
      rockiest = {shares.rising, shares.flat};
      best = pair;
    }
  }
  return best;
}

std::optional<Candidate> nearest_candidate(const Space& from, const Candidate& candidate, const Space& to) {
  Candidate nearest;
  for (const Decision& decision : to.decisions()) {
    nearest.choices.push_back(0);
    const auto same = std::ranges::find(from.decisions(), decision.name, &Decision::name);
    if (same == from.decisions().end()) continue;
    const std::string& option =
        same->options[candidate.choices[static_cast<std::size_t>(same - from.decisions().begin())]];
    const std::vector<double> numbers = numbers_of(decision);
    if (const auto found = std::ranges::find(decision.options, option); found != decision.options.end()) {
      nearest.choices.back() = static_cast<std::uint16_t>(found - decision.options.begin());
    } else if (const auto number = parse_number(option); number && !numbers.empty()) {
      const auto close =
          std::ranges::min_element(numbers, {}, [&](double n) { return std::abs(n - *number); });
      nearest.choices.back() = static_cast<std::uint16_t>(close - numbers.begin());
    }
  }
  nearest = to.normalised(nearest);
  if (!to.violated_constraint(nearest).empty()) return std::nullopt;
  return nearest;
}

}  // namespace assay
