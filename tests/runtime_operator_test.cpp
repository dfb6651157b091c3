// Every operator but convolutions, forward and backward, against the plain reference, on the shapes that
// search spaces emit.
#include "runtime_operators.hpp"

#include <fmt/format.h>

namespace assay::test {

TEST_CASE("fully connected") {
  for (const auto& [in, out] : {std::pair{1, 1}, {3, 10}, {16, 16}, {17, 100}, {100, 10}}) {
    for (const int batch : {1, 4, 33}) {
      for (const bool bias : {false, true}) {
        const Network network = around(
            {in, 1, 1}, [&, o = out](NetworkBuilder& b, OpId x) { return b.linear(x, o, "fc", bias); });
        compare_with_reference(worker(), network, everything(batch), fmt::format("linear {} -> {}", in, out),
                               3);
      }
    }
  }
}

TEST_CASE("batch norm with batch and running statistics") {
  for (const int channels : {1, 3, 8, 16, 17, 24, 100}) {
    for (const int batch : {1, 4, 64}) {
      for (const int size : {1, 5, 28}) {
        if (batch * size * size < 4 || batch * size > 400) continue;
        for (const BatchNormMode mode :
             {BatchNormMode::batch_statistics, BatchNormMode::running_statistics}) {
          const Network network =
              around({channels, size, size}, [](NetworkBuilder& b, OpId x) { return b.batch_norm(x, "bn"); });
          compare_with_reference(worker(), network, everything(batch, mode),
                                 fmt::format("batch norm {} of {}^2, batch {}", channels, size, batch), 11);
        }
      }
    }
  }
}

TEST_CASE("layer norm over the channels of each pixel") {
  for (const int channels : {1, 3, 8, 16, 17, 24, 96, 100}) {
    for (const int batch : {1, 4}) {
      for (const auto& [height, width] : {std::pair{1, 1}, {2, 3}, {5, 5}, {9, 7}}) {
        for (const float epsilon : {0.0f, 1e-6f, 0.1f}) {
          // The deviation of one channel is zero, and so is its gradient: nothing but rounding, which a small
          // epsilon amplifies.
          if (channels == 1 && epsilon < 0.1f) continue;
          const Network network = around({channels, height, width}, [&](NetworkBuilder& b, OpId x) {
            return b.add({.kind = OpKind::layer_norm, .parameter = epsilon}, {x}, "ln");
          });
          compare_with_reference(
              worker(), network, everything(batch),
              fmt::format("layer norm {} of {}x{}, batch {}", channels, height, width, batch), 13);
        }
      }
    }
  }
}

TEST_CASE("layer norm in the place of what only it reads") {
  NetworkBuilder b({17, 6, 5});
  OpId x = b.convolution(0, 40, Window::square(3), "conv");
  x = b.add({.kind = OpKind::layer_norm}, {x}, "ln");
  const Network network = std::move(b).finish(b.convolution(x, 8, Window{}, "out"));
  CompileOptions forward;
  forward.batch = 3;
  compare_with_reference(worker(), network, forward, "in place", 14);
  compare_with_reference(worker(), network, everything(3), "kept for the way back", 14);
  CompileOptions parameters = everything(3);
  parameters.input_gradient = false;
  compare_with_reference(worker(), network, parameters, "parameters only", 14);
}

TEST_CASE("layer norm keeps its precision where the mean dwarfs the deviation") {
  NetworkBuilder b({100, 3, 3});
  const OpId y = b.add({.kind = OpKind::layer_norm}, {0}, "ln");
  const Network network = std::move(b).finish(y);
  Executable executable(worker(), network, {});
  executable.initialise(Initialisation::standard_normal, 1, 1);
  Reference reference(network, 1, BatchNormMode::batch_statistics);
  reference.parameters[{y, ParameterRole::scale}] = Doubles(100, 1.0);
  const std::vector<float> input = random_floats(100 * 9, 5, 1000.0f, 1.0f);
  std::copy(input.begin(), input.end(), executable.input().begin());
  executable.forward();
  reference.forward(widened(input));
  CHECK(difference(executable.output(), reference.values[1]) < 2e-4);
}

TEST_CASE("batch norm keeps its precision where the mean dwarfs the deviation") {
  NetworkBuilder b({16, 8, 8});
  const OpId y = b.batch_norm(0, "bn");
  const Network network = std::move(b).finish(y);
  CompileOptions options;
  options.batch = 8;
  Executable executable(worker(), network, options);
  executable.initialise(Initialisation::standard_normal, 1, 1);
  Reference reference(network, 8, BatchNormMode::batch_statistics);
  for (const Parameter& p : executable.parameters()) {
    const bool one = p.role == ParameterRole::scale || p.role == ParameterRole::running_variance;
    reference.parameters[{p.op, p.role}] = Doubles(16, one ? 1.0 : 0.0);
  }
  const std::vector<float> input = random_floats(8 * 16 * 64, 5, 1000.0f, 1.0f);
  std::copy(input.begin(), input.end(), executable.input().begin());
  executable.forward();
  reference.forward(widened(input));
  CHECK(difference(executable.output(), reference.values[1]) < 1e-4);
}

TEST_CASE("activations") {
  for (const Activation function :
       {Activation::relu, Activation::relu6, Activation::leaky_relu, Activation::h_swish,
        Activation::h_sigmoid, Activation::silu, Activation::sigmoid, Activation::tanh, Activation::gelu}) {
    for (const int channels : {3, 16, 17}) {
      const auto scaled = [&](bool norm) {
        NetworkBuilder b({channels, 6, 7});
        // A wide range of inputs, so that every branch is taken.
        OpId x = b.convolution(0, channels, Window{}, "spread", 1, true);
        x = b.add({.kind = OpKind::add}, {x, x, x, x}, "wider");
        if (norm) x = b.batch_norm(x, "bn");
        const OpId y = b.activation(x, function, "f", 0.2f);
        return std::move(b).finish(y);
      };
      for (const bool norm : {false, true}) {
        compare_with_reference(
            worker(), scaled(norm), everything(4),
            fmt::format("{} on {} channels, after norm: {}", to_string(function), channels, norm), 5);
      }
    }
  }
}

TEST_CASE("activations at the ends of the float range") {
  for (const Activation function :
       {Activation::relu, Activation::relu6, Activation::leaky_relu, Activation::h_swish,
        Activation::h_sigmoid, Activation::silu, Activation::sigmoid, Activation::tanh, Activation::gelu}) {
    CAPTURE(to_string(function));
    NetworkBuilder b({1, 1, 7});
    const OpId y = b.activation(0, function, "f", 0.1f);
    const Network network = std::move(b).finish(y);
    Executable executable(worker(), network, {});
    const std::vector<float> input{-1e30f, -100, -1e-20f, 0, 1e-20f, 100, std::nanf("")};
    std::copy(input.begin(), input.end(), executable.input().begin());
    executable.forward();
    for (std::size_t i = 0; i + 1 < input.size(); ++i) {
      const double expected = apply(function, static_cast<double>(input[i]), static_cast<double>(0.1f));
      CAPTURE(input[i]);
      CHECK(static_cast<double>(executable.output()[i]) ==
            doctest::Approx(expected).epsilon(1e-5).scale(std::abs(expected) > 1e-6 ? 0 : 1));
    }
    CHECK(std::isnan(executable.output()[6]));
  }
}

TEST_CASE("pooling") {
  for (const bool maximum : {false, true}) {
    for (const int channels : {1, 16, 17}) {
      for (const int kernel : {1, 2, 3, 5}) {
        for (const int stride : {1, 2}) {
          for (const bool include : {false, true}) {
            if (maximum && include) continue;
            Window window = kernel == 2 ? Window{} : Window::square(kernel, stride);
            if (kernel == 2) {
              window.kernel_h = window.kernel_w = 2;
              window.stride_h = window.stride_w = 2;
              window.pad_right = 1;
            }
            const Network network = around({channels, 8, 11}, [&](NetworkBuilder& b, OpId x) {
              return maximum ? b.max_pool(x, window, "pool") : b.average_pool(x, window, "pool", include);
            });
            compare_with_reference(worker(), network, everything(3),
                                   fmt::format("pool k{} s{} maximum {}", kernel, stride, maximum), 23);
          }
        }
      }
    }
  }
}

TEST_CASE("global pooling") {
  for (const OpKind kind : {OpKind::global_max_pool, OpKind::global_average_pool}) {
    for (const int channels : {3, 16, 40}) {
      const Network network = around(
          {channels, 7, 5}, [&](NetworkBuilder& b, OpId x) { return b.add({.kind = kind}, {x}, "pool"); });
      compare_with_reference(worker(), network, everything(3), "global pool", 29);
    }
  }
}

TEST_CASE("add takes any number of inputs, the same one twice included") {
  for (const int channels : {8, 17}) {
    const Network network = around({channels, 5, 6}, [](NetworkBuilder& b, OpId x) {
      const OpId p = b.activation(x, Activation::tanh, "p");
      const OpId q = b.activation(p, Activation::silu, "q");
      const OpId two = b.sum(p, p, "two");
      const std::vector<OpId> inputs{x, p, q, two};
      return b.sum(inputs, "sum");
    });
    compare_with_reference(worker(), network, everything(2), "add", 31);
  }
}

TEST_CASE("multiply, with a gate in either place and by itself") {
  for (const int channels : {8, 17, 40}) {
    for (const int variant : {0, 1, 2, 3}) {
      const Network network = around({channels, 6, 5}, [&](NetworkBuilder& b, OpId x) {
        const OpId gate = b.activation(b.global_average_pool(x, "squeeze"), Activation::sigmoid, "gate");
        const OpId other = b.activation(x, Activation::tanh, "other");
        if (variant == 0) return b.multiply(x, gate, "gated");
        if (variant == 1) return b.multiply(gate, x, "gated");
        if (variant == 2) return b.multiply(x, other, "product");
        return b.multiply(other, other, "square");
      });
      compare_with_reference(worker(), network, everything(3), fmt::format("multiply {}", variant), 37);
    }
  }
}

TEST_CASE("concat and slice") {
  for (const auto& [first, second, third] : {std::tuple{16, 32, 16}, {8, 17, 3}, {16, 5, 16}, {1, 1, 1}}) {
    NetworkBuilder b({3, 5, 4});
    const OpId p = b.convolution(0, first, Window{}, "p");
    const OpId q = b.convolution(0, second, Window{}, "q");
    const OpId r = b.convolution(0, third, Window{}, "r");
    const std::vector<OpId> inputs{p, q, r, q};
    const OpId all = b.concat(inputs, "concat");
    const OpId part =
        b.add({.kind = OpKind::slice, .channels = first + second - 1, .slice_begin = 1}, {all}, "slice");
    const OpId aligned = b.add({.kind = OpKind::slice, .channels = 1, .slice_begin = first}, {all}, "slice2");
    const std::vector<OpId> outputs{all, part, aligned};
    const OpId y = b.concat(outputs, "out");
    const Network network = std::move(b).finish(y);
    compare_with_reference(worker(), network, everything(3),
                           fmt::format("concat {} {} {}", first, second, third), 41);
  }
}

TEST_CASE("flatten") {
  for (const Shape shape : {Shape{16, 3, 4}, {17, 2, 5}, {3, 7, 7}, {24, 1, 1}}) {
    const Network network = around(shape, [](NetworkBuilder& b, OpId x) {
      return b.linear(b.add({.kind = OpKind::flatten}, {x}, "flat"), 10, "fc");
    });
    compare_with_reference(worker(), network, everything(3), "flatten", 43);
  }
}

TEST_CASE("channel shuffle") {
  for (const auto& [channels, groups] :
       {std::pair{16, 2}, {24, 3}, {116, 2}, {17, 17}, {17, 1}, {6, 2}, {100, 4}, {96, 8}}) {
    for (const auto& [height, width] : {std::pair{1, 1}, {5, 7}, {9, 8}}) {
      const Network network = around({channels, height, width}, [&, g = groups](NetworkBuilder& b, OpId x) {
        return b.add({.kind = OpKind::channel_shuffle, .groups = g}, {x}, "shuffle");
      });
      compare_with_reference(worker(), network, everything(3),
                             fmt::format("shuffle {} of {} channels", groups, channels), 45);
    }
  }
}

TEST_CASE("outputs") {
  for (const Shape shape : {Shape{16, 3, 4}, {17, 2, 5}, {24, 1, 1}}) {
    const Network network = around(shape, [](NetworkBuilder& b, OpId x) {
      const OpId pooled = b.global_average_pool(x, "pooled");
      const OpId other = b.activation(x, Activation::tanh, "other");
      return b.add({.kind = OpKind::outputs}, {pooled, x, other, x}, "outputs");
    });
    compare_with_reference(worker(), network, everything(3), "outputs", 46);
  }
}

TEST_CASE("resize") {
  for (const ResizeMode mode : {ResizeMode::nearest, ResizeMode::bilinear, ResizeMode::nearest_floor,
                                ResizeMode::bilinear_align_corners}) {
    for (const auto& [height, width] : {std::pair{10, 14}, {3, 4}, {5, 7}, {8, 3}, {1, 1}, {13, 29}}) {
      const Network network = around({17, 5, 7}, [&, h = height, w = width](NetworkBuilder& b, OpId x) {
        return b.add({.kind = OpKind::resize, .resize_mode = mode, .resize_height = h, .resize_width = w},
                     {x}, "resize");
      });
      compare_with_reference(worker(), network, everything(2), fmt::format("resize to {}x{}", height, width),
                             47);
    }
  }
}

TEST_CASE("softmax") {
  for (const Shape shape : {Shape{10, 1, 1}, {17, 3, 2}, {100, 1, 1}}) {
    const Network network = around(
        shape, [](NetworkBuilder& b, OpId x) { return b.add({.kind = OpKind::softmax}, {x}, "softmax"); });
    compare_with_reference(worker(), network, everything(4), "softmax", 53);
  }
}

TEST_CASE("zero") {
  const Network network = around({17, 6, 6}, [](NetworkBuilder& b, OpId x) {
    const OpId zero = b.zero(x, 17, 1, "none");
    const OpId shifted = b.activation(b.zero(x, 17, 1, "none2"), Activation::sigmoid, "half");
    const std::vector<OpId> inputs{x, zero, shifted};
    return b.sum(inputs, "sum");
  });
  compare_with_reference(worker(), network, everything(2), "zero", 59);
  const Network alone = around({8, 6, 6}, [](NetworkBuilder& b, OpId x) { return b.zero(x, 24, 2, "none"); });
  compare_with_reference(worker(), alone, everything(2), "zero alone", 61);
}

TEST_CASE("a network that is its input") {
  NetworkBuilder b({3, 4, 4});
  const Network network = std::move(b).finish(0);
  compare_with_reference(worker(), network, everything(2), "identity", 67);
}

// The reference itself against finite differences: one network with every operator in it.
TEST_CASE("the reference's gradients are derivatives of its values") {
  NetworkBuilder b({3, 6, 5});
  OpId x = b.convolution(0, 4, Window::square(3), "conv", 1, true);
  x = b.activation(b.batch_norm(x, "bn"), Activation::silu, "silu");
  const OpId depthwise = b.convolution(x, 4, asymmetric(3, 1), "dw", 4);
  x = b.add(
      {.kind = OpKind::resize, .resize_mode = ResizeMode::bilinear, .resize_height = 7, .resize_width = 4},
      {depthwise}, "resize");
  Window twice = Window::square(3, 2);
  twice.pad_bottom -= 1;
  x = b.add(
      {.kind = OpKind::transposed_convolution, .bias = true, .channels = 6, .groups = 2, .window = twice},
      {x}, "deconv");
  x = b.add({.kind = OpKind::layer_norm}, {x}, "ln");
  x = b.add({.kind = OpKind::channel_shuffle, .groups = 2}, {x}, "shuffle");
  x = b.add({.kind = OpKind::resize,
             .resize_mode = ResizeMode::bilinear_align_corners,
             .resize_height = 5,
             .resize_width = 6},
            {x}, "corners");
  const OpId gate = b.activation(b.global_average_pool(x, "gap"), Activation::sigmoid, "gate");
  x = b.multiply(x, gate, "gated");
  for (const Activation f :
       {Activation::h_swish, Activation::gelu, Activation::tanh, Activation::leaky_relu}) {
    x = b.activation(x, f, "f", 0.3f);
  }
  const OpId pooled = b.average_pool(x, Window::square(3), "avg", true);
  const OpId largest = b.max_pool(x, Window::square(3), "max");
  x = b.sum(pooled, largest, "sum");
  const std::vector<OpId> both{x, pooled};
  x = b.add({.kind = OpKind::slice, .channels = 7, .slice_begin = 2}, {b.concat(both, "concat")}, "slice");
  x = b.add(
      {.kind = OpKind::resize, .resize_mode = ResizeMode::nearest, .resize_height = 3, .resize_width = 5},
      {x}, "nearest");
  const OpId floor = b.add({.kind = OpKind::resize,
                            .resize_mode = ResizeMode::nearest_floor,
                            .resize_height = 2,
                            .resize_width = 2},
                           {x}, "floor");
  x = b.linear(b.add({.kind = OpKind::outputs}, {x, floor}, "outputs"), 6, "fc");
  x = b.add({.kind = OpKind::softmax}, {x}, "softmax");
  const Network network = std::move(b).finish(x);

  const int batch = 2;
  for (const BatchNormMode mode : {BatchNormMode::batch_statistics, BatchNormMode::running_statistics}) {
    Reference reference(network, batch, mode);
    CompileOptions options;
    options.batch = batch;
    Executable shapes(worker(), network, options);
    fill_parameters(shapes, &reference, 71);
    Doubles input = widened(random_floats(batch * network.input_shape().elements(), 73));
    const Doubles weights = widened(random_floats(batch * network.output_shape().elements(), 79));
    const auto loss = [&] {
      reference.forward(input);
      double sum = 0;
      for (std::size_t i = 0; i < weights.size(); ++i)
        sum += weights[i] * reference.values[static_cast<std::size_t>(x)][i];
      return sum;
    };
    loss();
    reference.backward(weights);
    const auto check = [&](double& variable, double gradient) {
      const double step = 1e-6, kept = variable;
      variable = kept + step;
      const double above = loss();
      variable = kept - step;
      const double below = loss();
      variable = kept;
      CHECK((above - below) / (2 * step) == doctest::Approx(gradient).epsilon(1e-4).scale(1e-2));
    };
    const Doubles input_gradient = reference.gradients[0];
    for (std::size_t i = 0; i < input.size(); i += 3) check(input[i], input_gradient[i]);
    const auto gradients = reference.parameter_gradients;
    for (auto& [key, values] : reference.parameters) {
      if (key.second == ParameterRole::running_mean || key.second == ParameterRole::running_variance)
        continue;
      for (std::size_t i = 0; i < values.size(); i += 1 + values.size() / 7)
        check(values[i], gradients.at(key)[i]);
    }
  }
}

}  // namespace assay::test
