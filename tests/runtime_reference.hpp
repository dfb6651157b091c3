// The plainest possible execution of a network, forward and backward, in double and NCHW: what the runtime is
// compared with. Every operator is written from its definition; nothing is shared with the runtime.
#pragma once

#include "assay/network/weights.hpp"
#include "assay/runtime/runtime.hpp"

#include "runtime_reference_operators.hpp"

#include <map>

namespace assay::test {

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
    for (const ParameterRole role : parameter_roles(n_.op(id))) {
      std::int64_t count = 1;
      for (const std::int64_t d : parameter_dims(n_, id, role)) count *= d;
      parameters[{id, role}].resize(size(count));
    }
  }

  void add_gradient(OpId id, ParameterRole role, std::size_t index, double term) {
    parameter_gradients[{id, role}][index] += term;
    gradient_magnitudes[{id, role}][index] += std::abs(term);
  }

  static std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

  Tensor tensor(OpId id) { return {values[size(id)], gradients[size(id)], batch_, n_.shape(id)}; }

  void visit(OpId id, bool back) {
    const Operator& op = n_.op(id);
    const Tensor y = tensor(id);
    std::vector<Tensor> in;
    for (const OpId input : n_.inputs(id)) in.push_back(tensor(input));
    switch (op.kind) {
      case OpKind::convolution:
      case OpKind::linear:
        return contraction(id, op, in[0], y, back);
      case OpKind::transposed_convolution:
        return transposed_convolution(id, op, in[0], y, back);
      case OpKind::batch_norm:
        return batch_norm(id, op, in[0], y, back);
      case OpKind::layer_norm:
        return layer_norm(id, op, in[0], y, back);
      case OpKind::activation:
        return activation(op, in[0], y, back);
      case OpKind::max_pool:
      case OpKind::average_pool:
        return pool(op.window, op.kind == OpKind::max_pool, op.count_include_pad, in[0], y, back);
      case OpKind::global_max_pool:
      case OpKind::global_average_pool: {
        Window all;
        all.kernel_h = in[0].shape.height;
        all.kernel_w = in[0].shape.width;
        return pool(all, op.kind == OpKind::global_max_pool, false, in[0], y, back);
      }
      case OpKind::add:
        for (const Tensor& x : in) {
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
        return multiply(in[0], in[1], y, back);
      case OpKind::concat:
        return concat(in, y, back);
      case OpKind::slice:
        return slice(op, in[0], y, back);
      case OpKind::channel_shuffle:
        return channel_shuffle(op, in[0], y, back);
      case OpKind::flatten:
      case OpKind::outputs:
        return outputs(in, y, back);
      case OpKind::resize:
        return resize(op, in[0], y, back);
      case OpKind::softmax:
        return softmax(in[0], y, back);
      case OpKind::zero:
      case OpKind::input:
        return;
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
    each(y, [&](int n, int o, int i, int j) {
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

  // Every input pixel adds its multiple of the kernel to the output.
  void transposed_convolution(OpId id, const Operator& op, const Tensor& x, const Tensor& y, bool back) {
    const Window& w = op.window;
    const int per_group = x.shape.channels / op.groups, out_per_group = y.shape.channels / op.groups;
    const Doubles& weight = parameters[{id, ParameterRole::weight}];
    each(y, [&](int n, int o, int i, int j) {
      if (!op.bias) return;
      if (back) {
        add_gradient(id, ParameterRole::bias, size(o), y.g(n, o, i, j));
      } else {
        y.v(n, o, i, j) = parameters[{id, ParameterRole::bias}][size(o)];
      }
    });
    each(x, [&](int n, int c, int i, int j) {
      for (int p = 0; p < out_per_group; ++p) {
        const int o = c / per_group * out_per_group + p;
        window(w, y.shape, i, j, [&](int r, int s, int ki, int kj) {
          const std::size_t k =
              size(((std::int64_t{c} * out_per_group + p) * w.kernel_h + ki) * w.kernel_w + kj);
          if (back) {
            x.g(n, c, i, j) += y.g(n, o, r, s) * weight[k];
            add_gradient(id, ParameterRole::weight, k, y.g(n, o, r, s) * x.v(n, c, i, j));
          } else {
            y.v(n, o, r, s) += weight[k] * x.v(n, c, i, j);
          }
        });
      }
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
      each(batch_, plane, [&](int n, int, int i, int j) { mean += x.v(n, c, i, j) / count; });
      each(batch_, plane,
           [&](int n, int, int i, int j) { variance += std::pow(x.v(n, c, i, j) - mean, 2) / count; });
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
        each(batch_, plane, [&](int n, int, int i, int j) {
          y.v(n, c, i, j) = (x.v(n, c, i, j) - mean) * inverse * scale + shift;
        });
        continue;
      }
      double sum = 0, product = 0;
      each(batch_, plane, [&](int n, int, int i, int j) {
        const double term = y.g(n, c, i, j) * (x.v(n, c, i, j) - mean) * inverse;
        sum += y.g(n, c, i, j);
        product += term;
        add_gradient(id, ParameterRole::shift, size(c), y.g(n, c, i, j));
        add_gradient(id, ParameterRole::scale, size(c), term);
      });
      each(batch_, plane, [&](int n, int, int i, int j) {
        const double normalised = (x.v(n, c, i, j) - mean) * inverse;
        const double centred = batch ? sum / count + normalised * product / count : 0.0;
        x.g(n, c, i, j) += scale * inverse * (y.g(n, c, i, j) - centred);
      });
    }
  }

  void layer_norm(OpId id, const Operator& op, const Tensor& x, const Tensor& y, bool back) {
    const double epsilon = op.parameter == 0 ? 1e-5 : static_cast<double>(op.parameter);
    const Doubles& scale = parameters[{id, ParameterRole::scale}];
    const Doubles& shift = parameters[{id, ParameterRole::shift}];
    const int channels = x.shape.channels;
    each(batch_, {1, x.shape.height, x.shape.width}, [&](int n, int, int i, int j) {
      double mean = 0, variance = 0;
      for (int c = 0; c < channels; ++c) mean += x.v(n, c, i, j) / channels;
      for (int c = 0; c < channels; ++c) variance += std::pow(x.v(n, c, i, j) - mean, 2) / channels;
      const double deviation = std::sqrt(variance + epsilon);
      const auto normalised = [&](int c) { return (x.v(n, c, i, j) - mean) / deviation; };
      if (!back) {
        for (int c = 0; c < channels; ++c) y.v(n, c, i, j) = normalised(c) * scale[size(c)] + shift[size(c)];
        return;
      }
      double sum = 0, product = 0;
      for (int c = 0; c < channels; ++c) {
        add_gradient(id, ParameterRole::shift, size(c), y.g(n, c, i, j));
        add_gradient(id, ParameterRole::scale, size(c), y.g(n, c, i, j) * normalised(c));
        sum += y.g(n, c, i, j) * scale[size(c)] / channels;
        product += y.g(n, c, i, j) * scale[size(c)] * normalised(c) / channels;
      }
      for (int c = 0; c < channels; ++c) {
        x.g(n, c, i, j) += (y.g(n, c, i, j) * scale[size(c)] - sum - normalised(c) * product) / deviation;
      }
    });
  }

  const Network& n_;
  int batch_;
  BatchNormMode mode_;
};

}  // namespace assay::test
