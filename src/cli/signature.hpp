// One number for what the program decides on a fixed small workload, as Stockfish's `bench` has one: a change
// that is meant to change nothing does not change the number.
//
// It stands for structure (what the shipped spaces and accelerator files mean, candidates, networks, their
// sizes), estimates (the cycle model, a fitted estimator), scores that are read off the network, and
// decisions (searches, curation, advice). Numbers enter with six significant digits, so that another
// instruction set or another order of additions does not move them. What executes networks is left out, as
// its bits do depend on the instruction set: executed scores, measurements, training. Tests compare those
// with references.
#pragma once

#include "assay/runtime/runtime.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace assay::cli {

// Collects what a part is made of.
class Signature {
 public:
  void add(std::string_view text);
  void add(double value);  // rounded; any NaN is the same
  template <class Integer>
  requires std::is_integral_v<Integer>
  void add(Integer value) { add(std::string_view(std::to_string(value))); }
  // Every bit of it.
  void add_bits(std::span<const float> values);

  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0;
};

// Six significant digits.
double rounded(double value);

struct SignaturePart {
  std::string name;  // "space ibn_fashion"
  std::uint64_t value = 0;
};

// Depends on neither the pool's size, nor the folder, the environment or the machine.
std::vector<SignaturePart> signature_parts(WorkerPool& pool);
std::uint64_t signature_of(std::span<const SignaturePart> parts);

// The parts' workloads, in two files.
void add_random(Signature& signature);
void add_space(Signature& signature, std::string_view name, std::string_view toml);
void add_accelerator(Signature& signature, std::string_view name, std::string_view toml);
void add_fit(Signature& signature);
void add_search(Signature& signature, std::string_view space, WorkerPool& pool);
void add_curation(Signature& signature, std::string_view space);
void add_advice(Signature& signature, std::string_view space, WorkerPool& pool);

}  // namespace assay::cli
