// Activations and norms in the forms in which exporters write them: each is one operator again, and computes
// what the chain of elementary operators computes.
#include "assay/base/error.hpp"

#include "onnx_model.hpp"

#include <functional>
#include <numbers>

#include <doctest/doctest.h>

namespace {

using namespace assay;
using namespace onnx_test;

using Function = std::function<float(float)>;

float h_sigmoid(float x) {
  return std::clamp(x + 3, 0.F, 6.F) / 6;
}
float sigmoid(float x) {
  return 1 / (1 + std::exp(-x));
}
float gelu(float x) {
  return 0.5F * x * (1 + std::erf(x / std::numbers::sqrt2_v<float>));
}

// The model's output is `function` of its input, by a single activation.
void check_activation(Model& model, const std::string& y, Activation activation, const Function& function) {
  const ImportedModel imported = import(model.output(y));
  REQUIRE(imported.network.size() == 2);
  CHECK(imported.network.op(1).kind == OpKind::activation);
  CHECK(to_string(imported.network.op(1).activation) == to_string(activation));
  const Floats x = wavy(24);
  Floats expected;
  for (const float value : x) expected.push_back(function(value));
  CHECK(relative_error(run(imported, x)[0].values, expected) < 1e-4);
}

const Dims image = {1, 2, 3, 4};

std::string clip(Model& model, const std::string& x, float low, float high) {
  return model.node("Clip", {x, model.scalar(low), model.scalar(high)});
}

}  // namespace

TEST_CASE("onnx: h-swish in every order of its parts") {
  const Function h_swish = [](float x) { return x * h_sigmoid(x); };
  const auto shifted = [](Model& m) -> std::string { return m.node("Add", {"x", m.scalar(3)}); };
  SUBCASE("x * clip / 6") {
    Model m(image);
    const std::string product = m.node("Mul", {"x", clip(m, shifted(m), 0, 6)});
    check_activation(m, m.node("Div", {product, m.scalar(6)}), Activation::h_swish, h_swish);
  }
  SUBCASE("x * (clip / 6)") {
    Model m(image);
    const std::string gate = m.node("Div", {clip(m, shifted(m), 0, 6), m.scalar(6)});
    check_activation(m, m.node("Mul", {gate, "x"}), Activation::h_swish, h_swish);
  }
  SUBCASE("(x * 0.1667) * clip") {
    Model m(image);
    const std::string sixth = m.node("Mul", {"x", m.scalar(1.F / 6)});
    check_activation(m, m.node("Mul", {sixth, clip(m, shifted(m), 0, 6)}), Activation::h_swish, h_swish);
  }
  SUBCASE("min(relu(x + 3), 6) * x * 0.1667") {
    Model m(image);
    const std::string low = m.node("Relu", {shifted(m)});
    const std::string high = m.node("Min", {low, m.scalar(6)});
    const std::string product = m.node("Mul", {high, "x"});
    check_activation(m, m.node("Mul", {m.scalar(1.F / 6), product}), Activation::h_swish, h_swish);
  }
  SUBCASE("x * HardSigmoid(x)") {
    Model m(image);
    const std::string gate = m.node("HardSigmoid", {"x"}).set("alpha", 1.F / 6).set("beta", 0.5F);
    check_activation(m, m.node("Mul", {"x", gate}), Activation::h_swish, h_swish);
  }
  SUBCASE("HardSwish") {
    Model m(image, 14);
    check_activation(m, m.node("HardSwish", {"x"}), Activation::h_swish, h_swish);
  }
  SUBCASE("clip with attributes, before opset 11") {
    Model m(image, 9);
    const std::string gate = m.node("Clip", {shifted(m)}).set("min", 0.F).set("max", 6.F);
    const std::string product = m.node("Mul", {"x", gate});
    check_activation(m, m.node("Div", {product, m.scalar(6)}), Activation::h_swish, h_swish);
  }
}

TEST_CASE("onnx: clips") {
  SUBCASE("0 .. 6") {
    Model m(image);
    check_activation(m, clip(m, "x", 0, 6), Activation::relu6,
                     [](float x) { return std::clamp(x, 0.F, 6.F); });
  }
  SUBCASE("from 0 on") {
    Model m(image);
    check_activation(m, m.node("Clip", {"x", m.scalar(0)}), Activation::relu,
                     [](float x) { return std::max(x, 0.F); });
  }
  SUBCASE("h-sigmoid") {
    Model m(image);
    const std::string shifted = m.node("Add", {m.scalar(3), "x"});
    check_activation(m, m.node("Div", {clip(m, shifted, 0, 6), m.scalar(6)}), Activation::h_sigmoid,
                     h_sigmoid);
  }
  SUBCASE("any other range is an h-sigmoid between two factors") {
    Model m(image);
    const ImportedModel imported = import(m.output(clip(m, "x", -1, 2)));
    CHECK(imported.network.size() == 4);
    const Floats x = wavy(24);
    Floats expected;
    for (const float value : x) expected.push_back(std::clamp(value, -1.F, 2.F));
    CHECK(relative_error(run(imported, x)[0].values, expected) < 1e-5);
  }
}

TEST_CASE("onnx: SiLU, and a gate that is none") {
  Model m(image);
  const std::string gate = m.node("Sigmoid", {"x"});
  check_activation(m, m.node("Mul", {gate, "x"}), Activation::silu, [](float x) { return x * sigmoid(x); });

  Model other(image);
  const std::string doubled = other.node("Mul", {"x", other.scalar(2)});
  const std::string other_gate = other.node("Sigmoid", {doubled});
  const ImportedModel imported = import(other.output(other.node("Mul", {"x", other_gate})));
  CHECK(imported.network.op(imported.network.output()).kind == OpKind::multiply);
}

TEST_CASE("onnx: GELU in every order of its parts") {
  const auto error_function = [](Model& m) -> std::string {
    const std::string scaled = m.node("Div", {"x", m.scalar(std::numbers::sqrt2_v<float>)});
    return m.node("Erf", {scaled});
  };
  SUBCASE("x * (erf + 1) * 0.5") {
    Model m(image);
    const std::string sum = m.node("Add", {error_function(m), m.scalar(1)});
    const std::string product = m.node("Mul", {"x", sum});
    check_activation(m, m.node("Mul", {product, m.scalar(0.5F)}), Activation::gelu, gelu);
  }
  SUBCASE("(x * 0.5) * (1 + erf)") {
    Model m(image);
    const std::string sum = m.node("Add", {m.scalar(1), error_function(m)});
    const std::string half = m.node("Mul", {m.scalar(0.5F), "x"});
    check_activation(m, m.node("Mul", {half, sum}), Activation::gelu, gelu);
  }
  SUBCASE("x * (0.5 * (1 + erf))") {
    Model m(image);
    const std::string sum = m.node("Add", {error_function(m), m.scalar(1)});
    const std::string half = m.node("Mul", {sum, m.scalar(0.5F)});
    check_activation(m, m.node("Mul", {half, "x"}), Activation::gelu, gelu);
  }
  SUBCASE("an error function alone is no activation") {
    Model m(image);
    m.output(error_function(m));
    CHECK_THROWS_WITH_AS(import(m), doctest::Contains("Erf (1 time)"), InputError);
  }
}

TEST_CASE("onnx: parametric ReLU with one slope, and with one per channel") {
  Model one(image);
  check_activation(one, one.node("PRelu", {"x", one.floats({1, 1, 1}, {0.25})}), Activation::leaky_relu,
                   [](float x) { return x < 0 ? 0.25F * x : x; });

  Model several(image);
  const Floats slopes = {0.25F, -0.5F}, x = wavy(24);
  const ImportedModel imported =
      import(several.output(several.node("PRelu", {"x", several.floats({2, 1, 1}, slopes)})));
  Floats expected;
  for (std::size_t i = 0; i < x.size(); ++i) expected.push_back(x[i] < 0 ? slopes[i / 12] * x[i] : x[i]);
  CHECK(relative_error(run(imported, x)[0].values, expected) < 1e-5);
}

TEST_CASE("onnx: layer normalisation, decomposed and whole, channels first and last") {
  const Floats x = wavy(24), scale = wavy(2, 1), shift = wavy(2, 2);
  constexpr float epsilon = 1e-6F;
  Floats expected(24);
  for (std::size_t pixel = 0; pixel < 12; ++pixel) {
    const float a = x[pixel], b = x[12 + pixel], mean = (a + b) / 2;
    const float variance = ((a - mean) * (a - mean) + (b - mean) * (b - mean)) / 2;
    for (std::size_t c = 0; c < 2; ++c) {
      expected[c * 12 + pixel] =
          (x[c * 12 + pixel] - mean) / std::sqrt(variance + epsilon) * scale[c] + shift[c];
    }
  }
  const auto check = [&](Model& model, const std::string& y) {
    const ImportedModel imported = import(model.output(y));
    REQUIRE(imported.network.size() == 2);
    CHECK(imported.network.op(1).kind == OpKind::layer_norm);
    CHECK(imported.network.op(1).parameter == doctest::Approx(epsilon));
    CHECK(relative_error(run(imported, x)[0].values, expected) < 1e-4);
  };
  const auto decomposed = [&](Model& m, const std::string& in, std::int64_t axis, const Dims& dims,
                              bool square) {
    const std::string mean = m.node("ReduceMean", {in}).set("axes", Dims{axis});
    const std::string centred = m.node("Sub", {in, mean});
    const std::string squared =
        square ? m.node("Mul", {centred, centred}) : m.node("Pow", {centred, m.scalar(2)});
    const std::string variance = m.node("ReduceMean", {squared}).set("axes", Dims{axis});
    const std::string sum = m.node("Add", {variance, m.scalar(epsilon)});
    const std::string normal = m.node("Div", {centred, std::string(m.node("Sqrt", {sum}))});
    const std::string scaled = m.node("Mul", {normal, m.floats(dims, scale)});
    return std::string(m.node("Add", {scaled, m.floats(dims, shift)}));
  };
  SUBCASE("decomposed over dimension 1") {
    Model m(image);
    check(m, decomposed(m, "x", 1, {2, 1, 1}, false));
  }
  SUBCASE("decomposed over the last dimension, between transposes") {
    Model m(image);
    const std::string last = m.node("Transpose", {"x"}).set("perm", Dims{0, 2, 3, 1});
    const std::string normal = decomposed(m, last, -1, {2}, true);
    check(m, m.node("Transpose", {normal}).set("perm", Dims{0, 3, 1, 2}));
  }
  SUBCASE("whole") {
    Model m(image, 17);
    const std::string last = m.node("Transpose", {"x"}).set("perm", Dims{0, 2, 3, 1});
    const std::string normal =
        m.node("LayerNormalization", {last, m.floats({2}, scale), m.floats({2}, shift)})
            .set("epsilon", epsilon)
            .set("axis", -1);
    check(m, m.node("Transpose", {normal}).set("perm", Dims{0, 3, 1, 2}));
  }
}

TEST_CASE("onnx: gates and other broadcasts") {
  const Floats x = wavy(24);
  SUBCASE("one value per channel") {
    Model m(image);
    const std::string mean = m.node("GlobalAveragePool", {"x"});
    const ImportedModel imported = import(m.output(m.node("Mul", {mean, "x"})));
    CHECK(imported.network.size() == 3);
  }
  SUBCASE("one value per pixel") {
    Model m(image);
    const std::string mean = m.node("ReduceMean", {"x"}).set("axes", Dims{1});
    const ImportedModel imported = import(m.output(m.node("Mul", {"x", mean})));
    Floats expected;
    for (std::size_t i = 0; i < 24; ++i) expected.push_back(x[i] * (x[i % 12] + x[12 + i % 12]) / 2);
    CHECK(relative_error(run(imported, x)[0].values, expected) < 1e-5);
  }
  SUBCASE("a row and a column") {
    Model m(image);
    const std::string rows = m.node("ReduceMean", {"x"}).set("axes", Dims{3});
    const std::string columns = m.node("ReduceMax", {"x"}).set("axes", Dims{2});
    const ImportedModel imported = import(m.output(m.node("Add", {rows, columns})));
    Floats expected;
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t i = 0; i < 12; ++i) {
        const float* row = &x[c * 12 + i / 4 * 4];
        const float* column = &x[c * 12 + i % 4];
        expected.push_back((row[0] + row[1] + row[2] + row[3]) / 4 +
                           std::max({column[0], column[4], column[8]}));
      }
    }
    CHECK(relative_error(run(imported, x)[0].values, expected) < 1e-5);
  }
}

TEST_CASE("onnx: every second pixel, channels that are gathered, and what is cut out beyond that") {
  const Floats x = wavy(24);
  Model m(image);
  const std::string odd = m.node(
      "Slice", {"x", m.integers({1, 1}), m.integers({99, 99}), m.integers({2, 3}), m.integers({2, 2})});
  const ImportedModel imported = import(m.output(odd));
  Floats expected;
  for (const std::size_t c : {0U, 1U}) {
    for (const std::size_t column : {1U, 3U}) expected.push_back(x[c * 12 + 4 + column]);
  }
  CHECK(relative_error(run(imported, x)[0].values, expected) < 1e-6);

  Model g(image);
  const std::string second = g.node("Gather", {"x", g.integer(1)}).set("axis", 1);
  const std::string again = g.node("Unsqueeze", {second, g.integers({1})});
  const ImportedModel gathered = import(g.output(again));
  CHECK(gathered.network.op(1).kind == OpKind::slice);
  CHECK(run(gathered, x)[0].values == Floats(x.begin() + 12, x.end()));
}
