#include "signs.hpp"

#include <algorithm>

namespace assay {
namespace {

using Bits [[gnu::vector_size(lanes * sizeof(float))]] = std::int32_t;

constexpr Bits bit_of_lane = {1 << 0, 1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                              1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};

// The signs of a group, where `exists` has the lane's bit; 0 elsewhere.
Vector unpack(std::int32_t bits, std::int32_t exists = 0xffff) {
  const Vector one = Vector{} + 1.0f;
  const Vector signs = ((bit_of_lane & bits) != 0) ? one : -one;
  return ((bit_of_lane & exists) != 0) ? signs : Vector{};
}

}  // namespace

Signs::Signs(const TensorView& like, Random& random)
    : channels_(like.channels),
      height_(like.height),
      width_(like.width),
      groups_(channel_groups(like.channels)),
      bits_(static_cast<std::size_t>(std::int64_t{like.batch} * like.pixels() * groups_)) {
  std::size_t i = 0;
  for (; i + 1 < bits_.size(); i += 2) {
    const std::uint32_t word = random();
    bits_[i] = static_cast<std::uint16_t>(word);
    bits_[i + 1] = static_cast<std::uint16_t>(word >> 16);
  }
  if (i < bits_.size()) bits_[i] = static_cast<std::uint16_t>(random());
}

void Signs::write(TensorView& tensor) const {
  const std::int64_t pixels = tensor.pixels();
  for (int image = 0; image < tensor.batch; ++image)
    for (int g = 0; g < groups_; ++g) {
      const int wanted = std::min(lanes, channels_ - g * lanes);
      const std::uint16_t* bits = bits_.data() + image * pixels * groups_ + g;
      for (int lane = 0; lane < wanted;) {
        const int channel = g * lanes + lane;
        const int run = std::min(wanted - lane, tensor.block - channel % tensor.block);
        float* to = tensor.data + tensor.offset(image, channel, 0, 0);
        for (std::int64_t pixel = 0; pixel < pixels; ++pixel, to += tensor.pixel_stride) {
          const Vector signs = unpack(bits[pixel * groups_]);
          if (run == lanes)
            store(to, signs);
          else
            for (int i = 0; i < run; ++i) to[i] = signs[lane + i];
        }
        lane += run;
      }
    }
}

void Signs::pack(const Folding& folding, std::int64_t first, int rows, Panel& panel) const {
  panel.resize(groups_ * folding.cell(), rows);
  int to_group = 0;
  for (int sub_y = 0; sub_y < folding.step_y; ++sub_y)
    for (int sub_x = 0; sub_x < folding.step_x; ++sub_x)
      for (int g = 0; g < groups_; ++g, ++to_group) {
        const std::int32_t exists = (1 << std::min(lanes, channels_ - g * lanes)) - 1;
        float* to = panel.group(to_group);
        Cursor at(first, folding.grid);
        for (int row = 0; row < rows; ++row, at.next(folding.grid), to += lanes) {
          const int y = at.y * folding.step_y + sub_y, x = at.x * folding.step_x + sub_x;
          const bool inside = y < height_ && x < width_;
          const std::int64_t position = (at.image * height_ + y) * width_ + x;
          store(to,
                inside ? unpack(bits_[static_cast<std::size_t>(position * groups_ + g)], exists) : Vector{});
        }
      }
}

}  // namespace assay
