// The plainest possible execution of a network, forward and backward, in double and NCHW: what the runtime is
// compared with. Every operator is written from its definition; nothing is shared with the runtime.
#pragma once

#include "assay/network/network.hpp"
#include "assay/runtime/runtime.hpp"

#include <algorithm>
#include <cmath>
#include <map>
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

class Reference {
 public:
  Reference(const Network& network, int batch, BatchNormMode mode) : n_(network), batch_(batch), mode_(mode) {
    values.resize(size(network.size()));
    gradients.resize(size(network.size()));
  }

  std::vector<Doubles> values, gradients;  // by operator, NCHW
  std::map<std::pair<OpId, ParameterRole>, Doubles> parameters, parameter_gradients;
  // The sums of the absolute values of what each parameter gradient is a sum of: the scale of its rounding
  // errors.
  std::map<std::pair<OpId, ParameterRole>, Doubles> gradient_magnitudes;
  std::map<OpId, std::pair<Doubles, Doubles>> statistics;  // batch norm: mean, biased variance of the batch

  void forward(const Doubles& input) {
    values[0] = input;
    for (OpId id = 1; id < n_.size(); ++id) {
      add_missing_parameters(id);
      values[size(id)].assign(size(batch_ * n_.shape(id).elements()), 0.0);
      visit(id, false);
    }
  }

  void backward(const Doubles& output_gradient) {
    for (OpId id = 0; id < n_.size(); ++id) gradients[size(id)].assign(values[size(id)].size(), 0.0);
    for (auto& [key, value] : parameters) {
      parameter_gradients[key].assign(value.size(), 0.0);
      gradient_magnitudes[key].assign(value.size(), 0.0);
    }
    gradients[size(n_.output())] = output_gradient;
    for (OpId id = n_.size() - 1; id > 0; --id) visit(id, true);
  }

 private:
  // The runtime leaves out the parameters of dead operators; here these run, with zeros.
  void add_missing_parameters(OpId id) {
    const Operator& op = n_.op(id);
    const Shape out = n_.shape(id);
    const auto add = [&](ParameterRole role, std::int64_t count) {
      parameters[{id, role}].resize(size(count));
    };
    if (op.kind == OpKind::batch_norm) {
      for (const ParameterRole role : {ParameterRole::scale, ParameterRole::shift,
                                       ParameterRole::running_mean, ParameterRole::running_variance}) {
        add(role, out.channels);
      }
    } else if (op.has_parameters()) {
      const std::int64_t field = op.kind == OpKind::linear ? 1 : op.window.kernel_h * op.window.kernel_w;
      const int groups = op.kind == OpKind::linear ? 1 : op.groups;
      add(ParameterRole::weight,
          std::int64_t{out.channels} * n_.shape(n_.inputs(id)[0]).channels / groups * field);
      if (op.bias) add(ParameterRole::bias, out.channels);
    }
  }

  void add_gradient(OpId id, ParameterRole role, std::size_t index, double term) {
    parameter_gradients[{id, role}][index] += term;
    gradient_magnitudes[{id, role}][index] += std::abs(term);
  }

  static std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

  // A tensor with its gradient, addressed by image, channel, row and column.
  struct Tensor {
    Doubles& value;
    Doubles& gradient;
    Shape shape;
    std::size_t at(int n, int c, int y, int x) const {
      return size(((std::int64_t{n} * shape.channels + c) * shape.height + y) * shape.width + x);
    }
    double& v(int n, int c, int y, int x) const { return value[at(n, c, y, x)]; }
    double& g(int n, int c, int y, int x) const { return gradient[at(n, c, y, x)]; }
  };
  Tensor tensor(OpId id) { return {values[size(id)], gradients[size(id)], n_.shape(id)}; }

  template <class F>
  void each(const Shape& s, F&& f) const {
    for (int n = 0; n < batch_; ++n)
      for (int c = 0; c < s.channels; ++c)
        for (int y = 0; y < s.height; ++y)
          for (int x = 0; x < s.width; ++x) f(n, c, y, x);
  }

  // f(row, column, tap row, tap column) for the taps that lie inside the image.
  template <class F>
  static void window(const Window& w, const Shape& in, int y, int x, F&& f) {
    for (int i = 0; i < w.kernel_h; ++i)
      for (int j = 0; j < w.kernel_w; ++j) {
        const int r = y * w.stride_h - w.pad_top + i * w.dilation_h;
        const int c = x * w.stride_w - w.pad_left + j * w.dilation_w;
        if (r >= 0 && r < in.height && c >= 0 && c < in.width) f(r, c, i, j);
      }
  }

  void visit(OpId id, bool back) {
    const Operator& op = n_.op(id);
    const auto in = n_.inputs(id);
    const Tensor y = tensor(id);
    switch (op.kind) {
      case OpKind::convolution:
      case OpKind::linear:
        return contraction(id, op, tensor(in[0]), y, back);
      case OpKind::batch_norm:
        return batch_norm(id, op, tensor(in[0]), y, back);
      case OpKind::activation:
        return each(y.shape, [&, x = tensor(in[0])](int n, int c, int i, int j) {
          const double input = x.v(n, c, i, j);
          if (back) {
            x.g(n, c, i, j) += y.g(n, c, i, j) * slope(op.activation, input, op.parameter);
          } else {
            y.v(n, c, i, j) = apply(op.activation, input, op.parameter);
          }
        });
      case OpKind::max_pool:
      case OpKind::average_pool:
        return pool(op.window, op.kind == OpKind::max_pool, op.count_include_pad, tensor(in[0]), y, back);
      case OpKind::global_max_pool:
      case OpKind::global_average_pool: {
        Window all;
        all.kernel_h = n_.shape(in[0]).height;
        all.kernel_w = n_.shape(in[0]).width;
        return pool(all, op.kind == OpKind::global_max_pool, false, tensor(in[0]), y, back);
      }
      case OpKind::add:
        for (const OpId input : in) {
          const Tensor x = tensor(input);
          for (std::size_t i = 0; i < y.value.size(); ++i) {
            if (back) {
              x.gradient[i] += y.gradient[i];
            } else {
              y.value[i] += x.value[i];
            }
          }
        }
        return;
      case OpKind::multiply:
        return each(y.shape, [&, a = tensor(in[0]), b = tensor(in[1])](int n, int c, int i, int j) {
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
      case OpKind::concat: {
        int begin = 0;
        for (const OpId input : in) {
          const Tensor x = tensor(input);
          each(x.shape, [&](int n, int c, int i, int j) {
            if (back) {
              x.g(n, c, i, j) += y.g(n, begin + c, i, j);
            } else {
              y.v(n, begin + c, i, j) = x.v(n, c, i, j);
            }
          });
          begin += x.shape.channels;
        }
        return;
      }
      case OpKind::slice:
        return each(y.shape, [&, x = tensor(in[0])](int n, int c, int i, int j) {
          if (back) {
            x.g(n, op.slice_begin + c, i, j) += y.g(n, c, i, j);
          } else {
            y.v(n, c, i, j) = x.v(n, op.slice_begin + c, i, j);
          }
        });
      case OpKind::flatten:
        for (std::size_t i = 0; i < y.value.size(); ++i) {
          const Tensor x = tensor(in[0]);
          if (back) {
            x.gradient[i] += y.gradient[i];
          } else {
            y.value[i] = x.value[i];
          }
        }
        return;
      case OpKind::resize:
        return resize(op, tensor(in[0]), y, back);
      case OpKind::zero:
      case OpKind::input:
        return;
      case OpKind::softmax:
        return softmax(tensor(in[0]), y, back);
      case OpKind::transposed_convolution:
      case OpKind::channel_shuffle:
      case OpKind::layer_norm:
      case OpKind::outputs:
        break;
    }
    throw std::logic_error("the reference does not know this operator");
  }

  void contraction(OpId id, const Operator& op, const Tensor& x, const Tensor& y, bool back) {
    const bool linear = op.kind == OpKind::linear;
    const Window w = linear ? Window{} : op.window;
    const int groups = linear ? 1 : op.groups;
    const int per_group = x.shape.channels / groups, out_per_group = y.shape.channels / groups;
    Doubles& weight = parameters[{id, ParameterRole::weight}];
    Doubles& weight_gradient = parameter_gradients[{id, ParameterRole::weight}];
    Doubles& weight_magnitude = gradient_magnitudes[{id, ParameterRole::weight}];
    each(y.shape, [&](int n, int o, int i, int j) {
      if (op.bias && back) add_gradient(id, ParameterRole::bias, size(o), y.g(n, o, i, j));
      double sum = op.bias ? parameters[{id, ParameterRole::bias}][size(o)] : 0.0;
      for (int c = 0; c < per_group; ++c) {
        const int channel = o / out_per_group * per_group + c;
        window(w, x.shape, i, j, [&](int r, int s, int ki, int kj) {
          const std::size_t k = size(((std::int64_t{o} * per_group + c) * w.kernel_h + ki) * w.kernel_w + kj);
          if (back) {
            x.g(n, channel, r, s) += y.g(n, o, i, j) * weight[k];
            weight_gradient[k] += y.g(n, o, i, j) * x.v(n, channel, r, s);
            weight_magnitude[k] += std::abs(y.g(n, o, i, j) * x.v(n, channel, r, s));
          } else {
            sum += weight[k] * x.v(n, channel, r, s);
          }
        });
      }
      if (!back) y.v(n, o, i, j) = sum;
    });
  }

  void batch_norm(OpId id, const Operator& op, const Tensor& x, const Tensor& y, bool back) {
    const double epsilon = op.parameter == 0 ? 1e-5 : static_cast<double>(op.parameter);
    const auto role = [&](ParameterRole r) -> Doubles& { return parameters[{id, r}]; };
    const bool batch = mode_ == BatchNormMode::batch_statistics;
    const double count = static_cast<double>(batch_) * x.shape.height * x.shape.width;
    const Shape plane{1, x.shape.height, x.shape.width};
    for (int c = 0; c < x.shape.channels; ++c) {
      double mean = 0, variance = 0;
      each(plane, [&](int n, int, int i, int j) { mean += x.v(n, c, i, j) / count; });
      each(plane, [&](int n, int, int i, int j) { variance += std::pow(x.v(n, c, i, j) - mean, 2) / count; });
      auto& [means, variances] = statistics[id];
      means.resize(size(x.shape.channels));
      variances.resize(size(x.shape.channels));
      means[size(c)] = mean;
      variances[size(c)] = variance;
      if (!batch) {
        mean = role(ParameterRole::running_mean)[size(c)];
        variance = role(ParameterRole::running_variance)[size(c)];
      }
      const double inverse = 1 / std::sqrt(variance + epsilon);
      const double scale = role(ParameterRole::scale)[size(c)], shift = role(ParameterRole::shift)[size(c)];
      if (!back) {
        each(plane, [&](int n, int, int i, int j) {
          y.v(n, c, i, j) = (x.v(n, c, i, j) - mean) * inverse * scale + shift;
        });
        continue;
      }
      double sum = 0, product = 0;
      each(plane, [&](int n, int, int i, int j) {
        const double term = y.g(n, c, i, j) * (x.v(n, c, i, j) - mean) * inverse;
        sum += y.g(n, c, i, j);
        product += term;
        add_gradient(id, ParameterRole::shift, size(c), y.g(n, c, i, j));
        add_gradient(id, ParameterRole::scale, size(c), term);
      });
      each(plane, [&](int n, int, int i, int j) {
        const double normalised = (x.v(n, c, i, j) - mean) * inverse;
        const double centred = batch ? sum / count + normalised * product / count : 0.0;
        x.g(n, c, i, j) += scale * inverse * (y.g(n, c, i, j) - centred);
      });
    }
  }

  void pool(const Window& w, bool maximum, bool count_padding, const Tensor& x, const Tensor& y, bool back) {
    each(y.shape, [&](int n, int c, int i, int j) {
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
        window(w, x.shape, i, j,
               [&](int r, int s, int, int) { x.g(n, c, r, s) += y.g(n, c, i, j) / divisor; });
      }
    });
  }

  void resize(const Operator& op, const Tensor& x, const Tensor& y, bool back) {
    // The input pixels of an output coordinate, with their weights.
    const auto sources = [&](int o, int in, int out) {
      const double at = (o + 0.5) * in / out - 0.5;
      std::vector<std::pair<int, double>> result;
      if (op.resize_mode == ResizeMode::nearest) {
        result.push_back({std::clamp(static_cast<int>(std::floor(at + 0.5)), 0, in - 1), 1.0});
      } else {
        const int low = static_cast<int>(std::floor(at));
        const double fraction = at - low;
        result.push_back({std::clamp(low, 0, in - 1), 1 - fraction});
        result.push_back({std::clamp(low + 1, 0, in - 1), fraction});
      }
      return result;
    };
    each(y.shape, [&](int n, int c, int i, int j) {
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

  void softmax(const Tensor& x, const Tensor& y, bool back) {
    const Shape pixels{1, x.shape.height, x.shape.width};
    each(pixels, [&](int n, int, int i, int j) {
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

  const Network& n_;
  int batch_;
  BatchNormMode mode_;
};

}  // namespace assay::test
