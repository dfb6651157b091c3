// Convolutions, forward and backward, against the plain reference, on the shapes that search spaces emit.
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

}  // namespace assay::test
