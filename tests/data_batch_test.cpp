#include "assay/data/batch.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <doctest/doctest.h>

using namespace assay;

namespace {

// Two channels of 3 x 4 pixels with different means and spreads.
ImageSet ramp(std::size_t count) {
  ImageSet set;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t p = 0; p < 12; ++p) {
        set.pixels.push_back(static_cast<std::uint8_t>(c == 0 ? 10 * i + p : 200 - 3 * p));
      }
    }
    set.labels.push_back(static_cast<std::uint8_t>(i));
  }
  return set;
}
constexpr Shape ramp_shape{2, 3, 4};

}  // namespace

TEST_CASE("normalised training images have mean 0 and variance 1 in every channel") {
  const ImageSet set = ramp(6);
  const ImageTransform transform(set, ramp_shape);
  double sum[2] = {}, squares[2] = {};
  std::vector<float> out(24);
  for (std::size_t i = 0; i < set.size(); ++i) {
    transform.write(set.image(i), {}, out);
    for (std::size_t k = 0; k < out.size(); ++k) {
      sum[k / 12] += static_cast<double>(out[k]);
      squares[k / 12] += static_cast<double>(out[k]) * static_cast<double>(out[k]);
    }
  }
  for (int c = 0; c < 2; ++c) {
    CHECK(sum[c] / 72 == doctest::Approx(0).epsilon(1e-5));
    CHECK(squares[c] / 72 == doctest::Approx(1).epsilon(1e-5));
  }
}

TEST_CASE("a channel without variation is only centred") {
  ImageSet set;
  set.pixels.assign(8, 9);
  set.labels.assign(2, 0);
  const ImageTransform transform(set, {1, 2, 2});
  std::vector<float> out(4, 7.0f);
  transform.write(set.image(1), {}, out);
  CHECK(out == std::vector<float>(4, 0.0f));
}

TEST_CASE("every placement gives what its definition says") {
  const ImageSet set = ramp(3);
  const ImageTransform transform(set, ramp_shape);
  std::vector<float> plain(24), black(24), out(24);
  transform.write(set.image(1), {}, plain);
  transform.write(std::vector<std::uint8_t>(24, 0), {}, black);
  for (int dy = -4; dy <= 4; ++dy) {
    for (int dx = -5; dx <= 5; ++dx) {
      for (const bool flip : {false, true}) {
        transform.write(set.image(1), {dy, dx, flip}, out);
        for (int c = 0; c < 2; ++c) {
          for (int y = 0; y < 3; ++y) {
            for (int x = 0; x < 4; ++x) {
              const int from_y = y + dy;
              const int mirrored_x = x + dx;
              const int from_x = flip ? 3 - mirrored_x : mirrored_x;
              const bool inside = from_y >= 0 && from_y < 3 && from_x >= 0 && from_x < 4;
              const float expected = inside ? plain[static_cast<std::size_t>(c * 12 + from_y * 4 + from_x)]
                                            : black[static_cast<std::size_t>(c * 12)];
              CHECK(out[static_cast<std::size_t>(c * 12 + y * 4 + x)] == doctest::Approx(expected));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("placements are uniform and depend on seed, network and draw only") {
  const Augmentation augmentation{2, true};
  CHECK(draw_placement(augmentation, 1, 2, 3) == draw_placement(augmentation, 1, 2, 3));
  std::map<int, int> dy, dx, flips;
  constexpr int draws = 20'000;
  int differ_by_seed = 0;
  for (std::uint64_t draw = 0; draw < draws; ++draw) {
    const Placement p = draw_placement(augmentation, 1, 2, draw);
    ++dy[p.dy];
    ++dx[p.dx];
    ++flips[p.flip];
    differ_by_seed += p == draw_placement(augmentation, 2, 2, draw) ? 0 : 1;
  }
  CHECK(differ_by_seed > draws * 9 / 10);
  for (const auto& counts : {dy, dx}) {
    CHECK(counts.size() == 5);
    for (const auto& [value, count] : counts) CHECK(std::abs(count - draws / 5) < 300);
  }
  CHECK(std::abs(flips[1] - draws / 2) < 400);
  CHECK(draw_placement({}, 1, 2, 3) == Placement{});
}

TEST_CASE("the order of an epoch is a permutation of its own") {
  const auto first = shuffled_order(1000, 1, 2, 0);
  CHECK(first == shuffled_order(1000, 1, 2, 0));
  CHECK(first != shuffled_order(1000, 1, 2, 1));
  CHECK(first != shuffled_order(1000, 2, 2, 0));
  CHECK(first != shuffled_order(1000, 1, 3, 0));
  auto sorted = first;
  std::sort(sorted.begin(), sorted.end());
  for (std::uint32_t i = 0; i < 1000; ++i) CHECK(sorted[i] == i);
}
