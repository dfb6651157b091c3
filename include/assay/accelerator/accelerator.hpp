// Accelerator files: what a piece of hardware can do at once, as TOML with the unit in the key. The grammar
// is documented in spaces/accelerators/README.md.
#pragma once

#include "assay/network/memory.hpp"
#include "assay/network/operator.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

enum class NumberFormat : std::uint8_t { int8, int16, fp16, bf16, fp32 };
inline constexpr int number_format_count = 5;
std::string_view to_string(NumberFormat format);
// Throws InputError naming the known formats.
NumberFormat number_format_from(std::string_view name);
int bytes_per_element(NumberFormat format);

// How many things happen in one clock cycle. The matrix unit has input_channels x output_channels x pixels
// multiply-accumulate lanes: dot products along the input channels, for several output channels and several
// pixels of the output image. The vector unit does elementwise work and pooling, its lanes along the
// channels. 0 means that the file leaves the number open: a fit to measurements finds it, the cycle model
// needs it.
struct Lanes {
  int input_channels = 0;
  int output_channels = 0;
  int pixels = 0;
  int vector = 0;
  int cores =
      1;  // copies of both units that share the tiles of a subgraph, such as the multiprocessors of a GPU
};

// Where depthwise convolutions run: on the matrix unit, whose input-channel lanes then stand idle, or on the
// vector unit.
enum class DepthwiseUnit : std::uint8_t { matrix, vector };

// What the hardware runs as one subgraph with the operator before it, at no extra time.
struct FusionRules {
  bool batch_norm = true;         // folded into the convolution's or linear operator's weights
  bool add = true;                // element by element, as the result leaves the matrix unit
  bool multiply = false;          // the same; a {c,1,1} gate is no such product and stays its own subgraph
  bool concat = true;             // producers write to where the concatenated tensor lies: no work at all
  std::uint32_t activations = 0;  // bit 1 << Activation: part of the subgraph before it

  bool fuses(Activation activation) const { return (activations >> static_cast<int>(activation) & 1u) != 0; }
};

struct Accelerator {
  std::string name;
  std::string description;
  double clock_mhz = 0;
  NumberFormat number_format = NumberFormat::int8;  // what networks run in
  Lanes lanes;
  DepthwiseUnit depthwise = DepthwiseUnit::matrix;
  // Multiply-accumulates that one lane completes in a cycle, per format; 0: the format is not supported.
  std::array<double, number_format_count> macs_per_lane{};

  double sram_kib = 0;        // on-chip memory for activations; 0: open
  double bandwidth_gb_s = 0;  // off-chip, 10^9 bytes a second; 0: open

  double launch_us = 0;           // per subgraph
  double weight_swap_cycles = 0;  // per change of the weights that the matrix unit holds
  double overlap = 1;             // share of the shorter of compute and memory time that the other one hides

  FusionRules fusion;
  MemoryPolicy memory;                // bytes_per_element follows number_format
  bool weights_counted = false;       // whether peak memory includes the weights
  bool intermediates_counted = true;  // whether tensors inside of a fused subgraph take memory

  // Each throws InputError with file:line:column, the cause, and the remedy (nearest known key, valid range).
  static Accelerator load(const std::string& path);
  static Accelerator parse(std::string_view toml, const std::string& source);

  int bytes_per_element() const { return assay::bytes_per_element(number_format); }
  // Peak multiply-accumulates a cycle in the accelerator's number format; 0 while lanes are open.
  double macs_per_cycle() const;
  // Hash of everything but the description: changes whenever an estimate could.
  std::uint64_t fingerprint() const;
};

// The file in one canonical form: parse(to_toml(a)) gives an equal accelerator.
std::string to_toml(const Accelerator& accelerator);

}  // namespace assay
