// Operators without parameters from their definitions, forward and backward, in double and NCHW. The backward
// ones add to the gradients of their inputs.
#pragma once

#include "assay/network/network.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

namespace assay::test {

using Doubles = std::vector<double>;

inline double apply(Activation f, double x, double parameter) {
  switch (f) {
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::relu6:
      return std::clamp(x, 0.0, 6.0);
    case Activation::leaky_relu:
      return x < 0 ? x * parameter : x;
    case Activation::h_swish:
      return x * std::clamp(x + 3, 0.0, 6.0) / 6;
    case Activation::h_sigmoid:
      return std::clamp(x + 3, 0.0, 6.0) / 6;
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::gelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
  }
  throw std::logic_error("unknown activation");
}

inline double slope(Activation f, double x, double parameter) {
  const double s = 1 / (1 + std::exp(-x));
  switch (f) {
    case Activation::relu:
      return x > 0 ? 1 : 0;
    case Activation::relu6:
      return x > 0 && x < 6 ? 1 : 0;
    case Activation::leaky_relu:
      return x > 0 ? 1 : parameter;
    case Activation::h_swish:
      return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6;
    case Activation::h_sigmoid:
      return x > -3 && x < 3 ? 1.0 / 6 : 0;
    case Activation::silu:
      return s * (1 + x * (1 - s));
    case Activation::sigmoid:
      return s * (1 - s);
    case Activation::tanh:
      return 1 - std::tanh(x) * std::tanh(x);
    case Activation::gelu:
      return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) +
             x * std::exp(-x * x / 2) / std::sqrt(2 * 3.14159265358979323846);
  }
  throw std::logic_error("unknown activation");
}

// A tensor with its gradient, addressed by image, channel, row and column.
struct Tensor {
  Doubles& value;
  Doubles& gradient;
  int batch;
  Shape shape;
  std::size_t at(int n, int c, int y, int x) const {
    return static_cast<std::size_t>(
        ((std::int64_t{n} * shape.channels + c) * shape.height + y) * shape.width + x);
  }
  double& v(int n, int c, int y, int x) const { return value[at(n, c, y, x)]; }
  double& g(int n, int c, int y, int x) const { return gradient[at(n, c, y, x)]; }
};

template <class F>
void each(int batch, const Shape& s, F&& f) {
  for (int n = 0; n < batch; ++n)
    for (int c = 0; c < s.channels; ++c)
      for (int y = 0; y < s.height; ++y)
        for (int x = 0; x < s.width; ++x) f(n, c, y, x);
}
template <class F>
void each(const Tensor& t, F&& f) {
  each(t.batch, t.shape, std::forward<F>(f));
}

// f(row, column, tap row, tap column) for the taps that lie inside the image.
template <class F>
void window(const Window& w, const Shape& in, int y, int x, F&& f) {
  for (int i = 0; i < w.kernel_h; ++i)
    for (int j = 0; j < w.kernel_w; ++j) {
      const int r = y * w.stride_h - w.pad_top + i * w.dilation_h;
      const int c = x * w.stride_w - w.pad_left + j * w.dilation_w;
      if (r >= 0 && r < in.height && c >= 0 && c < in.width) f(r, c, i, j);
    }
}

// An element that is copied, or adds its gradient where it came from.
inline void move(const Tensor& x, std::size_t from, const Tensor& y, std::size_t to, bool back) {
  if (back) {
    x.gradient[from] += y.gradient[to];
  } else {
    y.value[to] = x.value[from];
  }
}

inline void activation(const Operator& op, const Tensor& x, const Tensor& y, bool back) {
  for (std::size_t i = 0; i < y.value.size(); ++i) {
    const double input = x.value[i], parameter = static_cast<double>(op.parameter);
    if (back) {
      x.gradient[i] += y.gradient[i] * slope(op.activation, input, parameter);
    } else {
      y.value[i] = apply(op.activation, input, parameter);
    }
  }
}

inline void multiply(const Tensor& a, const Tensor& b, const Tensor& y, bool back) {
  each(y, [&](int n, int c, int i, int j) {
    const auto at = [&](const Tensor& t) {
      const bool gate = t.shape.height * t.shape.width == 1;
      return t.at(n, c, gate ? 0 : i, gate ? 0 : j);
    };
    if (back) {
      a.gradient[at(a)] += y.g(n, c, i, j) * b.value[at(b)];
      b.gradient[at(b)] += y.g(n, c, i, j) * a.value[at(a)];
    } else {
      y.v(n, c, i, j) = a.value[at(a)] * b.value[at(b)];
    }
  });
}

inline void concat(const std::vector<Tensor>& in, const Tensor& y, bool back) {
  int begin = 0;
  for (const Tensor& x : in) {
    each(x,
         [&](int n, int c, int i, int j) { move(x, x.at(n, c, i, j), y, y.at(n, begin + c, i, j), back); });
    begin += x.shape.channels;
  }
}

inline void outputs(const std::vector<Tensor>& in, const Tensor& y, bool back) {
  int begin = 0;
  for (const Tensor& x : in) {
    const auto elements = static_cast<int>(x.shape.elements());
    for (int n = 0; n < x.batch; ++n)
      for (int i = 0; i < elements; ++i)
        move(x, x.at(n, 0, 0, 0) + static_cast<std::size_t>(i), y, y.at(n, begin + i, 0, 0), back);
    begin += elements;
  }
}

inline void slice(const Operator& op, const Tensor& x, const Tensor& y, bool back) {
  each(y, [&](int n, int c, int i, int j) {
    move(x, x.at(n, op.slice_begin + c, i, j), y, y.at(n, c, i, j), back);
  });
}

// As PyTorch writes it: channels as a table of groups x channels per group, transposed.
inline void channel_shuffle(const Operator& op, const Tensor& x, const Tensor& y, bool back) {
  const int columns = x.shape.channels / op.groups;
  for (int row = 0; row < op.groups; ++row)
    for (int column = 0; column < columns; ++column)
      each(x.batch, {1, x.shape.height, x.shape.width}, [&](int n, int, int i, int j) {
        move(x, x.at(n, row * columns + column, i, j), y, y.at(n, column * op.groups + row, i, j), back);
      });
}

inline void pool(const Window& w, bool maximum, bool count_padding, const Tensor& x, const Tensor& y,
                 bool back) {
  each(y, [&](int n, int c, int i, int j) {
    int count = 0, best_row = -1, best_column = -1;
    double sum = 0, best = -INFINITY;
    window(w, x.shape, i, j, [&](int r, int s, int, int) {
      const double v = x.v(n, c, r, s);
      ++count;
      sum += v;
      if (v > best) {
        best = v;
        best_row = r;
        best_column = s;
      }
    });
    const double divisor = count_padding ? w.kernel_h * w.kernel_w : count;
    if (!back) {
      y.v(n, c, i, j) = maximum ? best : sum / divisor;
    } else if (maximum) {
      x.g(n, c, best_row, best_column) += y.g(n, c, i, j);
    } else {
      window(w, x.shape, i, j, [&](int r, int s, int, int) { x.g(n, c, r, s) += y.g(n, c, i, j) / divisor; });
    }
  });
}

inline void resize(const Operator& op, const Tensor& x, const Tensor& y, bool back) {
  // The input pixels of an output coordinate, with their weights.
  const auto sources = [&](int o, int in, int out) {
    const double centre = (o + 0.5) * in / out - 0.5;
    const auto nearest = [&](int i) {
      return std::vector<std::pair<int, double>>{{std::clamp(i, 0, in - 1), 1.0}};
    };
    const auto between = [&](double at) {
      const int low = static_cast<int>(std::floor(at));
      return std::vector<std::pair<int, double>>{{std::clamp(low, 0, in - 1), 1 - (at - low)},
                                                 {std::clamp(low + 1, 0, in - 1), at - low}};
    };
    switch (op.resize_mode) {
      case ResizeMode::nearest:
        return nearest(static_cast<int>(std::floor(centre + 0.5)));
      case ResizeMode::nearest_floor:
        return nearest(o * in / out);
      case ResizeMode::bilinear:
        return between(centre);
      case ResizeMode::bilinear_align_corners:
        return between(out == 1 ? 0.0 : static_cast<double>(o * (in - 1)) / (out - 1));
    }
    throw std::logic_error("unknown resize mode");
  };
  each(y, [&](int n, int c, int i, int j) {
    for (const auto& [r, row_weight] : sources(i, x.shape.height, y.shape.height)) {
      for (const auto& [s, column_weight] : sources(j, x.shape.width, y.shape.width)) {
        if (back) {
          x.g(n, c, r, s) += y.g(n, c, i, j) * row_weight * column_weight;
        } else {
          y.v(n, c, i, j) += x.v(n, c, r, s) * row_weight * column_weight;
        }
      }
    }
  });
}

inline void softmax(const Tensor& x, const Tensor& y, bool back) {
  const Shape pixels{1, x.shape.height, x.shape.width};
  each(x.batch, pixels, [&](int n, int, int i, int j) {
    double largest = -INFINITY, sum = 0, product = 0;
    for (int c = 0; c < x.shape.channels; ++c) largest = std::max(largest, x.v(n, c, i, j));
    for (int c = 0; c < x.shape.channels; ++c) sum += std::exp(x.v(n, c, i, j) - largest);
    for (int c = 0; back && c < x.shape.channels; ++c) product += y.g(n, c, i, j) * y.v(n, c, i, j);
    for (int c = 0; c < x.shape.channels; ++c) {
      if (back) {
        x.g(n, c, i, j) += y.v(n, c, i, j) * (y.g(n, c, i, j) - product);
      } else {
        y.v(n, c, i, j) = std::exp(x.v(n, c, i, j) - largest) / sum;
      }
    }
  });
}

}  // namespace assay::test
