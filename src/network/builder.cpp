#include "assay/network/builder.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace assay {
namespace {

// Larger tensors cannot come from a meaningful image network; the limits keep all products inside 64 bits.
constexpr std::int64_t max_extent = 1 << 20;
constexpr float usual_epsilon = 1e-5F;          // Operator::parameter of norms
constexpr std::int64_t max_features = 1 << 28;  // of a flattened tensor
constexpr std::int64_t max_elements = std::int64_t{1} << 40;

std::string text(Shape s) {
  return fmt::format("{}x{}x{}", s.channels, s.height, s.width);
}

class ShapeInference {
 public:
  ShapeInference(const Operator& op, std::span<const Shape> in, std::string_view scope, std::string_view name)
      : op_(op), in_(in), scope_(scope), name_(name) {}

  Shape infer() const {
    check_input_count();
    Shape out = unchecked();
    if (out.channels < 1 || out.height < 1 || out.width < 1) {
      fail(fmt::format("its output would be {}", text(out)), "Give it at least one channel and one pixel");
    }
    const bool flat = op_.kind == OpKind::flatten || op_.kind == OpKind::outputs;
    if (out.channels > (flat ? max_features : max_extent) || out.height > max_extent ||
        out.width > max_extent || out.elements() > max_elements) {
      fail(fmt::format("its output of {} is larger than any network that assay handles", text(out)),
           "Check the sizes");
    }
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& cause, std::string_view remedy) const {
    throw InputError(fmt::format("Operator \"{}{}{}\" ({}{}) cannot be built: {}. {}.", scope_,
                                 scope_.empty() ? "" : ".", name_, to_string(op_.kind),
                                 in_.empty() ? "" : " on " + text(in_[0]), cause, remedy));
  }

  void check_input_count() const {
    const bool many = op_.kind == OpKind::add || op_.kind == OpKind::concat || op_.kind == OpKind::outputs;
    const std::size_t least = op_.kind == OpKind::input      ? 0
                              : op_.kind == OpKind::multiply ? 2
                              : op_.kind == OpKind::add      ? 2
                                                             : 1;
    if (in_.size() < least || (!many && in_.size() > least)) {
      fail(fmt::format("it has {} inputs instead of {}{}", in_.size(), many ? "at least " : "", least),
           "Correct its inputs");
    }
  }

  Shape unchecked() const {
    const Shape x = in_[0];
    switch (op_.kind) {
      case OpKind::input:
        break;
      case OpKind::convolution:
      case OpKind::transposed_convolution:
        if (op_.channels < 1)
          fail(fmt::format("it has {} output channels", op_.channels), "Give it at least 1");
        if (op_.groups < 1 || x.channels % op_.groups != 0 || op_.channels % op_.groups != 0) {
          fail(fmt::format("{} groups do not divide {} input and {} output channels", op_.groups, x.channels,
                           op_.channels),
               "Choose a group count that divides both");
        }
        return op_.kind == OpKind::convolution ? window(op_.channels) : transposed_window(op_.channels);
      case OpKind::linear:
        if (op_.channels < 1)
          fail(fmt::format("it has {} output features", op_.channels), "Give it at least 1");
        if (x.height != 1 || x.width != 1)
          fail("its input has several pixels", "Flatten or pool the input first");
        return {op_.channels, 1, 1};
      case OpKind::max_pool:
      case OpKind::average_pool:
        return window(x.channels);
      case OpKind::batch_norm:
      case OpKind::activation:
      case OpKind::softmax:
      case OpKind::layer_norm:
        return x;
      case OpKind::channel_shuffle:
        if (op_.groups < 1 || x.channels % op_.groups != 0) {
          fail(fmt::format("{} groups do not divide {} channels", op_.groups, x.channels),
               "Choose a group count that divides them");
        }
        return x;
      case OpKind::global_max_pool:
      case OpKind::global_average_pool:
        return {x.channels, 1, 1};
      case OpKind::add:
        for (const Shape& other : in_) {
          if (other != x) {
            fail(fmt::format("it adds {} and {}", text(x), text(other)),
                 "Make the shapes equal (same channels and stride on both paths, or a 1x1 projection)");
          }
        }
        return x;
      case OpKind::multiply: {
        const Shape y = in_[1];
        if (x == y || y == Shape{x.channels, 1, 1}) return x;
        if (x == Shape{y.channels, 1, 1}) return y;
        fail(fmt::format("it multiplies {} and {}", text(x), text(y)),
             "Make the shapes equal or one of them one value per channel (cx1x1)");
      }
      case OpKind::concat: {
        Shape sum = x;
        std::int64_t channels = 0;
        for (const Shape& other : in_) {
          if (other.height != x.height || other.width != x.width) {
            fail(fmt::format("it concatenates {} and {}", text(x), text(other)),
                 "Make heights and widths equal");
          }
          channels += other.channels;
        }
        sum.channels = static_cast<std::int32_t>(std::min<std::int64_t>(channels, max_extent + 1));
        return sum;
      }
      case OpKind::slice:
        if (op_.slice_begin < 0 || op_.channels < 1 ||
            std::int64_t{op_.slice_begin} + op_.channels > x.channels) {
          fail(fmt::format("channels {} to {} do not lie inside its {} input channels", op_.slice_begin,
                           std::int64_t{op_.slice_begin} + op_.channels - 1, x.channels),
               "Correct begin and channels");
        }
        return {op_.channels, x.height, x.width};
      case OpKind::flatten:
      case OpKind::outputs: {
        std::int64_t features = 0;
        for (const Shape& shape : in_) features += shape.elements();
        if (features > max_features) fail("it has too many features", "Pool before flattening");
        return {static_cast<std::int32_t>(features), 1, 1};
      }
      case OpKind::resize:
        return {x.channels, op_.resize_height, op_.resize_width};
      case OpKind::zero: {
        if (op_.resize_height > 0) return {op_.channels, op_.resize_height, op_.resize_width};
        const Window& w = op_.window;
        if (w.stride_h < 1 || w.stride_w < 1) fail("its stride is below 1", "Give a stride of at least 1");
        return {op_.channels, (x.height + w.stride_h - 1) / w.stride_h,
                (x.width + w.stride_w - 1) / w.stride_w};
      }
    }
    throw InternalError("an operator of an unknown kind reached shape inference");
  }

  Shape window(std::int32_t channels) const {
    const Window& w = op_.window;
    const auto extent = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                            std::int64_t dilation, std::int64_t before, std::int64_t after,
                            const char* axis) {
      if (kernel < 1 || stride < 1 || dilation < 1 || before < 0 || after < 0) {
        fail(fmt::format(
                 "kernel {}, stride {}, dilation {} and padding {}/{} along its {} are not a valid window",
                 kernel, stride, dilation, before, after, axis),
             "Kernel, stride and dilation are at least 1 and padding at least 0");
      }
      const std::int64_t reach = dilation * (kernel - 1) + 1;
      const std::int64_t padded = size + before + after;
      if (reach > padded) {
        fail(fmt::format("its kernel reaches over {} pixels, but the padded input has a {} of {}", reach,
                         axis, padded),
             "Choose a smaller kernel or dilation, more padding, or fewer reductions before it");
      }
      // A window that sees padding only has no defined maximum or average.
      if (op_.kind != OpKind::convolution && (before >= reach || after >= reach)) {
        fail(fmt::format("its padding {}/{} is as large as the window of {}", before, after, reach),
             "Choose less padding");
      }
      return static_cast<std::int32_t>((padded - reach) / stride + 1);
    };
    return {channels,
            extent(in_[0].height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, w.pad_bottom, "height"),
            extent(in_[0].width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right, "width")};
  }

  Shape transposed_window(std::int32_t channels) const {
    const Window& w = op_.window;
    const auto extent = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                            std::int64_t dilation, std::int64_t before, std::int64_t after,
                            const char* axis) {
      const std::int64_t reach = dilation * (kernel - 1) + 1;
      // More added rows than that would be rows that no input pixel reaches.
      const std::int64_t most_added = std::max(stride, dilation) - 1;
      if (kernel < 1 || stride < 1 || dilation < 1 || before < 0 || before >= reach || after >= reach ||
          after < -most_added) {
        fail(fmt::format(
                 "kernel {}, stride {}, dilation {} and padding {}/{} along its {} are not a valid window",
                 kernel, stride, dilation, before, after, axis),
             "Kernel, stride and dilation are at least 1, padding is smaller than the dilated kernel, and "
             "added rows are fewer than the stride");
      }
      const std::int64_t out = (size - 1) * stride + reach - before - after;
      return static_cast<std::int32_t>(std::clamp<std::int64_t>(out, 0, max_extent + 1));
    };
    return {channels,
            extent(in_[0].height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, w.pad_bottom, "height"),
            extent(in_[0].width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right, "width")};
  }

  const Operator& op_;
  std::span<const Shape> in_;
  std::string_view scope_, name_;
};

}  // namespace

NetworkBuilder::NetworkBuilder(Shape input, std::string_view title) {
  if (input.channels < 1 || input.height < 1 || input.width < 1 || input.channels > max_extent ||
      input.height > max_extent || input.width > max_extent || input.elements() > max_elements) {
    throw InputError(fmt::format(
        "The network's input of {} is not a usable size. Give channels, height and width of at least 1.",
        text(input)));
  }
  constexpr int usual = 256;
  network_.operators_.reserve(usual);
  network_.shapes_.reserve(usual);
  network_.edges_.reserve(usual + usual / 4);
  network_.first_edge_.reserve(usual + 1);
  network_.first_name_.reserve(usual + 1);
  network_.names_.reserve(usual * 24);
  network_.title_ = title;
  network_.operators_.push_back({});
  network_.shapes_.push_back(input);
  network_.first_edge_ = {0, 0};
  network_.names_ = "input";
  network_.first_name_ = {0, 5};
}

OpId NetworkBuilder::add(const Operator& op, std::span<const OpId> inputs, std::string_view name) {
  Network& n = network_;
  const OpId id = n.size();
  constexpr std::size_t few = 16;
  std::array<Shape, few> local;
  std::vector<Shape> many;
  if (inputs.size() > few) many.resize(inputs.size());
  Shape* const in = many.empty() ? local.data() : many.data();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] < 0 || inputs[i] >= id)
      throw InternalError(fmt::format("operator \"{}\" uses an unknown input", name));
    in[i] = n.shapes_[inputs[i]];
  }
  if (op.kind == OpKind::input) throw InternalError("a network has one input, which its builder makes");
  const Shape out = ShapeInference(op, {in, inputs.size()}, scope_, name).infer();

  n.operators_.push_back(op);
  // One way to write the default: equal networks are equal values.
  const bool norm = op.kind == OpKind::batch_norm || op.kind == OpKind::layer_norm;
  if (norm && op.parameter == usual_epsilon) n.operators_.back().parameter = 0;
  n.shapes_.push_back(out);
  n.edges_.insert(n.edges_.end(), inputs.begin(), inputs.end());
  n.first_edge_.push_back(static_cast<std::int32_t>(n.edges_.size()));
  if (!scope_.empty()) {
    n.names_ += scope_;
    n.names_ += '.';
  }
  n.names_ += name;
  n.first_name_.push_back(static_cast<std::int32_t>(n.names_.size()));
  n.parameters_ += n.parameters(id);
  n.macs_ += n.macs(id);
  return id;
}

OpId NetworkBuilder::convolution(OpId x, int channels, const Window& window, std::string_view name,
                                 int groups, bool bias) {
  return add(
      {.kind = OpKind::convolution, .bias = bias, .channels = channels, .groups = groups, .window = window},
      {x}, name);
}

OpId NetworkBuilder::batch_norm(OpId x, std::string_view name) {
  return add({.kind = OpKind::batch_norm}, {x}, name);
}

OpId NetworkBuilder::activation(OpId x, Activation function, std::string_view name, float parameter) {
  return add({.kind = OpKind::activation, .activation = function, .parameter = parameter}, {x}, name);
}

OpId NetworkBuilder::max_pool(OpId x, const Window& window, std::string_view name) {
  return add({.kind = OpKind::max_pool, .window = window}, {x}, name);
}

OpId NetworkBuilder::average_pool(OpId x, const Window& window, std::string_view name,
                                  bool count_include_pad) {
  return add({.kind = OpKind::average_pool, .count_include_pad = count_include_pad, .window = window}, {x},
             name);
}

OpId NetworkBuilder::global_average_pool(OpId x, std::string_view name) {
  return add({.kind = OpKind::global_average_pool}, {x}, name);
}

OpId NetworkBuilder::linear(OpId x, int features, std::string_view name, bool bias) {
  return add({.kind = OpKind::linear, .bias = bias, .channels = features}, {x}, name);
}

OpId NetworkBuilder::sum(std::span<const OpId> inputs, std::string_view name) {
  return inputs.size() == 1 ? inputs[0] : add({.kind = OpKind::add}, inputs, name);
}

OpId NetworkBuilder::sum(OpId a, OpId b, std::string_view name) {
  return add({.kind = OpKind::add}, {a, b}, name);
}

OpId NetworkBuilder::multiply(OpId a, OpId b, std::string_view name) {
  return add({.kind = OpKind::multiply}, {a, b}, name);
}

OpId NetworkBuilder::concat(std::span<const OpId> inputs, std::string_view name) {
  return inputs.size() == 1 ? inputs[0] : add({.kind = OpKind::concat}, inputs, name);
}

OpId NetworkBuilder::zero(OpId like, int channels, int stride, std::string_view name) {
  return add({.kind = OpKind::zero, .channels = channels, .window = {.stride_h = stride, .stride_w = stride}},
             {like}, name);
}

void NetworkBuilder::mark_block(OpId output, std::string_view name) {
  if (output < 0 || output >= network_.size()) throw InternalError("a block mark names an unknown operator");
  network_.blocks_.push_back({output, std::string(name)});
}

Network NetworkBuilder::finish(OpId output) && {
  if (output < 0 || output >= network_.size())
    throw InternalError("the network's output is an unknown operator");
  network_.output_ = output;
  return std::move(network_);
}

}  // namespace assay
