// Random graphs of random operators against the plain reference.
#include "assay/network/builder.hpp"

#include "runtime_compare.hpp"

namespace assay::test {

namespace {

Worker& worker() {
  static Worker instance;
  return instance;
}

// Adds random operators, each reading random earlier ones, and joins what nobody reads into one output.
class RandomNetwork {
 public:
  explicit RandomNetwork(std::uint64_t seed) : random_(seed, Purpose::sample), b_(input_shape()) {}

  Network make() {
    const int count = 3 + below(14);
    for (int i = 0; i < count; ++i) add_one();
    std::vector<OpId> ends;
    std::vector<bool> read(static_cast<std::size_t>(b_.size()));
    for (const OpId id : read_) read[static_cast<std::size_t>(id)] = true;
    for (OpId id = 0; id < static_cast<OpId>(read.size()); ++id) {
      if (read[static_cast<std::size_t>(id)]) continue;
      if (below(8) == 0 && !ends.empty()) continue;  // a dead branch
      ends.push_back(b_.global_average_pool(id, "end"));
    }
    const OpId all = b_.concat(ends, "ends");
    return std::move(b_).finish(b_.linear(all, 5, "fc"));
  }

 private:
  int below(int bound) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(bound))); }
  template <class T>
  T pick(std::initializer_list<T> options) {
    return options.begin()[below(static_cast<int>(options.size()))];
  }
  Shape input_shape() { return {pick({1, 3, 8, 17}), pick({5, 8, 12}), pick({6, 8})}; }

  // Recent operators are likelier, so that chains with something to fuse appear.
  OpId any() {
    const OpId id = below(3) > 0 ? b_.size() - 1 : below(b_.size());
    read_.push_back(id);
    return id;
  }
  OpId like(OpId x) {
    std::vector<OpId> same;
    for (OpId id = 0; id < b_.size(); ++id) {
      if (b_.shape(id) == b_.shape(x)) same.push_back(id);
    }
    const OpId id = same[static_cast<std::size_t>(below(static_cast<int>(same.size())))];
    read_.push_back(id);
    return id;
  }
  Window window(OpId x) {
    const Shape s = b_.shape(x);
    const int kernel = std::min(s.height, s.width) < 3 ? 1 : pick({1, 3, 3, 5});
    return Window::square(kernel, pick({1, 1, 2}));
  }

  void add_one() {
    const OpId x = any();
    const Shape s = b_.shape(x);
    switch (below(18)) {
      case 0:
      case 1:
        b_.convolution(x, pick({8, 16, 17, 24}), window(x), "conv", 1, below(2) == 0);
        break;
      case 2:
        b_.convolution(x, s.channels, window(x), "dw", s.channels, below(2) == 0);
        break;
      case 3:
      case 4:
      case 5:
        // A large epsilon, because batch norm of a constant channel amplifies rounding errors by 1 /
        // sqrt(epsilon).
        b_.add({.kind = OpKind::batch_norm, .parameter = 0.1f}, {x}, "bn");
        break;
      case 6:
      case 7:
      case 8:
        b_.activation(x, static_cast<Activation>(below(9)), "act", 0.1f);
        break;
      case 9:
      case 10: {
        std::vector<OpId> inputs{x};
        for (int i = below(3); i >= 0; --i) inputs.push_back(like(x));
        b_.sum(inputs, "sum");
        break;
      }
      case 11:
        if (below(2) == 0) {
          b_.multiply(x, like(x), "product");
        } else {
          b_.multiply(x, b_.global_average_pool(x, "squeeze"), "gated");
        }
        break;
      case 12:
        if (below(2) == 0) {
          b_.max_pool(x, window(x), "max");
        } else {
          b_.average_pool(x, window(x), "avg", below(2) == 0);
        }
        break;
      case 13: {
        const std::vector<OpId> inputs{x, like(x)};
        b_.concat(inputs, "concat");
        break;
      }
      case 14:
        if (below(2) == 0) {
          b_.zero(x, s.channels, 1, "none");
        } else if (s.channels > 1) {
          b_.add(
              {.kind = OpKind::slice, .channels = s.channels / 2, .slice_begin = below(s.channels / 2 + 1)},
              {x}, "slice");
        }
        break;
      case 15: {
        // Behind it nothing grows without limit: a map that is large already keeps its size.
        Window w = s.height * s.width > 150 ? Window::square(3) : window(x);
        if (w.stride_h > 1) w.pad_bottom -= below(2);
        const int groups = below(3) == 0 ? s.channels : 1;
        b_.add({.kind = OpKind::transposed_convolution,
                .bias = below(2) == 0,
                .channels = groups > 1 ? s.channels : pick({8, 16, 17}),
                .groups = groups,
                .window = w},
               {x}, "deconv");
        break;
      }
      case 16:
        if (below(2) == 0) {
          b_.add({.kind = OpKind::layer_norm, .parameter = 0.1f}, {x}, "ln");
        } else {
          b_.add({.kind = OpKind::channel_shuffle, .groups = s.channels % 2 == 0 ? 2 : 1}, {x}, "shuffle");
        }
        break;
      default:
        if (s.elements() < 600 && below(2) == 0) {
          b_.add({.kind = OpKind::flatten}, {x}, "flatten");
        } else if (s.elements() < 600 && below(2) == 0) {
          b_.add({.kind = OpKind::outputs}, {x, any()}, "outputs");
        } else {
          b_.add({.kind = OpKind::resize,
                  .resize_mode = pick({ResizeMode::nearest, ResizeMode::bilinear, ResizeMode::nearest_floor,
                                       ResizeMode::bilinear_align_corners}),
                  .resize_height = pick({4, 7}),
                  .resize_width = pick({5, 9})},
                 {x}, "resize");
        }
    }
  }

  Random random_;
  NetworkBuilder b_;
  std::vector<OpId> read_;
};

std::vector<OpId> some_operators(const Network& network, std::uint64_t seed, int one_in) {
  Random random(seed, Purpose::select);
  std::vector<OpId> result;
  for (OpId id = 0; id < network.size(); ++id) {
    if (random.below(static_cast<std::uint64_t>(one_in)) == 0) result.push_back(id);
  }
  return result;
}

}  // namespace

TEST_CASE("random networks, forward and backward, under every kind of request") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const Network network = RandomNetwork(seed).make();
    Random random(seed, Purpose::select, 1);
    const auto mode =
        random.below(3) == 0 ? BatchNormMode::running_statistics : BatchNormMode::batch_statistics;
    CompileOptions options = everything(1 + static_cast<int>(random.below(6)), mode);
    if (options.batch == 1) options.batch = 4;  // a variance over one value says nothing about correctness
    // Down to one image at a time.
    if (random.below(2) == 0) options.cache_bytes = 1 << (8 + random.below(8));
    switch (random.below(5)) {
      case 0:
        break;
      case 1:
        options.weight_gradients = false;
        break;
      case 2:
        options.forward_taps = some_operators(network, seed, 3);
        options.gradient_taps = some_operators(network, seed + 1, 3);
        break;
      case 3:
        options.backward = options.input_gradient = options.weight_gradients = false;
        options.forward_taps = some_operators(network, seed, 6);
        break;
      default:
        options.backward = options.input_gradient = options.weight_gradients = false;
        options.batch_norm = BatchNormMode::running_statistics;
        options.inference = true;
    }
    compare_with_reference(worker(), network, options, "random network", seed, {1e-4, 2e-3});
  }
}

}  // namespace assay::test
