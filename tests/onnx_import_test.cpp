// What each ONNX operator becomes, and that it computes what the model says. The node tests of the ONNX
// project (onnx_nodes_test) compare single operators; here are weights, layouts and options.
#include "assay/base/error.hpp"

#include "onnx_model.hpp"

#include <doctest/doctest.h>

namespace {

using namespace assay;
using namespace onnx_test;

std::vector<OpKind> kinds(const Network& network) {
  std::vector<OpKind> all;
  for (OpId id = 1; id < network.size(); ++id) all.push_back(network.op(id).kind);
  return all;
}

std::string error_of(const Model& model, const ImportOptions& options = {}) {
  try {
    import(model, options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// x {1, 3, 4, 5} -> Conv to 2 channels, 1x1.
std::string pointwise(Model& model, const std::string& x, std::int64_t in, std::int64_t out) {
  return model.node("Conv",
                    {x, model.floats({out, in, 1, 1}, wavy(in * out)), model.floats({out}, wavy(out, 1))});
}

}  // namespace

TEST_CASE("onnx: names of nodes become names of operators") {
  Model model({1, 3, 4, 4});
  const std::string weights = model.floats({3, 3, 1, 1}, wavy(9));
  const std::string conv = model.node("Conv", {"x", weights}).named("/layer1/layer1.0/conv1/Conv");
  const std::string relu = model.node("Relu", {conv}).named("/layer1/layer1.0/relu/Relu_1");
  const std::string add = model.node("Add", {relu, conv}).named("/layer1/layer1.0/Add");
  model.graph().mutable_initializer(0)->set_name("block.2.weight");
  model.graph().mutable_node(0)->set_input(1, "block.2.weight");
  const std::string second = model.node("Conv", {add, "block.2.weight"}).named("Conv_12");
  const ImportedModel imported = import(model.output(second));
  const Network& n = imported.network;
  CHECK(n.name(1) == "layer1.0.conv1");
  CHECK(n.name(2) == "layer1.0.relu");
  CHECK(n.name(3) == "layer1.0.add");
  CHECK(n.name(4) == "block.2");
  CHECK(n.title() == "test");
}

TEST_CASE(
    "onnx: the weights of a Gemm take its factors, transposed or not, and the order of a channels-last "
    "flatten") {
  constexpr int features = 2 * 3 * 2, classes = 3;
  const Floats x = wavy(features), w = wavy(features * classes, 2), b = wavy(classes, 3);
  for (const bool transposed : {false, true}) {
    Model model({1, 2, 3, 2});  // channels, height, width
    const std::string last = model.node("Transpose", {"x"}).set("perm", Dims{0, 2, 3, 1});
    const std::string flat = model.node("Flatten", {last});
    const Dims dims = transposed ? Dims{classes, features} : Dims{features, classes};
    const std::string y = model.node("Gemm", {flat, model.floats(dims, w), model.floats({classes}, b)})
                              .set("alpha", 0.5F)
                              .set("beta", 2.F)
                              .set("transB", transposed ? 1 : 0);
    const ImportedModel imported = import(model.output(y));
    CHECK(kinds(imported.network) == std::vector{OpKind::flatten, OpKind::linear});
    Floats expected;
    for (int o = 0; o < classes; ++o) {
      float sum = 2 * b[o];
      for (int i = 0; i < features; ++i) {
        const int channel = i % 2, pixel = i / 2;
        sum += 0.5F * x[channel * 6 + pixel] * (transposed ? w[o * features + i] : w[i * classes + o]);
      }
      expected.push_back(sum);
    }
    CHECK(relative_error(run(imported, x)[0].values, expected) < 1e-5);
  }
}

TEST_CASE("onnx: channels-last models are read without transposing anything, and give their own layout") {
  // As tf2onnx writes them: transposes at both ends, and a bias as an Add.
  Model model({-1, 4, 5, 3});
  const std::string first = model.node("Transpose", {"x"}).set("perm", Dims{0, 3, 1, 2});
  const Floats w = wavy(6), b = {1, -1};
  const std::string conv = model.node("Conv", {first, model.floats({2, 3, 1, 1}, w)});
  const std::string added = model.node("Add", {conv, model.floats({1, 2, 1, 1}, b)});
  const std::string relu = model.node("Relu", {added});
  const std::string y = model.node("Transpose", {relu}).set("perm", Dims{0, 2, 3, 1});
  const ImportedModel imported = import(model.output(y));
  CHECK(kinds(imported.network) == std::vector{OpKind::convolution, OpKind::activation});
  CHECK(imported.network.op(1).bias);
  CHECK(imported.network.input_shape() == Shape{3, 4, 5});
  CHECK(mentions(imported.notes.at(0), "channels last"));
  const Floats x = wavy(2 * 60);
  const auto result = run(imported, x, 2);
  CHECK(result[0].dims == Dims{2, 4, 5, 2});
  Floats expected;
  for (int pixel = 0; pixel < 40; ++pixel) {
    for (int o = 0; o < 2; ++o) {
      float sum = b[o];
      for (int i = 0; i < 3; ++i) sum += w[o * 3 + i] * x[pixel * 3 + i];
      expected.push_back(std::max(sum, 0.F));
    }
  }
  CHECK(relative_error(result[0].values, expected) < 1e-5);
}

TEST_CASE("onnx: a channels-last classifier: mean over pixels, product, bias, softmax") {
  Model model({1, 4, 4, 3});
  const std::string first = model.node("Transpose", {"x"}).set("perm", Dims{0, 3, 1, 2});
  const std::string pad = model.node(
      "Pad", {first, model.integers({0, 0, 0, 0, 0, 0, 1, 1})});  // TensorFlow's "SAME" for stride 2
  const std::string conv =
      model.node("Conv", {pad, model.floats({4, 3, 3, 3}, wavy(108))}).set("strides", Dims{2, 2});
  const std::string last = model.node("Transpose", {conv}).set("perm", Dims{0, 2, 3, 1});
  const std::string mean = model.node("ReduceMean", {last}).set("axes", Dims{1, 2}).set("keepdims", 0);
  const std::string product = model.node("MatMul", {mean, model.floats({4, 5}, wavy(20, 4))});
  const std::string logits = model.node("Add", {product, model.floats({5}, wavy(5, 5))});
  const ImportedModel imported = import(model.output(model.node("Softmax", {logits}).set("axis", -1)));
  CHECK(kinds(imported.network) ==
        std::vector{OpKind::convolution, OpKind::global_average_pool, OpKind::linear, OpKind::softmax});
  CHECK(imported.network.op(1).window.pad_bottom == 1);
  CHECK(imported.network.op(1).window.pad_top == 0);
  CHECK(imported.network.op(3).bias);
}

TEST_CASE("onnx: reshape, transpose, reshape shuffles channels; read back by another reshape it is nothing") {
  Model model({1, 6, 2, 2});
  const std::string apart = model.node("Reshape", {"x", model.integers({1, 2, 3, 2, 2})});
  const std::string swapped = model.node("Transpose", {apart}).set("perm", Dims{0, 2, 1, 3, 4});
  const std::string together = model.node("Reshape", {swapped, model.integers({-1, 6, 2, 2})});
  const ImportedModel imported = import(model.output(model.node("Relu", {together})));
  // Elementwise operators need no layout: the output says where its elements are.
  CHECK(kinds(imported.network) == std::vector{OpKind::activation});
  const Floats x = wavy(24);
  Floats expected;
  for (const int channel : {0, 3, 1, 4, 2, 5}) {
    for (int pixel = 0; pixel < 4; ++pixel) expected.push_back(std::max(x[channel * 4 + pixel], 0.F));
  }
  CHECK(run(imported, x)[0].values == expected);

  const std::string conv = pointwise(model, together, 6, 2);
  model.graph().clear_output();
  const ImportedModel shuffled = import(model.output(conv));
  CHECK(kinds(shuffled.network) == std::vector{OpKind::channel_shuffle, OpKind::convolution});
  CHECK(shuffled.network.op(1).groups == 2);
}

TEST_CASE("onnx: pixels become channels and channels pixels, as operators and as reshapes") {
  const Floats x = wavy(2 * 4 * 6);
  // A 1x1 convolution with the identity asks for an image.
  const auto image_of = [](Model& model, const std::string& in, std::int64_t channels) {
    Floats identity(static_cast<std::size_t>(channels * channels), 0);
    for (std::int64_t c = 0; c < channels; ++c) identity[static_cast<std::size_t>(c * (channels + 1))] = 1;
    return std::string(model.node("Conv", {in, model.floats({channels, channels, 1, 1}, identity)}));
  };
  Model down({1, 2, 4, 6});
  const std::string deep = down.node("SpaceToDepth", {"x"}).set("blocksize", 2);
  const auto depth = run(import(down.output(image_of(down, deep, 8))), x)[0];
  CHECK(depth.dims == Dims{1, 8, 2, 3});
  for (std::size_t i = 0; i < depth.values.size(); ++i) {
    const std::size_t column = i % 3, row = i / 3 % 2, channel = i / 6 % 2, block = i / 12;
    CHECK(depth.values[i] == x[channel * 24 + (row * 2 + block / 2) * 6 + column * 2 + block % 2]);
  }
  for (const char* mode : {"DCR", "CRD"}) {
    Model up({1, 8, 2, 3});
    const std::string wide = up.node("DepthToSpace", {"x"}).set("blocksize", 2).set("mode", mode);
    const auto pixels = run(import(up.output(image_of(up, wide, 2))), x)[0];
    CHECK(pixels.dims == Dims{1, 2, 4, 6});
    for (std::size_t i = 0; i < pixels.values.size(); ++i) {
      const std::size_t column = i % 6, row = i / 6 % 4, channel = i / 24;
      const std::size_t block = row % 2 * 2 + column % 2;
      const std::size_t from = mode[0] == 'D' ? block * 2 + channel : channel * 4 + block;
      CHECK(pixels.values[i] == x[from * 6 + row / 2 * 3 + column / 2]);
    }
  }
  // The features of a classifier as an image: a generator's beginning.
  Model unflat({1, 12});
  const std::string reshaped = unflat.node("Reshape", {"x", unflat.integers({-1, 2, 3, 2})});
  const Floats features(x.begin(), x.begin() + 12);
  CHECK(run(import(unflat.output(image_of(unflat, reshaped, 2))), features)[0].values == features);
}

TEST_CASE("onnx: a product along the last dimension is a 1x1 convolution of channels-last tensors") {
  Model model({1, 3, 2, 2});
  const std::string last = model.node("Transpose", {"x"}).set("perm", Dims{0, 2, 3, 1});
  const Floats w = wavy(12), b = wavy(4, 1), x = wavy(12, 2);
  const std::string product = model.node("MatMul", {last, model.floats({3, 4}, w)});
  const std::string added = model.node("Add", {model.floats({4}, b), product});
  const std::string y = model.node("Transpose", {added}).set("perm", Dims{0, 3, 1, 2});
  const ImportedModel imported = import(model.output(y));
  CHECK(kinds(imported.network) == std::vector{OpKind::convolution});
  Floats expected;
  for (int o = 0; o < 4; ++o) {
    for (int pixel = 0; pixel < 4; ++pixel) {
      float sum = b[o];
      for (int i = 0; i < 3; ++i) sum += w[i * 4 + o] * x[i * 4 + pixel];
      expected.push_back(sum);
    }
  }
  CHECK(relative_error(run(imported, x)[0].values, expected) < 1e-5);
}

TEST_CASE("onnx: constants are folded into the weights before them, or become depthwise convolutions") {
  const Floats scale = {2, -3}, shift = {0.5, 1}, x = wavy(12);
  const auto expected = [&](const Floats& conv) {
    Floats values;
    for (std::size_t i = 0; i < conv.size(); ++i) values.push_back(conv[i] * scale[i / 4] + shift[i / 4]);
    return values;
  };
  Model plain({1, 3, 2, 2});
  const Floats conv = run(import(plain.output(pointwise(plain, "x", 3, 2))), x)[0].values;

  Model model({1, 3, 2, 2});
  const std::string made = pointwise(model, "x", 3, 2);
  const std::string scaled = model.node("Mul", {made, model.floats({2, 1, 1}, scale)});
  const std::string y = model.node("Add", {scaled, model.floats({1, 2, 1, 1}, shift)});
  const ImportedModel folded = import(model.output(y));
  CHECK(kinds(folded.network) == std::vector{OpKind::convolution});
  CHECK(relative_error(run(folded, x)[0].values, expected(conv)) < 1e-5);

  // Another reader sees the convolution's own output.
  model.output(made);
  const ImportedModel two = import(model);
  CHECK(kinds(two.network) == std::vector{OpKind::convolution, OpKind::convolution, OpKind::outputs});
  CHECK(two.network.op(2).groups == 2);
  const auto results = run(two, x);
  CHECK(relative_error(results[0].values, expected(conv)) < 1e-5);
  CHECK(relative_error(results[1].values, conv) < 1e-5);
  CHECK(mentions(two.notes.at(0), "2 outputs"));
}

TEST_CASE("onnx: transposed convolutions with groups, and constants folded into them") {
  Model model({1, 4, 3, 3});
  const std::string w = model.floats({4, 3, 2, 2}, wavy(48));
  const std::string up = model.node("ConvTranspose", {"x", w}).set("group", 2).set("strides", Dims{2, 2});
  const std::string y = model.node("Mul", {up, model.floats({6, 1, 1}, wavy(6, 2))});
  const ImportedModel folded = import(model.output(y));
  CHECK(kinds(folded.network) == std::vector{OpKind::transposed_convolution});
  model.output(up);  // not folded, then
  const ImportedModel apart = import(model);
  const Floats x = wavy(36, 1);
  CHECK(relative_error(run(folded, x)[0].values, run(apart, x)[0].values) < 1e-5);
}

TEST_CASE("onnx: padding goes into the windows behind it where that is the same") {
  const auto padded = [](float value, const char* pool, bool relu) {
    Model model({1, 2, 4, 4});
    const std::string x = relu ? std::string(model.node("Relu", {"x"})) : "x";
    const std::string pad =
        model.node("Pad", {x, model.integers({0, 0, 1, 1, 0, 0, 1, 1}), model.scalar(value)});
    auto node = model.node(pool, {pad}).set("kernel_shape", Dims{3, 3}).set("strides", Dims{2, 2});
    return model.output(node);
  };
  CHECK(kinds(import(padded(0, "MaxPool", true)).network) ==
        std::vector{OpKind::activation, OpKind::max_pool});
  CHECK(kinds(import(padded(0, "MaxPool", false)).network) ==
        std::vector{OpKind::convolution, OpKind::max_pool});
  CHECK(kinds(import(padded(-INFINITY, "MaxPool", false)).network) == std::vector{OpKind::max_pool});
  CHECK(mentions(error_of(padded(1, "MaxPool", false)), "it pads with 1"));
  const ImportedModel average = import(padded(0, "AveragePool", false));
  CHECK(kinds(average.network) == std::vector{OpKind::average_pool});
  CHECK(average.network.op(1).count_include_pad);
}

TEST_CASE("onnx: padding that no window reaches is left out") {
  // As PyTorch wrote ceil_mode before opset 10.
  Model model({1, 2, 16, 12});
  auto pool = model.node("MaxPool", {"x"});
  pool.set("kernel_shape", Dims{3, 3}).set("strides", Dims{2, 2}).set("pads", Dims{1, 1, 3, 3});
  const ImportedModel imported = import(model.output(pool));
  CHECK(imported.network.output_shape() == Shape{2, 9, 7});
  CHECK(imported.network.op(1).window.pad_bottom == 2);
  CHECK(imported.network.op(1).window.pad_right == 2);
}

TEST_CASE("onnx: open sizes are asked for, and taken from the options") {
  Model model({-1, 3, -1, -1});
  const std::string conv = pointwise(model, "x", 3, 2);
  model.output(conv);
  CHECK(mentions(error_of(model), "open height"));
  CHECK(import(model, {.height = 6, .width = 8}).network.output_shape() == Shape{2, 6, 8});
  CHECK(mentions(error_of(model, {.channels = 4, .height = 6, .width = 8}), "number of channels of 3"));
}

TEST_CASE("onnx: a batch of several images is kept apart") {
  Model model({5, 2, 3, 3});
  const std::string flat = model.node("Reshape", {"x", model.integers({5, -1})});
  const std::string y = model.node("Gemm", {flat, model.floats({18, 4}, wavy(72))});
  const ImportedModel imported = import(model.output(y));
  CHECK(imported.network.output_shape() == Shape{4, 1, 1});
  CHECK(imported.outputs[0].dims == Dims{5, 4});

  Model mixing({5, 2, 3, 3});
  const std::string all = mixing.node("Reshape", {"x", mixing.integers({10, 9})});
  CHECK(mentions(error_of(mixing.output(mixing.node("Relu", {all}))), "mixes images"));
}

TEST_CASE("onnx: shape arithmetic of dynamic exports is computed") {
  Model model({-1, 4, 3, 3});
  const std::string shape = model.node("Shape", {"x"});
  const std::string batch = model.node("Gather", {shape, model.integer(0)});
  const std::string batch1 = model.node("Unsqueeze", {batch, model.integers({0})});
  const std::string target = model.node("Concat", {batch1, model.integers({-1})}).set("axis", 0);
  const std::string flat = model.node("Reshape", {"x", target});
  const ImportedModel imported =
      import(model.output(model.node("Gemm", {flat, model.floats({36, 2}, wavy(72))})));
  CHECK(kinds(imported.network) == std::vector{OpKind::flatten, OpKind::linear});

  // torch.nn.functional.interpolate(scale_factor=2) with a dynamic size.
  Model up({1, 2, 3, 3});
  const std::string size =
      up.node("Slice", {up.node("Shape", {"x"}), up.integers({2}), up.integers({4}), up.integers({0})});
  const std::string twice = up.node("Mul", {size, up.integers({2, 2})});
  const std::string front = up.node("Slice", {up.node("Shape", {"x"}), up.integers({0}), up.integers({2})});
  const std::string sizes = up.node("Concat", {front, twice}).set("axis", 0);
  const std::string y = up.node("Resize", {"x", "", "", sizes})
                            .set("mode", "nearest")
                            .set("coordinate_transformation_mode", "asymmetric")
                            .set("nearest_mode", "floor");
  const ImportedModel resized = import(up.output(y));
  CHECK(resized.network.op(1).kind == OpKind::resize);
  CHECK(resized.network.op(1).resize_mode == ResizeMode::nearest_floor);
  CHECK(resized.network.output_shape() == Shape{2, 6, 6});
}

TEST_CASE("onnx: one output of several, by its name") {
  Model model({1, 3, 2, 2});
  const std::string a = model.node("Relu", {"x"}), b = model.node("Sigmoid", {a});
  model.output(a).output(b);
  const ImportedModel one = import(model, {.output = a});
  CHECK(kinds(one.network) == std::vector{OpKind::activation});
  CHECK(one.outputs.size() == 1);
  CHECK(mentions(error_of(model, {.output = "z"}), "no tensor \"z\""));
}

TEST_CASE("onnx: all operators without counterpart are named at once; gaps are bridged when allowed") {
  Model model({1, 3, 4, 4});
  const std::string odd = model.node("Softsign", {"x"}).named("first");
  const std::string again = model.node("Softsign", {odd});
  const std::string conv = pointwise(model, again, 3, 2);
  auto einsum = model.node("Einsum", {conv});
  Model::describe(*model.graph().add_value_info(), einsum, {1, 6, 2, 2});
  const std::string y = model.node("Relu", {std::string(einsum)});
  model.output(y);
  const std::string error = error_of(model);
  CHECK(mentions(error, "Softsign (2 times), first \"first\""));
  CHECK(mentions(error, "Einsum (1 time)"));
  const ImportedModel bridged = import(model, {.allow_gaps = true});
  CHECK(bridged.gaps.size() == 2);
  CHECK(bridged.notes.size() == 2);
  CHECK(bridged.network.output_shape() == Shape{6, 2, 2});
  CHECK(bridged.network.op(1).kind == OpKind::convolution);
  CHECK(bridged.network.macs() == 3 * 2 * 16);  // stand-ins cost nothing

  // What only a gap of unknown shape reads is not reported as well.
  Model unknown({1, 3, 4, 4});
  const std::string mystery = unknown.node("NonZero", {"x"});
  unknown.output(unknown.node("Relu", {mystery}));
  CHECK(!mentions(error_of(unknown), "Relu"));
  CHECK(mentions(error_of(unknown, {.allow_gaps = true}), "not known"));
}

TEST_CASE("onnx: a quantised model has its weights, and gaps only where images are quantised") {
  Model model({1, 3, 4, 4});
  const std::string image_scale = model.scalar(0.1F);
  const std::string quantised = model.node("QuantizeLinear", {"x", image_scale});
  const std::string image = model.node("DequantizeLinear", {quantised, image_scale});
  const std::string w = model.integers({1, 2, 3, 4, 5, 6}), zeros = model.integers({1, 0});
  auto& dims = *model.graph().mutable_initializer(1)->mutable_dims();
  dims.Clear();
  for (const std::int64_t extent : {2, 3, 1, 1}) dims.Add(extent);
  const std::string weights =
      model.node("DequantizeLinear", {w, model.floats({2}, {0.5F, 2}), zeros}).set("axis", 0);
  model.output(model.node("Conv", {image, weights}));
  CHECK(mentions(error_of(model), "QuantizeLinear (1 time)"));
  const ImportedModel imported = import(model, {.allow_gaps = true});
  CHECK(kinds(imported.network) == std::vector{OpKind::convolution});
  CHECK(imported.weights->at(0).values == Floats{0, 0.5F, 1, 8, 10, 12});
}

TEST_CASE("onnx: several inputs are named; unread ones and initialisers are none") {
  Model model({1, 3, 2, 2});
  Model::describe(*model.graph().add_input(), "mask", {1, 3, 2, 2});
  const std::string relu = model.node("Relu", {"x"});
  model.output(relu);
  CHECK(import(model).network.size() == 2);
  model.output(model.node("Mul", {relu, "mask"}));
  CHECK(mentions(error_of(model), "\"x\", \"mask\""));
}

TEST_CASE("onnx: an attribute that is not known is a gap, never ignored") {
  Model model({1, 3, 4, 4});
  model.output(model.node("Relu", {"x"}).set("strange", 1));
  CHECK(mentions(error_of(model), "its attribute strange is unknown here"));
}
