// Kernels at the network's edges and around flatten, where channels leave their blocks.
#include "kernels.hpp"

#include <algorithm>
#include <cstring>

namespace assay {

namespace {

class Pack : public Kernel {
 public:
  Pack(BufferId plain, BufferId blocked, const Extent& extent)
      : plain_(plain), blocked_(blocked), extent_(extent) {}
  void run(const Frame& frame) override {
    pack_images(frame[plain_], frame[blocked_], frame.images, extent_);
  }

 private:
  BufferId plain_, blocked_;
  Extent extent_;
};

class Unpack : public Kernel {
 public:
  Unpack(BufferId blocked, BufferId plain, const Extent& extent)
      : blocked_(blocked), plain_(plain), extent_(extent) {}
  void run(const Frame& frame) override {
    unpack_images(frame[blocked_], frame[plain_], frame.images, extent_);
  }

 private:
  BufferId blocked_, plain_;
  Extent extent_;
};

// The flattened tensor has one pixel, so its channels in their blocks are the plain order, padded at the end.
class Flatten : public Kernel {
 public:
  Flatten(BufferId x, BufferId y, const Extent& extent)
      : x_(x), y_(y), extent_(extent), padded_(round_up(static_cast<int>(extent.elements()), block_size())) {}

  void run(const Frame& frame) override {
    const float* x = frame[x_];
    float* y = frame[y_];
    for (int n = 0; n < frame.images; ++n, x += extent_.floats(), y += padded_) {
      unpack_images(x, y, 1, extent_);
      std::fill(y + extent_.elements(), y + padded_, 0.0f);
    }
  }

 private:
  BufferId x_, y_;
  Extent extent_;
  int padded_;
};

class Unflatten : public Kernel {
 public:
  Unflatten(BufferId dy, BufferId dx, const Extent& extent)
      : dy_(dy),
        dx_(dx),
        extent_(extent),
        padded_(round_up(static_cast<int>(extent.elements()), block_size())) {}

  void run(const Frame& frame) override {
    const float* dy = frame[dy_];
    float* dx = frame[dx_];
    for (int n = 0; n < frame.images; ++n, dx += extent_.floats(), dy += padded_)
      pack_images(dy, dx, 1, extent_);
  }

 private:
  BufferId dy_, dx_;
  Extent extent_;
  int padded_;
};

}  // namespace

std::unique_ptr<Kernel> make_pack(BufferId plain, BufferId blocked, const Extent& extent) {
  return std::make_unique<Pack>(plain, blocked, extent);
}
std::unique_ptr<Kernel> make_unpack(BufferId blocked, BufferId plain, const Extent& extent) {
  return std::make_unique<Unpack>(blocked, plain, extent);
}
std::unique_ptr<Kernel> make_flatten(BufferId x, BufferId y, const Extent& extent) {
  return std::make_unique<Flatten>(x, y, extent);
}
std::unique_ptr<Kernel> make_unflatten(BufferId dy, BufferId dx, const Extent& extent) {
  return std::make_unique<Unflatten>(dy, dx, extent);
}

}  // namespace assay
