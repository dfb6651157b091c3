// Files that are damaged, contradict themselves or ask for far too much: each ends in an InputError that says
// why.
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"

#include "onnx_model.hpp"

#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>

#include <doctest/doctest.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using namespace assay;
using namespace onnx_test;

std::string error_of_bytes(const std::string& bytes, const ImportOptions& options = {}) {
  try {
    keep(bytes);
    import_onnx(bytes, "test.onnx", options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string error_of(const Model& model, const ImportOptions& options = {}) {
  return error_of_bytes(model.bytes(), options);
}

bool mentions(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE(text);
  return found;
}

// A convolution of three channels to two.
Model conv_model() {
  Model model({1, 3, 4, 4});
  const std::string w = model.floats({2, 3, 1, 1}, wavy(6));
  model.output(model.node("Conv", {"x", w}));
  return model;
}

onnx::TensorProto& weights(Model& model) {
  return *model.graph().mutable_initializer(0);
}

// Of this process: other processes do not count.
double seconds_since(std::clock_t start) {
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

class Folder {
 public:
  Folder() : path_((fs::temp_directory_path() / "assay_onnx_test.XXXXXX").string()) {
    REQUIRE(mkdtemp(path_.data()));
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("onnx: truncated at every byte, a model is an error or a smaller model, never a crash") {
  const std::string bytes = conv_model().bytes();
  CHECK(mentions(error_of_bytes("hello"), "no ONNX model"));
  CHECK(mentions(error_of_bytes(""), "no graph"));
  for (std::size_t length = 0; length < bytes.size(); ++length) error_of_bytes(bytes.substr(0, length));
  CHECK(error_of_bytes(bytes).empty());
}

TEST_CASE("onnx: tensors whose data do not fit their dimensions") {
  Model shorter = conv_model();
  weights(shorter).mutable_float_data()->RemoveLast();
  CHECK(mentions(error_of(shorter), "holds 5 values where its dimensions ask for 6"));

  Model raw = conv_model();
  weights(raw).clear_float_data();
  weights(raw).set_raw_data("12345");
  CHECK(mentions(error_of(raw), "5 bytes"));

  Model negative = conv_model();
  weights(negative).set_dims(0, -2);
  CHECK(mentions(error_of(negative), "negative dimension"));

  Model huge = conv_model();
  for (int i = 0; i < 4; ++i) weights(huge).set_dims(i, std::int64_t{1} << 62);
  CHECK(mentions(error_of(huge), "2^40"));

  Model text = conv_model();
  weights(text).set_data_type(onnx::TensorProto::STRING);
  CHECK(mentions(error_of(text), "no real or whole numbers"));

  Model misfit = conv_model();
  weights(misfit).set_dims(0, 3);
  weights(misfit).set_dims(1, 2);
  CHECK(mentions(error_of(misfit), "do not fit 3 input channels"));
}

TEST_CASE("onnx: graphs that are none") {
  Model missing = conv_model();
  missing.graph().mutable_node(0)->set_input(0, "nowhere");
  CHECK(!error_of(missing).empty());

  Model cycle({1, 3, 4, 4});
  const std::string a = cycle.node("Add", {"x", "t2"});
  cycle.output(cycle.node("Relu", {a}));
  CHECK(mentions(error_of(cycle), "reads \"t2\""));

  Model twice = conv_model();
  twice.graph().mutable_node()->Add()->CopyFrom(twice.graph().node(0));
  CHECK(mentions(error_of(twice), "made twice"));

  Model initialisers = conv_model();
  initialisers.graph().add_initializer()->CopyFrom(initialisers.graph().initializer(0));
  CHECK(mentions(error_of(initialisers), "two initialisers"));

  Model inputs = conv_model();
  inputs.graph().mutable_node(0)->clear_input();
  CHECK(!error_of(inputs).empty());

  for (const char* type : {"Concat", "Sum", "Max", "Add", "Gemm", "Split", "Pad", "Resize", "Where"}) {
    Model nothing({1, 3, 4, 4});
    nothing.output(nothing.node("Add", {"x", std::string(nothing.node(type, {}))}));
    CHECK(!error_of(nothing).empty());
  }

  Model outputs = conv_model();
  outputs.graph().clear_output();
  CHECK(mentions(error_of(outputs), "no outputs"));

  Model empty({1, 3, 4, 4});
  CHECK(mentions(error_of(empty), "no graph"));
}

TEST_CASE("onnx: attributes of the wrong type, and windows that cannot be") {
  Model type = conv_model();
  auto& attribute = *type.graph().mutable_node(0)->add_attribute();
  attribute.set_name("strides");
  attribute.set_type(onnx::AttributeProto::FLOAT);
  CHECK(mentions(error_of(type), "its attribute strides is FLOAT instead of INTS"));

  const auto with = [](const std::string& name, const Dims& values) {
    Model model({1, 3, 4, 4});
    const std::string w = model.floats({2, 3, 1, 1}, wavy(6));
    model.output(model.node("Conv", {"x", w}).set(name, values));
    return error_of(model);
  };
  CHECK(mentions(with("strides", {0, 1}), "below 1"));
  CHECK(mentions(with("strides", {1, std::int64_t{1} << 62}), "out of range"));
  CHECK(mentions(with("pads", {1, 1, 1, -9}), "cannot be built"));
  CHECK(mentions(with("pads", {1, 1, 1, 1, 1}), "has 5 values"));
  CHECK(mentions(with("kernel_shape", {3, 3}), "contradicts"));
}

TEST_CASE("onnx: opsets and domains") {
  Model old({1, 3, 4, 4}, 4);
  old.output(old.node("Relu", {"x"}));
  CHECK(mentions(error_of(old), "opset is 4"));
  Model later({1, 3, 4, 4}, 21);
  later.output(later.node("Relu", {"x"}));
  CHECK(mentions(import(later).notes.at(0), "Opset 21 is later than 17"));
  Model foreign({1, 3, 4, 4});
  foreign.output(foreign.node("Relu", {"x"}));
  foreign.graph().mutable_node(0)->set_domain("com.example");
  CHECK(mentions(error_of(foreign), "com.example.Relu (1 time)"));
}

TEST_CASE("onnx: inputs that are no images") {
  for (const Dims& dims :
       {Dims{3}, Dims{1, 3, 4, 4, 4}, Dims{1, 3, 4, std::int64_t{1} << 40}, Dims{1, -3, 4, 4}}) {
    Model model(dims);
    model.output(model.node("Relu", {"x"}));
    CHECK(!error_of(model).empty());
  }
  Model text({1, 3, 4, 4});
  text.output(text.node("Relu", {"x"}));
  text.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
      onnx::TensorProto::STRING);
  CHECK(mentions(error_of(text), "does not hold pixels"));
  Model shapeless({1, 3, 4, 4});
  shapeless.output(shapeless.node("Relu", {"x"}));
  shapeless.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  CHECK(mentions(error_of(shapeless), "has no shape"));
}

TEST_CASE("onnx: a few bytes that ask for gigabytes are refused at once") {
  const std::clock_t start = std::clock();
  const auto refused = [](const std::function<std::string(Model&)>& bomb) {
    Model model({1, 3, 4, 4});
    model.output(model.node("Add", {"x", bomb(model)}));
    return !error_of(model).empty();
  };
  constexpr std::int64_t large = 100'000;
  CHECK(refused([](Model& m) { return m.node("ConstantOfShape", {m.integers({large, large, large})}); }));
  CHECK(refused([](Model& m) { return m.node("Expand", {m.scalar(1), m.integers({large, large})}); }));
  CHECK(refused([](Model& m) { return m.node("Range", {m.scalar(0), m.scalar(1e11F), m.scalar(1)}); }));
  CHECK(refused([](Model& m) { return m.node("Range", {m.scalar(0), m.scalar(1), m.scalar(0)}); }));
  // Doubled again and again.
  CHECK(refused([](Model& m) {
    std::string x = m.floats({2}, {1, 2});
    for (int i = 0; i < 60; ++i) x = m.node("Concat", {x, x}).set("axis", 0);
    return x;
  }));
  // Read again and again.
  CHECK(refused([](Model& m) {
    const std::string x = m.floats({1 << 16}, wavy(1 << 16));
    std::string sum = m.scalar(0);
    for (int i = 0; i < 3000; ++i) sum = m.node("Add", {sum, std::string(m.node("ReduceSum", {x}))});
    return sum;
  }));
  // Scaled up again and again.
  Model up({1, 3, 4, 4});
  std::string x = "x";
  for (int i = 0; i < 40; ++i) {
    x = up.node("Resize", {x, "", up.floats({4}, {1, 1, 2, 2})})
            .set("coordinate_transformation_mode", "asymmetric")
            .set("nearest_mode", "floor");
  }
  CHECK(mentions(error_of(up.output(x)), "larger than any network"));
  // One tensor as the weights of many.
  Model shared({1, 512, 4, 4});
  const std::string w = shared.floats({512, 512, 1, 1}, wavy(512 * 512));
  x = "x";
  for (int i = 0; i < 2000; ++i) x = shared.node("Conv", {x, w});
  CHECK(mentions(error_of(shared.output(x)), "many times what it holds"));
  CHECK(error_of(shared, {.weights = false}).empty());
  CHECK(seconds_since(start) < 20);
}

TEST_CASE("onnx: reading is linear in the number of nodes") {
  const auto seconds = [](int count) {
    Model model({1, 3, 4, 4});
    std::string x = "x";
    for (int i = 0; i < count; ++i) {
      x = model.node("Add", {std::string(model.node("Relu", {x})), "x"});
      x = model.node("Unsqueeze", {x, model.integers({0})});
      x = model.node("Squeeze", {x, model.integers({0})});
    }
    const std::string bytes = model.output(x).bytes();
    const std::clock_t start = std::clock();
    CHECK(error_of_bytes(bytes).empty());
    return seconds_since(start);
  };
  const double small = seconds(2000);
  CHECK(seconds(16'000) < 8 * 5 * std::max(small, 0.01));
}

TEST_CASE("onnx: external data lie beside the model, and nowhere else") {
  const Folder folder;
  const Floats values = wavy(8);
  std::string bytes(sizeof(float) * 8, '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  write_file(folder / "weights.bin", bytes);
  Model model = conv_model();
  auto& tensor = weights(model);
  tensor.clear_float_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const auto entry = [&](const char* key, const std::string& value) {
    auto& added = *tensor.add_external_data();
    added.set_key(key);
    added.set_value(value);
  };
  entry("location", "weights.bin");
  entry("offset", "8");
  write_file(folder / "model.onnx", model.bytes());
  const ImportedModel imported = import_onnx(folder / "model.onnx");
  CHECK(imported.weights->at(0).values == Floats(values.begin() + 2, values.end()));
  CHECK(mentions(error_of(model), "not read from a folder"));

  const auto located = [&](const std::string& location, const std::string& offset) {
    tensor.clear_external_data();
    entry("location", location);
    entry("offset", offset);
    write_file(folder / "model.onnx", model.bytes());
    try {
      import_onnx(folder / "model.onnx");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(mentions(located("weights.bin", "12"), "ends before"));
  CHECK(mentions(located("weights.bin", "-4"), "no whole number"));
  CHECK(mentions(located("weights.bin", "9223372036854775807"), "ends before"));
  CHECK(mentions(located("other.bin", "0"), "there is no file"));
  CHECK(import_onnx(folder / "model.onnx", {.weights = false}).network.parameters() == 6);
  CHECK(mentions(located("", "0"), "does not lie in"));
  CHECK(mentions(located(folder / "weights.bin", "0"), "does not lie in"));
  CHECK(mentions(located("../../../../etc/passwd", "0"), "does not lie in"));
  fs::create_symlink("/etc/passwd", folder / "link.bin");
  CHECK(mentions(located("link.bin", "0"), "does not lie in"));
}

TEST_CASE("onnx: initialisers of every number format") {
  const auto weights_of = [](onnx::TensorProto::DataType type, const std::string& raw) {
    Model model({1, 1, 2, 2});
    const std::string w = model.floats({2, 1, 1, 1}, {0, 0});
    auto& tensor = weights(model);
    tensor.clear_float_data();
    tensor.set_data_type(type);
    tensor.set_raw_data(raw);
    model.output(model.node("Conv", {"x", w}));
    return import(model).weights->at(0).values;
  };
  using Tensor = onnx::TensorProto;
  CHECK(weights_of(Tensor::FLOAT16, std::string("\x00\x3c\x00\xc0", 4)) == Floats{1, -2});
  CHECK(weights_of(Tensor::FLOAT16, std::string("\x01\x00\xff\x7b", 4)) == Floats{5.9604645e-8F, 65504});
  CHECK(weights_of(Tensor::BFLOAT16, std::string("\x80\x3f\x00\xc0", 4)) == Floats{1, -2});
  CHECK(weights_of(Tensor::INT8, std::string("\x01\xfe", 2)) == Floats{1, -2});
  CHECK(weights_of(Tensor::UINT8, std::string("\x01\xfe", 2)) == Floats{1, 254});
  const double doubles[] = {1.5, -2};
  CHECK(weights_of(Tensor::DOUBLE, std::string(reinterpret_cast<const char*>(doubles), 16)) ==
        Floats{1.5, -2});
}

TEST_CASE("what hangs on the second output of an unknown operator is unknown, not absent") {
  Model model({1, 3, 4, 4});
  NodeMaker split = model.node("Round", {"x"});
  const std::string second = model.node("Sigmoid", {split.output(1)});
  model.output(model.node("Mul", {split, second}));
  CHECK(mentions(error_of(model, {.allow_gaps = true}), "Nothing is known of the outputs"));
  CHECK(mentions(error_of(model), "Round (1 time)"));
}

TEST_CASE("what no output depends on is not looked at") {
  Model model = conv_model();
  model.node("Einsum", {"x"}).set("equation", "nchw->nhwc");
  CHECK(error_of(model).empty());
  Model pool({1, 3, 4, 4});
  NodeMaker maxima = pool.node("MaxPool", {"x"}).set("kernel_shape", Dims{2, 2});
  maxima.output(1);
  pool.output(maxima);
  CHECK(error_of(pool).empty());
  Model listed = conv_model();
  listed.graph().add_output()->set_name("missing");
  CHECK(mentions(error_of(listed), "no node makes it"));
}
