// The fingerprints met so far. Open addressing over plain 64-bit values: a run that proposes ten million
// candidates needs about 130 MB here, a fifth of what std::unordered_set takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace assay {

class FingerprintSet {
 public:
  FingerprintSet() : slots_(1024, 0) {}

  // True when the fingerprint is new.
  bool insert(std::uint64_t fingerprint) {
    if (fingerprint == 0) {  // marks a free slot
      const bool fresh = !has_zero_;
      has_zero_ = true;
      return fresh;
    }
    if ((used_ + 1) * 5 > slots_.size() * 4) grow();
    std::uint64_t& slot = find(slots_, fingerprint);
    if (slot == fingerprint) return false;
    slot = fingerprint;
    ++used_;
    return true;
  }

 private:
  // Fingerprints are hashes already: their low bits are the address.
  static std::uint64_t& find(std::vector<std::uint64_t>& slots, std::uint64_t fingerprint) {
    const std::size_t mask = slots.size() - 1;
    std::size_t at = fingerprint & mask;
    while (slots[at] != 0 && slots[at] != fingerprint) at = (at + 1) & mask;
    return slots[at];
  }

  void grow() {
    std::vector<std::uint64_t> larger(2 * slots_.size(), 0);
    for (const std::uint64_t value : slots_) {
      if (value != 0) find(larger, value) = value;
    }
    slots_ = std::move(larger);
  }

  std::vector<std::uint64_t> slots_;
  std::size_t used_ = 0;
  bool has_zero_ = false;
};

}  // namespace assay
