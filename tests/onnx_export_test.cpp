// What is written is read back by the importer, which does not share code with the exporter. bench/onnx has
// the comparison with onnx.checker and onnxruntime.
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"
#include "assay/network/transform.hpp"
#include "assay/onnx/export.hpp"
#include "assay/onnx/import.hpp"

#include <doctest/doctest.h>

namespace {

using namespace assay;

// Every operator, every activation, and tensors of one pixel that are read both as images and as features.
Network everything() {
  NetworkBuilder b({4, 16, 12}, "everything");
  b.set_scope("stem");
  OpId x = b.convolution(
      0, 8, {.kernel_h = 3, .kernel_w = 5, .stride_h = 2, .pad_top = 1, .pad_left = 2, .pad_right = 2},
      "conv", 4, true);
  x = b.batch_norm(x, "bn");
  for (const std::string_view name : activation_names())
    x = b.activation(x, *activation_from(name), name, name == "leaky_relu" ? 0.2F : 0.0F);
  b.set_scope("body");
  x = b.add({.kind = OpKind::layer_norm, .parameter = 1e-6F}, {x}, "norm");
  x = b.add({.kind = OpKind::channel_shuffle, .groups = 2}, {x}, "shuffle");
  const OpId first = b.add({.kind = OpKind::slice, .channels = 4}, {x}, "first");
  const OpId second = b.add({.kind = OpKind::slice, .channels = 4, .slice_begin = 4}, {x}, "second");
  const OpId parts[] = {second, first};
  x = b.concat(parts, "concat");
  const OpId pools[] = {
      b.max_pool(x,
                 {.kernel_h = 3, .kernel_w = 3, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1},
                 "max"),
      b.average_pool(x, Window::square(3), "average"),
      b.average_pool(x, Window::square(3), "average_all", true)};
  x = b.sum(pools, "add");
  const OpId up = b.add(
      {.kind = OpKind::transposed_convolution,
       .bias = true,
       .channels = 6,
       .groups = 2,
       .window = {.kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .pad_top = 1, .pad_left = 1}},
      {x}, "up");
  x = b.add({.kind = OpKind::resize, .resize_height = 7, .resize_width = 12}, {up}, "nearest");
  x = b.add(
      {.kind = OpKind::resize, .resize_mode = ResizeMode::bilinear, .resize_height = 14, .resize_width = 18},
      {x}, "bilinear");
  x = b.add({.kind = OpKind::resize,
             .resize_mode = ResizeMode::nearest_floor,
             .resize_height = 7,
             .resize_width = 12},
            {x}, "floor");
  x = b.add({.kind = OpKind::resize,
             .resize_mode = ResizeMode::bilinear_align_corners,
             .resize_height = 9,
             .resize_width = 9},
            {x}, "corners");
  b.set_scope("gate");
  const OpId squeezed = b.global_average_pool(x, "pool");
  const OpId reduced = b.activation(b.linear(squeezed, 5, "reduce"), Activation::relu, "act");
  const OpId gate = b.activation(b.linear(reduced, 6, "expand", false), Activation::sigmoid, "sigmoid");
  x = b.multiply(x, gate, "scale");
  b.set_scope("head");
  const OpId strongest = b.add({.kind = OpKind::global_max_pool}, {x}, "max");
  x = b.add({.kind = OpKind::flatten}, {x}, "flatten");
  const OpId both[] = {b.linear(x, 3, "fc"), b.linear(strongest, 3, "fc_max")};
  x = b.concat(both, "concat");
  return std::move(b).finish(b.add({.kind = OpKind::softmax}, {x}, "softmax"));
}

Weights random_weights(const Network& network) {
  Weights weights;
  for (OpId id = 1; id < network.size(); ++id) {
    for (const ParameterRole role : parameter_roles(network.op(id))) {
      std::int64_t elements = 1;
      for (const std::int64_t dim : parameter_dims(network, id, role)) elements *= dim;
      std::vector<float> values(static_cast<std::size_t>(elements));
      Random random(7, Purpose::sample, static_cast<std::uint64_t>(id), static_cast<std::uint64_t>(role));
      for (float& value : values) value = 0.5F + static_cast<float>(random.uniform());
      weights.push_back({id, role, std::move(values)});
    }
  }
  return weights;
}

ImportedModel read_back(const std::string& bytes) {
  return import_onnx(std::span(bytes.data(), bytes.size()), "everything.onnx");
}

void check_same_weights(const Weights& weights, const Weights& others) {
  REQUIRE(weights.size() == others.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    CAPTURE(i);
    CHECK(others[i].role == weights[i].role);
    CHECK(others[i].values == weights[i].values);
  }
}

}  // namespace

TEST_CASE("a network that was written is read back as the same function with the same weights") {
  const Network network = everything();
  const Weights weights = random_weights(network);
  for (int opset = least_onnx_opset; opset <= most_onnx_opset; ++opset) {
    CAPTURE(opset);
    const ImportedModel model =
        read_back(to_onnx(network, weights, {.opset = opset, .producer_version = "1"}));
    CHECK(fingerprint(model.network) == fingerprint(network));
    CHECK(model.network.parameters() == network.parameters());
    CHECK(model.network.macs() == network.macs());
    REQUIRE(model.weights);
    check_same_weights(weights, *model.weights);
    // Names settle: a second journey changes none.
    const ImportedModel again =
        read_back(to_onnx(model.network, *model.weights, {.opset = opset, .producer_version = "1"}));
    CHECK(unique_names(again.network) == unique_names(model.network));
  }
  CHECK(to_onnx(network, weights) == to_onnx(network, weights));
}

TEST_CASE("several results become several outputs of the graph") {
  NetworkBuilder b({3, 8, 8}, "heads");
  const OpId x = b.convolution(0, 4, Window::square(3), "conv");
  const OpId heads[] = {x, b.linear(b.global_average_pool(x, "pool"), 5, "fc"), x};
  const Network network = std::move(b).finish(b.add({.kind = OpKind::outputs}, heads, "outputs"));
  const ImportedModel model = read_back(to_onnx(network, random_weights(network)));
  CHECK(fingerprint(model.network) == fingerprint(network));
  REQUIRE(model.outputs.size() == 3);
  CHECK(model.outputs[0].name == "output_0");
  CHECK(model.outputs[0].dims == std::vector<std::int64_t>{1, 4, 8, 8});
  CHECK(model.outputs[1].dims == std::vector<std::int64_t>{1, 5});
}

TEST_CASE("a network that is its input alone, or ends where it began, can be written") {
  NetworkBuilder b({3, 8, 8}, "nothing");
  const Network network = std::move(b).finish(0);
  CHECK(read_back(to_onnx(network, {})).network.output_shape() == network.input_shape());
}

TEST_CASE("operators that do not reach the output are left out") {
  NetworkBuilder b({3, 8, 8}, "dead");
  const OpId x = b.convolution(0, 4, Window::square(3), "conv");
  b.convolution(0, 4, Window::square(5), "dead");
  const Network network = std::move(b).finish(x);
  Weights weights = random_weights(network);
  weights.pop_back();  // nobody asks for those of the dead one
  CHECK(read_back(to_onnx(network, weights)).network.parameters() == 4 * 3 * 9);
}

TEST_CASE("metadata survive, and operators that are one node keep their names") {
  NetworkBuilder b({3, 8, 8}, "named");
  b.set_scope("stage1.block1");
  OpId x = b.convolution(0, 4, Window::square(3), "conv");
  x = b.activation(b.batch_norm(x, "bn"), Activation::sigmoid, "sigmoid");
  const OpId parts[] = {b.sum(x, x, "add"), x};
  const Network network = std::move(b).finish(b.concat(parts, "concat"));
  const ImportedModel model = read_back(to_onnx(
      network, random_weights(network),
      {.opset = 17, .producer_version = "1", .metadata = {{"input_mean", "0.5"}, {"input_std", "0.25"}}}));
  CHECK(unique_names(model.network) == unique_names(network));
  using Pair = std::pair<std::string, std::string>;
  CHECK(model.metadata == std::vector<Pair>{{"input_mean", "0.5"}, {"input_std", "0.25"}});
}

TEST_CASE("what ONNX cannot hold is refused") {
  const Network network = everything();
  const Weights weights = random_weights(network);
  CHECK_THROWS_WITH_AS(to_onnx(network, weights, {.opset = 13, .producer_version = ""}),
                       doctest::Contains("Choose one from 14 to 17"), InputError);
  CHECK_THROWS_AS(to_onnx(network, {}), InternalError);

  NetworkBuilder b({3, 8, 8}, "dilated");
  const OpId x = b.average_pool(0, Window::square(3, 1, 2), "pool");
  const Network dilated = std::move(b).finish(x);
  CHECK_THROWS_WITH_AS(to_onnx(dilated, {}), doctest::Contains("\"pool\""), InputError);
}
