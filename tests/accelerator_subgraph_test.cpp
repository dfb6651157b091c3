#include "assay/accelerator/cycle_model.hpp"
#include "assay/accelerator/measurement.hpp"
#include "assay/accelerator/subgraph.hpp"
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"

#include "foreign_network.hpp"

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

namespace {

FusionRules rules_with(Activation activation) {
  FusionRules rules;
  rules.activations = 1u << static_cast<int>(activation);
  return rules;
}

std::vector<std::string> described(const FusionRules& rules, const Network& network) {
  SubgraphSplitter splitter(rules);
  std::vector<std::string> out;
  for (const SubgraphInstance& i : splitter.split(network)) out.push_back(describe(i.subgraph));
  return out;
}

// conv-bn-relu, depthwise-bn-relu, conv-bn + shortcut, pool, flatten, linear.
Network inverted_bottleneck() {
  NetworkBuilder b({16, 8, 8});
  OpId x =
      b.activation(b.batch_norm(b.convolution(0, 48, Window{}, "expand"), "bn"), Activation::relu, "relu");
  x = b.convolution(x, 48, Window::square(3), "depthwise", 48);
  x = b.activation(b.batch_norm(x, "bn"), Activation::relu, "relu");
  x = b.batch_norm(b.convolution(x, 16, Window{}, "project"), "bn");
  x = b.sum(x, 0, "add");
  x = b.global_average_pool(x, "pool");
  x = b.linear(x, 10, "classifier");
  return std::move(b).finish(x);
}

std::string csv_error(const std::string& text) {
  try {
    std::istringstream in(text);
    read_measurements(in, "m.csv");
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

}  // namespace

TEST_CASE("split: an inverted bottleneck with everything fused") {
  const Network network = inverted_bottleneck();
  CHECK(described(rules_with(Activation::relu), network) ==
        std::vector<std::string>{"convolution 16->48 8x8 +batch_norm +relu",
                                 "3x3 depthwise convolution 48->48 8x8 +batch_norm +relu",
                                 "convolution 48->16 8x8 +batch_norm +add", "global_average_pool 16->16 1x1",
                                 "linear 16->10 1x1"});
  SubgraphSplitter splitter(rules_with(Activation::relu));
  const auto instances = splitter.split(network);
  CHECK(network.name(instances[0].first) == "expand");
  CHECK(network.op(instances[0].last).kind == OpKind::activation);
  CHECK(instances[2].subgraph.operands == 2);
  const Work work = work_of(instances[2].subgraph);
  CHECK(work.macs == 48 * 16 * 64);
  CHECK(work.weight_elements == 48 * 16 + 16);
  CHECK(work.input_elements == 48 * 64 + 16 * 64);
  CHECK(work.output_elements == 16 * 64);
  std::int64_t macs = 0;
  for (const SubgraphInstance& i : instances) macs += work_of(i.subgraph).macs;
  CHECK(macs == network.macs());
}

TEST_CASE("split: what the rules do not fuse stands alone") {
  FusionRules none;
  none.batch_norm = none.add = false;
  CHECK(described(none, inverted_bottleneck()).size() == 11);
  CHECK(described(rules_with(Activation::relu6), inverted_bottleneck()).size() == 7);
}

TEST_CASE("split: an operator that somebody else needs is not fused away") {
  NetworkBuilder b({8, 4, 4});
  const OpId conv = b.convolution(0, 8, Window{}, "conv");
  const OpId relu = b.activation(conv, Activation::relu, "relu");
  const Network network = std::move(b).finish(b.sum(conv, relu, "add"));
  // The ReLU starts a subgraph of its own; the add cannot join it, as it is no matrix work.
  CHECK(described(rules_with(Activation::relu), network) ==
        std::vector<std::string>{"convolution 8->8 4x4", "activation relu 8->8 4x4", "add 8->8 4x4"});
}

TEST_CASE("split: an add joins only a subgraph that runs after its other operand") {
  NetworkBuilder b({8, 4, 4});
  const OpId early = b.convolution(0, 16, Window{}, "early");
  const OpId left = b.convolution(0, 8, Window{}, "left");
  const OpId right = b.convolution(0, 8, Window{}, "right");
  const OpId both = b.concat(std::vector<OpId>{left, right}, "concat");
  const Network network = std::move(b).finish(b.sum(early, both, "add"));
  CHECK(described(FusionRules{}, network).back() == "add 16->16 4x4");
}

TEST_CASE("split: dead operators are left out; squeeze-excite gates stay apart") {
  NetworkBuilder b({8, 4, 4});
  const OpId conv = b.convolution(0, 32, Window{}, "conv");
  b.convolution(conv, 64, Window::square(5), "dead");
  OpId gate = b.global_average_pool(conv, "squeeze");
  gate = b.activation(b.convolution(gate, 32, Window{}, "excite"), Activation::sigmoid, "sigmoid");
  FusionRules rules = rules_with(Activation::sigmoid);
  rules.multiply = true;
  const Network network = std::move(b).finish(b.multiply(conv, gate, "scale"));
  SubgraphSplitter splitter(rules);
  const auto instances = splitter.split(network);
  REQUIRE(instances.size() == 4);
  CHECK(instances[3].subgraph.has(Subgraph::gate));
  CHECK(work_of(instances[3].subgraph).input_elements == 32 * 16 + 32);
}

TEST_CASE("split: fused parts cost nothing beyond their operand's bytes") {
  const Accelerator a =
      Accelerator::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/edge_npu_16.toml");
  NetworkBuilder plain({32, 14, 14});
  const OpId conv = plain.convolution(0, 32, Window::square(3), "conv");
  const Network bare = std::move(plain).finish(conv);
  NetworkBuilder full({32, 14, 14});
  OpId x = full.convolution(0, 32, Window::square(3), "conv");
  x = full.activation(full.sum(x, 0, "add"), Activation::relu, "relu");
  const Network fused = std::move(full).finish(x);
  SubgraphSplitter splitter(a.fusion);
  const Subgraph one = splitter.split(bare)[0].subgraph;
  REQUIRE(splitter.split(fused).size() == 1);
  const Subgraph two = splitter.split(fused)[0].subgraph;
  CHECK(one.key() != two.key());
  CHECK(run_cycle_model(a, one).latency_ms == run_cycle_model(a, two).latency_ms);
}

TEST_CASE("split: a transposed convolution fuses what a convolution does; several outputs take no time") {
  const Network network = test::foreign_network();
  const std::vector<std::string> subgraphs = described(rules_with(Activation::relu), network);
  const auto holds = [&](const std::string& text) {
    return std::find(subgraphs.begin(), subgraphs.end(), text) != subgraphs.end();
  };
  CHECK(holds("layer_norm 24->24 8x8"));
  CHECK(holds("channel_shuffle g4 24->24 8x8"));
  CHECK(holds("3x3 transposed_convolution 32->24 s2 8x8 +batch_norm +relu"));
  CHECK(holds("2x2 transposed_convolution g2 32->24 s2 8x8 +batch_norm +add +relu"));
  CHECK(holds("4x4 depthwise transposed_convolution 24->24 s2 16x16 +batch_norm +relu"));
  CHECK(subgraphs.size() == 16);
  CHECK(subgraphs.back() == "linear 32->10 1x1");

  SubgraphSplitter splitter(rules_with(Activation::relu));
  std::int64_t macs = 0, weights = 0;
  for (const SubgraphInstance& i : splitter.split(network)) {
    REQUIRE_NOTHROW(check(i.subgraph, describe(i.subgraph)));
    macs += work_of(i.subgraph).macs;
    weights += work_of(i.subgraph).weight_elements;
  }
  CHECK(macs == network.macs());
  // A batch norm's two values fold into one.
  CHECK(weights == network.parameters() - 24 - 32 - 24 - 24 - 24 - 24);
}

TEST_CASE("check: transposed convolutions of impossible sizes") {
  const auto possible = [](int in, int out) {
    const Subgraph s{.kind = OpKind::transposed_convolution,
                     .input = {8, in, in},
                     .output = {8, out, out},
                     .kernel_h = 3,
                     .kernel_w = 3,
                     .stride_h = 2,
                     .stride_w = 2};
    try {
      check(s, "here");
    } catch (const InputError&) {
      return false;
    }
    return true;
  };
  // (5 - 1) 2 + 3 = 11, less up to two rows on either side, or one more.
  for (int out = 1; out < 20; ++out) CHECK(possible(5, out) == (out >= 7 && out <= 12));
  CHECK(mentions(csv_error("operator,in_channels,in_height,in_width,out_channels,out_height,out_width,"
                           "latency_ms\noutputs,8,1,1,8,1,1,0.1\n"),
                 "\"outputs\" is no subgraph"));
}

TEST_CASE("measurements: CSV reads back what was written, byte for byte") {
  const Accelerator a =
      Accelerator::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/edge_npu_16.toml");
  SubgraphSplitter splitter(a.fusion);
  std::vector<Subgraph> subgraphs;
  for (const SubgraphInstance& i : splitter.split(inverted_bottleneck())) subgraphs.push_back(i.subgraph);
  for (const SubgraphInstance& i : splitter.split(test::foreign_network())) subgraphs.push_back(i.subgraph);
  subgraphs.push_back({.kind = OpKind::multiply,
                       .parts = Subgraph::gate,
                       .operands = 2,
                       .input = {8, 4, 4},
                       .output = {8, 4, 4}});
  subgraphs.push_back({.kind = OpKind::activation,
                       .activation = Activation::h_swish,
                       .input = {8, 4, 4},
                       .output = {8, 4, 4}});
  const MeasurementSet set = measure_on_model(a, subgraphs, 0.05, 3);
  const std::string text = to_csv(set);
  std::istringstream in(text);
  const MeasurementSet again = read_measurements(in, "m.csv");
  CHECK(to_csv(again) == text);
  CHECK(again.context == set.context);
  REQUIRE(again.rows.size() == subgraphs.size());
  for (std::size_t i = 0; i < subgraphs.size(); ++i) CHECK(again.rows[i].subgraph == subgraphs[i]);
}

TEST_CASE("measurements: noise is a function of seed and subgraph") {
  const Accelerator a =
      Accelerator::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/edge_npu_16.toml");
  std::vector<Subgraph> subgraphs;
  for (int c = 1; c <= 400; ++c) {
    subgraphs.push_back({.input = {c, 8, 8}, .output = {32, 8, 8}});
  }
  const MeasurementSet clean = measure_on_model(a, subgraphs);
  const MeasurementSet noisy = measure_on_model(a, subgraphs, 0.1, 5);
  const MeasurementSet last = measure_on_model(a, std::span(subgraphs).last(1), 0.1, 5);
  CHECK(noisy.rows.back().latency_ms == last.rows[0].latency_ms);
  CHECK(measure_on_model(a, subgraphs, 0.1, 6).rows[0].latency_ms != noisy.rows[0].latency_ms);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < subgraphs.size(); ++i) {
    const double factor = std::log(noisy.rows[i].latency_ms / clean.rows[i].latency_ms);
    sum += factor;
    squares += factor * factor;
  }
  CHECK(std::abs(sum / 400) < 0.02);
  CHECK(std::sqrt(squares / 400) == doctest::Approx(0.1).epsilon(0.15));
}

TEST_CASE("measurements: a file of somebody else's needs few columns") {
  std::istringstream in(
      "note,operator,in_channels,in_height,in_width,out_channels,out_height,out_width,kernel_h,kernel_w,"
      "activation,latency_ms\nmine,convolution,3,32,32,16,16,16,3,3,relu,0.25\n");
  const MeasurementSet set = read_measurements(in, "m.csv");
  REQUIRE(set.rows.size() == 1);
  CHECK(set.rows[0].subgraph.has(Subgraph::activated));
  CHECK(set.rows[0].subgraph.groups == 1);
  CHECK(set.rows[0].latency_ms == 0.25);
}

TEST_CASE("measurements: bad rows are named") {
  const std::string header =
      "operator,activation,fused,in_channels,in_height,in_width,out_channels,out_height,out_width,groups,"
      "latency_ms,unit,threads\n";
  const auto row = [&](const std::string& text) { return csv_error(header + text + "\n"); };
  CHECK(mentions(row("convolution,,,8,4,4,8,4,4,1,0.1,ms,1"), "no error"));
  CHECK(mentions(csv_error("operator\nx\n"), "column \"in_channels\" is missing"));
  CHECK(mentions(csv_error(header), "there is no row"));
  CHECK(mentions(row("convlution,,,8,4,4,8,4,4,1,0.1,ms,1"), "Did you mean \"convolution\"?"));
  CHECK(mentions(row("convolution,,,0,4,4,8,4,4,1,0.1,ms,1"), "m.csv:2: in_channels is \"0\""));
  CHECK(mentions(row("convolution,,,,4,4,8,4,4,1,0.1,ms,1"), "in_channels is empty"));
  CHECK(mentions(row("convolution,,,8,4,4,8,4,4,3,0.1,ms,1"), "3 groups do not divide"));
  CHECK(mentions(row("convolution,,,8,4,4,8,400,400,1,0.1,ms,1"), "cannot come from"));
  CHECK(mentions(row("convolution,,,8,4,4,8,4,4,1,-1,ms,1"), "positive number of milliseconds"));
  CHECK(mentions(row("convolution,,,8,4,4,8,4,4,1,0,ms,1"), "positive number"));
  CHECK(mentions(row("convolution,,,8,4,4,8,4,4,1,nan,ms,1"), "latency_ms is \"nan\""));
  CHECK(mentions(row("convolution,,,8,4,4,8,4,4,1,,ms,1"), "latency_ms is missing"));
  CHECK(mentions(row("convolution,,,8,4,4,8,4,4,1,0.1,s,1"), "Convert latency_ms to milliseconds"));
  CHECK(mentions(row("convolution,,bais,8,4,4,8,4,4,1,0.1,ms,1"), "\"bais\" is no fused part"));
  CHECK(mentions(row("convolution,,activation,8,4,4,8,4,4,1,0.1,ms,1"), "Name the activation"));
  CHECK(mentions(row("activation,,,8,4,4,8,4,4,1,0.1,ms,1"), "Name the activation"));
  CHECK(mentions(row("convolution,,,8,4,4,8,4,4,1,0.1,ms,1\nconvolution,,,8,4,4,8,4,4,1,0.1,ms,2"),
                 "m.csv:3: device, batch"));
  CHECK(mentions(row("convolution,,,16000000,16000000,16000000,8,16000000,4,1,0.1,ms,1"), "impossible"));
}

TEST_CASE("measurements: truncated and garbled files end in an error or in rows") {
  const Accelerator a =
      Accelerator::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/edge_npu_16.toml");
  SubgraphSplitter splitter(a.fusion);
  std::vector<Subgraph> subgraphs;
  for (const SubgraphInstance& i : splitter.split(inverted_bottleneck())) subgraphs.push_back(i.subgraph);
  const std::string text = to_csv(measure_on_model(a, subgraphs));
  for (std::size_t length = 0; length < text.size(); ++length) csv_error(text.substr(0, length));
  Random random(2, Purpose::sample);
  const std::string alphabet = "0123456789,,-.\n\"e+x";
  for (int round = 0; round < 5000; ++round) {
    std::string garbled = text;
    for (int change = 0; change < 4; ++change) {
      garbled[random.below(garbled.size())] = alphabet[random.below(alphabet.size())];
    }
    csv_error(garbled);
  }
}
