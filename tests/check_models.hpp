// Small models to check, and how broken input is answered.
#pragma once

#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/check/check.hpp"
#include "assay/network/builder.hpp"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace check_test {

using namespace assay;

// The message of the InputError that `action` throws; "" when it does not.
template <class Action>
std::string message(Action&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

inline void check_mentions(const std::string& text, std::initializer_list<const char*> parts) {
  CAPTURE(text);
  for (const char* part : parts) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

// A few bytes changed, removed, doubled or cut off.
inline std::string garbled(std::string text, std::uint64_t seed) {
  Random random(seed, Purpose::sample, 5);
  const std::string alphabet = "{}[]=\",.:#-0159eE \nmaxnullTf\\\xC3\xFF";
  for (std::uint64_t i = 1 + random.below(3); i > 0 && !text.empty(); --i) {
    const std::size_t at = random.below(text.size());
    switch (random.below(4)) {
      case 0:
        text[at] = alphabet[random.below(alphabet.size())];
        break;
      case 1:
        text.erase(at, 1 + random.below(12));
        break;
      case 2:
        text.insert(at, text.substr(random.below(text.size()), random.below(20)));
        break;
      default:
        if (random.below(4) == 0) text.resize(at);
    }
  }
  return text;
}

inline CheckTarget npu() {
  return load_target({std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/edge_npu_16.toml", false});
}

// conv(3 -> 16), then blocks of expand, depthwise, project with a residual, then a classifier.
struct Block {
  std::string name;
  int width = 64;  // after the expansion
};
inline Network network_of(const std::vector<Block>& blocks) {
  NetworkBuilder b({3, 32, 32});
  OpId x = b.activation(b.batch_norm(b.convolution(0, 16, Window::square(3, 2), "stem"), "stem_bn"),
                        Activation::relu, "stem_act");
  for (const Block& block : blocks) {
    const auto unit = [&](OpId in, int channels, const Window& window, int groups, const std::string& name) {
      return b.activation(b.batch_norm(b.convolution(in, channels, window, name, groups), name + "_bn"),
                          Activation::relu, name + "_act");
    };
    OpId y = unit(x, block.width, Window{}, 1, block.name + ".expand");
    y = unit(y, block.width, Window::square(3), block.width, block.name + ".depthwise");
    y = b.batch_norm(b.convolution(y, 16, Window{}, block.name + ".project"), block.name + ".project_bn");
    x = b.sum(x, y, block.name + ".add");
  }
  return std::move(b).finish(b.linear(b.global_average_pool(x, "pool"), 10, "classifier"));
}

inline Network usual_network() {
  return network_of({{"block1"}, {"block2"}, {"block3"}});
}

}  // namespace check_test
