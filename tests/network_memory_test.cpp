// Policies of memory counting beyond plain liveness (network_test.cpp).
#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"
#include "assay/network/memory.hpp"

#include <algorithm>
#include <functional>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

namespace {

MemoryPolicy bytes_of_one() {
  return {.bytes_per_element = 1};
}

}  // namespace

TEST_CASE("scratch: patches of a convolution") {
  NetworkBuilder b({8, 6, 6});
  const OpId conv = b.convolution(0, 4, Window::square(3), "conv");
  const Network n = std::move(b).finish(conv);
  MemoryPolicy policy = bytes_of_one();
  const std::int64_t tensors = (8 + 4) * 36;
  CHECK(peak_activation_bytes(n, policy) == tensors);
  policy.im2col_pixels = 2;
  CHECK(peak_activation_bytes(n, policy) == tensors + 2 * 9 * 8);
  policy.im2col_pixels = 1000;  // more pixels than there are
  CHECK(peak_activation_bytes(n, policy) == tensors + 36 * 9 * 8);
  policy.bytes_per_element = 2;
  CHECK(peak_activation_bytes(n, policy) == 2 * (tensors + 36 * 9 * 8));

  const auto scratch_of = [](const Window& window, int groups) {
    NetworkBuilder c({8, 6, 6});
    const Network one = [&] {
      const OpId out = c.convolution(0, 8, window, "conv", groups);
      return std::move(c).finish(out);
    }();
    MemoryPolicy with = bytes_of_one();
    with.im2col_pixels = 1;
    return peak_activation_bytes(one, with) - peak_activation_bytes(one, bytes_of_one());
  };
  CHECK(scratch_of(Window::square(1), 1) == 0);     // its matrix is the input as it lies
  CHECK(scratch_of(Window::square(1, 2), 1) == 8);  // pixels are left out
  CHECK(scratch_of(Window::square(5), 4) == 25 * 2);
  CHECK(scratch_of(Window::square(3), 8) == 9);
}

TEST_CASE("scratch: partial sums") {
  NetworkBuilder b({8, 6, 5});
  const OpId conv = b.convolution(0, 4, Window::square(3), "conv");
  const OpId out = b.linear(b.global_average_pool(conv, "pool"), 10, "fc");
  const Network n = std::move(b).finish(out);
  MemoryPolicy policy = bytes_of_one();
  policy.partial_sum_bytes = 4;
  const MemoryProfile row = memory_profile(n, policy);
  CHECK(row.steps[1].live_bytes == (8 + 4) * 30 + 4 * 4 * 5);
  CHECK(row.steps.back().live_bytes == 4 + 10 + 4 * 10);
  policy.partial_sum_rows = 0;
  CHECK(memory_profile(n, policy).peak_bytes == (8 + 4) * 30 + 4 * 4 * 30);
  policy.partial_sum_rows = 100;
  CHECK(memory_profile(n, policy).peak_bytes == (8 + 4) * 30 + 4 * 4 * 30);
}

TEST_CASE("fused operators are one step") {
  NetworkBuilder b({8, 8, 8});
  const OpId expand = b.convolution(0, 32, Window::square(1), "expand");
  const OpId relu = b.activation(expand, Activation::relu, "relu");
  const OpId project = b.convolution(relu, 8, Window::square(1), "project");
  const OpId sum = b.sum(0, project, "add");
  const Network n = std::move(b).finish(sum);
  const std::vector<OpId> last = {0, relu, relu, sum, sum};
  const MemoryProfile profile = memory_profile(n, bytes_of_one(), {.last = last});
  REQUIRE(profile.steps.size() == 3);
  CHECK(profile.steps[1].op == expand);
  CHECK(profile.steps[1].last == relu);
  CHECK(profile.steps[1].live_bytes == (8 + 32) * 64);
  // The sum leaves the matrix unit to where the other operand lies.
  CHECK(profile.steps[2].live_bytes == (8 + 32) * 64);
  MemoryPolicy separate = bytes_of_one();
  separate.in_place = false;
  CHECK(peak_activation_bytes(n, separate, {.last = last}) == (8 + 32 + 8) * 64);
}

TEST_CASE("concatenation takes the place of parts that nobody reads later") {
  NetworkBuilder b({4, 4, 4});
  const OpId left = b.convolution(0, 6, Window::square(1), "left");
  const OpId right = b.convolution(0, 10, Window::square(1), "right");
  const OpId joined = b.concat(std::vector<OpId>{left, right, left}, "join");
  const OpId small = b.convolution(joined, 1, Window::square(1), "small");
  const OpId again = b.convolution(right, 1, Window::square(1), "again");
  const Network n = std::move(b).finish(b.sum(small, again, "sum"));
  const auto live_at = [&](bool concat) {
    return memory_profile(n, bytes_of_one(), {.last = {}, .concat = concat}).steps[3].live_bytes;
  };
  CHECK(live_at(false) == (6 + 10 + 22) * 16);
  CHECK(live_at(true) == (6 + 10 + 10 + 6) * 16);  // right is copied, left once more
}

TEST_CASE("what is alive at the peak, and why") {
  NetworkBuilder b({4, 4, 4});
  const OpId early = b.convolution(0, 8, Window::square(1), "early");
  const OpId wide = b.convolution(early, 32, Window::square(1), "wide");
  const OpId narrow = b.convolution(wide, 8, Window::square(3), "narrow");
  const Network n = std::move(b).finish(b.sum(narrow, early, "sum"));
  MemoryPolicy policy = bytes_of_one();
  policy.im2col_pixels = 1;
  const MemoryProfile profile = memory_profile(n, policy);
  CHECK(profile.peak_op == narrow);
  REQUIRE(profile.peak.size() == 4);
  using Role = LiveTensor::Role;
  const std::vector<LiveTensor> expected = {{early, 8 * 16, Role::waiting},
                                            {wide, 32 * 16, Role::operand},
                                            {narrow, 8 * 16, Role::result},
                                            {narrow, 9 * 32, Role::scratch}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(profile.peak[i].op == expected[i].op);
    CHECK(profile.peak[i].bytes == expected[i].bytes);
    CHECK(profile.peak[i].role == expected[i].role);
  }
}

TEST_CASE("strips: rolling buffers by hand") {
  const auto network = [](int stride) {
    NetworkBuilder b({8, 16, 16});
    const OpId wide =
        b.activation(b.convolution(0, 64, Window::square(3), "widen"), Activation::relu, "relu");
    const OpId out = b.convolution(wide, 8, Window::square(3, stride), "narrow");
    return std::move(b).finish(out);
  };
  MemoryPolicy policy = bytes_of_one();
  CHECK(peak_activation_bytes(network(1), policy) == (8 + 64) * 256);
  policy.strip_rows = 2;
  // Two rows of a 3x3 convolution need four; the ReLU works on them in place.
  CHECK(peak_activation_bytes(network(1), policy) == (8 + 8) * 256 + 4 * 16 * 64);
  // With stride 2 five.
  CHECK(peak_activation_bytes(network(2), policy) == 8 * 256 + 8 * 64 + 5 * 16 * 64);
  const MemoryProfile profile = memory_profile(network(2), policy);
  REQUIRE(profile.steps.size() == 2);
  CHECK(profile.steps[1].op == 1);
  CHECK(profile.steps[1].last == 3);
  // Out of place the convolution's own two (of four) rows are held as well.
  policy.in_place = false;
  CHECK(peak_activation_bytes(network(1), policy) == (8 + 8) * 256 + (4 + 2) * 16 * 64);

  // A bottleneck between wide tensors: both would have to be there at once.
  NetworkBuilder b({64, 16, 16});
  const OpId narrow = b.convolution(0, 4, Window::square(1), "narrow");
  const OpId wide = b.convolution(narrow, 64, Window::square(3), "widen");
  const Network bottleneck = std::move(b).finish(wide);
  CHECK(memory_profile(bottleneck, policy).steps.size() == 3);
  CHECK(peak_activation_bytes(bottleneck, policy) == (64 + 4) * 256);
}

TEST_CASE("strips: an inverted bottleneck with a residual, and the pooling head") {
  MemoryPolicy policy = bytes_of_one();
  policy.strip_rows = 1;
  NetworkBuilder b({8, 16, 16});
  const OpId expand = b.convolution(0, 48, Window::square(1), "expand");
  const OpId depthwise = b.convolution(expand, 48, Window::square(3), "depthwise", 48);
  const OpId project = b.convolution(depthwise, 8, Window::square(1), "project");
  const OpId sum = b.sum(0, project, "add");
  const Network block = std::move(b).finish(sum);
  // Input and result whole (the projection has a result of its own, since the first operator of the chain
  // still reads the input), three rows before the depthwise convolution and one behind it.
  CHECK(peak_activation_bytes(block, policy) == (8 + 8) * 256 + (3 + 1) * 16 * 48);

  NetworkBuilder head({32, 8, 8});
  const OpId conv = head.convolution(0, 256, Window::square(1), "conv");
  const OpId fc = head.linear(head.global_average_pool(conv, "pool"), 10, "fc");
  const Network pooled = std::move(head).finish(fc);
  CHECK(peak_activation_bytes(pooled, policy) == 32 * 64 + 256 * 8 + 256);
}

TEST_CASE("strips: the buffers are enough for rows made on demand, and never cost more than whole tensors") {
  int streamed = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed, Purpose::sample);
    NetworkBuilder b({1, 33, 8});
    struct Layer {
      int kernel, stride, dilation, pad, channels;
    };
    std::vector<Layer> layers;
    OpId x = 0;
    const auto count = 2 + random.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      const int kernel = static_cast<int>(1 + 2 * random.below(3)),
                stride = static_cast<int>(1 + random.below(2));
      const int dilation = kernel > 1 ? static_cast<int>(1 + random.below(2)) : 1;
      const Window window = Window::square(kernel, stride, dilation);
      if (b.shape(x).height < kernel * dilation) break;
      layers.push_back({kernel, stride, dilation, window.pad_top, i + 1 < count ? 64 : 1});
      x = b.convolution(x, layers.back().channels, window, "conv");
    }
    const Network n = std::move(b).finish(x);
    MemoryPolicy policy = bytes_of_one();
    const std::int64_t whole = peak_activation_bytes(n, policy);
    policy.strip_rows = static_cast<int>(1 + random.below(3));
    const MemoryProfile profile = memory_profile(n, policy);
    CAPTURE(seed);
    REQUIRE(profile.peak_bytes <= whole);
    for (const MemoryStep& step : profile.steps) {
      if (step.op == step.last) continue;
      ++streamed;
      // Rows are made when the next operator asks for them, at most `rate` at a time; how many are held?
      const int height = n.shape(step.last).height;
      std::vector<int> made(layers.size() + 1, 0), held(layers.size() + 1, 0), rate(layers.size() + 1, 0);
      rate[static_cast<std::size_t>(step.last)] = policy.strip_rows;
      for (OpId id = step.last; id > step.op; --id) {
        const auto i = static_cast<std::size_t>(id);
        rate[i - 1] = rate[i] * layers[i - 1].stride;
      }
      const std::function<void(OpId, int)> make = [&](OpId id, int rows) {
        const auto i = static_cast<std::size_t>(id);
        const Layer& layer = layers[i - 1];
        while (made[i] < rows) {
          const int end = std::min(made[i] + rate[i], rows);
          if (id > step.op) {
            const int need =
                std::min((end - 1) * layer.stride - layer.pad + (layer.kernel - 1) * layer.dilation + 1,
                         n.shape(id - 1).height);
            make(id - 1, need);
            const int oldest = std::max(0, made[i] * layer.stride - layer.pad);
            held[i - 1] = std::max(held[i - 1], made[i - 1] - oldest);
          }
          made[i] = end;
        }
      };
      for (int rows = 0; rows < height;) make(step.last, rows = std::min(height, rows + policy.strip_rows));
      std::int64_t needed = n.shape(step.op - 1).elements() + n.shape(step.last).elements();
      for (OpId id = step.op; id < step.last; ++id) {
        const Shape shape = n.shape(id);
        needed += std::int64_t{held[static_cast<std::size_t>(id)]} * shape.width * shape.channels;
      }
      REQUIRE(needed <= step.live_bytes);
    }
  }
  CHECK(streamed > 100);
}
