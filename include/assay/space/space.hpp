// Search spaces: a TOML file declares decisions (grammar: spaces/README.md); a candidate picks one option for
// each; a candidate decodes to a Network.
#pragma once

#include "assay/base/random.hpp"
#include "assay/network/network.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// One decision of a space: "stage2.kernel" with the options "3", "5", "7". Option texts are unique within a
// decision and are what candidate files hold.
struct Decision {
  std::string name;
  std::vector<std::string> options;
};

// One option index per decision, in the order of Space::decisions().
struct Candidate {
  std::vector<std::uint16_t> choices;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

class Space {
 public:
  // Throws InputError with file:line:column, cause and remedy (nearest known key, what would fit).
  static Space load(const std::string& path);
  static Space parse(std::string_view toml, const std::string& source);

  Space(Space&&) noexcept;
  Space& operator=(Space&&) noexcept;
  ~Space();

  const std::string& name() const;
  const std::string& source() const;
  // Hash of everything that decides what candidates mean; a journal of another fingerprint is refused.
  std::uint64_t fingerprint() const;
  std::span<const Decision> decisions() const;

  // Exact number of distinct candidates as decimal digits (it outgrows 64 bits): inactive decisions (the
  // kernel of a block that the chosen depth leaves out) count once, constraints between decisions are taken
  // into account when `constraints_counted`; otherwise the space is too large to enumerate them and they are
  // not.
  struct Size {
    std::string digits;
    bool constraints_counted = true;
  };
  Size size() const;

  // Uniform over the distinct candidates that meet the constraints. Throws InputError when none is found.
  Candidate sample(Random& random) const;
  // Changes at least one active decision (each with probability `rate`, at least one) to another option;
  // meets the constraints.
  Candidate mutate(const Candidate& parent, Random& random, double rate) const;
  // Uniform crossover of the decisions of both parents, repaired to meet the constraints.
  Candidate crossover(const Candidate& a, const Candidate& b, Random& random) const;
  // Calls `visit` for every distinct candidate in lexicographic order until it returns false.
  template <class Visitor>
  void enumerate(Visitor&& visit) const {
    std::optional<Candidate> candidate = first();
    while (candidate && visit(static_cast<const Candidate&>(*candidate))) candidate = next(*candidate);
  }
  std::optional<Candidate> first() const;
  std::optional<Candidate> next(const Candidate& candidate) const;

  // Inactive decisions set to their first option: one form for candidates that mean the same.
  Candidate normalised(const Candidate& candidate) const;
  // Empty when the candidate meets the space's constraints between decisions, else the constraint it breaks.
  std::string violated_constraint(const Candidate& candidate) const;

  // The network that the candidate means. Throws InputError naming decision, option and operator when it
  // cannot be built. Thread-safe.
  Network decode(const Candidate& candidate) const;

  struct Implementation;

 private:
  explicit Space(std::unique_ptr<const Implementation> implementation);
  std::unique_ptr<const Implementation> implementation_;
};

// "stage1.kernel=3 stage1.depth=2": the text form used on command lines and in journals.
std::string to_text(const Space& space, const Candidate& candidate);
// Throws InputError naming the decision or option and the nearest known one; every decision must be given.
Candidate candidate_from_text(const Space& space, std::string_view text, const std::string& source);

}  // namespace assay
