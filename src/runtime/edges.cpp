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
  Flatten(std::vector<TensorPart> parts, BufferId y, const Extent& y_extent)
      : parts_(std::move(parts)), y_(y), extent_(y_extent) {}

  void run(const Frame& frame) override {
    float* y = frame[y_];
    for (int n = 0; n < frame.images; ++n, y += extent_.floats()) {
      for (const TensorPart& part : parts_)
        unpack_images(frame[part.buffer] + n * part.extent.floats(), y + part.begin, 1, part.extent);
      std::fill(y + extent_.channels, y + extent_.padded, 0.0f);
    }
  }

 private:
  std::vector<TensorPart> parts_;
  BufferId y_;
  Extent extent_;
};

class Unflatten : public Kernel {
 public:
  Unflatten(BufferId dy, const Extent& y_extent, const TensorPart& part)
      : dy_(dy), extent_(y_extent), part_(part) {}

  void run(const Frame& frame) override {
    const float* dy = frame[dy_] + part_.begin;
    float* dx = frame[part_.buffer];
    for (int n = 0; n < frame.images; ++n, dx += part_.extent.floats(), dy += extent_.floats())
      pack_images(dy, dx, 1, part_.extent);
  }

 private:
  BufferId dy_;
  Extent extent_;
  TensorPart part_;
};

}  // namespace

std::unique_ptr<Kernel> make_pack(BufferId plain, BufferId blocked, const Extent& extent) {
  return std::make_unique<Pack>(plain, blocked, extent);
}
std::unique_ptr<Kernel> make_unpack(BufferId blocked, BufferId plain, const Extent& extent) {
  return std::make_unique<Unpack>(blocked, plain, extent);
}
std::unique_ptr<Kernel> make_flatten(std::vector<TensorPart> parts, BufferId y, const Extent& y_extent) {
  return std::make_unique<Flatten>(std::move(parts), y, y_extent);
}
std::unique_ptr<Kernel> make_unflatten(BufferId dy, const Extent& y_extent, const TensorPart& part) {
  return std::make_unique<Unflatten>(dy, y_extent, part);
}

}  // namespace assay
