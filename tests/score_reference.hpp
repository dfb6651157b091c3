// A slow interpreter of networks in double precision, plain NCHW, straight from the definitions: what scores
// are checked against.
#pragma once

#include "assay/base/error.hpp"
#include "assay/network/network.hpp"
#include "assay/runtime/runtime.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <vector>

namespace assay::reference {

using Values = std::vector<double>;

// Parameters of a network by operator and role, plain layouts.
using Parameters = std::map<std::pair<OpId, ParameterRole>, Values>;

class Interpreter {
 public:
  // Batch norm by the statistics of the batch.
  Interpreter(const Network& network, Parameters parameters, int batch)
      : network_(network), parameters_(std::move(parameters)), batch_(batch) {}

  void forward(const Values& input) {
    outputs_.assign(static_cast<std::size_t>(network_.size()), {});
    outputs_[0] = input;
    for (OpId id = 1; id < network_.size(); ++id) run(id);
  }
  const Values& output(OpId id) const { return outputs_[id]; }

  // Gradients of every operator's output and of every parameter, from the gradient at `from`.
  void backward(OpId from, const Values& seed) {
    gradients_.assign(static_cast<std::size_t>(network_.size()), {});
    for (OpId id = 0; id < network_.size(); ++id) gradients_[id].assign(outputs_[id].size(), 0.0);
    parameter_gradients_.clear();
    gradients_[from] = seed;
    for (OpId id = from; id > 0; --id) propagate(id);
  }
  const Values& gradient(OpId id) const { return gradients_[id]; }
  const Parameters& parameter_gradients() const { return parameter_gradients_; }
  const Parameters& parameters() const { return parameters_; }

  // Biased mean and variance of each channel over the batch.
  std::vector<std::pair<double, double>> statistics(OpId id) const {
    const Shape s = network_.shape(id);
    const int pixels = s.height * s.width;
    std::vector<std::pair<double, double>> result;
    for (int c = 0; c < s.channels; ++c) {
      double sum = 0, squares = 0;
      const double n = double{1} * batch_ * pixels;
      for_channel(s, c, [&](std::size_t i) { sum += outputs_[id][i]; });
      for_channel(s, c, [&](std::size_t i) { squares += std::pow(outputs_[id][i] - sum / n, 2); });
      result.emplace_back(sum / n, squares / n);
    }
    return result;
  }

 private:
  std::size_t at(Shape s, int n, int c, int y, int x) const {
    return ((static_cast<std::size_t>(n) * s.channels + c) * s.height + y) * s.width + x;
  }
  template <class F>
  void for_channel(Shape s, int c, F&& f) const {
    for (int n = 0; n < batch_; ++n)
      for (int p = 0; p < s.height * s.width; ++p) f(at(s, n, c, 0, 0) + p);
  }
  // Calls f(out index, in index, weight index) for every product of a convolution or linear operator.
  template <class F>
  void for_products(OpId id, F&& f) const {
    const Operator& op = network_.op(id);
    const Shape in = network_.shape(network_.inputs(id)[0]), out = network_.shape(id);
    if (op.kind == OpKind::linear) {
      const auto features = static_cast<std::size_t>(in.elements());
      for (int n = 0; n < batch_; ++n)
        for (std::size_t o = 0; o < static_cast<std::size_t>(out.channels); ++o)
          for (std::size_t i = 0; i < features; ++i)
            f(n * out.channels + o, n * features + i, o * features + i);
      return;
    }
    const Window& w = op.window;
    const int in_group = in.channels / op.groups, out_group = out.channels / op.groups;
    for (int n = 0; n < batch_; ++n)
      for (int o = 0; o < out.channels; ++o)
        for (int i = 0; i < in_group; ++i)
          for_window(w, in, out, [&](int oy, int ox, int iy, int ix, int ky, int kx) {
            f(at(out, n, o, oy, ox), at(in, n, o / out_group * in_group + i, iy, ix),
              ((static_cast<std::size_t>(o) * in_group + i) * w.kernel_h + ky) * w.kernel_w + kx);
          });
  }
  template <class F>
  static void for_window(const Window& w, Shape in, Shape out, F&& f) {
    for (int oy = 0; oy < out.height; ++oy)
      for (int ox = 0; ox < out.width; ++ox)
        for (int ky = 0; ky < w.kernel_h; ++ky)
          for (int kx = 0; kx < w.kernel_w; ++kx) {
            const int iy = oy * w.stride_h - w.pad_top + ky * w.dilation_h;
            const int ix = ox * w.stride_w - w.pad_left + kx * w.dilation_w;
            if (iy >= 0 && iy < in.height && ix >= 0 && ix < in.width) f(oy, ox, iy, ix, ky, kx);
          }
  }
  // Calls f(out index, in index, share) for every contribution of an average pool.
  template <class F>
  void for_average(OpId id, F&& f) const {
    const Operator& op = network_.op(id);
    const Shape in = network_.shape(network_.inputs(id)[0]), out = network_.shape(id);
    Window w = op.window;
    if (op.kind == OpKind::global_average_pool) w = {.kernel_h = in.height, .kernel_w = in.width};
    std::vector<int> counts(static_cast<std::size_t>(out.height) * out.width, 0);
    for_window(w, in, out, [&](int oy, int ox, int, int, int, int) { ++counts[oy * out.width + ox]; });
    for (int n = 0; n < batch_; ++n)
      for (int c = 0; c < out.channels; ++c)
        for_window(w, in, out, [&](int oy, int ox, int iy, int ix, int, int) {
          const int count = op.count_include_pad ? w.kernel_h * w.kernel_w : counts[oy * out.width + ox];
          f(at(out, n, c, oy, ox), at(in, n, c, iy, ix), 1.0 / count);
        });
  }

  static double value(Activation a, double slope, double x) {
    switch (a) {
      case Activation::relu:
        return std::max(x, 0.0);
      case Activation::relu6:
        return std::clamp(x, 0.0, 6.0);
      case Activation::leaky_relu:
        return x < 0 ? slope * x : x;
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
    return 0;
  }
  static double slope_at(Activation a, double slope, double x) {
    const double s = 1 / (1 + std::exp(-x));
    switch (a) {
      case Activation::relu:
        return x > 0;
      case Activation::relu6:
        return x > 0 && x < 6;
      case Activation::leaky_relu:
        return x < 0 ? slope : 1;
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
        return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
    }
    return 0;
  }

  void run(OpId id) {
    const Operator& op = network_.op(id);
    const Shape shape = network_.shape(id);
    const auto inputs = network_.inputs(id);
    const Values& x = outputs_[inputs[0]];
    Values& y = outputs_[id];
    y.assign(static_cast<std::size_t>(batch_ * shape.elements()), 0.0);
    switch (op.kind) {
      case OpKind::convolution:
      case OpKind::linear: {
        const Values& w = parameters_.at({id, ParameterRole::weight});
        for_products(id, [&](std::size_t o, std::size_t i, std::size_t k) { y[o] += x[i] * w[k]; });
        if (op.bias) {
          const Values& bias = parameters_.at({id, ParameterRole::bias});
          for (int c = 0; c < shape.channels; ++c)
            for_channel(shape, c, [&](std::size_t i) { y[i] += bias[c]; });
        }
        break;
      }
      case OpKind::batch_norm: {
        const auto moments = statistics(inputs[0]);
        for (int c = 0; c < shape.channels; ++c) {
          const double scale = parameters_.at({id, ParameterRole::scale})[c];
          const double shift = parameters_.at({id, ParameterRole::shift})[c];
          const double deviation = std::sqrt(moments[c].second + epsilon(op));
          for_channel(shape, c,
                      [&](std::size_t i) { y[i] = (x[i] - moments[c].first) / deviation * scale + shift; });
        }
        break;
      }
      case OpKind::activation:
        for (std::size_t i = 0; i < y.size(); ++i) y[i] = value(op.activation, op.parameter, x[i]);
        break;
      case OpKind::average_pool:
      case OpKind::global_average_pool:
        for_average(id, [&](std::size_t o, std::size_t i, double share) { y[o] += share * x[i]; });
        break;
      case OpKind::add:
        for (const OpId input : inputs)
          for (std::size_t i = 0; i < y.size(); ++i) y[i] += outputs_[input][i];
        break;
      case OpKind::multiply:
        for (std::size_t i = 0; i < y.size(); ++i) {
          y[i] = 1;
          for (const OpId input : inputs) y[i] *= outputs_[input][factor(i, input, id)];
        }
        break;
      case OpKind::flatten:
        y = x;
        break;
      case OpKind::zero:
        break;
      default:
        throw InternalError("The reference does not know an operator.");
    }
  }

  void propagate(OpId id) {
    const Operator& op = network_.op(id);
    const Shape shape = network_.shape(id);
    const auto inputs = network_.inputs(id);
    const Values& x = outputs_[inputs[0]];
    const Values& dy = gradients_[id];
    Values& dx = gradients_[inputs[0]];
    const int pixels = shape.height * shape.width;
    switch (op.kind) {
      case OpKind::convolution:
      case OpKind::linear: {
        const Values& w = parameters_.at({id, ParameterRole::weight});
        Values& dw = parameter_gradients_[{id, ParameterRole::weight}];
        dw.assign(w.size(), 0.0);
        for_products(id, [&](std::size_t o, std::size_t i, std::size_t k) {
          dx[i] += dy[o] * w[k];
          dw[k] += dy[o] * x[i];
        });
        break;
      }
      case OpKind::batch_norm: {
        const auto moments = statistics(inputs[0]);
        const double n = double{1} * batch_ * pixels;
        for (int c = 0; c < shape.channels; ++c) {
          const double deviation = std::sqrt(moments[c].second + epsilon(op));
          const double scale = parameters_.at({id, ParameterRole::scale})[c];
          double sum = 0, along = 0;
          const auto normal = [&](std::size_t i) { return (x[i] - moments[c].first) / deviation; };
          for_channel(shape, c, [&](std::size_t i) {
            sum += dy[i];
            along += dy[i] * normal(i);
          });
          for_channel(shape, c, [&](std::size_t i) {
            dx[i] += scale / deviation * (dy[i] - sum / n - normal(i) * along / n);
          });
        }
        break;
      }
      case OpKind::activation:
        for (std::size_t i = 0; i < dy.size(); ++i)
          dx[i] += dy[i] * slope_at(op.activation, op.parameter, x[i]);
        break;
      case OpKind::average_pool:
      case OpKind::global_average_pool:
        for_average(id, [&](std::size_t o, std::size_t i, double share) { dx[i] += share * dy[o]; });
        break;
      case OpKind::add:
        for (const OpId input : inputs)
          for (std::size_t i = 0; i < dy.size(); ++i) gradients_[input][i] += dy[i];
        break;
      case OpKind::multiply:
        for (std::size_t i = 0; i < dy.size(); ++i) {
          const std::size_t a = factor(i, inputs[0], id), b = factor(i, inputs[1], id);
          gradients_[inputs[0]][a] += dy[i] * outputs_[inputs[1]][b];
          gradients_[inputs[1]][b] += dy[i] * outputs_[inputs[0]][a];
        }
        break;
      case OpKind::flatten:
        for (std::size_t i = 0; i < dy.size(); ++i) dx[i] += dy[i];
        break;
      case OpKind::zero:
        break;
      default:
        throw InternalError("The reference does not know an operator.");
    }
  }

  // Index of the element of a product's input that element i of the product reads: {c,1,1} is broadcast.
  std::size_t factor(std::size_t i, OpId input, OpId product) const {
    const Shape in = network_.shape(input), out = network_.shape(product);
    return in == out ? i : i / (static_cast<std::size_t>(out.height) * out.width);
  }

  static double epsilon(const Operator& op) { return op.parameter > 0 ? double{op.parameter} : 1e-5; }

  const Network& network_;
  Parameters parameters_;
  int batch_;
  std::vector<Values> outputs_, gradients_;
  Parameters parameter_gradients_;
};

// The weights that a network starts with under an initialisation.
inline Parameters initial_parameters(Worker& worker, const Network& network, Initialisation initialisation,
                                     std::uint64_t seed, std::uint64_t fingerprint) {
  CompileOptions options;
  options.batch = 2;
  Executable executable(worker, network, options);
  executable.initialise(initialisation, seed, fingerprint);
  Parameters result;
  const auto parameters = executable.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    std::vector<float> plain(static_cast<std::size_t>(parameters[i].elements()));
    executable.get_parameter(i, plain);
    result[{parameters[i].op, parameters[i].role}] = Values(plain.begin(), plain.end());
  }
  return result;
}

}  // namespace assay::reference
