// What the tests of whole networks share.
#pragma once

#include "assay/network/builder.hpp"

#include "runtime_compare.hpp"

#include <cstring>

#include <fmt/format.h>

namespace assay::test {

// A small cell network with everything that fuses.
inline Network cells(int channels = 16) {
  NetworkBuilder b({3, 12, 12});
  OpId x = b.batch_norm(b.convolution(0, channels, Window::square(3), "stem"), "bn");
  for (int i = 0; i < 2; ++i) {
    const auto edge = [&](OpId from, int kernel) {
      const OpId r = b.activation(from, Activation::relu, "relu");
      return b.batch_norm(b.convolution(r, channels, Window::square(kernel), "conv"), "bn");
    };
    const OpId a = edge(x, 3);
    const std::vector<OpId> second{edge(x, 1), edge(a, 3)};
    const OpId c = b.sum(second, "b");
    const std::vector<OpId> third{x, b.average_pool(a, Window::square(3), "pool"), edge(c, 3)};
    x = b.sum(third, "c");
    const OpId gate = b.activation(b.global_average_pool(x, "squeeze"), Activation::h_sigmoid, "gate");
    x = b.activation(b.sum(b.multiply(x, gate, "se"), c, "d"), Activation::relu, "relu");
    b.mark_block(x, fmt::format("cell{}", i));
  }
  OpId y = b.convolution(x, 24, Window::square(3, 2), "conv", 1, true);
  y = b.activation(y, Activation::relu, "relu");
  return std::move(b).finish(b.linear(b.global_average_pool(y, "gap"), 10, "fc"));
}

inline std::vector<float> run(Executable& executable, std::uint64_t seed) {
  const std::vector<float> input = random_floats(static_cast<std::int64_t>(executable.input().size()), seed);
  std::copy(input.begin(), input.end(), executable.input().begin());
  executable.forward();
  return {executable.output().begin(), executable.output().end()};
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace assay::test
