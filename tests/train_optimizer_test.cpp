#include "assay/base/random.hpp"
#include "assay/train/optimizer.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

TEST_CASE("the schedule warms up linearly and follows half a cosine to zero") {
  const CosineSchedule schedule{.peak = 0.8, .warm_up = 4, .steps = 12};
  CHECK(schedule.at(0) == doctest::Approx(0.2));
  CHECK(schedule.at(1) == doctest::Approx(0.4));
  CHECK(schedule.at(3) == doctest::Approx(0.8));
  CHECK(schedule.at(4) == doctest::Approx(0.8));
  CHECK(schedule.at(6) == doctest::Approx(0.8 * (1 + std::sqrt(0.5)) / 2));
  CHECK(schedule.at(8) == doctest::Approx(0.4));
  CHECK(schedule.at(12) == doctest::Approx(0.0));

  const CosineSchedule cold{.peak = 0.5, .warm_up = 0, .steps = 10};
  CHECK(cold.at(0) == doctest::Approx(0.5));
  const CosineSchedule broken{.peak = 0.5, .warm_up = 1.5, .steps = 10};
  for (std::int64_t step = 0; step < 10; ++step) {
    CHECK(broken.at(step) > 0);
    CHECK(broken.at(step) <= 0.5);
  }
}

TEST_CASE("cross-entropy agrees with hand-computed values") {
  const std::vector<float> logits = {std::log(1.0f), std::log(2.0f), std::log(5.0f), 0, 0, 0};
  const std::vector<std::uint8_t> labels = {2, 0};
  std::vector<float> gradient(6);
  // Probabilities are 1/8, 2/8, 5/8 and a third each.
  CHECK(softmax_cross_entropy(logits, labels, 0, gradient) ==
        doctest::Approx((std::log(8.0 / 5) + std::log(3.0)) / 2));
  const double plain[] = {0.125 / 2, 0.25 / 2, (0.625 - 1) / 2, (1 / 3.0 - 1) / 2, 1 / 6.0, 1 / 6.0};
  for (std::size_t i = 0; i < 6; ++i) CHECK(gradient[i] == doctest::Approx(plain[i]));

  // Smoothing 0.3: targets are 0.1, 0.1, 0.8 and 0.8, 0.1, 0.1.
  const double smoothed = 0.1 * std::log(8.0) + 0.1 * std::log(4.0) + 0.8 * std::log(8.0 / 5);
  CHECK(softmax_cross_entropy(logits, labels, 0.3, gradient) ==
        doctest::Approx((smoothed + std::log(3.0)) / 2));
  const double gentle[] = {0.025 / 2,           0.15 / 2,           (0.625 - 0.8) / 2, (1 / 3.0 - 0.8) / 2,
                           (1 / 3.0 - 0.1) / 2, (1 / 3.0 - 0.1) / 2};
  for (std::size_t i = 0; i < 6; ++i) CHECK(gradient[i] == doctest::Approx(gentle[i]));
}

TEST_CASE("the gradient of the cross-entropy is that of finite differences") {
  std::vector<float> logits(4 * 7);
  Random(1, Purpose::noise).fill_normal(logits, 0, 2);
  const std::vector<std::uint8_t> labels = {3, 0, 6, 3};
  std::vector<float> gradient(logits.size()), unused(logits.size());
  softmax_cross_entropy(logits, labels, 0.1, gradient);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float step = 1.0f / 64;
    auto up = logits, down = logits;
    up[i] += step;
    down[i] -= step;
    const double slope =
        (softmax_cross_entropy(up, labels, 0.1, unused) - softmax_cross_entropy(down, labels, 0.1, unused)) /
        (2 * static_cast<double>(step));
    CHECK(static_cast<double>(gradient[i]) == doctest::Approx(slope).epsilon(1e-3));
  }
}

TEST_CASE("cross-entropy survives large logits and shows values that are no numbers") {
  std::vector<float> gradient(2);
  const std::vector<std::uint8_t> label = {1};
  CHECK(softmax_cross_entropy(std::vector<float>{1e4f, -1e4f}, label, 0, gradient) == doctest::Approx(2e4));
  CHECK(gradient == std::vector<float>{1, -1});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK_FALSE(std::isfinite(softmax_cross_entropy(std::vector<float>{0, nan}, label, 0, gradient)));
  CHECK_FALSE(std::isfinite(softmax_cross_entropy(std::vector<float>{nan, 0}, label, 0, gradient)));
  CHECK_FALSE(std::isfinite(softmax_cross_entropy(std::vector<float>{infinity, 0}, label, 0, gradient)));
}

TEST_CASE("the prediction is the largest logit, and none where there are no numbers") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(largest_logit(std::vector<float>{-3, -1, -2}) == 1);
  CHECK(largest_logit(std::vector<float>{nan, -5, nan}) == 1);
  CHECK(largest_logit(std::vector<float>{nan, nan}) == -1);
}

TEST_CASE("two steps of Nesterov momentum agree with hand-computed values") {
  std::vector<float> weights = {1, -2}, velocity = {0, 0};
  const SgdStep step{.learning_rate = 0.5f, .momentum = 0.5f, .weight_decay = 0.25f};
  sgd_update(step, std::vector<float>{1, 0}, velocity, weights);
  // g = 1 + 0.25 = 1.25, v = 1.25, w = 1 - 0.5 (1.25 + 0.625);   g = -0.5, v = -0.5, w = -2 + 0.5 * 0.75
  CHECK(velocity == std::vector<float>{1.25f, -0.5f});
  CHECK(weights == std::vector<float>{0.0625f, -1.625f});
  sgd_update(step, std::vector<float>{2, 1}, velocity, weights);
  // g = 2.015625, v = 2.640625;   g = 0.59375, v = 0.34375
  CHECK(velocity == std::vector<float>{2.640625f, 0.34375f});
  CHECK(weights[0] == doctest::Approx(0.0625 - 0.5 * (2.015625 + 0.5 * 2.640625)));
  CHECK(weights[1] == doctest::Approx(-1.625 - 0.5 * (0.59375 + 0.5 * 0.34375)));

  std::vector<float> scaled = {1}, rest = {0};
  sgd_update({.learning_rate = 1, .momentum = 0, .weight_decay = 0, .gradient_scale = 0.25f},
             std::vector<float>{2}, rest, scaled);
  CHECK(scaled[0] == 0.5f);
}

TEST_CASE("averaging gives the mean and the sum of its squares, whatever the length") {
  for (const std::size_t size : {1u, 15u, 16u, 17u, 1000u}) {
    std::vector<float> a(size), b(size);
    Random(size, Purpose::noise).fill_normal(a, 0, 1);
    Random(size, Purpose::noise, 1).fill_normal(b, 0, 1);
    std::vector<float> mean(size);
    double squares = 0;
    for (std::size_t i = 0; i < size; ++i) {
      mean[i] = 0.5f * (a[i] + b[i]);
      squares += static_cast<double>(mean[i]) * static_cast<double>(mean[i]);
    }
    CHECK(average_into(a, b) == doctest::Approx(squares));
    CHECK(a == mean);
  }
}
