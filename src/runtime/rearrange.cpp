// Concatenation, slices and shuffles along channels. Where a part begins at a block boundary whole planes are
// copied; otherwise channels change their lane one by one.
#include "kernels.hpp"

#include <algorithm>

namespace assay {

namespace {

enum class Direction { to_whole, to_part };

// Copies one image's `part` to or from channels [begin, begin + part.channels) of `whole`.
void copy_channels(Direction direction, float* whole, float* part, const Extent& part_extent, int begin) {
  const int block = block_size();
  const std::int64_t plane = std::int64_t{part_extent.pixels()} * block;
  const bool to_part = direction == Direction::to_part;
  int channel = 0;
  if (begin % block == 0) {
    const std::int64_t floats = part_extent.channels / block * plane;
    float* at = whole + begin / block * plane;
    std::copy_n(to_part ? at : part, floats, to_part ? part : at);
    channel = part_extent.channels / block * block;
  }
  for (; channel < part_extent.channels; ++channel) {
    const int c = begin + channel;
    float* w = whole + c / block * plane + c % block;
    float* p = part + channel / block * plane + channel % block;
    for (std::int64_t i = 0; i < plane; i += block) {
      if (to_part) {
        p[i] = w[i];
      } else {
        w[i] = p[i];
      }
    }
  }
}

// Zeroes the last block, so that copying real channels into it leaves clean padding.
void clear_last_block(float* image, const Extent& extent) {
  const std::int64_t plane = std::int64_t{extent.pixels()} * block_size();
  std::fill_n(image + extent.floats() - plane, plane, 0.0f);
}

class Slice : public Kernel {
 public:
  Slice(BufferId whole, const Extent& whole_extent, BufferId part, const Extent& part_extent, int begin)
      : whole_(whole), part_(part), whole_extent_(whole_extent), part_extent_(part_extent), begin_(begin) {}

  void run(const Frame& frame) override {
    float* whole = frame[whole_];
    float* part = frame[part_];
    for (int n = 0; n < frame.images; ++n, whole += whole_extent_.floats(), part += part_extent_.floats()) {
      clear_last_block(part, part_extent_);
      copy_channels(Direction::to_part, whole, part, part_extent_, begin_);
    }
  }

 private:
  BufferId whole_, part_;
  Extent whole_extent_, part_extent_;
  int begin_;
};

class Concat : public Kernel {
 public:
  Concat(std::vector<TensorPart> parts, BufferId whole, const Extent& extent)
      : parts_(std::move(parts)), whole_(whole), extent_(extent) {
    int covered = 0;
    for (const TensorPart& part : parts_) covered += part.extent.channels;
    has_gaps_ = covered < extent.channels;
  }

  void run(const Frame& frame) override {
    float* whole = frame[whole_];
    for (int n = 0; n < frame.images; ++n, whole += extent_.floats()) {
      if (has_gaps_) {
        std::fill_n(whole, extent_.floats(), 0.0f);
      } else {
        clear_last_block(whole, extent_);
      }
      for (const TensorPart& part : parts_) {
        copy_channels(Direction::to_whole, whole, frame[part.buffer] + n * part.extent.floats(), part.extent,
                      part.begin);
      }
    }
  }

 private:
  std::vector<TensorPart> parts_;
  BufferId whole_;
  Extent extent_;
  bool has_gaps_ = false;
};

class ChannelShuffle : public Kernel {
 public:
  ChannelShuffle(int groups, const Extent& extent, BufferId x, BufferId y)
      : groups_(groups), extent_(extent), x_(x), y_(y) {}

  void run(const Frame& frame) override {
    const float* x = frame[x_];
    float* y = frame[y_];
    for (int n = 0; n < frame.images; ++n, x += extent_.floats(), y += extent_.floats()) {
      clear_last_block(y, extent_);
      shuffle(x, y);
    }
  }

 private:
  // A run of pixels at a time, which stays in the first-level cache while its lanes are filled.
  void shuffle(const float* x, float* y) const {
    constexpr int run = 64;
    const int block = block_size(), per_group = extent_.channels / groups_, pixels = extent_.pixels();
    const auto lane = [&](int c, int pixel) {
      return (std::int64_t{c / block} * pixels + pixel) * block + c % block;
    };
    for (int p = 0; p < pixels; p += run) {
      const int count = std::min(run, pixels - p);
      for (int c = 0; c < extent_.channels; ++c) {
        const float* from = x + lane(c % groups_ * per_group + c / groups_, p);
        float* to = y + lane(c, p);
        for (int i = 0; i < count; ++i) to[i * block] = from[i * block];
      }
    }
  }

  int groups_;
  Extent extent_;
  BufferId x_, y_;
};

}  // namespace

std::unique_ptr<Kernel> make_slice(BufferId whole, const Extent& whole_extent, BufferId part,
                                   const Extent& part_extent, int begin) {
  return std::make_unique<Slice>(whole, whole_extent, part, part_extent, begin);
}
std::unique_ptr<Kernel> make_concat(std::vector<TensorPart> parts, BufferId whole,
                                    const Extent& whole_extent) {
  return std::make_unique<Concat>(std::move(parts), whole, whole_extent);
}
std::unique_ptr<Kernel> make_channel_shuffle(int groups, const Extent& extent, BufferId x, BufferId y) {
  return std::make_unique<ChannelShuffle>(groups, extent, x, y);
}

}  // namespace assay
