#include "assay/data/batch.hpp"

#include "assay/base/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace assay {

Placement draw_placement(const Augmentation& augmentation, std::uint64_t seed, std::uint64_t fingerprint,
                         std::uint64_t draw) {
  Placement placement;
  if (augmentation == Augmentation{}) return placement;
  Random random(seed, Purpose::augment, fingerprint, draw);
  if (augmentation.crop_padding > 0) {
    const auto range = static_cast<std::uint64_t>(2 * augmentation.crop_padding + 1);
    placement.dy = static_cast<int>(random.below(range)) - augmentation.crop_padding;
    placement.dx = static_cast<int>(random.below(range)) - augmentation.crop_padding;
  }
  if (augmentation.flip) placement.flip = random.below(2) == 1;
  return placement;
}

std::vector<std::uint32_t> shuffled_order(std::size_t count, std::uint64_t seed, std::uint64_t fingerprint,
                                          std::uint64_t epoch) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  Random random(seed, Purpose::shuffle, fingerprint, epoch);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

ImageTransform::ImageTransform(const ImageSet& training, Shape image)
    : image_(image), channels_(static_cast<std::size_t>(image.channels)) {
  const std::size_t plane = static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width);
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    // A histogram makes the sums exact, whatever their order.
    std::array<std::uint64_t, 256> histogram{};
    for (std::size_t i = 0; i < training.size(); ++i) {
      for (const std::uint8_t pixel : training.image(i).subspan(c * plane, plane)) ++histogram[pixel];
    }
    double count = 0, sum = 0, sum_of_squares = 0;
    for (std::size_t value = 0; value < histogram.size(); ++value) {
      const auto pixels = static_cast<double>(histogram[value]);
      const auto v = static_cast<double>(value);
      count += pixels;
      sum += v * pixels;
      sum_of_squares += v * v * pixels;
    }
    const double mean = sum / count;
    const double variance = sum_of_squares / count - mean * mean;
    const double deviation = variance > 1e-6 ? std::sqrt(variance) : 1.0;
    channels_[c] = {static_cast<float>(1 / deviation), static_cast<float>(-mean / deviation)};
    constexpr double white = 255;
    statistics_.push_back({mean / white, deviation / white});
  }
}

void ImageTransform::write(std::span<const std::uint8_t> pixels, const Placement& placement,
                           std::span<float> out) const {
  const int height = image_.height, width = image_.width;
  // The columns of a row that fall into the image; the others are black.
  const int first = std::clamp(-placement.dx, 0, width);
  const int last = std::clamp(width - placement.dx, first, width);
  const std::uint8_t* plane = pixels.data();
  float* row = out.data();
  for (const Channel& channel : channels_) {
    const float scale = channel.scale, offset = channel.offset;
    for (int y = 0; y < height; ++y, row += width) {
      const int from = y + placement.dy;
      if (from < 0 || from >= height) {
        std::fill(row, row + width, offset);
        continue;
      }
      const std::uint8_t* line = plane + from * width;
      std::fill(row, row + first, offset);
      std::fill(row + last, row + width, offset);
      const int shift = placement.flip ? width - 1 - placement.dx : placement.dx;
      if (placement.flip) {
        for (int x = first; x < last; ++x) row[x] = scale * static_cast<float>(line[shift - x]) + offset;
      } else {
        for (int x = first; x < last; ++x) row[x] = scale * static_cast<float>(line[shift + x]) + offset;
      }
    }
    plane += height * width;
  }
}

}  // namespace assay
