// The operators that networks of others hold, as the network module sees them: transposed convolutions,
// channel shuffles, layer norms, resizes and several outputs.
#include "assay/base/error.hpp"
#include "assay/network/json.hpp"
#include "assay/network/memory.hpp"
#include "assay/network/schedule.hpp"
#include "assay/network/transform.hpp"
#include "assay/network/weights.hpp"

#include "foreign_network.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace assay;
using namespace assay::test;

namespace {

const Shape image = {8, 5, 6};

template <class Build>
Network one(Build&& build) {
  NetworkBuilder b(image);
  const OpId output = build(b);
  return std::move(b).finish(output);
}

Network one_transposed(const Window& window, int channels = 12, int groups = 1, bool bias = false) {
  return one([&](NetworkBuilder& b) { return transposed(b, 0, channels, window, groups, bias); });
}

std::string message_of(auto&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

std::string refusal(const Window& window, int groups = 1) {
  return message_of([&] { one_transposed(window, 12, groups); });
}

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::uint64_t fingerprint_of(const Operator& op) {
  return fingerprint(one([&](NetworkBuilder& b) { return b.add(op, {0}, "x"); }));
}

}  // namespace

TEST_CASE("transposed convolutions: shapes, parameters and MACs") {
  CHECK(one_transposed(transposed_window(2, 2)).output_shape() == Shape{12, 10, 12});
  CHECK(one_transposed(transposed_window(3, 2, 1)).output_shape() == Shape{12, 9, 11});
  CHECK(one_transposed(transposed_window(3, 2, 1, 1)).output_shape() == Shape{12, 10, 12});
  CHECK(one_transposed(transposed_window(4, 3)).output_shape() == Shape{12, 16, 19});
  CHECK(one_transposed(Window::square(3, 1, 2)).output_shape() == Shape{12, 5, 6});
  Window uneven = transposed_window(5, 2);
  uneven.kernel_w = 1;
  uneven.dilation_h = 3;
  uneven.pad_top = 4;
  uneven.pad_right = -1;
  CHECK(one_transposed(uneven).output_shape() == Shape{12, 4 * 2 + 13 - 4, 5 * 2 + 1 + 1});

  const Network n = one_transposed(transposed_window(3, 2, 1, 1), 12, 4, true);
  CHECK(n.parameters() == 8 * 3 * 9 + 12);
  CHECK(n.macs() == 30 * 8 * 3 * 9);  // of the pixels that go in
  CHECK(parameter_dims(n, n.output(), ParameterRole::weight) == std::vector<std::int64_t>{8, 3, 3, 3});
  CHECK(parameter_dims(n, n.output(), ParameterRole::bias) == std::vector<std::int64_t>{12});
}

TEST_CASE("transposed convolutions that cannot be built say why") {
  CHECK(refusal(transposed_window(3, 2, 1, 1)).empty());
  CHECK(mentions(refusal(transposed_window(3, 2, 3)), "padding 3/3 along its height"));
  CHECK(mentions(refusal(transposed_window(3, 2, 0, 2)), "padding 0/-2 along its height"));
  CHECK(mentions(refusal(transposed_window(3, 0)), "stride 0"));
  CHECK(mentions(refusal(transposed_window(0, 2)), "kernel 0"));
  Window before = transposed_window(3, 2);
  before.pad_left = -1;
  CHECK(mentions(refusal(before), "padding -1/0 along its width"));
  CHECK(mentions(refusal(transposed_window(2, 2), 3), "3 groups do not divide"));
  CHECK(mentions(refusal(transposed_window(2, 1 << 19)), "larger than any network"));
  const std::string nothing_left = message_of([] {
    NetworkBuilder b({8, 1, 1});
    transposed(b, 0, 8, transposed_window(3, 1, 2));
  });
  CHECK(mentions(nothing_left, "its output would be 8x0x0"));
}

TEST_CASE("shuffles, layer norms, resizes and outputs: shapes, parameters and refusals") {
  NetworkBuilder b(image);
  const OpId shuffled = shuffle(b, 0, 4);
  CHECK(b.shape(shuffled) == image);
  const OpId normed = layer_norm(b, shuffled);
  CHECK(b.shape(normed) == image);
  const OpId larger = resized(b, normed, ResizeMode::bilinear_align_corners, 7, 9);
  CHECK(b.shape(larger) == Shape{8, 7, 9});
  CHECK(mentions(message_of([&] { shuffle(b, 0, 3); }), "3 groups do not divide 8 channels"));
  CHECK(mentions(message_of([&] { shuffle(b, 0, 0); }), "0 groups"));
  CHECK(mentions(message_of([&] { b.add({.kind = OpKind::outputs}, std::span<const OpId>(), "none"); }),
                 "0 inputs instead of at least 1"));
  const Network n = std::move(b).finish(b.add({.kind = OpKind::outputs}, {larger, 0}, "outputs"));
  CHECK(n.output_shape() == Shape{8 * 63 + 8 * 30, 1, 1});
  CHECK(n.parameters() == 16);
  CHECK(n.macs() == 0);
  const auto roles = parameter_roles(n.op(normed));
  REQUIRE(roles.size() == 2);
  CHECK(roles[0] == ParameterRole::scale);
  CHECK(roles[1] == ParameterRole::shift);
}

TEST_CASE("fingerprints tell apart what computes something else") {
  const auto transposed_by = [](const Window& window, int groups = 1) {
    return fingerprint(one_transposed(window, 8, groups));
  };
  const std::uint64_t base = transposed_by(transposed_window(3, 2, 1, 1));
  CHECK(base == transposed_by(transposed_window(3, 2, 1, 1)));
  CHECK(base != transposed_by(transposed_window(3, 2, 1, 1), 2));
  // All of these give 10 x 12 pixels.
  CHECK(base != transposed_by(transposed_window(2, 2)));
  CHECK(base != transposed_by(transposed_window(4, 2, 1)));
  Window shifted = transposed_window(3, 2);
  shifted.pad_top = shifted.pad_left = 1;
  std::swap(shifted.pad_top, shifted.pad_bottom);
  CHECK(base != transposed_by(shifted));
  const Window same = Window::square(3);
  CHECK(transposed_by(same) != fingerprint_of({.kind = OpKind::convolution, .channels = 8, .window = same}));

  const auto shuffle_by = [](int groups) {
    return fingerprint_of({.kind = OpKind::channel_shuffle, .groups = groups});
  };
  CHECK(shuffle_by(2) != shuffle_by(4));
  const std::uint64_t nothing = fingerprint(one([](NetworkBuilder&) { return 0; }));
  CHECK(shuffle_by(1) == nothing);
  CHECK(shuffle_by(8) == nothing);
  const auto resize_by = [](ResizeMode mode, int height) {
    return fingerprint_of(
        {.kind = OpKind::resize, .resize_mode = mode, .resize_height = height, .resize_width = 6});
  };
  for (const ResizeMode a : {ResizeMode::nearest, ResizeMode::bilinear, ResizeMode::nearest_floor,
                             ResizeMode::bilinear_align_corners}) {
    CHECK(resize_by(a, 5) == nothing);
    for (const ResizeMode b : {ResizeMode::nearest, ResizeMode::bilinear, ResizeMode::nearest_floor,
                               ResizeMode::bilinear_align_corners})
      CHECK((resize_by(a, 9) == resize_by(b, 9)) == (a == b));
  }
  CHECK(fingerprint_of({.kind = OpKind::layer_norm, .parameter = 1e-6f}) !=
        fingerprint_of({.kind = OpKind::layer_norm}));
  CHECK(fingerprint_of({.kind = OpKind::layer_norm}) != fingerprint_of({.kind = OpKind::batch_norm}));
  const auto outputs_of = [](bool swapped) {
    return fingerprint(one([&](NetworkBuilder& b) {
      const OpId a = b.activation(0, Activation::relu, "a"), c = b.activation(0, Activation::tanh, "c");
      return b.add({.kind = OpKind::outputs}, {swapped ? c : a, swapped ? a : c}, "outputs");
    }));
  };
  CHECK(outputs_of(false) != outputs_of(true));
}

TEST_CASE("foreign networks go out as JSON and come back, and survive transforms") {
  const Network n = foreign_network();
  const std::string json = to_json(n);
  const Network back = network_from_json(json, "x.json");
  CHECK(to_json(back) == json);
  CHECK(fingerprint(back) == fingerprint(n));
  CHECK(mentions(json, "\"nearest_floor\""));
  CHECK(mentions(json, "\"bilinear_align_corners\""));
  std::string wrong = json;
  wrong.replace(wrong.find("nearest_floor"), 13, "nearest_flor");
  CHECK(mentions(message_of([&] { network_from_json(wrong, "x.json"); }), "nearest_floor"));

  CHECK(fingerprint(canonical(n)) == fingerprint(n));
  const Network larger = at_resolution(n, 32, 32);
  CHECK(larger.parameters() == n.parameters());
  CHECK(larger.macs() > 2 * n.macs());
  // A transposed convolution makes a branch deeper than the link around it.
  const Network residual =
      one([](NetworkBuilder& b) { return b.sum(0, transposed(b, 0, 8, Window::square(3)), "sum"); });
  CHECK(without_residuals(residual).size() == 2);
}

TEST_CASE("several outputs stay alive to the end, and take nothing themselves") {
  const MemoryPolicy policy{.bytes_per_element = 1};
  const auto network = [](bool second) {
    NetworkBuilder b({4, 4, 4});
    const OpId first = b.convolution(0, 8, Window{}, "first");
    OpId x = b.convolution(first, 4, Window{}, "a");
    x = b.convolution(x, 4, Window{}, "b");
    std::vector<OpId> results{x};
    if (second) results.push_back(first);
    return std::move(b).finish(b.add({.kind = OpKind::outputs}, results, "outputs"));
  };
  CHECK(peak_activation_bytes(network(false), policy) == (8 + 4) * 16);
  const MemoryProfile profile = memory_profile(network(true), policy);
  CHECK(profile.peak_bytes == (8 + 4 + 4) * 16);
  CHECK(profile.steps.size() == 4);  // with the input
  CHECK(profile.steps.back().live_bytes == profile.peak_bytes);
  MemoryPolicy streamed = policy;
  streamed.strip_rows = 1;
  CHECK(peak_activation_bytes(network(true), streamed) >= (8 + 4) * 16);

  // In the middle of a network it is a tensor of its own.
  NetworkBuilder b({4, 4, 4});
  const OpId flat = b.add({.kind = OpKind::outputs}, {0, 0}, "flat");
  const Network middle = std::move(b).finish(b.linear(flat, 1, "fc"));
  CHECK(peak_activation_bytes(middle, policy) == 64 + 128);
}

TEST_CASE("memory of layer norms and transposed convolutions") {
  MemoryPolicy policy{.bytes_per_element = 1};
  const Network norm =
      one([](NetworkBuilder& b) { return layer_norm(b, b.convolution(0, 8, Window{}, "c")); });
  CHECK(peak_activation_bytes(norm, policy) == 2 * 240);
  policy.in_place = false;
  CHECK(peak_activation_bytes(norm, policy) == 2 * 240);
  CHECK(memory_profile(norm, policy).steps.back().live_bytes == 2 * 240);

  const Network up = one_transposed(transposed_window(2, 2), 12, 4);
  const std::int64_t tensors = 8 * 30 + 12 * 120;
  CHECK(peak_activation_bytes(up, policy) == tensors);
  policy.im2col_pixels = 2;
  CHECK(peak_activation_bytes(up, policy) == tensors + 2 * 4 * 3);
  policy.im2col_pixels = 1000;  // more than go in
  CHECK(peak_activation_bytes(up, policy) == tensors + 30 * 4 * 3);
  policy.partial_sum_bytes = 4;
  CHECK(peak_activation_bytes(up, policy) == tensors + 30 * 4 * 3 + 4 * 12 * 12);
}

TEST_CASE("the schedule of a foreign network is no worse than its declared order") {
  for (const int strips : {0, 1, 4}) {
    MemoryPolicy policy{.bytes_per_element = 1};
    policy.strip_rows = strips;
    const Schedule schedule = memory_schedule(foreign_network(), policy);
    CHECK(schedule.memory.peak_bytes <= schedule.declared_peak_bytes);
    CHECK(schedule.memory.peak_bytes <= peak_activation_bytes(foreign_network(), policy));
    CHECK(schedule.memory.steps.back().live_bytes >= 10 + 5 * 256);
  }
}
