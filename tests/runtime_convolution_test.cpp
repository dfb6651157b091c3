// Convolutions, forward and backward, against the plain reference, on the shapes that search spaces emit.
#include "assay/base/error.hpp"

#include "runtime_operators.hpp"

#include <fmt/format.h>

namespace assay::test {

namespace {

void check_convolution(const Shape& in, int channels, const Window& window, int groups, bool bias, int batch,
                       bool direct = false) {
  const auto build = [&](NetworkBuilder& b, OpId x) {
    return b.convolution(x, channels, window, "conv", groups, bias);
  };
  Network network = direct ? [&] {
    NetworkBuilder b(in);
    const OpId y = build(b, 0);
    return std::move(b).finish(y);
  }() : around(in, build);
  compare_with_reference(
      worker(), network, everything(batch),
      fmt::format("conv {}x{}x{} -> {} k{}x{} s{} d{} groups {} bias {} batch {} direct {}", in.channels,
                  in.height, in.width, channels, window.kernel_h, window.kernel_w, window.stride_h,
                  window.dilation_h, groups, bias, batch, direct),
      7);
}

}  // namespace

TEST_CASE("dense convolutions") {
  for (const int in : {1, 3, 8, 16, 17, 40}) {
    for (const int out : {8, 17, 24}) {
      for (const int kernel : {1, 3, 5}) {
        for (const int stride : {1, 2}) {
          check_convolution({in, 9, 11}, out, Window::square(kernel, stride), 1, kernel == 3, 3);
        }
      }
    }
  }
  check_convolution({100, 7, 7}, 100, Window::square(3), 1, true, 2);
  check_convolution({16, 28, 28}, 24, Window::square(7, 2), 1, false, 4);
  check_convolution({16, 32, 32}, 16, Window::square(3), 1, false, 1);
}

TEST_CASE("convolutions of the network's input") {
  for (const int in : {1, 2, 3, 4, 17}) {
    for (const int kernel : {1, 3, 7}) {
      for (const int stride : {1, 2}) {
        check_convolution({in, 28, 27}, 16, Window::square(kernel, stride), 1, stride == 2, 4, true);
      }
    }
  }
  check_convolution({3, 12, 12}, 3, Window::square(3), 3, true, 2, true);
}

TEST_CASE("dilated and asymmetrically padded convolutions") {
  check_convolution({17, 13, 12}, 24, Window::square(3, 1, 2), 1, false, 2);
  check_convolution({16, 15, 15}, 16, Window::square(5, 2, 3), 1, true, 2);
  check_convolution({8, 14, 10}, 17, asymmetric(3, 2), 1, true, 3);
  check_convolution({24, 14, 14}, 24, asymmetric(5, 1), 24, true, 3);
  Window flat;
  flat.kernel_w = 7;
  flat.pad_left = flat.pad_right = 3;
  check_convolution({16, 8, 20}, 16, flat, 1, false, 2);
  check_convolution({16, 8, 20}, 16, flat, 16, false, 2);
}

TEST_CASE("depthwise convolutions") {
  for (const int channels : {8, 16, 17, 24, 40, 100}) {
    for (const int kernel : {1, 3, 5, 7}) {
      for (const int stride : {1, 2}) {
        check_convolution({channels, 15, 14}, channels, Window::square(kernel, stride), channels, stride == 1,
                          2);
      }
    }
  }
  check_convolution({24, 3, 3}, 24, Window::square(7), 24, false, 4);
  check_convolution({24, 14, 14}, 24, Window::square(3, 2, 2), 24, false, 2);
}

TEST_CASE("depthwise convolutions of maps smaller than their window") {
  for (const int channels : {1, 3, 8, 16, 17, 33, 96, 240})
    for (const auto& [height, width] : {std::pair{1, 1}, {2, 2}, {1, 2}, {3, 1}})
      for (const int kernel : {3, 5, 7})
        for (const int stride : {1, 2})
          for (const int batch : {1, 3})
            check_convolution({channels, height, width}, channels, Window::square(kernel, stride), channels,
                              stride == 1, batch);
}

TEST_CASE("grouped convolutions") {
  for (const auto& [in, out, groups] :
       {std::tuple{32, 64, 2}, {24, 24, 3}, {16, 32, 4}, {17, 34, 17}, {40, 20, 5}}) {
    for (const int kernel : {1, 3}) {
      check_convolution({in, 10, 9}, out, Window::square(kernel, kernel == 3 ? 2 : 1), groups, true, 3);
    }
  }
}

TEST_CASE("convolutions of single pixels") {
  for (const int batch : {1, 5}) check_convolution({40, 1, 1}, 17, Window{}, 1, true, batch);
  check_convolution({17, 1, 1}, 17, Window::square(3), 1, false, 2);
}

namespace {

void check_transposed(const Shape& in, int channels, const Window& window, int groups, bool bias, int batch) {
  const Network network = around(in, [&](NetworkBuilder& b, OpId x) {
    return b.add({.kind = OpKind::transposed_convolution,
                  .bias = bias,
                  .channels = channels,
                  .groups = groups,
                  .window = window},
                 {x}, "deconv");
  });
  compare_with_reference(
      worker(), network, everything(batch),
      fmt::format("deconv {}x{}x{} -> {} k{}x{} s{} d{} pads {}/{} {}/{} groups {} bias {} batch {}",
                  in.channels, in.height, in.width, channels, window.kernel_h, window.kernel_w,
                  window.stride_h, window.dilation_h, window.pad_top, window.pad_bottom, window.pad_left,
                  window.pad_right, groups, bias, batch),
      83);
}

// Rows and columns added at the bottom and the right, as PyTorch's output_padding.
Window padded_out(Window w, int rows, int columns) {
  w.pad_bottom -= rows;
  w.pad_right -= columns;
  return w;
}

Window unpadded(int kernel, int stride) {
  Window w = Window::square(kernel, stride);
  w.pad_top = w.pad_left = w.pad_bottom = w.pad_right = 0;
  return w;
}

}  // namespace

TEST_CASE("transposed convolutions") {
  for (const int in : {1, 3, 16, 17}) {
    for (const int out : {1, 8, 17, 32}) {
      for (const int kernel : {1, 2, 3, 4}) {
        for (const int stride : {1, 2, 3}) {
          if (kernel == 2 && stride == 1) continue;
          check_transposed({in, 5, 6}, out, unpadded(kernel, stride), 1, kernel == 3, 2);
        }
      }
    }
  }
  check_transposed({17, 1, 1}, 24, unpadded(4, 1), 1, true, 3);
  check_transposed({16, 1, 1}, 24, Window{}, 1, true, 3);
  check_transposed({100, 7, 7}, 64, unpadded(2, 2), 1, true, 2);
}

TEST_CASE("transposed convolutions with paddings, added rows and dilation") {
  check_transposed({17, 6, 5}, 24, Window::square(3, 2), 1, true, 2);
  check_transposed({17, 6, 5}, 24, padded_out(Window::square(3, 2), 1, 1), 1, true, 2);
  check_transposed({16, 6, 5}, 8, padded_out(Window::square(5, 3), 2, 1), 1, false, 2);
  check_transposed({8, 6, 5}, 17, padded_out(unpadded(2, 3), 2, 2), 1, true, 3);
  check_transposed({16, 6, 5}, 16, Window::square(3, 1, 2), 1, true, 2);
  check_transposed({16, 6, 5}, 16, padded_out(Window::square(3, 2, 3), 1, 0), 1, true, 2);
  check_transposed({16, 8, 9}, 17, asymmetric(5, 2), 1, true, 3);
}

TEST_CASE("as many added rows as strides, which only dilation allows, are refused by name") {
  Window dilated = unpadded(3, 1);
  dilated.dilation_h = dilated.dilation_w = 3;
  CHECK_THROWS_WITH_AS(check_transposed({16, 4, 5}, 16, padded_out(dilated, 2, 0), 1, true, 2),
                       doctest::Contains("Operator \"deconv\" (transposed_convolution) cannot be executed"),
                       InputError);
}

TEST_CASE("grouped and depthwise transposed convolutions") {
  for (const auto& [in, out, groups] : {std::tuple{32, 64, 2},
                                        {24, 24, 3},
                                        {16, 32, 4},
                                        {17, 34, 17},
                                        {40, 20, 5},
                                        {17, 17, 17},
                                        {32, 32, 32}}) {
    for (const int kernel : {2, 3}) {
      check_transposed({in, 5, 4}, out, padded_out(unpadded(kernel, 2), kernel == 3, 0), groups, true, 3);
    }
  }
  check_transposed({24, 5, 5}, 24, padded_out(Window::square(5, 2), 1, 1), 24, true, 3);
  check_transposed({24, 5, 5}, 24, padded_out(Window::square(7, 2), 1, 1), 24, false, 3);
}

}  // namespace assay::test
