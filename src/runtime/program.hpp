// A compiled network as a flat list of steps over buffers.
//
// Every buffer is written by one step and then only read, so gradients may share buffers freely. Three
// decisions are taken here, once all steps are known:
//
// - Segments. Most kernels treat each image of the batch on its own. Consecutive ones run together on a few
// images at a time,
//   so that what one writes the next still finds in the second-level cache. A segment ends where a kernel
//   needs the whole batch (batch-norm statistics, weight gradients, taps).
// - Liveness. A buffer lives from its writer to its last reader. One that lives within a segment holds only
// the
//   images in flight. Values that backward reads survive it, so that backward can be run again.
// - Offsets in one arena; elementwise kernels write over an input that dies there.
#pragma once

#include "assay/runtime/runtime.hpp"

#include "layout.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace assay {

using BufferId = std::int32_t;
inline constexpr BufferId no_buffer = -1;

class Program;

// Where the buffers are while a kernel runs on images [first_image, first_image + images).
class Frame {
 public:
  int first_image = 0, images = 0, batch = 0;

  // The first of the images in hand, or a whole-batch buffer.
  float* operator[](BufferId id) const {
    const Placement& at = placements[static_cast<std::size_t>(id)];
    return at.data + first_image * at.image_stride;
  }
  bool is_first() const { return first_image == 0; }
  bool is_last() const { return first_image + images == batch; }

 private:
  friend class Program;
  struct Placement {
    float* data = nullptr;
    std::int64_t image_stride = 0;  // 0: one for the whole batch, or only the images in flight are kept
  };
  std::span<const Placement> placements;
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  // Called once, before memory is planned, with the number of images that each run will see.
  virtual void bind(Program& /*program*/, Worker::Implementation& /*worker*/, int /*images*/) {}
  virtual void run(const Frame& frame) = 0;
  // What a run reads besides its buffers: a segment takes enough images at a time to make up for it.
  virtual std::int64_t weight_floats() const { return 0; }
  // How much of the worker's scratch a run uses. Known once bound.
  virtual std::int64_t scratch_floats() const { return 0; }
};

// oneDNN cannot compute an operator.
struct BindError {
  OpId op;
  std::string reason;
};

class Program {
 public:
  Program(int batch, std::int64_t cache_bytes) : batch_(batch), cache_floats_(cache_bytes / 4) {}

  BufferId image_buffer(std::int64_t floats_per_image);
  BufferId batch_buffer(std::int64_t floats);
  // For kernels that learn in `bind` what they need; whole-batch buffers only.
  void resize(BufferId id, std::int64_t floats);
  // Lets a buffer live to the end of the program, or, pinned, from its beginning (the caller writes it).
  void keep(BufferId id) { buffer(id).kept = true; }
  void pin(BufferId id) { buffer(id).pinned = buffer(id).kept = true; }

  enum class Scope { per_image, whole_batch };
  struct Access {
    std::vector<BufferId> reads, writes;
    // Reads that the first write may overwrite, element by element, if nobody needs them later.
    std::vector<BufferId> overwritable = {};
    Scope scope = Scope::per_image;
  };
  // `op` names the kernel in messages and profiles.
  void emit(OpId op, std::unique_ptr<Kernel> kernel, Access access);
  // Shows the buffer to the caller's tap, which may write it, whole or image by image. `beside` is still
  // there then, too.
  void emit_tap(OpId op, BufferId buffer, const Extent& extent, Scope scope, BufferId beside = no_buffer);
  // Steps emitted from here on belong to the backward pass.
  void begin_backward();

  // Fixes segments, binds kernels and assigns offsets. Returns the floats that the arena needs. Throws
  // BindError.
  std::int64_t plan(Worker::Implementation& worker);
  // Of the step that uses most. Valid after plan.
  std::int64_t scratch_floats() const;
  void place(float* arena);

  // These throw Cancelled between two steps when a stop is requested.
  void forward(const Tap& tap, const std::stop_token& stop) { run(0, backward_segment_, tap, stop); }
  void backward(const Tap& tap, const std::stop_token& stop) {
    run(backward_segment_, segments_.size(), tap, stop);
  }
  // As forward; adds to seconds[op] what the steps that were emitted for it took.
  void profile(std::span<double> seconds, const std::stop_token& stop) {
    run(0, backward_segment_, {}, stop, seconds);
  }
  float* data(BufferId id) const { return placements_[static_cast<std::size_t>(id)].data; }
  int batch() const { return batch_; }

 private:
  struct Buffer {
    std::int64_t image_floats = 0;  // 0: a whole-batch buffer
    std::int64_t batch_floats = 0;
    int first = -1, last = -1;  // steps
    int storage = -1;
    bool kept = false, pinned = false;
  };
  struct Step {
    std::unique_ptr<Kernel> kernel;  // none: a tap
    Access access;
    OpId op = -1;
    Extent extent;
  };
  struct Segment {
    int first = 0, last = 0;  // steps [first, last)
    int images = 0;
  };
  // Memory shared by the buffers that overwrite one another; steps [first, last].
  struct Storage {
    std::int64_t floats = 0, offset = 0;
    int first = 0, last = 0;
  };

  // What a step touches: floats per image, and weights each time that it runs.
  struct Appetite {
    std::int64_t floats, weights;
  };

  Buffer& buffer(BufferId id) { return buffers_[static_cast<std::size_t>(id)]; }
  void find_lifetimes();
  void find_segments();
  Appetite appetite_of(const Step& step) const;
  int images_for(const Appetite& appetite) const;
  bool waits_for(const Step& step, int segment_begin) const;
  bool is_local(const Buffer& buffer) const;
  void assign_storage();
  std::int64_t assign_offsets();
  void run(std::size_t begin, std::size_t end, const Tap& tap, const std::stop_token& stop,
           std::span<double> seconds = {});

  int batch_;
  std::int64_t cache_floats_;
  int backward_step_ = -1;
  std::size_t backward_segment_ = 0;
  std::vector<Buffer> buffers_;
  std::vector<Step> steps_;
  std::vector<Segment> segments_;
  std::vector<int> segment_of_;  // by step
  std::vector<Storage> storages_;
  std::vector<Frame::Placement> placements_;
};

}  // namespace assay
