// Every rewrite on small networks written down by hand: where it is found, what it leaves.
#include "assay/rewrite/rewrite.hpp"

#include "assay/base/error.hpp"
#include "assay/network/builder.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

namespace {

// 16 x 16 lanes; relu and relu6 run within convolutions.
const Estimator& npu() {
  static const Estimator estimator = Estimator::of_cycle_model(
      Accelerator::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/edge_npu_16.toml"));
  return estimator;
}

OpId conv_bn(NetworkBuilder& b, OpId x, int channels, const Window& window, const std::string& name,
             int groups = 1) {
  return b.batch_norm(b.convolution(x, channels, window, name, groups), name + "_bn");
}

OpId gate(NetworkBuilder& b, OpId x, int reduced) {
  const int channels = b.shape(x).channels;
  OpId g = b.convolution(b.global_average_pool(x, "se_pool"), reduced, {}, "se_reduce", 1, true);
  g = b.convolution(b.activation(g, Activation::relu, "se_act"), channels, {}, "se_expand", 1, true);
  return b.multiply(x, b.activation(g, Activation::h_sigmoid, "se_gate"), "se_scale");
}

// An inverted bottleneck with a gate on 24 channels, expanded to 96.
OpId ibn(NetworkBuilder& b, OpId x, int expanded, int channels, int stride, bool gated, Activation function) {
  OpId y = b.activation(conv_bn(b, x, expanded, {}, "expand"), function, "expand_act");
  y = b.activation(conv_bn(b, y, expanded, Window::square(3, stride), "depthwise", expanded), function,
                   "depthwise_act");
  if (gated) y = gate(b, y, 8);
  y = conv_bn(b, y, channels, {}, "project");
  if (b.shape(y) == b.shape(x)) y = b.sum(x, y, "sum");
  b.mark_block(y, b.scope());
  return y;
}

// Image 3x32x32; stem to 24 channels at stride 2, two IBNs with residuals there, one to 40 channels at stride
// 4, ten classes.
Network small_network(Activation function = Activation::h_swish) {
  NetworkBuilder b({3, 32, 32}, "small");
  b.set_scope("stem");
  OpId x = b.activation(conv_bn(b, 0, 24, Window::square(3, 2), "conv"), function, "conv_act");
  b.mark_block(x, "stem");
  b.set_scope("a.block1");
  x = ibn(b, x, 96, 24, 1, true, function);
  b.set_scope("a.block2");
  x = ibn(b, x, 96, 24, 1, false, function);
  b.set_scope("b.block1");
  x = ibn(b, x, 96, 40, 2, false, function);
  b.set_scope("head");
  x = b.linear(b.global_average_pool(x, "pool"), 10, "linear");
  return std::move(b).finish(x);
}

const RewriteStep* find(const std::vector<RewriteStep>& steps, const std::string& text) {
  const auto found = std::ranges::find(steps, text, &RewriteStep::text);
  return found == steps.end() ? nullptr : &*found;
}

Network rewritten(const Network& network, const std::string& text) {
  const auto steps = find_steps(network, npu());
  const RewriteStep* step = find(steps, text);
  INFO(text);
  REQUIRE(step != nullptr);
  return apply(network, step->edit);
}

int count(const Network& network, OpKind kind) {
  int found = 0;
  for (OpId id = 0; id < network.size(); ++id) found += network.op(id).kind == kind;
  return found;
}

OpId named(const Network& network, const std::string& name) {
  for (OpId id = 0; id < network.size(); ++id)
    if (network.name(id) == name) return id;
  FAIL("no operator " << name);
  return 0;
}

std::vector<std::string> of_kind(const Network& network, RewriteKind kind) {
  std::vector<std::string> texts;
  for (const RewriteStep& step : find_steps(network, npu()))
    if (step.kind == kind) texts.push_back(step.text());
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("fuse_ibn: one dense convolution in place of expansion and depthwise; gate and residual stay") {
  const Network network = small_network();
  CHECK(of_kind(network, RewriteKind::fuse_ibn) ==
        Texts{"fuse_ibn a.block1", "fuse_ibn a.block2", "fuse_ibn b.block1"});
  const Network fused = rewritten(network, "fuse_ibn a.block1");
  // Gone: 24x96 expansion, 9x96 depthwise, 2x96 of a batch norm. Came: 9x24x96.
  CHECK(fused.parameters() == network.parameters() - 24 * 96 - 9 * 96 - 2 * 96 + 9 * 24 * 96);
  CHECK(fused.size() == network.size() - 3);
  CHECK(count(fused, OpKind::multiply) == 1);
  CHECK(count(fused, OpKind::add) == 2);
  const OpId dense = named(fused, "a.block1.expand");
  CHECK(fused.op(dense).groups == 1);
  CHECK(fused.op(dense).window == Window::square(3));
  CHECK(fused.shape(dense) == Shape{96, 16, 16});
  CHECK(fused.blocks().size() == network.blocks().size());
  // The stride stays where it was.
  const Network strided = rewritten(network, "fuse_ibn b.block1");
  CHECK(strided.shape(named(strided, "b.block1.expand")) == Shape{96, 8, 8});
  CHECK(of_kind(strided, RewriteKind::fuse_ibn) == Texts{"fuse_ibn a.block1", "fuse_ibn a.block2"});
}

TEST_CASE("fuse_ibn: not where somebody else reads the expansion, nor where it narrows") {
  NetworkBuilder b({32, 8, 8});
  const OpId wide = b.convolution(0, 64, {}, "expand");
  const OpId depthwise = b.convolution(wide, 64, Window::square(3), "depthwise", 64);
  const OpId read_twice = b.sum(wide, depthwise, "sum");
  const OpId narrow = b.convolution(read_twice, 16, {}, "reduce");
  const OpId y = b.convolution(narrow, 16, Window::square(3), "depthwise2", 16);
  CHECK(of_kind(std::move(b).finish(y), RewriteKind::fuse_ibn).empty());
}

TEST_CASE("dense_convolution: depthwise and grouped ones, each by itself") {
  NetworkBuilder b({32, 8, 8});
  OpId x = b.convolution(0, 32, Window::square(3), "depthwise", 32);
  x = b.convolution(x, 64, Window::square(3), "grouped", 4);
  x = b.convolution(x, 64, {}, "dense");
  const Network network = std::move(b).finish(x);
  CHECK(of_kind(network, RewriteKind::dense_convolution) ==
        Texts{"dense_convolution depthwise", "dense_convolution grouped"});
  CHECK(rewritten(network, "dense_convolution depthwise").parameters() ==
        network.parameters() - 9 * 32 + 9 * 32 * 32);
  CHECK(rewritten(network, "dense_convolution grouped").parameters() ==
        network.parameters() - 9 * 8 * 64 + 9 * 32 * 64);
}

TEST_CASE("align_channels: a width and all that is tied to it") {
  const Network network = small_network();
  CHECK(of_kind(network, RewriteKind::align_channels) ==
        Texts{"align_channels stem.conv=16", "align_channels stem.conv=32",
              "align_channels b.block1.project=32", "align_channels b.block1.project=48"});
  const Network wider = rewritten(network, "align_channels stem.conv=32");
  for (const char* name : {"stem.conv", "a.block1.project", "a.block2.project"})
    CHECK(wider.op(named(wider, name)).channels == 32);
  CHECK(wider.op(named(wider, "b.block1.project")).channels == 40);
  CHECK(wider.output_shape() == network.output_shape());
  CHECK(of_kind(wider, RewriteKind::align_channels).size() == 2);
}

TEST_CASE("align_channels: depthwise convolutions and gates follow; the output does not move") {
  NetworkBuilder b({3, 8, 8});
  OpId x = b.convolution(0, 20, Window::square(3), "stem");
  x = b.convolution(x, 20, Window::square(3), "depthwise", 20);
  x = gate(b, x, 4);
  x = b.convolution(x, 20, {}, "last");
  const Network network = std::move(b).finish(x);
  CHECK(of_kind(network, RewriteKind::align_channels) ==
        Texts{"align_channels stem=16", "align_channels stem=32"});
  const Network narrow = rewritten(network, "align_channels stem=16");
  CHECK(narrow.op(named(narrow, "depthwise")).groups == 16);
  CHECK(narrow.op(named(narrow, "se_expand")).channels == 16);
  CHECK(narrow.op(named(narrow, "se_reduce")).channels == 4);
  CHECK(narrow.output_shape() == Shape{20, 8, 8});
}

TEST_CASE("widths: cuts and shuffles keep their ratio, parts of a concatenation are free") {
  NetworkBuilder b({3, 8, 8});
  const OpId x = b.convolution(0, 40, Window::square(3), "stem");
  const OpId left = b.add({.kind = OpKind::slice, .channels = 20}, {x}, "left");
  const OpId right = b.add({.kind = OpKind::slice, .channels = 20, .slice_begin = 20}, {x}, "right");
  const OpId branch = b.convolution(right, 20, Window::square(3), "branch");
  const OpId both = b.concat(std::vector<OpId>{left, branch}, "both");
  const OpId mixed = b.add({.kind = OpKind::channel_shuffle, .groups = 2}, {both}, "shuffle");
  const Network network = std::move(b).finish(b.linear(b.global_average_pool(mixed, "pool"), 10, "linear"));
  const Network wider = rewritten(network, "align_channels stem=48");
  CHECK(wider.shape(named(wider, "left")).channels == 24);
  CHECK(wider.op(named(wider, "right")).slice_begin == 24);
  CHECK(wider.shape(named(wider, "branch")).channels == 24);
  CHECK(wider.shape(named(wider, "shuffle")).channels == 48);

  NetworkBuilder c({3, 8, 8});
  const OpId a1 = c.convolution(0, 20, {}, "a"), a2 = c.convolution(0, 36, {}, "b");
  const OpId parts = c.batch_norm(c.concat(std::vector<OpId>{a1, a2}, "parts"), "bn");
  const Network inception = std::move(c).finish(c.linear(c.global_average_pool(parts, "pool"), 10, "linear"));
  const Network uneven = rewritten(inception, "align_channels b=32");
  CHECK(uneven.shape(named(uneven, "a")).channels == 20);
  CHECK(uneven.shape(named(uneven, "bn")).channels == 52);
}

TEST_CASE("widths: grouped convolutions stay divisible") {
  NetworkBuilder b({3, 8, 8});
  OpId x = b.convolution(0, 42, Window::square(3), "stem");
  x = b.convolution(x, 42, Window::square(3), "grouped", 6);
  const Network network = std::move(b).finish(b.linear(b.global_average_pool(x, "pool"), 10, "linear"));
  // The multiple of 16 lanes and 6 groups above 42 is 48; none is below.
  CHECK(of_kind(network, RewriteKind::align_channels) ==
        Texts{"align_channels stem=48", "align_channels grouped=48"});
  const Network wider = rewritten(network, "align_channels grouped=48");
  CHECK(wider.op(named(wider, "grouped")).groups == 6);
  CHECK(wider.op(named(wider, "grouped")).channels == 48);
}

TEST_CASE("even_channels: unequal widths of a stage become equal at about the same work") {
  NetworkBuilder b({3, 16, 16});
  OpId x = b.convolution(0, 32, Window::square(3, 2), "stem");
  b.mark_block(x, "stem");
  for (const int width : {32, 128, 64}) {
    b.set_scope("block" + std::to_string(width));
    x = b.convolution(b.convolution(x, width, Window::square(3), "wide"), 32, {}, "narrow");
    b.mark_block(x, b.scope());
  }
  const Network network = std::move(b).finish(b.linear(b.global_average_pool(x, "pool"), 10, "linear"));
  // The work is linear in these widths, so the equal one is their mean, 74.7, in multiples of 16.
  CHECK(of_kind(network, RewriteKind::even_channels) == Texts{"even_channels stride2=inner:80"});
  const Network even = rewritten(network, "even_channels stride2=inner:80");
  for (const char* name : {"block32.wide", "block128.wide", "block64.wide"})
    CHECK(even.op(named(even, name)).channels == 80);
  CHECK(of_kind(even, RewriteKind::even_channels).empty());
}

TEST_CASE("drop_squeeze_excite: the gate goes, all of it") {
  const Network network = small_network();
  CHECK(of_kind(network, RewriteKind::drop_squeeze_excite) == Texts{"drop_squeeze_excite a.block1"});
  const Network plain = rewritten(network, "drop_squeeze_excite a.block1");
  CHECK(plain.size() == network.size() - 6);
  CHECK(plain.parameters() == network.parameters() - (96 * 8 + 8) - (8 * 96 + 96));
  CHECK(count(plain, OpKind::multiply) == 0);
}

TEST_CASE("drop_squeeze_excite: a product of two branches is no gate") {
  NetworkBuilder b({16, 8, 8});
  const OpId x = b.convolution(0, 16, {}, "x"), y = b.convolution(0, 16, {}, "y");
  const OpId other = b.convolution(b.global_average_pool(y, "pool"), 16, {}, "expand");
  const OpId product =
      b.multiply(b.multiply(x, y, "product"), b.activation(other, Activation::sigmoid, "s"), "gated");
  CHECK(of_kind(std::move(b).finish(product), RewriteKind::drop_squeeze_excite).empty());
}

TEST_CASE("replace_activation: what the accelerator does not fuse, by stage or everywhere") {
  const Network network = small_network();
  CHECK(of_kind(network, RewriteKind::replace_activation) ==
        Texts{"replace_activation network=relu", "replace_activation network=relu6",
              "replace_activation stride2=relu", "replace_activation stride2=relu6",
              "replace_activation stride4=relu", "replace_activation stride4=relu6"});
  const auto with = [](const Network& n, Activation function) {
    int found = 0;
    for (OpId id = 0; id < n.size(); ++id)
      found += n.op(id).kind == OpKind::activation && n.op(id).activation == function;
    return found;
  };
  CHECK(with(network, Activation::h_swish) == 7);
  const Network everywhere = rewritten(network, "replace_activation network=relu6");
  CHECK(with(everywhere, Activation::h_swish) == 0);
  CHECK(with(everywhere, Activation::relu6) == 7);
  CHECK(with(everywhere, Activation::h_sigmoid) == 1);  // the gate's
  // Of the last block only the depthwise convolution works at stride 4.
  CHECK(with(rewritten(network, "replace_activation stride4=relu"), Activation::relu) == 2);
  CHECK(of_kind(small_network(Activation::relu), RewriteKind::replace_activation).empty());
}

TEST_CASE("remove_block: the last residual block of a row") {
  const Network network = small_network();
  CHECK(of_kind(network, RewriteKind::remove_block) == Texts{"remove_block a.block2"});
  const Network shorter = rewritten(network, "remove_block a.block2");
  CHECK(count(shorter, OpKind::add) == 1);
  CHECK(shorter.blocks().size() == network.blocks().size() - 1);
  CHECK(of_kind(shorter, RewriteKind::remove_block) == Texts{"remove_block a.block1"});
  CHECK(of_kind(rewritten(shorter, "remove_block a.block1"), RewriteKind::remove_block).empty());
}

TEST_CASE("remove_block: ResNet's activation behind the sum goes with it") {
  NetworkBuilder b({3, 8, 8});
  OpId x = b.activation(b.convolution(0, 16, Window::square(3), "stem"), Activation::relu, "stem_act");
  const OpId y = b.convolution(b.convolution(x, 16, Window::square(3), "c1"), 16, Window::square(3), "c2");
  x = b.activation(b.sum(x, y, "sum"), Activation::relu, "out");
  const Network network = std::move(b).finish(b.convolution(x, 4, {}, "last"));
  CHECK(rewritten(network, "remove_block sum").size() == 4);
}

TEST_CASE("depth_multiplier: all widths of a stage or of the network, in multiples of the lanes") {
  const Network network = small_network();
  const Network wider = rewritten(network, "depth_multiplier network=1.25");
  CHECK(wider.op(named(wider, "stem.conv")).channels == 32);         // 30
  CHECK(wider.op(named(wider, "a.block1.expand")).channels == 128);  // 120
  CHECK(wider.op(named(wider, "b.block1.project")).channels == 48);  // 50
  CHECK(wider.op(named(wider, "head.linear")).channels == 10);
  const Network stage = rewritten(network, "depth_multiplier stride4=0.75");
  CHECK(stage.op(named(stage, "b.block1.project")).channels == 32);
  CHECK(stage.op(named(stage, "stem.conv")).channels == 24);
}

TEST_CASE("reduce_resolution: one total stride less, down to two of them") {
  const Network network = small_network();
  CHECK(of_kind(network, RewriteKind::reduce_resolution) == Texts{"reduce_resolution network=28x28"});
  const Network smaller = rewritten(network, "reduce_resolution network=28x28");
  CHECK(smaller.input_shape() == Shape{3, 28, 28});
  CHECK(smaller.parameters() == network.parameters());
  CHECK(touched_operators(network, *find(find_steps(network, npu()), "reduce_resolution network=28x28"))
            .empty());
  NetworkBuilder b({3, 8, 8});
  const Network tiny = std::move(b).finish(b.convolution(0, 4, Window::square(3, 8), "conv"));
  CHECK(of_kind(tiny, RewriteKind::reduce_resolution).empty());
}

TEST_CASE("networks without maps, or without an operator, offer no smaller image") {
  NetworkBuilder features({12, 1, 1});
  const OpId hidden = features.activation(features.linear(0, 8, "hidden"), Activation::relu, "act");
  const Network perceptron = std::move(features).finish(features.linear(hidden, 4, "out"));
  const Network nothing = NetworkBuilder({3, 8, 8}).finish(0);
  for (const Network* network : {&perceptron, &nothing}) {
    for (const RewriteStep& step : find_steps(*network, npu()))
      CHECK(step.kind != RewriteKind::reduce_resolution);
  }
}

TEST_CASE("reduce_resolution: sizes that the network states shrink, too") {
  NetworkBuilder b({3, 32, 32});
  const OpId x = b.convolution(0, 8, Window::square(3, 2), "down");
  const OpId up = b.add({.kind = OpKind::resize, .resize_height = 32, .resize_width = 32}, {x}, "up");
  const OpId skip = b.convolution(0, 8, {}, "skip");
  const Network network = std::move(b).finish(b.sum(up, skip, "sum"));
  CHECK(rewritten(network, "reduce_resolution network=30x30").output_shape() == Shape{8, 30, 30});
}

TEST_CASE("places: stages by stride, gates with what they gate, the head behind the last pooling") {
  const Network network = small_network();
  const auto places = places_of(network);
  const auto place = [&](const std::string& name) {
    return places[static_cast<std::size_t>(named(network, name))];
  };
  CHECK(place("stem.conv").stage == "stride2");
  CHECK(place("a.block1.se_expand").stage == "stride2");
  CHECK(place("a.block1.se_expand").block == "a.block1");
  CHECK(place("b.block1.expand").stage == "stride2");
  CHECK(place("b.block1.depthwise").stage == "stride4");
  CHECK(place("head.linear").stage == "head");
}

TEST_CASE("touched operators: what changes, what goes, and what nobody reads then") {
  const Network network = small_network();
  const auto steps = find_steps(network, npu());
  const auto names = [&](const std::string& text) {
    Texts found;
    for (const OpId id : touched_operators(network, *find(steps, text))) found.emplace_back(network.name(id));
    return found;
  };
  CHECK(names("drop_squeeze_excite a.block1") == Texts{"a.block1.se_pool", "a.block1.se_reduce",
                                                       "a.block1.se_act", "a.block1.se_expand",
                                                       "a.block1.se_gate", "a.block1.se_scale"});
  CHECK(names("fuse_ibn b.block1") ==
        Texts{"b.block1.expand", "b.block1.expand_bn", "b.block1.expand_act", "b.block1.depthwise"});
  const Texts removed = names("remove_block a.block2");
  CHECK(removed.size() == 9);
  CHECK(std::ranges::all_of(removed, [](const std::string& name) { return name.starts_with("a.block2."); }));
}

TEST_CASE("lanes are those that the estimator knows") {
  CHECK(channel_lanes(npu()) == 16);
  const std::string folder = std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/";
  CHECK(channel_lanes(Estimator::of_cycle_model(Accelerator::load(folder + "edge_npu_64.toml"))) == 64);
}

TEST_CASE("names of rewrites are found again") {
  for (const std::string_view name : rewrite_kind_names())
    CHECK(to_string(rewrite_kind_from(name).value()) == name);
  CHECK(!rewrite_kind_from("fuse").has_value());
}
