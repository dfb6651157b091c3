// Forward and backward of typical blocks, beside what their convolutions cost when oneDNN is called directly:
// the difference is the price of everything else (batch norm, activations, additions, the runtime itself).
//
//   runtime_bench --benchmark_filter=block/   GFLOP/s of whole blocks (2 x MACs, forward; twice that with
//   backward) runtime_bench --benchmark_filter=plain/   a chain of bare convolutions: runtime against direct
//   calls
#include "assay/network/builder.hpp"
#include "assay/runtime/runtime.hpp"

#include <array>
#include <functional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <dnnl.hpp>
#include <omp.h>

namespace assay {

namespace {

Worker& worker() {
  static Worker instance;
  return instance;
}

OpId relu_conv_bn(NetworkBuilder& b, OpId x, int channels, int kernel, int stride = 1) {
  x = b.activation(x, Activation::relu, "relu");
  x = b.convolution(x, channels, Window::square(kernel, stride), "conv");
  return b.batch_norm(x, "bn");
}

OpId conv_bn_act(NetworkBuilder& b, OpId x, int channels, int kernel, int groups, bool act) {
  x = b.convolution(x, channels, Window::square(kernel), "conv", groups);
  x = b.batch_norm(x, "bn");
  return act ? b.activation(x, Activation::relu6, "act") : x;
}

// NAS-Bench-201's cell with a 3x3 convolution on each of its six edges.
OpId nasbench201_cell(NetworkBuilder& b, OpId x, int channels) {
  std::array<OpId, 4> node{x};
  for (std::size_t to = 1; to < 4; ++to) {
    std::vector<OpId> edges;
    for (std::size_t from = 0; from < to; ++from) edges.push_back(relu_conv_bn(b, node[from], channels, 3));
    node[to] = b.sum(edges, "node");
  }
  return node[3];
}

// A typical cell: two 3x3, a 1x1, a pooling, a skip connection and an absent edge.
OpId mixed_cell(NetworkBuilder& b, OpId x, int channels) {
  const OpId n1 = relu_conv_bn(b, x, channels, 3);
  const OpId n2 = b.sum(b.average_pool(x, Window::square(3), "pool"), relu_conv_bn(b, n1, channels, 1), "n2");
  return b.sum(relu_conv_bn(b, n2, channels, 3), x, "n3");
}

using Cell = OpId (*)(NetworkBuilder&, OpId, int);

Network nasbench201(Cell cell) {
  NetworkBuilder b({3, 32, 32});
  OpId x = b.batch_norm(b.convolution(0, 16, Window::square(3), "stem"), "bn");
  for (const int channels : {16, 32, 64}) {
    if (channels > 16) {
      const OpId long_way = relu_conv_bn(b, relu_conv_bn(b, x, channels, 3, 2), channels, 3);
      Window halve;
      halve.kernel_h = halve.kernel_w = halve.stride_h = halve.stride_w = 2;
      const OpId shortcut = b.convolution(b.average_pool(x, halve, "pool"), channels, Window{}, "shortcut");
      x = b.sum(long_way, shortcut, "reduce");
    }
    for (int i = 0; i < 5; ++i) x = cell(b, x, channels);
  }
  x = b.activation(b.batch_norm(x, "bn"), Activation::relu, "relu");
  return std::move(b).finish(b.linear(b.global_average_pool(x, "gap"), 10, "fc"));
}

Network block(const Shape& in, const std::function<OpId(NetworkBuilder&, OpId)>& body) {
  NetworkBuilder b(in);
  const OpId y = body(b, b.activation(0, Activation::tanh, "before"));
  return std::move(b).finish(y);
}

Network inverted_bottleneck(int channels, int size, int kernel, bool fused, bool squeeze) {
  return block({channels, size, size}, [&](NetworkBuilder& b, OpId x) {
    const int wide = 6 * channels;
    OpId y = fused ? conv_bn_act(b, x, wide, kernel, 1, true) : conv_bn_act(b, x, wide, 1, 1, true);
    if (!fused) y = conv_bn_act(b, y, wide, kernel, wide, true);
    if (squeeze) {
      OpId gate = b.global_average_pool(y, "squeeze");
      gate =
          b.activation(b.convolution(gate, wide / 4, Window{}, "reduce", 1, true), Activation::relu, "relu");
      gate =
          b.activation(b.convolution(gate, wide, Window{}, "expand", 1, true), Activation::h_sigmoid, "gate");
      y = b.multiply(y, gate, "excite");
    }
    return b.sum(conv_bn_act(b, y, channels, 1, 1, false), x, "residual");
  });
}

Network residual(int channels, int size) {
  return block({channels, size, size}, [&](NetworkBuilder& b, OpId x) {
    OpId y = conv_bn_act(b, x, channels, 3, 1, true);
    y = b.sum(conv_bn_act(b, y, channels, 3, 1, false), x, "residual");
    return b.activation(y, Activation::relu, "relu");
  });
}

enum class Pass { inference, forward, data, weights };

CompileOptions options_for(Pass pass, int batch, const Network& network) {
  CompileOptions options;
  options.batch = batch;
  if (pass == Pass::inference) {
    options.batch_norm = BatchNormMode::running_statistics;
    options.fold_batch_norm = true;
  }
  if (pass == Pass::data) {
    options.backward = true;
    options.gradient_taps = {network.size() > 100 ? 1 : 0};
  }
  if (pass == Pass::weights) options.weight_gradients = true;
  return options;
}

void fill(std::span<float> out, std::uint64_t index) {
  Random(1, Purpose::input, 0, index).fill_normal(out, 0, 1);
}

void run_network(benchmark::State& state, const Network& network, Pass pass, int batch) {
  Executable executable(worker(), network, options_for(pass, batch, network));
  executable.initialise(Initialisation::kaiming_normal_fan_in, 1, 1);
  fill(executable.input(), 0);
  std::vector<float> gradient(static_cast<std::size_t>(batch * network.output_shape().elements()));
  fill(gradient, 1);
  const auto run = [&] {
    executable.forward();
    if (pass == Pass::data || pass == Pass::weights) executable.backward(gradient);
  };
  run();
  for (auto _ : state) run();
  const double passes = pass == Pass::weights ? 3 : pass == Pass::data ? 2 : 1;
  state.counters["GFLOP/s"] = benchmark::Counter(passes * 2e-9 * static_cast<double>(network.macs() * batch),
                                                 benchmark::Counter::kIsIterationInvariantRate);
  state.counters["arena_MiB"] = static_cast<double>(executable.arena_bytes()) / (1 << 20);
}

// The same convolutions, one after the other, as oneDNN runs them: compiled for the whole batch, own buffers.
class Direct {
 public:
  Direct(const Network& network, int batch, bool backward) {
    for (OpId id = 1; id < network.size(); ++id) {
      const Operator& op = network.op(id);
      if (op.kind == OpKind::convolution && network.shape(network.inputs(id)[0]).height > 1) {
        add(op, network.shape(network.inputs(id)[0]), network.shape(id), batch,
            backward && network.inputs(id)[0] != 0);
      }
    }
  }
  void run() {
    for (auto& [primitive, arguments] : calls_) primitive.execute(stream_, arguments);
  }

 private:
  using Arguments = std::unordered_map<int, dnnl::memory>;
  using Tag = dnnl::memory::format_tag;

  dnnl::memory make(const dnnl::memory::desc& layout) {
    dnnl::memory memory(layout, engine_);
    fill({static_cast<float*>(memory.get_data_handle()), layout.get_size() / sizeof(float)}, calls_.size());
    return memory;
  }

  void add(const Operator& op, const Shape& in, const Shape& out, int batch, bool backward) {
    const auto f32 = dnnl::memory::data_type::f32;
    const auto direct = dnnl::algorithm::convolution_direct;
    const Window& w = op.window;
    const dnnl::memory::dims strides{w.stride_h, w.stride_w}, dilations{w.dilation_h - 1, w.dilation_w - 1},
        begin{w.pad_top, w.pad_left}, end{w.pad_bottom, w.pad_right};
    dnnl::memory::dims weights{out.channels, in.channels, w.kernel_h, w.kernel_w};
    if (op.groups > 1)
      weights = {op.groups, out.channels / op.groups, in.channels / op.groups, w.kernel_h, w.kernel_w};
    const dnnl::memory::desc x({batch, in.channels, in.height, in.width}, f32, Tag::any),
        k(weights, f32, Tag::any), y({batch, out.channels, out.height, out.width}, f32, Tag::any);
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, direct, x, k, y, strides, dilations, begin, end}, engine_);
    const dnnl::memory source = make(forward.src_desc()), destination = make(forward.dst_desc());
    calls_.emplace_back(dnnl::convolution_forward(forward),
                        Arguments{{DNNL_ARG_SRC, source},
                                  {DNNL_ARG_WEIGHTS, make(forward.weights_desc())},
                                  {DNNL_ARG_DST, destination}});
    if (!backward) return;
    const dnnl::convolution_backward_data::primitive_desc data(
        {direct, x, k, y, strides, dilations, begin, end}, engine_, forward);
    calls_.emplace_back(dnnl::convolution_backward_data(data),
                        Arguments{{DNNL_ARG_DIFF_SRC, source},
                                  {DNNL_ARG_WEIGHTS, make(data.weights_desc())},
                                  {DNNL_ARG_DIFF_DST, destination}});
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<std::pair<dnnl::primitive, Arguments>> calls_;
};

void run_direct(benchmark::State& state, const Network& network, bool backward, int batch) {
  worker();  // one OpenMP thread
  Direct direct(network, batch, backward);
  direct.run();
  for (auto _ : state) direct.run();
  state.counters["GFLOP/s"] =
      benchmark::Counter((backward ? 2 : 1) * 2e-9 * static_cast<double>(network.macs() * batch),
                         benchmark::Counter::kIsIterationInvariantRate);
}

void compile_network(benchmark::State& state, const Network& network, Pass pass) {
  const CompileOptions options = options_for(pass, 64, network);
  Executable(worker(), network, options);
  for (auto _ : state) Executable(worker(), network, options);
  state.counters["operators"] = network.size();
}

void initialise_network(benchmark::State& state, const Network& network) {
  Executable executable(worker(), network, {});
  std::uint64_t seed = 0;
  for (auto _ : state) executable.initialise(Initialisation::kaiming_normal_fan_in, 1, ++seed);
  state.counters["parameters"] = static_cast<double>(network.parameters());
}

Network plain_chain(int channels, int size) {
  NetworkBuilder b({3, size, size});
  OpId x = b.convolution(0, channels, Window::square(3), "stem");
  for (int i = 0; i < 10; ++i) x = b.convolution(x, channels, Window::square(3), "conv");
  return std::move(b).finish(b.global_average_pool(x, "gap"));
}

void register_all() {
  const std::vector<std::pair<std::string, Network>> blocks{
      {"nasbench201_conv3x3", nasbench201(nasbench201_cell)},
      {"nasbench201_mixed", nasbench201(mixed_cell)},
      {"ibn6_k3_24x28", inverted_bottleneck(24, 28, 3, false, false)},
      {"ibn6_k5_40x14", inverted_bottleneck(40, 14, 5, false, false)},
      {"ibn6_k5_se_40x14", inverted_bottleneck(40, 14, 5, false, true)},
      {"fused_ibn6_k3_24x28", inverted_bottleneck(24, 28, 3, true, false)},
      {"residual_64x16", residual(64, 16)},
  };
  using benchmark::RegisterBenchmark;
  const auto unit = benchmark::kMillisecond;
  for (const auto& [name, network] : blocks) {
    const Network* n = new Network(network);  // lives as long as the benchmarks
    RegisterBenchmark(("block/inference/" + name).c_str(), run_network, *n, Pass::inference, 64)->Unit(unit);
    RegisterBenchmark(("block/forward/" + name).c_str(), run_network, *n, Pass::forward, 64)->Unit(unit);
    RegisterBenchmark(("block/forward_convolutions_only/" + name).c_str(), run_direct, *n, false, 64)
        ->Unit(unit);
    RegisterBenchmark(("block/data/" + name).c_str(), run_network, *n, Pass::data, 64)->Unit(unit);
    RegisterBenchmark(("block/data_convolutions_only/" + name).c_str(), run_direct, *n, true, 64)->Unit(unit);
    RegisterBenchmark(("block/weights/" + name).c_str(), run_network, *n, Pass::weights, 64)->Unit(unit);
    RegisterBenchmark(("compile/" + name).c_str(), compile_network, *n, Pass::data)
        ->Unit(benchmark::kMicrosecond);
    RegisterBenchmark(("initialise/" + name).c_str(), initialise_network, *n)->Unit(unit);
  }
  for (const auto& [channels, size] : {std::pair{16, 32}, {64, 16}, {64, 8}}) {
    const Network* n = new Network(plain_chain(channels, size));
    const std::string name = std::to_string(channels) + "x" + std::to_string(size);
    RegisterBenchmark(("plain/runtime/" + name).c_str(), run_network, *n, Pass::forward, 64)->Unit(unit);
    RegisterBenchmark(("plain/direct/" + name).c_str(), run_direct, *n, false, 64)->Unit(unit);
    RegisterBenchmark(("plain/runtime_data/" + name).c_str(), run_network, *n, Pass::data, 64)->Unit(unit);
    RegisterBenchmark(("plain/direct_data/" + name).c_str(), run_direct, *n, true, 64)->Unit(unit);
  }
}

const bool registered = [] {
  register_all();
  return true;
}();

}  // namespace

}  // namespace assay
