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

Signs::Signs(const TensorView& like, int batch, Random& random)
    : channels_(like.channels),
      height_(like.height),
      width_(like.width),
      groups_(channel_groups(like.channels)),
      bits_(static_cast<std::size_t>(std::int64_t{batch} * like.pixels() * groups_)) {
  std::vector<std::uint32_t> words((bits_.size() + 1) / 2);
  random.fill_bits(words);
  for (std::size_t i = 0; i < bits_.size(); ++i)
    bits_[i] = static_cast<std::uint16_t>(words[i / 2] >> (i % 2 * 16));
}

void Signs::write(TensorView& tensor) const {
  const std::int64_t pixels = tensor.pixels();
  for (int image = 0; image < tensor.batch; ++image)
    for (int g = 0; g < groups_; ++g) {
      const int wanted = std::min(lanes, channels_ - g * lanes);
      const std::uint16_t* bits = bits_.data() + (tensor.first_image + image) * pixels * groups_ + g;
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
        for_runs(folding, {height_, width_}, sub_y, sub_x, first, rows, [&](const Run& run) {
          const std::int64_t position = (run.image * height_ + run.y) * width_ + run.x;
          const std::uint16_t* bits = bits_.data() + position * groups_ + g;
          const std::int64_t step = std::int64_t{folding.step_x} * groups_;
          for (int i = 0; i < run.inside; ++i, bits += step, to += lanes) store(to, unpack(*bits, exists));
          for (int i = run.inside; i < run.length; ++i, to += lanes) store(to, Vector{});
        });
      }
}

}  // namespace assay
