// Counter-based random numbers (Philox4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
// 3").
//
// Every random number of assay is f(seed, purpose, fingerprint, index): no generator is shared between
// candidates or threads, so results do not depend on the number of workers or on the order of finishing.
#pragma once

#include <cstdint>
#include <span>

namespace assay {

// What a random number is for. Values are part of the results' reproducibility: append, never renumber.
enum class Purpose : std::uint32_t {
  weights = 1,
  input = 2,
  label = 3,
  rademacher = 4,
  perturbation = 5,
  sample = 6,
  mutate = 7,
  crossover = 8,
  select = 9,
  shuffle = 10,
  augment = 11,
  noise = 12,
  split = 13,
  bootstrap = 14,
  label_draw = 15,
};

class Random {
 public:
  using result_type = std::uint32_t;

  Random(std::uint64_t seed, Purpose purpose, std::uint64_t fingerprint = 0, std::uint64_t index = 0);

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return 0xffffffffu; }

  result_type operator()();
  std::uint64_t bits64();
  // Uniform in [0, 1), 53 bits.
  double uniform();
  // Uniform integer in [0, bound), without modulo bias; bound >= 1.
  std::uint64_t below(std::uint64_t bound);
  // Standard normal.
  double normal();

  // Bulk fills are the fast way to fill tensors. Those of floats start at the next whole counter block, so
  // the result depends only on the key and on the calls before.
  void fill_normal(std::span<float> out, float mean, float standard_deviation);
  void fill_uniform(std::span<float> out, float low, float high);
  // What as many calls of operator() give, several times as fast.
  void fill_bits(std::span<result_type> out);
  // -1 or +1 with equal probability.
  void fill_rademacher(std::span<float> out);

 private:
  void refill();

  std::uint64_t key_;
  std::uint64_t counter_ = 0;
  std::uint32_t block_[4] = {};
  int used_ = 4;
};

}  // namespace assay
