#include "assay/space/space.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include "plan.hpp"
#include "probe.hpp"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr int kSampleTries = 200'000;
constexpr int kNetworkTries = 20'000;  // where every try decodes a network
constexpr int kVariationTries = 200;
constexpr std::uint64_t kCountable = 1'000'000;
constexpr std::uint64_t kCountableNetworks = 50'000;

std::string no_candidate(const std::string& source, int tries, const std::string& broken) {
  return fmt::format(
      "{}: None of {} candidates drawn at random meets the constraints; the last one broke \"{}\". Loosen "
      "the "
      "constraints.",
      source, tries, broken);
}

}  // namespace

struct Space::Implementation {
  plan::Plan plan;
  bool needs_network = false;  // some constraint reads the built network
  mutable std::once_flag size_once;
  mutable Size size;

  explicit Implementation(plan::Plan p) : plan(std::move(p)) {
    for (const plan::Constraint& constraint : plan.constraints)
      needs_network = needs_network || constraint.needs_network;
  }
  bool constrained() const {
    return !plan.constraints.empty() ||
           std::any_of(plan.graphs.begin(), plan.graphs.end(),
                       [](const plan::Graph& g) { return g.reject_disconnected; });
  }
  bool admits(const Candidate& c) const { return plan::violated_constraint(plan, c.choices.data()).empty(); }
  void check(const Candidate& candidate) const {
    if (candidate.choices.size() != plan.decisions.size())
      throw InternalError("a candidate of another space reached " + plan.source);
    for (std::size_t d = 0; d < plan.decisions.size(); ++d)
      if (candidate.choices[d] >= plan.decisions[d].options.size())
        throw InternalError(
            fmt::format("a candidate chooses option {} of {}", candidate.choices[d], plan.decisions[d].name));
  }
};

Space::Space(std::unique_ptr<const Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Space::Space(Space&&) noexcept = default;
Space& Space::operator=(Space&&) noexcept = default;
Space::~Space() = default;

Space Space::load(const std::string& path) {
  return parse(read_file(path), path);
}

Space Space::parse(std::string_view toml, const std::string& source) {
  Space space(std::make_unique<const Implementation>(plan::load_plan(toml, source)));
  plan::probe_options(space.implementation_->plan);
  return space;
}

const std::string& Space::name() const {
  return implementation_->plan.name;
}
const std::string& Space::source() const {
  return implementation_->plan.source;
}
std::uint64_t Space::fingerprint() const {
  return implementation_->plan.fingerprint;
}
std::span<const Decision> Space::decisions() const {
  return implementation_->plan.decisions;
}

Space::Size Space::size() const {
  const Implementation& i = *implementation_;
  std::call_once(i.size_once, [&] {
    const plan::BigInteger& all = i.plan.choices.count();
    i.size = {all.str(), true};
    if (!i.constrained()) return;
    if (all > (i.needs_network ? kCountableNetworks : kCountable)) {
      i.size.constraints_counted = false;
      return;
    }
    std::uint64_t count = 0;
    enumerate([&](const Candidate&) {
      ++count;
      return true;
    });
    i.size.digits = std::to_string(count);
  });
  return i.size;
}

Candidate Space::sample(Random& random) const {
  const Implementation& i = *implementation_;
  const int tries = i.needs_network ? kNetworkTries : kSampleTries;
  std::string broken;
  for (int attempt = 0; attempt < tries; ++attempt) {
    Candidate candidate{i.plan.choices.sample(random)};
    broken = plan::violated_constraint(i.plan, candidate.choices.data());
    if (broken.empty()) return candidate;
  }
  throw InputError(no_candidate(i.plan.source, tries, broken));
}

Candidate Space::mutate(const Candidate& parent, Random& random, double rate) const {
  const Implementation& i = *implementation_;
  i.check(parent);
  const plan::ChoiceModel& model = i.plan.choices;
  const Candidate from = normalised(parent);
  std::vector<int> open;
  for (int d = 0; d < model.size(); ++d)
    if (model.options(d) > 1 && model.active(d, from.choices.data())) open.push_back(d);
  if (open.empty()) return from;
  for (int attempt = 0; attempt < kVariationTries; ++attempt) {
    const int forced = open[random.below(open.size())];
    // Where single changes keep breaking a constraint, more of them at once may not.
    const double chance = std::max(rate, static_cast<double>(attempt) / kVariationTries - 0.1);
    Candidate child = from;
    for (const int d : open) {
      if (d != forced && random.uniform() >= chance) continue;
      std::uint16_t& choice = child.choices[static_cast<std::size_t>(d)];
      const auto other =
          static_cast<std::uint16_t>(random.below(static_cast<std::uint64_t>(model.options(d)) - 1));
      choice = other < choice ? other : static_cast<std::uint16_t>(other + 1);
    }
    // What the change brought to life has no inherited value. Ascending, because one such decision may wake
    // the next.
    for (int d = 0; d < model.size(); ++d) {
      std::uint16_t& choice = child.choices[static_cast<std::size_t>(d)];
      if (!model.active(d, child.choices.data()))
        choice = 0;
      else if (!model.active(d, from.choices.data()))
        choice = static_cast<std::uint16_t>(random.below(static_cast<std::uint64_t>(model.options(d))));
    }
    if (child != from && i.admits(child)) return child;
  }
  // No neighbour is admitted: start elsewhere.
  for (int attempt = 0; attempt < kVariationTries; ++attempt) {
    Candidate child = sample(random);
    if (child != from) return child;
  }
  return from;
}

Candidate Space::crossover(const Candidate& a, const Candidate& b, Random& random) const {
  const Implementation& i = *implementation_;
  i.check(a);
  i.check(b);
  const plan::ChoiceModel& model = i.plan.choices;
  const Candidate first = normalised(a), second = normalised(b);
  Candidate child = first;
  for (int d = 0; d < model.size(); ++d) {
    const auto index = static_cast<std::size_t>(d);
    const bool in_first = model.active(d, first.choices.data()),
               in_second = model.active(d, second.choices.data());
    const bool take_second = random.uniform() < 0.5;
    // A parent in which the decision does not matter has no opinion on it.
    child.choices[index] = (in_second && (take_second || !in_first) ? second : first).choices[index];
    if (!model.active(d, child.choices.data())) {
      child.choices[index] = 0;
    } else if (!in_first && !in_second) {
      child.choices[index] =
          static_cast<std::uint16_t>(random.below(static_cast<std::uint64_t>(model.options(d))));
    }
  }
  if (i.admits(child)) return child;
  // Repair: go back to the first parent, decision by decision in random order; it is where this ends at the
  // latest.
  std::vector<std::size_t> order;
  for (std::size_t d = 0; d < child.choices.size(); ++d)
    if (child.choices[d] != first.choices[d]) order.push_back(d);
  for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random.below(k)]);
  for (const std::size_t d : order) {
    child.choices[d] = first.choices[d];
    Candidate normal = normalised(child);
    if (i.admits(normal)) return normal;
  }
  return first;
}

std::optional<Candidate> Space::first() const {
  Candidate candidate{std::vector<std::uint16_t>(decisions().size(), 0)};
  if (implementation_->admits(candidate)) return candidate;
  return next(candidate);
}

std::optional<Candidate> Space::next(const Candidate& candidate) const {
  Candidate following = candidate;
  while (implementation_->plan.choices.advance(following.choices))
    if (implementation_->admits(following)) return following;
  return std::nullopt;
}

Candidate Space::normalised(const Candidate& candidate) const {
  implementation_->check(candidate);
  Candidate normal = candidate;
  implementation_->plan.choices.normalise(normal.choices);
  return normal;
}

std::string Space::violated_constraint(const Candidate& candidate) const {
  return plan::violated_constraint(implementation_->plan, normalised(candidate).choices.data());
}

Network Space::decode(const Candidate& candidate) const {
  implementation_->check(candidate);
  return plan::decode(implementation_->plan, candidate.choices.data());
}

}  // namespace assay
