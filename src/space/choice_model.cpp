#include "choice_model.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <memory>
#include <unordered_map>

namespace assay::plan {
namespace {

constexpr std::size_t kMaxStates = 200'000;

bool holds(const Term& term, const std::uint16_t* choices) {
  return std::all_of(term.begin(), term.end(),
                     [&](const Literal& l) { return l.options[choices[l.decision]]; });
}

bool contains(const Term& term, const Literal& literal) {
  return std::find(term.begin(), term.end(), literal) != term.end();
}

}  // namespace

bool Condition::always() const {
  return std::any_of(terms.begin(), terms.end(), [](const Term& t) { return t.empty(); });
}

void Condition::add(const Term& term) {
  const auto implies = [](const Term& strict, const Term& loose) {
    return std::all_of(loose.begin(), loose.end(), [&](const Literal& l) { return contains(strict, l); });
  };
  for (const Term& existing : terms)
    if (implies(term, existing)) return;
  std::erase_if(terms, [&](const Term& existing) { return implies(existing, term); });
  terms.push_back(term);
}

ChoiceModel::ChoiceModel(std::vector<Item> items) : items_(std::move(items)) {
  terms_of_.resize(items_.size());
  read_by_.resize(items_.size());
  for (int d = 0; d < size(); ++d) {
    const Condition& condition = items_[static_cast<std::size_t>(d)].condition;
    if (condition.always()) continue;
    for (const Term& term : condition.terms) {
      int last = 0;
      for (const Literal& literal : term) {
        if (literal.decision >= d) throw InternalError("a decision's condition reads a later decision");
        last = std::max(last, literal.decision);
        read_by_[static_cast<std::size_t>(literal.decision)].emplace_back(static_cast<int>(terms_.size()),
                                                                          &literal);
      }
      terms_of_[static_cast<std::size_t>(d)].push_back(static_cast<int>(terms_.size()));
      terms_.push_back({d, last});
    }
  }
}

bool ChoiceModel::active(int decision, const std::uint16_t* choices) const {
  const Condition& condition = items_[static_cast<std::size_t>(decision)].condition;
  return std::any_of(condition.terms.begin(), condition.terms.end(),
                     [&](const Term& term) { return holds(term, choices); });
}

void ChoiceModel::normalise(std::vector<std::uint16_t>& choices) const {
  // Ascending order: a condition reads earlier decisions, which are normal already.
  for (int d = 0; d < size(); ++d)
    if (!active(d, choices.data())) choices[static_cast<std::size_t>(d)] = 0;
}

bool ChoiceModel::active_in(int decision, const State& state) const {
  if (items_[static_cast<std::size_t>(decision)].condition.always()) return true;
  // At its turn every literal of its terms has been read.
  const std::vector<int>& own = terms_of_[static_cast<std::size_t>(decision)];
  return state[terms_.size() + static_cast<std::size_t>(decision)] ||
         std::any_of(own.begin(), own.end(), [&](int t) { return state[static_cast<std::size_t>(t)]; });
}

ChoiceModel::State ChoiceModel::after(int decision, int option, const State& state) const {
  State next = state;
  const auto close = [&](int d) {
    for (const int t : terms_of_[static_cast<std::size_t>(d)]) next[static_cast<std::size_t>(t)] = false;
    next[terms_.size() + static_cast<std::size_t>(d)] = false;
  };
  close(decision);
  const auto& readers = read_by_[static_cast<std::size_t>(decision)];
  for (const auto& [t, literal] : readers)
    if (!literal->options[static_cast<std::size_t>(option)]) next[static_cast<std::size_t>(t)] = false;
  for (const auto& [t, literal] : readers) {
    const TermReference& term = terms_[static_cast<std::size_t>(t)];
    if (!next[static_cast<std::size_t>(t)] || term.last != decision) continue;
    close(term.decision);
    next[terms_.size() + static_cast<std::size_t>(term.decision)] = true;
  }
  return next;
}

ChoiceModel::Walk ChoiceModel::build_walk() const {
  Walk walk;
  std::vector<State> states = {State(terms_.size() + items_.size(), true)};
  for (std::size_t d = 0; d < items_.size(); ++d) states[0][terms_.size() + d] = false;
  std::size_t total = 0;
  for (int d = 0; d < size(); ++d) {
    std::vector<Node> layer(states.size());
    std::vector<State> following;
    std::unordered_map<State, std::uint32_t> known;
    const bool alike = read_by_[static_cast<std::size_t>(d)].empty();
    for (std::size_t s = 0; s < states.size(); ++s) {
      layer[s].active = active_in(d, states[s]);
      const int branches = layer[s].active && !alike ? options(d) : 1;
      for (int option = 0; option < branches; ++option) {
        State next = after(d, option, states[s]);
        const auto [entry, fresh] =
            known.emplace(std::move(next), static_cast<std::uint32_t>(following.size()));
        if (fresh) following.push_back(entry->first);
        layer[s].next.push_back(entry->second);
      }
    }
    total += following.size();
    if (total > kMaxStates) {
      throw InputError(
          "The decisions of this space control each other in too many ways to count its candidates. Use "
          "fewer shared "
          "decisions that depend on several other decisions, or declare the block's decisions per stage "
          "(fresh = \"stage\").");
    }
    walk.layers.push_back(std::move(layer));
    states = std::move(following);
  }
  // Completions of each state, from the last decision up; only two layers of counts are alive at a time.
  std::vector<BigInteger> below(states.size(), 1);
  for (auto layer = walk.layers.rbegin(); layer != walk.layers.rend(); ++layer) {
    const int all = options(static_cast<int>(walk.layers.rend() - layer) - 1);
    std::vector<BigInteger> counts(layer->size());
    for (std::size_t s = 0; s < layer->size(); ++s) {
      Node& node = (*layer)[s];
      for (const std::uint32_t next : node.next) counts[s] += below[next];
      if (node.next.size() > 1) {
        BigInteger sum = 0;
        for (const std::uint32_t next : node.next) {
          sum += below[next];
          // 62 bits of the exact ratio: plenty for a double.
          node.cumulative.push_back(static_cast<double>((sum << 62) / counts[s]) / 0x1p62);
        }
      } else if (node.active) {
        counts[s] *= all;
      }
    }
    below = std::move(counts);
  }
  walk.count = below[0];
  return walk;
}

const ChoiceModel::Walk& ChoiceModel::walk() const {
  std::call_once(lazy_->once, [&] { lazy_->walk = build_walk(); });
  return lazy_->walk;
}

const BigInteger& ChoiceModel::count() const {
  return walk().count;
}

std::vector<std::uint16_t> ChoiceModel::sample(Random& random) const {
  const Walk& w = walk();
  std::vector<std::uint16_t> choices(items_.size(), 0);
  std::uint32_t state = 0;
  for (std::size_t d = 0; d < items_.size(); ++d) {
    const Node& node = w.layers[d][state];
    std::size_t option = 0;
    if (!node.cumulative.empty()) {
      const double draw = random.uniform();
      while (option + 1 < node.cumulative.size() && draw >= node.cumulative[option]) ++option;
    } else if (node.active && items_[d].options > 1) {
      option = random.below(static_cast<std::uint64_t>(items_[d].options));
    }
    choices[d] = static_cast<std::uint16_t>(option);
    state = node.next[node.next.size() > 1 ? option : 0];
  }
  return choices;
}

bool ChoiceModel::advance(std::vector<std::uint16_t>& choices) const {
  for (std::size_t d = choices.size(); d-- > 0;) {
    if (active(static_cast<int>(d), choices.data()) && choices[d] + 1 < items_[d].options) {
      ++choices[d];
      std::fill(choices.begin() + static_cast<std::ptrdiff_t>(d) + 1, choices.end(), std::uint16_t{0});
      return true;
    }
  }
  return false;
}

}  // namespace assay::plan
