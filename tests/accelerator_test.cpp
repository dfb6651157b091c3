#include "assay/accelerator/accelerator.hpp"

#include "assay/accelerator/cycle_model.hpp"
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace assay;

namespace {

const std::string folder = std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/";

// 4 x 8 x 2 lanes at 1 MHz: a thousand cycles are a millisecond. One kB/s of bandwidth less than endless.
constexpr std::string_view tiny = R"(name = "tiny"
clock_mhz = 1
number_format = "int8"
[lanes]
input_channels = 4
output_channels = 8
pixels = 2
vector = 4
[macs_per_lane]
int8 = 1
[memory]
sram_kib = 1
bandwidth_gb_s = 0.001
[timing]
launch_us = 100
weight_swap_cycles = 3
[fusion]
activations = ["relu"]
)";

Accelerator tiny_accelerator() {
  return Accelerator::parse(tiny, "tiny.toml");
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out(text);
  const std::size_t at = out.find(from);
  REQUIRE(at != std::string::npos);
  return out.replace(at, from.size(), to);
}

std::string message_of(std::string_view toml) {
  try {
    Accelerator::parse(toml, "a.toml");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

bool mentions(const std::string& message, std::string_view part) {
  const bool found = message.find(part) != std::string::npos;
  if (!found) MESSAGE("the message was: ", message);
  return found;
}

Subgraph convolution(int in, int out, int size, int kernel = 1, int groups = 1, int stride = 1) {
  Subgraph s;
  s.input = {in, size * stride, size * stride};
  s.output = {out, size, size};
  s.kernel_h = s.kernel_w = kernel;
  s.stride_h = s.stride_w = stride;
  s.groups = groups;
  return s;
}

}  // namespace

TEST_CASE("accelerator files: the shipped ones load and survive their canonical form") {
  for (const char* name : {"edge_npu_16", "edge_npu_64"}) {
    const Accelerator a = Accelerator::load(folder + name + ".toml");
    CHECK(a.name == name);
    const std::string text = to_toml(a);
    const Accelerator again = Accelerator::parse(text, "canonical");
    CHECK(to_toml(again) == text);
    CHECK(again.fingerprint() == a.fingerprint());
    CHECK_NOTHROW(require_cycle_model(a));
  }
  const Accelerator npu = Accelerator::load(folder + "edge_npu_16.toml");
  CHECK(npu.macs_per_cycle() == 512);
  CHECK(npu.fusion.fuses(Activation::relu6));
  CHECK_FALSE(npu.fusion.fuses(Activation::h_swish));
}

TEST_CASE("accelerator files: any name survives the canonical form") {
  Accelerator a = tiny_accelerator();
  a.name = "quote \" backslash \\ line\nbreak \xC3\xA4";
  CHECK(Accelerator::parse(to_toml(a), "x").name == a.name);
}

TEST_CASE("accelerator files: the fingerprint follows everything but the description") {
  const std::uint64_t before = tiny_accelerator().fingerprint();
  CHECK(Accelerator::parse("description = \"words\"\n" + std::string(tiny), "x").fingerprint() == before);
  CHECK(Accelerator::parse(replaced(tiny, "sram_kib = 1", "sram_kib = 2"), "x").fingerprint() != before);
  CHECK(Accelerator::parse(replaced(tiny, "\"relu\"", "\"relu6\""), "x").fingerprint() != before);
}

TEST_CASE("accelerator files: errors name file, line, column and remedy") {
  CHECK(mentions(message_of(replaced(tiny, "clock_mhz", "clock_mzh")),
                 "a.toml:2:1: unknown key \"clock_mzh\""));
  CHECK(mentions(message_of(replaced(tiny, "clock_mhz", "clock_mzh")), "Did you mean \"clock_mhz\"?"));
  CHECK(mentions(message_of(replaced(tiny, "sram_kib", "sram_kb")), "unknown key \"memory.sram_kb\""));
  CHECK(mentions(message_of(replaced(tiny, "clock_mhz = 1\n", "")), "\"clock_mhz\" is missing"));
  CHECK(mentions(message_of(replaced(tiny, "clock_mhz = 1", "clock_mhz = \"1\"")),
                 "a.toml:2:13: \"clock_mhz\" must be a number"));
  CHECK(
      mentions(message_of(replaced(tiny, "pixels = 2", "pixels = 0")), "a.toml:7:10: \"lanes.pixels\" is 0"));
  CHECK(mentions(message_of(replaced(tiny, "pixels = 2", "pixels = 2.5")), "must be an integer"));
  CHECK(mentions(message_of(replaced(tiny, "launch_us = 100", "launch_us = nan")), "launch_us"));
  CHECK(mentions(message_of(replaced(tiny, "launch_us = 100", "launch_us = -1")), "from 0 to"));
  CHECK(mentions(message_of(replaced(tiny, "\"int8\"", "\"int9\"")), "Did you mean \"int8\"?"));
  CHECK(mentions(message_of(replaced(tiny, "\"int8\"", "\"fp16\"")), "Add macs_per_lane.fp16"));
  CHECK(mentions(message_of(replaced(tiny, "[\"relu\"]", "[\"rleu\"]")), "Did you mean \"relu\"?"));
  CHECK(mentions(message_of(replaced(tiny, "[\"relu\"]", "\"relu\"")), "array of texts"));
  CHECK(mentions(message_of("name = \"x\"\nlanes = 3\nclock_mhz = 1"), "must be a table"));
  CHECK(mentions(message_of("name = "), "a.toml:1:"));
  CHECK_THROWS_AS(Accelerator::load(folder + "missing.toml"), InputError);
}

TEST_CASE("accelerator files: truncated and garbled ones end in an error or an accelerator") {
  for (std::size_t length = 0; length < tiny.size(); ++length) message_of(tiny.substr(0, length));
  message_of("x = " + std::string(100000, '['));
  Random random(1, Purpose::sample);
  const std::string alphabet = "=[]\"'{}.,\n #0-9eEnax\xff";
  for (int round = 0; round < 5000; ++round) {
    std::string text(tiny);
    for (int change = 0; change < 3; ++change) {
      text[random.below(text.size())] = alphabet[random.below(alphabet.size())];
    }
    message_of(text);
  }
}

TEST_CASE("accelerator files: lanes may stay open, but then there is no cycle model") {
  const Accelerator open = Accelerator::parse(replaced(tiny, "pixels = 2\n", ""), "open.toml");
  CHECK(open.lanes.pixels == 0);
  CHECK(open.macs_per_cycle() == 0);
  CHECK_THROWS_AS(require_cycle_model(open), InputError);
}

TEST_CASE("cycle model: hand-computed layers") {
  const Accelerator a = tiny_accelerator();
  SUBCASE("1x1 convolution that fills every lane") {
    // 2 x 2 tiles, each 8 pixel groups + 3 swap cycles.
    const CycleEstimate e = run_cycle_model(a, convolution(8, 16, 4));
    CHECK(e.compute_cycles == 2 * 2 * (8 + 3));
    CHECK(e.lane_efficiency == 1);
    CHECK(e.memory_bytes == 128);  // weights; 128 + 256 bytes of activations stay on chip
    CHECK(e.memory_ms == doctest::Approx(0.128));
    CHECK(e.latency_ms == doctest::Approx(0.1 + 0.128));
    CHECK(e.bound == Bound::memory);
  }
  SUBCASE("3x3 convolution with ragged channels and pixels") {
    // 9 taps x ceil(5/4) x ceil(9/8) tiles, each ceil(9/2) pixel groups + 3.
    const CycleEstimate e = run_cycle_model(a, convolution(5, 9, 3, 3));
    CHECK(e.compute_cycles == 9 * 2 * 2 * (5 + 3));
    CHECK(e.lane_efficiency == doctest::Approx(5.0 / 8 * 9 / 16 * 9 / 10));
    CHECK(e.memory_bytes == 9 * 5 * 9);
    CHECK(e.latency_ms == doctest::Approx(0.1 + 9 * 5 * 9 * 1e-3));
  }
  SUBCASE("depthwise convolution: one input-channel lane of four") {
    const CycleEstimate e = run_cycle_model(a, convolution(16, 16, 4, 3, 16));
    CHECK(e.compute_cycles == 9 * 1 * 2 * (8 + 3));
    CHECK(e.lane_efficiency == 0.25);
    CHECK(e.bound == Bound::compute);
    CHECK(e.latency_ms == doctest::Approx(0.1 + 9 * 2 * 11 * 1e-3));
  }
  SUBCASE("depthwise convolution on the vector unit") {
    Accelerator vector = a;
    vector.depthwise = DepthwiseUnit::vector;
    const CycleEstimate e = run_cycle_model(vector, convolution(18, 18, 4, 3, 18));
    CHECK(e.compute_cycles == 9 * 16 * 5);
    CHECK(e.lane_efficiency == doctest::Approx(18.0 / 20));
  }
  SUBCASE("transposed convolution: every input pixel meets every tap") {
    Subgraph s = convolution(8, 16, 4, 2);
    s.kind = OpKind::transposed_convolution;
    s.stride_h = s.stride_w = 2;
    s.output.height = s.output.width = 8;
    const CycleEstimate e = run_cycle_model(a, s);
    CHECK(e.compute_cycles == 4 * 2 * 2 * (8 + 3));
    CHECK(work_of(s).macs == 4 * 8 * 16 * 16);
    CHECK(e.lane_efficiency == 1);
    Accelerator vector = a;
    vector.depthwise = DepthwiseUnit::vector;
    s.groups = 8;
    s.output.channels = 8;
    CHECK(run_cycle_model(vector, s).compute_cycles == 4 * 16 * 2);
  }
  SUBCASE("layer norm and channel shuffle on the vector unit") {
    Subgraph s = convolution(6, 6, 4);
    s.kind = OpKind::layer_norm;
    CHECK(run_cycle_model(a, s).compute_cycles == 6 * 16 * 2);
    CHECK(run_cycle_model(a, s).memory_bytes == 12);  // scale and shift
    s.kind = OpKind::channel_shuffle;
    CHECK(run_cycle_model(a, s).compute_cycles == 16 * 2);
  }
  SUBCASE("linear: one pixel lane of two, bound by its weights") {
    Subgraph s;
    s.kind = OpKind::linear;
    s.input = {100, 1, 1};
    s.output = {10, 1, 1};
    s.parts = Subgraph::bias;
    const CycleEstimate e = run_cycle_model(a, s);
    CHECK(e.compute_cycles == 25 * 2 * (1 + 3));
    CHECK(e.memory_bytes == 1010);
    CHECK(e.bound == Bound::memory);
    CHECK(e.lane_efficiency == doctest::Approx(10.0 / 16 / 2));
  }
  SUBCASE("activations beyond the on-chip memory cross the interface once") {
    // 1024 + 512 bytes of activations, 1024 fit.
    const CycleEstimate e = run_cycle_model(a, convolution(8, 32, 4, 1, 1, 2));
    CHECK(e.memory_bytes == 256 + 0);
    const CycleEstimate larger = run_cycle_model(a, convolution(16, 32, 4, 1, 1, 2));
    CHECK(larger.memory_bytes == 512 + 512);
  }
  SUBCASE("max pooling and add on the vector unit") {
    Subgraph pool = convolution(6, 6, 4, 2, 1, 2);
    pool.kind = OpKind::max_pool;
    CHECK(run_cycle_model(a, pool).compute_cycles == 4 * 16 * 2);
    Subgraph add = convolution(6, 6, 4);
    add.kind = OpKind::add;
    add.operands = 3;
    CHECK(run_cycle_model(a, add).compute_cycles == 2 * 16 * 2);
  }
  SUBCASE("a small layer is bound by the launch") {
    CHECK(run_cycle_model(a, convolution(1, 1, 1)).bound == Bound::overhead);
  }
}

TEST_CASE("cycle model: without overlap the times add up") {
  Accelerator a = tiny_accelerator();
  const Subgraph s = convolution(8, 16, 4);
  a.overlap = 0.25;
  CHECK(run_cycle_model(a, s).latency_ms == doctest::Approx(0.1 + 0.128 + 0.75 * 0.044));
}

TEST_CASE("cycle model: half the rate takes twice the sweeps") {
  Accelerator a = tiny_accelerator();
  a.number_format = NumberFormat::int16;
  a.macs_per_lane[static_cast<std::size_t>(NumberFormat::int16)] = 0.5;
  const CycleEstimate e = run_cycle_model(a, convolution(8, 16, 4));
  CHECK(e.compute_cycles == 2 * 2 * (16 + 3));
  CHECK(e.memory_bytes == 256);
}

TEST_CASE("cycle model: latency is a staircase in the channels") {
  Accelerator a = Accelerator::load(folder + "edge_npu_16.toml");
  a.bandwidth_gb_s = 1e6;  // compute alone
  double before = 0;
  int steps = 0;
  for (int channels = 1; channels <= 96; ++channels) {
    const double latency = run_cycle_model(a, convolution(48, channels, 14, 3)).latency_ms;
    CHECK(latency >= before);
    const bool new_group = channels % 16 == 1;
    CHECK((latency > before) == new_group);
    steps += latency > before;
    before = latency;
  }
  CHECK(steps == 6);
  // With a memory, never falling still.
  a.bandwidth_gb_s = 1;
  before = 0;
  for (int channels = 1; channels <= 600; ++channels) {
    const double latency = run_cycle_model(a, convolution(channels, 40, 28, 1)).latency_ms;
    CHECK(latency >= before);
    before = latency;
  }
}

TEST_CASE("cycle model: fewer FLOPs can take longer, because depthwise convolutions waste lanes") {
  const Accelerator a = Accelerator::load(folder + "edge_npu_16.toml");
  const Subgraph depthwise = convolution(64, 64, 28, 3, 64);
  const Subgraph dense = convolution(64, 64, 28, 3);
  CHECK(run_cycle_model(a, depthwise).lane_efficiency == doctest::Approx(1.0 / 16));
  const double mac_ratio =
      static_cast<double>(work_of(dense).macs) / static_cast<double>(work_of(depthwise).macs);
  const double time_ratio = run_cycle_model(a, dense).compute_ms / run_cycle_model(a, depthwise).compute_ms;
  CHECK(mac_ratio == 64);
  CHECK(time_ratio == doctest::Approx(4));
}

TEST_CASE("lane efficiency: softened, and the nearest full groups") {
  CHECK(lane_efficiency(16, 16) == 1);
  CHECK(lane_efficiency(17, 16) == doctest::Approx(17.0 / 32));
  CHECK(lane_efficiency(17, 16, 0) == 1);
  CHECK(lane_efficiency(8, 16, 0.5) == doctest::Approx(1 / (0.5 + 0.5 * 2)));
  CHECK(nearest_lane_fill(17, 16).lower == 16);
  CHECK(nearest_lane_fill(17, 16).upper == 32);
  CHECK(nearest_lane_fill(32, 16).lower == 32);
  CHECK(nearest_lane_fill(32, 16).upper == 32);
  CHECK(nearest_lane_fill(3, 16).lower == 16);
}
