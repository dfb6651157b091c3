// Execution of networks with oneDNN. This module is the only place that knows oneDNN; nothing of it shows
// here.
//
// A Network is compiled once for a batch size, then run. All tensors are float32. Inside, activations live in
// blocked layouts (channels in groups of 8 or 16, chosen by the primitives), in one arena planned by
// liveness; taps see them there.
#pragma once

#include "assay/base/random.hpp"
#include "assay/network/network.hpp"
#include "assay/network/weights.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// A view of an activation or gradient tensor in the runtime's memory, valid inside a tap only.
//
// Element (n, c, y, x) lies at  n * image_stride + (c / block) * block_stride + (y * width + x) *
// pixel_stride + c % block: plain NCHW has block 1, pixel_stride 1; NHWC has block = channels; nChw16c has
// block 16, pixel_stride 16. `channels` is the real number; the padded channels of the last block (up to
// padded_channels) are zero.
struct TensorView {
  float* data = nullptr;
  int batch = 0, channels = 0, height = 0, width = 0;
  int first_image = 0;  // that the view begins with (CompileOptions::piecewise_taps)
  int block = 1;
  int padded_channels = 0;  // multiple of block, >= channels
  std::int64_t image_stride = 0, block_stride = 0, pixel_stride = 1;

  int pixels() const { return height * width; }
  std::int64_t elements() const { return std::int64_t{batch} * channels * height * width; }
  // All stored floats, padding included; contiguous from data.
  std::int64_t stored() const { return std::int64_t{batch} * padded_channels * height * width; }
  std::int64_t offset(int n, int c, int y, int x) const {
    return n * image_stride + (c / block) * block_stride + (std::int64_t{y} * width + x) * pixel_stride +
           c % block;
  }
  // Copies to or from plain NCHW (`plain` holds elements() floats).
  void copy_to(std::span<float> plain) const;
  void copy_from(std::span<const float> plain);
};

enum class BatchNormMode {
  batch_statistics,    // normalise by this batch's mean and variance (PyTorch train())
  running_statistics,  // normalise by the stored ones (PyTorch eval())
};

// Random initialisations by name, as PyTorch defines them, whose fan_in is the second dimension of the plain
// weights times the kernel's area: of a transposed convolution out / groups x area, although each of its
// outputs is the sum of other products. Batch and layer norms always start as scale 1, shift 0, mean 0,
// variance 1.
enum class Initialisation {
  kaiming_normal_fan_in,   // N(0, 2 / fan_in), biases 0
  kaiming_normal_fan_out,  // N(0, 2 / fan_out), biases 0
  pytorch_default,         // U(+-1 / sqrt(fan_in)) for weights and biases
  standard_normal,         // N(0, 1), biases 0
};
std::string_view to_string(Initialisation initialisation);
std::optional<Initialisation> initialisation_from(std::string_view name);
std::vector<std::string> initialisation_names();

struct CompileOptions {
  int batch = 1;
  BatchNormMode batch_norm = BatchNormMode::batch_statistics;
  bool backward = false;  // gradients with respect to activations, as far as something below asks for them
  bool input_gradient = false;    // keep the gradient of the network's input (implies backward)
  bool weight_gradients = false;  // gradients of all parameters (implies backward)
  // Operators whose output the forward tap wants to see, and those whose output gradient the gradient tap
  // wants to see; both may write what they see, and that flows on. Such a tensor is materialised (never fused
  // away) and stays alive for the call; what the forward tap saw of an operator that both want is still
  // there, in the same layout, when the gradient tap sees its gradient (except for the network's input).
  std::vector<OpId> forward_taps = {};
  std::vector<OpId> gradient_taps = {};
  // Taps are shown a tensor piece by piece, the batch's images in order and a few at a time, while these are
  // in the cache: about a third less traffic to memory where all blocks are tapped. The pieces of one
  // operator may alternate with those of others, and what forward taps saw is not kept.
  bool piecewise_taps = false;
  // As a deployed network runs: with running statistics (implied), batch norm folded into the weights right
  // before it, and fused to the kernel before it whatever has one reader and is
  // - an activation with f(0) = 0 behind a convolution, linear operator, batch norm, add or multiply,
  // - an addition of two tensors behind a convolution or linear operator,
  // convolutions being transposed ones as well.
  // These are the fusion rules of spaces/accelerators/host_cpu.toml. A ReLU6 there turns NaN into a number.
  // For passes forward only, and best without taps, which fusing spares.
  bool inference = false;
  // Activations lie in memory that all executables of the worker with this option share, so that each finds
  // it in the caches as the last one left it, as an operator does within a network. Running one of them
  // destroys the input and output of the others. For measuring.
  bool shared_arena = false;
  // Kernels that treat images one by one run on as many at a time as fit here, so that each finds what the
  // one before it wrote. Part of the result: it decides in which order floats are summed. The default suits
  // second-level caches of 1 to 2 MiB, of which several kernels in a row use a few times as much.
  std::int64_t cache_bytes = std::int64_t{1} << 19;
};

// One parameter tensor. `value` and `gradient` are in the runtime's own layout, the same for both, padding
// zero: elementwise updates and sums (SGD, |w g|) work on them directly. `dims` is the plain layout, see
// parameter_dims.
struct Parameter {
  OpId op = 0;
  ParameterRole role = ParameterRole::weight;
  std::vector<std::int64_t> dims;
  std::span<float> value;
  std::span<float> gradient;  // empty without weight_gradients and for running statistics

  std::int64_t elements() const;
};

// Thrown by a run that was told to stop (Worker::set_stop). No error: nobody made a mistake.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

// What one thread owns: a oneDNN engine and stream, scratchpad, compiled primitives, and buffers that are
// reused from one network to the next. Use a Worker on the thread that made it only, and let it outlive its
// Executables. Construction sets this thread's OpenMP threads and its floating-point unit to flush denormals
// to zero, for good. More than one thread is for measuring: only convolutions and linear operators use them,
// and results differ in their last bits.
class Worker {
 public:
  explicit Worker(int threads = 1);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // How many bytes this worker's living Executables may take together; 0, the default, is any number. What
  // counts is all that grows with the network: activations, parameters, gradients, input, output, scratch.
  void set_memory_limit(std::int64_t bytes);
  // Makes initialise, forward and backward of this worker's Executables throw Cancelled at the next operator
  // once a stop is requested. The Executable stays usable: its next forward starts afresh.
  void set_stop(std::stop_token stop);

  struct Implementation;
  Implementation& implementation() { return *implementation_; }

 private:
  std::unique_ptr<Implementation> implementation_;
};

// Called for a tapped operator as soon as its tensor is complete.
using Tap = std::function<void(OpId op, TensorView& tensor)>;

class Executable {
 public:
  // Throws InputError when the network holds something that the runtime cannot execute (named), or needs more
  // memory than the worker may use (both named; nothing of that size has been allocated then).
  Executable(Worker& worker, const Network& network, const CompileOptions& options);
  ~Executable();
  Executable(Executable&&) noexcept;
  Executable& operator=(Executable&&) noexcept;

  // Parameters in operator order; within one: weight, bias | scale, shift, running_mean, running_variance.
  // Operators that neither the output nor a tap depends on have none.
  std::span<const Parameter> parameters();
  // Random values: each tensor is f(seed, Purpose::weights, fingerprint, position in parameters()), in plain
  // layout order.
  void initialise(Initialisation initialisation, std::uint64_t seed, std::uint64_t fingerprint);
  // Plain layout in and out. set_parameter must be used (not writes through `value`) when padding matters.
  void set_parameter(std::size_t index, std::span<const float> plain);
  void get_parameter(std::size_t index, std::span<float> plain) const;
  void get_gradient(std::size_t index, std::span<float> plain) const;
  // All of them at once. Weights of operators that have no parameters here are left out; throws InternalError
  // when one of those that are here is missing or of another size.
  void set_weights(const Weights& weights);
  Weights weights() const;

  // The input batch, plain NCHW: write before forward. The view stays valid for the executable's life.
  std::span<float> input();
  void forward(const Tap& tap = {});
  // As forward; adds to seconds[op] what each operator's kernel took. Fused operators count for the first of
  // them, the conversions of input and output for the input (0). `seconds` holds network.size() values.
  void profile(std::span<double> seconds);
  // The network's output, plain {batch, elements}, valid after forward.
  std::span<const float> output() const;

  // Backward from `output_gradient` (plain, like output()). Parameter gradients are overwritten, not
  // accumulated. A gradient tap is called for every tapped operator once all its consumers have contributed;
  // what it leaves in the tensor is what is propagated further. Must follow a forward of the same input; may
  // be repeated after it.
  void backward(std::span<const float> output_gradient, const Tap& tap = {});
  // Gradient of the input, plain NCHW, valid after backward when input_gradient was asked for.
  std::span<const float> input_gradient() const;

  // Batch norm running statistics <- (1 - momentum) * running + momentum * batch (unbiased variance, as
  // PyTorch).
  void update_running_statistics(float momentum);

  // Bytes of the arena (activations, gradients) and of parameters with their gradients.
  std::int64_t arena_bytes() const;
  std::int64_t parameter_bytes() const;
  // Everything that counts against the worker's limit: these two, and scratch memory.
  std::int64_t memory_bytes() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// Runs `job(worker, index)` for index 0 .. count-1 on `workers` threads (0: one per core), each with its own
// Worker that lives as long as the pool and may use `max_bytes_per_worker` (Worker::set_memory_limit). Jobs
// are taken in index order; an exception of a job is rethrown by `run` (that of the lowest index) after the
// running jobs end. The constructor throws InputError when the system does not let so many threads start.
class WorkerPool {
 public:
  explicit WorkerPool(int workers = 0, std::int64_t max_bytes_per_worker = 0);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int size() const;
  void run(std::int64_t count, const std::function<void(Worker& worker, std::int64_t index)>& job);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// Bytes that this process can still take without swapping or being killed: what the system has available, and
// no more than what is left of the memory limits of its control groups. 0 when the system does not say.
std::int64_t available_memory_bytes();

// "oneDNN 2.6.3, avx512_core_amx": for reports.
std::string runtime_description();

}  // namespace assay
