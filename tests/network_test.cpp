#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"
#include "assay/network/json.hpp"
#include "assay/network/memory.hpp"
#include "assay/network/transform.hpp"

#include <algorithm>
#include <numeric>

#include <doctest/doctest.h>

using namespace assay;

namespace {

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string message_of(auto&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

OpId conv_bn_relu(NetworkBuilder& b, OpId x, int channels, int kernel, int stride, const char* name) {
  b.set_scope(name);
  const OpId y =
      b.activation(b.batch_norm(b.convolution(x, channels, Window::square(kernel, stride), "conv"), "bn"),
                   Activation::relu, "relu");
  b.set_scope("");
  return y;
}

// A random network of convolutions, adds and activations; the same seed declares it in another order, under
// other names, with commutative inputs swapped and with dead branches, when `disguise` is set.
Network random_network(std::uint64_t seed, bool disguise) {
  Random shape(seed, Purpose::sample);
  Random noise(seed, Purpose::shuffle);
  const auto flip = [&] { return disguise && noise.below(2) == 1; };
  NetworkBuilder b({8, 6, 6});
  std::vector<OpId> nodes = {0};
  for (int i = 0; i < 8; ++i) {
    const OpId x = nodes[shape.below(nodes.size())];
    const OpId y = nodes[shape.below(nodes.size())];
    const auto kernel = static_cast<int>(1 + 2 * shape.below(2));
    const auto choice = shape.below(4);
    if (flip()) b.convolution(x, 5, Window::square(3), "dead");
    const auto left = [&] { return b.convolution(x, 8, Window::square(kernel), flip() ? "left" : "a"); };
    const auto right = [&] {
      return b.batch_norm(b.convolution(y, 8, Window::square(1), "r"), flip() ? "right" : "b");
    };
    OpId result = 0;
    if (choice == 0) {
      result = left();
    } else if (choice == 1) {
      result = b.activation(x, Activation::relu, "relu");
    } else {
      // Declared in either order, added in either order, with a zero that vanishes.
      OpId l = 0, r = 0;
      if (flip()) {
        r = right();
        l = left();
      } else {
        l = left();
        r = right();
      }
      if (flip()) std::swap(l, r);
      if (flip()) {
        const OpId zero = b.convolution(b.zero(x, 8, 1, "none"), 8, Window::square(3), "of_zero");
        result = b.sum(std::vector<OpId>{zero, l, r}, "sum");
      } else {
        result = b.sum(l, r, "add");
      }
    }
    nodes.push_back(result);
  }
  const OpId out = b.sum(std::vector<OpId>(nodes.end() - 3, nodes.end()), "out");
  return std::move(b).finish(out);
}

}  // namespace

TEST_CASE("shapes, parameters and MACs of a small network, by hand") {
  NetworkBuilder b({3, 32, 32});
  const OpId stem = conv_bn_relu(b, 0, 16, 3, 2, "stem");
  CHECK(b.shape(stem) == Shape{16, 16, 16});
  const OpId depthwise = b.convolution(stem, 16, Window::square(5), "depthwise", 16);
  CHECK(b.shape(depthwise) == Shape{16, 16, 16});
  const OpId gate = b.activation(
      b.convolution(b.global_average_pool(depthwise, "squeeze"), 16, Window::square(1), "se", 1, true),
      Activation::sigmoid, "gate");
  const OpId scaled = b.multiply(depthwise, gate, "scale");
  const OpId both = b.concat(std::vector<OpId>{scaled, stem}, "concat");
  CHECK(b.shape(both) == Shape{32, 16, 16});
  const OpId part = b.add({.kind = OpKind::slice, .channels = 10, .slice_begin = 20}, {both}, "slice");
  const OpId up = b.add({.kind = OpKind::resize, .resize_height = 20, .resize_width = 24}, {part}, "up");
  CHECK(b.shape(up) == Shape{10, 20, 24});
  const OpId flat =
      b.add({.kind = OpKind::flatten}, {b.max_pool(up, Window::square(3, 2), "pool")}, "flatten");
  CHECK(b.shape(flat) == Shape{10 * 10 * 12, 1, 1});
  const Network n = std::move(b).finish(b.linear(flat, 7, "fc"));
  CHECK(n.parameters() == 3 * 16 * 9 + 32 + 16 * 25 + (16 * 16 + 16) + (1200 * 7 + 7));
  CHECK(n.macs() == 256 * (16 * 27 + 16 * 25) + 256 + 1200 * 7);
  CHECK(n.name(1) == "stem.conv");
}

TEST_CASE("grouped, dilated, asymmetric windows") {
  NetworkBuilder b({4, 9, 9});
  const Window w{.kernel_h = 3, .kernel_w = 2, .stride_h = 2, .dilation_h = 2, .pad_top = 1, .pad_bottom = 0};
  const OpId c = b.convolution(0, 6, w, "c", 2);
  CHECK(b.shape(c) == Shape{6, 3, 8});  // ((9 + 1) - (2 * 2 + 1)) / 2 + 1, (9 - 2) + 1
  const Network n = std::move(b).finish(c);
  CHECK(n.parameters() == 6 * 2 * 3 * 2);
}

TEST_CASE("operators that cannot be built say which, why and what to do") {
  const auto building = [](auto&& add) {
    return message_of([&] {
      NetworkBuilder b({8, 4, 4});
      b.set_scope("stage1");
      add(b);
    });
  };
  CHECK(mentions(building([](auto& b) { b.convolution(0, 0, Window::square(3), "c"); }), "\"stage1.c\""));
  CHECK(
      mentions(building([](auto& b) { b.convolution(0, 0, Window::square(3), "c"); }), "0 output channels"));
  CHECK(mentions(building([](auto& b) { b.convolution(0, 8, {.kernel_h = 7, .kernel_w = 7}, "c"); }),
                 "reaches over 7 pixels"));
  CHECK(mentions(building([](auto& b) { b.convolution(0, 8, Window::square(3), "c", 3); }),
                 "3 groups do not divide"));
  CHECK(mentions(building([](auto& b) { b.sum(0, b.convolution(0, 9, Window::square(1), "c"), "s"); }),
                 "8x4x4 and 9x4x4"));
  CHECK(mentions(building([](auto& b) { b.convolution(0, 8, {.stride_h = 0}, "c"); }), "stride 0"));
  CHECK(mentions(building([](auto& b) { b.convolution(0, 1 << 30, Window::square(1), "c"); }),
                 "larger than any network"));
  CHECK(mentions(building([](auto& b) { b.max_pool(0, {.pad_top = 1}, "p"); }), "padding 1/0"));
  CHECK(mentions(message_of([] { NetworkBuilder b({0, 4, 4}); }), "not a usable size"));
}

TEST_CASE("fingerprints see the function, not how it is written") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Network plain = random_network(seed, false);
    const Network disguised = random_network(seed, true);
    REQUIRE(fingerprint(plain) == fingerprint(disguised));
    REQUIRE(fingerprint(canonical(plain)) == fingerprint(plain));
    // One canonical form, to the last byte (names apart).
    const auto structure = [](const Network& n) {
      std::string text;
      for (OpId id = 0; id < n.size(); ++id) {
        text += std::string(to_string(n.op(id).kind)) + std::to_string(n.op(id).window.kernel_h) + ":";
        for (const OpId input : n.inputs(id)) text += std::to_string(input) + ",";
      }
      return text;
    };
    REQUIRE(structure(canonical(plain)) == structure(canonical(disguised)));
    REQUIRE(canonical(plain).macs() <= plain.macs());
    REQUIRE(identify(canonical(plain)).minimal);
    if (identify(plain).minimal) REQUIRE(canonical(plain).size() == plain.size());
  }
}

TEST_CASE("fingerprints differ where the function differs") {
  std::vector<std::uint64_t> prints;
  for (std::uint64_t seed = 0; seed < 300; ++seed) prints.push_back(fingerprint(random_network(seed, false)));
  std::sort(prints.begin(), prints.end());
  const auto distinct = std::unique(prints.begin(), prints.end()) - prints.begin();
  CHECK(distinct > 290);  // a few seeds declare the same small network

  const auto one = [](auto&& make) {
    NetworkBuilder b({8, 6, 6});
    const OpId out = make(b);
    return fingerprint(std::move(b).finish(out));
  };
  const auto conv = [](NetworkBuilder& b, OpId x) { return b.convolution(x, 8, Window::square(3), "c"); };
  // Two convolutions of the same form are two; one convolution used twice is one.
  const auto two = one([&](auto& b) {
    const OpId a = conv(b, 0), c = conv(b, 0);
    return b.sum(conv(b, a), conv(b, c), "s");
  });
  const auto shared = one([&](auto& b) {
    const OpId a = conv(b, 0);
    return b.sum(conv(b, a), conv(b, a), "s");
  });
  CHECK(two != shared);
  // Two relus of one tensor are one function.
  const auto relu = [](NetworkBuilder& b, OpId x) { return b.activation(x, Activation::relu, "r"); };
  const auto two_relus = one([&](auto& b) { return b.sum(conv(b, relu(b, 0)), conv(b, relu(b, 0)), "s"); });
  const auto one_relu = one([&](auto& b) {
    const OpId r = relu(b, 0);
    return b.sum(conv(b, r), conv(b, r), "s");
  });
  CHECK(two_relus == one_relu);
  // Attributes count.
  const auto with = [&](Operator op) { return one([&](auto& b) { return b.add(op, {0}, "x"); }); };
  const Operator base{.kind = OpKind::convolution, .channels = 8, .window = Window::square(3)};
  Operator other = base;
  other.groups = 8;
  CHECK(with(base) != with(other));
  other = base;
  other.bias = true;
  CHECK(with(base) != with(other));
  other = base;
  other.window = {.kernel_h = 3, .kernel_w = 3, .pad_top = 2, .pad_left = 1, .pad_bottom = 0, .pad_right = 1};
  CHECK(with(base) != with(other));
  CHECK(with({.kind = OpKind::activation, .activation = Activation::relu}) !=
        with({.kind = OpKind::activation, .activation = Activation::relu6}));
  CHECK(with({.kind = OpKind::activation, .activation = Activation::leaky_relu, .parameter = 0.1f}) !=
        with({.kind = OpKind::activation, .activation = Activation::leaky_relu, .parameter = 0.2f}));
  // Concat is not commutative: the channels come in another order.
  const auto order = [&](bool swap) {
    return one([&](auto& b) {
      const OpId a = conv(b, 0), c = b.batch_norm(0, "b");
      return b.concat(swap ? std::vector<OpId>{c, a} : std::vector<OpId>{a, c}, "cat");
    });
  };
  CHECK(order(false) != order(true));
}

TEST_CASE("zeros vanish where they must and stay where they matter") {
  const auto size_of = [](auto&& make) {
    NetworkBuilder b({8, 6, 6});
    const OpId out = make(b);
    return canonical(std::move(b).finish(out)).size();
  };
  const auto none = [](NetworkBuilder& b) { return b.zero(0, 8, 1, "none"); };
  // A whole branch of zeros goes; the rest is the relu alone.
  CHECK(size_of([&](auto& b) {
          const OpId dead = b.batch_norm(
              b.convolution(b.activation(none(b), Activation::relu, "r"), 8, Window::square(3), "c"), "n");
          return b.sum(b.activation(0, Activation::relu, "r"), dead, "s");
        }) == 2);
  // sigmoid(0) is one half, a bias is not zero, concat keeps its channels.
  CHECK(size_of([&](auto& b) { return b.activation(none(b), Activation::sigmoid, "s"); }) == 3);
  CHECK(size_of([&](auto& b) { return b.linear(b.global_average_pool(none(b), "g"), 10, "fc"); }) == 3);
  CHECK(size_of([&](auto& b) { return b.concat(std::vector<OpId>{0, none(b)}, "cat"); }) == 3);
  // Nothing but zero: the network is a constant of the output's shape.
  NetworkBuilder b({8, 6, 6});
  const OpId zero = b.global_average_pool(b.zero(0, 4, 2, "none"), "g");
  const Network constant = canonical(std::move(b).finish(zero));
  CHECK(constant.output_shape() == Shape{4, 1, 1});
  CHECK(constant.size() == 2);
}

TEST_CASE("block marks survive, and networks without marks are cut where all paths meet") {
  NetworkBuilder b({3, 16, 16});
  const OpId stem = conv_bn_relu(b, 0, 16, 3, 1, "stem");
  const OpId a = conv_bn_relu(b, stem, 16, 3, 1, "a");
  const OpId c = b.batch_norm(b.convolution(a, 16, Window::square(3), "c"), "cn");
  const OpId block = b.activation(b.sum(stem, c, "add"), Activation::relu, "out");
  const OpId fc = b.linear(b.global_average_pool(block, "pool"), 10, "fc");
  const Network n = std::move(b).finish(fc);
  const auto cuts = blocks_or_cuts(n);
  REQUIRE(cuts.size() == 2);
  CHECK(cuts[0].output == stem);
  CHECK(cuts[1].output == block);

  NetworkBuilder marked({3, 16, 16});
  const OpId first = conv_bn_relu(marked, 0, 16, 3, 1, "first");
  marked.mark_block(first, "first");
  const OpId dead = conv_bn_relu(marked, first, 4, 3, 1, "dead");
  marked.mark_block(dead, "dead");
  const Network m = canonical(std::move(marked).finish(first));
  REQUIRE(m.blocks().size() == 1);
  CHECK(m.blocks()[0].name == "first");
}

TEST_CASE("peak activation memory, by hand") {
  const MemoryPolicy in_place{.bytes_per_element = 1};
  const MemoryPolicy separate{.bytes_per_element = 1, .in_place = false};
  {  // 4x8x8 -> conv 8x8x8 -> bn -> relu
    NetworkBuilder b({4, 8, 8});
    const Network n = [&] {
      const OpId out = conv_bn_relu(b, 0, 8, 3, 1, "x");
      return std::move(b).finish(out);
    }();
    CHECK(peak_activation_bytes(n, in_place) == 256 + 512);
    CHECK(peak_activation_bytes(n, separate) == 1024);
    CHECK(peak_activation_bytes(n, {.bytes_per_element = 4}) == 4 * 768);
  }
  {  // A residual keeps the block's input alive: during the second convolution all three tensors live.
    NetworkBuilder b({8, 8, 8});
    const OpId h = b.convolution(0, 16, Window::square(1), "expand");
    const OpId y = b.convolution(h, 8, Window::square(1), "project");
    const OpId out = b.sum(0, y, "add");
    const Network n = std::move(b).finish(out);
    const MemoryProfile profile = memory_profile(n, in_place);
    CHECK(profile.peak_bytes == 512 + 1024 + 512);
    CHECK(profile.peak_op == y);
    CHECK(profile.steps.back().live_bytes == 1024);  // the sum is written over one of its inputs
    CHECK(memory_profile(n, separate).steps.back().live_bytes == 3 * 512);
  }
  {  // An input that is read again later is not written over; x + x counts once.
    NetworkBuilder b({8, 8, 8});
    const OpId r = b.activation(0, Activation::relu, "r");
    const OpId twice = b.sum(r, r, "twice");
    const Network n = std::move(b).finish(b.sum(0, twice, "out"));
    CHECK(peak_activation_bytes(n, in_place) == 1024);
  }
}

TEST_CASE("peak memory by liveness equals a simulation with explicit buffers") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Network n = random_network(seed, true);
    // Without in-place operators the live set at a step is exactly: outputs made so far (this one included)
    // that are used at this step or later, or are the network's output.
    std::int64_t peak = 0;
    for (OpId now = 0; now < n.size(); ++now) {
      std::int64_t live = 0;
      for (OpId id = 0; id <= now; ++id) {
        bool needed = id == now || id == n.output();
        for (OpId later = now; later < n.size(); ++later) {
          for (const OpId input : n.inputs(later)) needed = needed || input == id;
        }
        if (needed) live += n.shape(id).elements();
      }
      peak = std::max(peak, live);
    }
    REQUIRE(peak_activation_bytes(n, {.bytes_per_element = 1, .in_place = false}) == peak);
    REQUIRE(peak_activation_bytes(n, {.bytes_per_element = 1}) <= peak);
  }
}

TEST_CASE("JSON goes out and comes back byte for byte") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Network n = random_network(seed, true);
    const std::string json = to_json(n);
    const Network back = network_from_json(json, "x.json");
    REQUIRE(to_json(back) == json);
    REQUIRE(fingerprint(back) == fingerprint(n));
  }
}

TEST_CASE("JSON errors name file, place and remedy") {
  const auto reading = [](const std::string& text) {
    return message_of([&] { network_from_json(text, "net.json"); });
  };
  const std::string head =
      R"({"format": "assay-network", "version": 1, "input": {"channels": 3, "height": 8, "width": 8}, )";
  CHECK(mentions(reading("{"), "not valid JSON"));
  CHECK(mentions(reading("[]"), "no network JSON"));
  CHECK(mentions(reading(R"({"format": "assay-network", "version": 2})"), "version 2"));
  CHECK(mentions(
      reading(head +
              R"("operators": [{"name": "a", "kind": "convolutoin", "inputs": ["input"]}], "output": "a"})"),
      "Did you mean \"convolution\"?"));
  CHECK(mentions(
      reading(
          head +
          R"("operators": [{"name": "a", "kind": "linear", "inputs": ["input"], "kernel": 3}], "output": "a"})"),
      "\"kernel\" is unknown"));
  CHECK(mentions(
      reading(
          head +
          R"("operators": [{"name": "a", "kind": "linear", "inputs": ["b"], "channels": 3}], "output": "a"})"),
      "no operator before it is called \"b\""));
  CHECK(mentions(
      reading(
          head +
          R"("operators": [{"name": "a", "kind": "linear", "inputs": ["input"], "channels": 0}], "output": "a"})"),
      "net.json: Operator \"a\""));
  CHECK(mentions(reading(head + R"("operators": [], "output": "x"})"), "\"x\""));
}

TEST_CASE("garbage JSON ends in an error, never otherwise") {
  const std::string valid = to_json(random_network(3, true));
  Random random(9, Purpose::sample);
  for (int round = 0; round < 3000; ++round) {
    std::string text = valid;
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
      const auto at = random.below(text.size());
      switch (random.below(4)) {
        case 0:
          text.erase(at, 1 + random.below(20));
          break;
        case 1:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 2:
          text.insert(at, valid.substr(random.below(valid.size()), random.below(30)));
          break;
        default:
          text.resize(at);
      }
      if (text.empty()) text = " ";
    }
    message_of([&] { network_from_json(text, "garbage.json"); });
  }
}

TEST_CASE("transforms: residuals, batch norm, resolution") {
  NetworkBuilder b({16, 16, 16});
  const OpId x = conv_bn_relu(b, 0, 16, 3, 1, "a");
  const OpId y = conv_bn_relu(b, x, 16, 3, 1, "b");
  const OpId out = b.sum(x, y, "add");
  b.mark_block(out, "block");
  const Network n = std::move(b).finish(out);
  const Network plain = without_residuals(n);
  CHECK(plain.size() == n.size() - 1);
  CHECK(plain.output() == y);
  CHECK(plain.blocks()[0].output == y);
  CHECK(without_batch_norm(n).parameters() == n.parameters() - 4 * 16);
  CHECK(at_resolution(n, 32, 8).output_shape() == Shape{16, 32, 8});
  CHECK(at_resolution(n, 32, 32).macs() == 4 * n.macs());
}
