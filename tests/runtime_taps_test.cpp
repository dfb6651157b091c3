// What taps may rely on: what they write flows on, and what a forward tap saw is still there for the gradient
// tap of the same operator.
#include "assay/network/builder.hpp"
#include "assay/runtime/runtime.hpp"

#include <map>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

namespace {

void fill(Executable& executable) {
  executable.initialise(Initialisation::kaiming_normal_fan_in, 1, 2);
  Random(3, Purpose::input).fill_normal(executable.input(), 0, 1);
}

std::vector<float> copy(const TensorView& view) {
  std::vector<float> plain(static_cast<std::size_t>(view.elements()));
  view.copy_to(plain);
  return plain;
}

}  // namespace

TEST_CASE("what a forward tap writes is what a batch norm behind it takes its statistics of") {
  NetworkBuilder b({3, 6, 6}, "tapped");
  const OpId relu = b.activation(b.convolution(0, 20, Window::square(3), "conv"), Activation::relu, "relu");
  const OpId silu = b.activation(b.batch_norm(relu, "bn"), Activation::silu, "silu");
  const OpId output = b.global_average_pool(silu, "pool");
  const Network network = std::move(b).finish(output);
  Worker worker;
  Executable executable(worker, network, {.batch = 4, .forward_taps = {relu}});
  fill(executable);
  executable.forward();
  const std::vector<float> plain(executable.output().begin(), executable.output().end());
  // Batch norm takes a scale off again, up to its epsilon.
  executable.forward([](OpId, TensorView& tensor) {
    for (std::int64_t i = 0; i < tensor.stored(); ++i) tensor.data[i] *= 3;
  });
  REQUIRE(executable.output().size() == plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i)
    CHECK(executable.output()[i] == doctest::Approx(plain[i]).epsilon(1e-3));
  executable.forward([](OpId, TensorView& tensor) {
    for (std::int64_t i = 0; i < tensor.stored(); ++i) tensor.data[i] = 0;
  });
  for (const float value : executable.output()) CHECK(value == 0);
}

TEST_CASE("a gradient tap finds what the forward tap saw, again and again") {
  NetworkBuilder b({3, 9, 9}, "kept");
  std::vector<OpId> tapped;
  OpId x = 0;
  for (int i = 0; i < 4; ++i) {
    tapped.push_back(x = b.convolution(x, 20, Window::square(3, 1 + i % 2), "conv"));
    tapped.push_back(x = b.activation(x, Activation::relu, "relu"));
    x = b.sum(x, b.batch_norm(x, "bn"), "sum");
  }
  x = b.linear(b.global_average_pool(x, "pool"), 5, "classifier");
  const Network network = std::move(b).finish(x);
  Worker worker;
  Executable executable(worker, network, {.batch = 4, .forward_taps = tapped, .gradient_taps = tapped});
  fill(executable);
  std::map<OpId, TensorView> views;
  std::map<OpId, std::vector<float>> values;
  executable.forward([&](OpId op, TensorView& tensor) {
    views[op] = tensor;
    values[op] = copy(tensor);
  });
  const std::vector<float> seed(executable.output().size(), 1.0f);
  for (int repeat = 0; repeat < 2; ++repeat) {
    std::size_t seen = 0;
    executable.backward(seed, [&](OpId op, TensorView& gradient) {
      ++seen;
      CAPTURE(op);
      CHECK(copy(views.at(op)) == values.at(op));
      CHECK(gradient.block == views.at(op).block);
      CHECK(gradient.image_stride == views.at(op).image_stride);
    });
    CHECK(seen == tapped.size());
  }
}
