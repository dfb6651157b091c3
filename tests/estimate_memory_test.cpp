// Memory under the policy of an accelerator file.
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/network/builder.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

namespace {

constexpr const char* head = R"(name = "tiny"
clock_mhz = 1
number_format = "int8"
[macs_per_lane]
int8 = 1
fp32 = 1
[fusion]
activations = ["relu"]
)";

Accelerator accelerator(const std::string& counting) {
  return Accelerator::parse(head + ("[memory_counting]\n" + counting), "tiny.toml");
}

std::string message_of(const std::string& counting) {
  try {
    accelerator(counting);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

// conv-bn-relu, and a residual around the second one.
Network residual() {
  NetworkBuilder b({8, 8, 8});
  const auto unit = [&](OpId x, int channels) {
    return b.batch_norm(b.convolution(x, channels, Window::square(3), "conv"), "bn");
  };
  const OpId wide = b.activation(unit(0, 32), Activation::relu, "relu");
  return std::move(b).finish(b.sum(0, unit(wide, 8), "add"));
}

}  // namespace

TEST_CASE("policies are read from the file, and go out and come back") {
  const Accelerator usual = accelerator("");
  const Accelerator all = accelerator(
      "weights = true\nin_place = false\nfused_intermediates = false\nim2col_pixels = 2\npartial_sum_bytes = "
      "4\n"
      "partial_sum_rows = 3\nstrip_rows = 5\nreorder = true\n");
  CHECK(all.weights_counted);
  CHECK_FALSE(all.intermediates_counted);
  CHECK_FALSE(all.memory.in_place);
  CHECK(all.memory.im2col_pixels == 2);
  CHECK(all.memory.partial_sum_bytes == 4);
  CHECK(all.memory.partial_sum_rows == 3);
  CHECK(all.memory.strip_rows == 5);
  CHECK(all.memory.reorder);
  CHECK(to_toml(Accelerator::parse(to_toml(all), "again")) == to_toml(all));
  // Each of them changes the estimate, so each changes the fingerprint; the default values do not.
  for (const char* line :
       {"weights = true", "in_place = false", "fused_intermediates = false", "im2col_pixels = 2",
        "partial_sum_bytes = 4", "partial_sum_rows = 3", "strip_rows = 5", "reorder = true"}) {
    CAPTURE(line);
    CHECK(accelerator(line).fingerprint() != usual.fingerprint());
    CHECK(Accelerator::parse(to_toml(accelerator(line)), "again").fingerprint() ==
          accelerator(line).fingerprint());
  }
  CHECK(accelerator("fused_intermediates = true\nim2col_pixels = 0\npartial_sum_rows = 1\nreorder = false")
            .fingerprint() == usual.fingerprint());
}

TEST_CASE("unknown keys and impossible values are errors with the place") {
  const auto mentions = [](const std::string& text, const char* part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  mentions(message_of("strip_row = 2"), "strip_rows");
  mentions(message_of("strip_row = 2"), "tiny.toml:10:");
  mentions(message_of("im2col = 2"), "im2col_pixels");
  mentions(message_of("strip_rows = -1"), "strip_rows");
  mentions(message_of("partial_sum_bytes = 9"), "partial_sum_bytes");
  mentions(message_of("reorder = 1"), "reorder");
  CHECK_THROWS_AS(number_format_from("int7"), InputError);
  CHECK(number_format_from("bf16") == NumberFormat::bf16);
}

TEST_CASE("fused subgraphs take memory for operands and result only") {
  const Network network = residual();
  constexpr int image = 64;
  // Operator by operator, the projection's result is a tensor of its own before it is added.
  CHECK(peak_memory_bytes(accelerator(""), network) == (8 + 32 + 8) * image);
  CHECK(peak_memory_bytes(accelerator("in_place = false"), network) == (8 + 32 + 32) * image);
  // The subgraph adds as it writes: over the other operand, or beside it.
  CHECK(peak_memory_bytes(accelerator("fused_intermediates = false"), network) == (8 + 32) * image);
  CHECK(peak_memory_bytes(accelerator("fused_intermediates = false\nin_place = false"), network) ==
        (8 + 32 + 8) * image);
  const MemoryProfile profile = memory_profile(accelerator("fused_intermediates = false"), network);
  REQUIRE(profile.steps.size() == 3);
  CHECK(network.name(profile.steps[2].last) == "add");
}

TEST_CASE("a dead operator that reads the inside of a subgraph keeps it in memory") {
  NetworkBuilder b({8, 8, 8});
  const OpId conv = b.convolution(0, 32, Window::square(3), "conv");
  b.convolution(conv, 4, Window{}, "dead");
  const Network network = std::move(b).finish(b.activation(conv, Activation::relu, "relu"));
  const Accelerator fused = accelerator("fused_intermediates = false\nin_place = false");
  CHECK(memory_profile(fused, network).steps.size() == 4);
  CHECK(peak_memory_bytes(fused, network) == (32 + 32) * 64);
}

TEST_CASE("weights and the data type") {
  const Network network = residual();
  Accelerator a = accelerator("weights = true");
  const std::int64_t parameters = network.parameters();
  CHECK(weight_bytes(a, network) == parameters);
  CHECK(peak_memory_bytes(a, network) == (8 + 32 + 8) * 64 + parameters);
  a.memory.bytes_per_element = bytes_per_element(NumberFormat::fp32);
  CHECK(weight_bytes(a, network) == 4 * parameters);
  CHECK(peak_memory_bytes(a, network) == 4 * ((8 + 32 + 8) * 64 + parameters));
  const MemoryProfile profile = memory_profile(a, network);
  CHECK(profile.peak_bytes == peak_memory_bytes(a, network));
  CHECK(profile.steps.front().live_bytes == 4 * (8 * 64 + parameters));
  CHECK(memory_schedule(a, network).declared_peak_bytes == profile.peak_bytes);
}

TEST_CASE("fewer bytes with each better implementation, in any network") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed, Purpose::sample);
    NetworkBuilder b({8, 12, 12});
    std::vector<OpId> nodes = {0};
    for (int i = 0; i < 10; ++i) {
      const OpId x = nodes[random.below(nodes.size())], y = nodes[random.below(nodes.size())];
      const Window window = Window::square(static_cast<int>(1 + 2 * random.below(2)));
      OpId made = b.batch_norm(b.convolution(x, 8, window, "conv"), "bn");
      if (random.below(2) == 0) made = b.activation(made, Activation::relu, "relu");
      if (random.below(2) == 0) made = b.sum(made, y, "add");
      if (random.below(4) == 0) {
        made = b.convolution(b.concat(std::vector<OpId>{made, y}, "concat"), 8, Window{}, "join");
      }
      nodes.push_back(made);
    }
    const Network network = canonical(std::move(b).finish(b.sum(nodes, "out")));
    CAPTURE(seed);
    const std::string fused = "fused_intermediates = false\n";
    const std::int64_t separate = peak_memory_bytes(accelerator("in_place = false"), network);
    const std::int64_t in_place = peak_memory_bytes(accelerator(""), network);
    REQUIRE(in_place <= separate);
    REQUIRE(peak_memory_bytes(accelerator("strip_rows = 1"), network) <= in_place);
    REQUIRE(peak_memory_bytes(accelerator("reorder = true"), network) <= in_place);
    REQUIRE(peak_memory_bytes(accelerator(fused + "strip_rows = 1\nreorder = true"), network) <=
            peak_memory_bytes(accelerator(fused + "reorder = true"), network));
    REQUIRE(peak_memory_bytes(accelerator("im2col_pixels = 4"), network) >= in_place);
    for (const char* counting : {"", "fused_intermediates = false", "strip_rows = 2", "reorder = true"}) {
      const Accelerator a = accelerator(counting);
      const MemoryProfile profile = memory_profile(a, network);
      REQUIRE(profile.peak_bytes == peak_memory_bytes(a, network));
      std::int64_t together = 0;
      for (const LiveTensor& tensor : profile.peak) together += tensor.bytes;
      REQUIRE(together == profile.peak_bytes);
      REQUIRE(memory_schedule(a, network).memory.peak_bytes <= peak_memory_bytes(a, network));
    }
  }
}
