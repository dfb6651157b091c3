// What of a declared network is really computed: shared by fingerprint and canonical.
#pragma once

#include "assay/network/network.hpp"

#include <cstdint>
#include <vector>

namespace assay {

// Workspace and result; reused between networks by one thread, because fingerprints are taken a million
// times.
class Resolution {
 public:
  // Finds for every operator the one that stands for it: itself, an equal parameter-free operator on the same
  // inputs, the only non-zero input of an add, the input of an operator that changes nothing, or `zero`. Then
  // colours the live ones.
  void resolve(const Network& network);

  static constexpr OpId zero = -1;

  OpId representative(OpId id) const { return alias_[id]; }
  // Whether the operator stands for itself and the output depends on it.
  bool live(OpId id) const { return live_[id] != 0; }
  // Representatives of the inputs: zeros dropped from an add, `zero` entries kept elsewhere.
  std::span<const OpId> inputs(OpId id) const {
    return {edges_.data() + first_edge_[id], static_cast<std::size_t>(first_edge_[id + 1] - first_edge_[id])};
  }
  OpId output() const { return output_; }
  // Equal for operators that compute the same from the input and are used in the same way (colour
  // refinement).
  std::uint64_t colour(OpId id) const { return colour_[id]; }
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  void find_representatives(const Network& network);
  OpId representative_of(const Network& network, OpId id);
  void mark_live(const Network& network);
  void refine_colours(const Network& network);

  std::vector<OpId> alias_;
  std::vector<OpId> edges_;
  std::vector<std::int32_t> first_edge_;
  std::vector<OpId> first_free_, next_free_;  // parameter-free consumers of a representative, as linked lists
  std::vector<char> live_;
  std::vector<std::uint64_t> up_, down_, colour_;
  OpId output_ = 0;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace assay
