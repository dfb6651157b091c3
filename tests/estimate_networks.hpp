// Networks to estimate, and an accelerator that is not quite the cycle model.
#pragma once

#include "assay/accelerator/cycle_model.hpp"
#include "assay/base/random.hpp"
#include "assay/estimate/estimator.hpp"
#include "assay/network/builder.hpp"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace estimate_test {

using namespace assay;

inline Accelerator shipped(const std::string& name) {
  return Accelerator::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/" + name + ".toml");
}

// A MobileNet-like network of the seed's choosing: inverted bottlenecks (some fused), random channels,
// kernels, expansions, depths and activation.
inline Network random_network(std::uint64_t seed) {
  Random random(seed, Purpose::sample, 77);
  const auto pick = [&](std::initializer_list<int> options) {
    return options.begin()[random.below(options.size())];
  };
  const Activation function = random.below(2) == 0 ? Activation::relu : Activation::h_swish;
  NetworkBuilder b({3, 96, 96});
  const auto unit = [&](OpId x, int channels, const Window& window, int groups, bool active) {
    x = b.batch_norm(b.convolution(x, channels, window, "conv", groups), "bn");
    return active ? b.activation(x, function, "act") : x;
  };
  OpId x = unit(0, pick({16, 24, 32}), Window::square(3, 2), 1, true);
  for (int stage = 0; stage < 5; ++stage) {
    const int channels = pick({12, 16, 20, 24, 32, 40}) * (stage + 1);
    const int depth = pick({1, 2, 3});
    for (int block = 0; block < depth; ++block) {
      const int kernel = pick({3, 5, 7});
      const int stride = block == 0 && stage > 0 ? 2 : 1;
      const int in = b.shape(x).channels;
      const int middle = in * pick({1, 3, 4, 6});
      OpId y = x;
      if (random.below(3) == 0) {
        y = unit(y, middle, Window::square(kernel, stride), 1, true);
      } else {
        if (middle != in) y = unit(y, middle, Window{}, 1, true);
        y = unit(y, middle, Window::square(kernel, stride), middle, true);
      }
      y = unit(y, channels, Window{}, 1, false);
      x = b.shape(x) == b.shape(y) ? b.sum(x, y, "add") : y;
    }
  }
  x = unit(x, 320, Window{}, 1, true);
  x = b.global_average_pool(x, "pool");
  return std::move(b).finish(b.linear(x, 100, "classifier"));
}

inline std::vector<Network> random_networks(std::uint64_t first, int count) {
  std::vector<Network> networks;
  for (int i = 0; i < count; ++i) networks.push_back(random_network(first + static_cast<std::uint64_t>(i)));
  return networks;
}

}  // namespace estimate_test
