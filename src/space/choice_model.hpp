// Which decisions matter in which candidates, how many distinct candidates there are, and how to draw one
// uniformly.
//
// A decision is active when one of its uses is reached: its condition is an OR of ANDs of literals "decision
// d chose one of these options". Conditions refer to earlier decisions only (the loader orders them so),
// which makes counting a walk through the decisions in order. What the walk must remember is which unfinished
// ANDs are still alive: two prefixes with the same such state have the same completions, and real spaces have
// few states.
#pragma once

#include "assay/base/random.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/multiprecision/cpp_int.hpp>

namespace assay::plan {

struct Literal {
  int decision = 0;
  std::vector<bool> options;  // which options make it true
  friend bool operator==(const Literal&, const Literal&) = default;
};
using Term = std::vector<Literal>;  // all must hold

struct Condition {
  std::vector<Term> terms;  // one must hold; an empty term always does
  bool always() const;
  void add(const Term& term);  // drops what an existing term already says
};

using BigInteger = boost::multiprecision::cpp_int;

class ChoiceModel {
 public:
  struct Item {
    int options = 1;
    Condition condition;
  };
  ChoiceModel() = default;
  explicit ChoiceModel(std::vector<Item> items);

  int size() const { return static_cast<int>(items_.size()); }
  int options(int decision) const { return items_[static_cast<std::size_t>(decision)].options; }
  bool active(int decision, const std::uint16_t* choices) const;
  // Sets inactive decisions to option 0.
  void normalise(std::vector<std::uint16_t>& choices) const;

  // Distinct normalised candidates. Throws InputError when the conditions are too entangled to count.
  const BigInteger& count() const;
  // Uniform over them.
  std::vector<std::uint16_t> sample(Random& random) const;
  // The next one in lexicographic order; false after the last.
  bool advance(std::vector<std::uint16_t>& choices) const;

 private:
  // What the rest of the walk depends on. First one bit a term: no literal was false so far and its decision
  // is still open; then one bit a decision: a complete term has settled that it is active.
  using State = std::vector<bool>;
  struct Node {
    std::vector<std::uint32_t> next;  // per option, or one entry for all
    std::vector<double> cumulative;   // probability of an option up to this one; empty: all alike
    bool active = false;
  };
  struct Walk {
    std::vector<std::vector<Node>> layers;  // [decision][state]
    BigInteger count;
  };
  const Walk& walk() const;
  Walk build_walk() const;

  struct TermReference {
    int decision;  // whose condition it belongs to
    int last;      // the last decision that it reads
  };
  bool active_in(int decision, const State& state) const;
  State after(int decision, int option, const State& state) const;

  std::vector<Item> items_;
  std::vector<TermReference> terms_;
  std::vector<std::vector<int>> terms_of_;  // [decision]: its own terms
  std::vector<std::vector<std::pair<int, const Literal*>>>
      read_by_;  // [decision]: the terms with a literal on it
  // Built on first use: a program that only decodes need not pay.
  struct Lazy {
    std::once_flag once;
    Walk walk;
  };
  std::unique_ptr<Lazy> lazy_ = std::make_unique<Lazy>();
};

}  // namespace assay::plan
