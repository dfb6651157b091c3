// Eigenvalues of matrices whose spectrum is known by construction.
#include "assay/base/random.hpp"

#include "../src/score/spectrum.hpp"
#include "../src/score/tridiagonal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <doctest/doctest.h>

namespace assay {
namespace {

// The eigenvalues on the diagonal, turned by random reflections.
SquareMatrix with_spectrum(const std::vector<double>& values, Random& random) {
  const std::size_t n = values.size();
  SquareMatrix a(static_cast<int>(n));
  for (std::size_t i = 0; i < n; ++i) a(i, i) = values[i];
  for (int reflection = 0; reflection < 3; ++reflection) {
    std::vector<double> v(n), av(n, 0.0);
    double squares = 0, vav = 0;
    for (double& x : v) {
      x = random.normal();
      squares += x * x;
    }
    for (double& x : v) x /= std::sqrt(squares);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) av[i] += a(i, j) * v[j];
    for (std::size_t i = 0; i < n; ++i) vav += v[i] * av[i];
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        a(i, j) += 4 * vav * v[i] * v[j] - 2 * (v[i] * av[j] + av[i] * v[j]);
  }
  return a;
}

void check_spectrum(std::vector<double> expected, Random& random) {
  const SquareMatrix matrix = with_spectrum(expected, random);
  const std::vector<double> values = eigenvalues(matrix);
  std::ranges::sort(expected);
  REQUIRE(values.size() == expected.size());
  double largest = 0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(std::abs(values[i] - expected[i]) <= 1e-13 * static_cast<double>(values.size()) * largest);
}

}  // namespace

TEST_CASE("eigenvalues of matrices with a known spectrum") {
  Random random(1, Purpose::sample);
  for (const std::size_t n : {1, 2, 3, 16, 33, 64, 150}) {
    CAPTURE(n);
    std::vector<double> spread(n), graded(n), repeated(n), rank_one(n, 0.0), mixed(n), huge(n);
    for (std::size_t i = 0; i < n; ++i) {
      spread[i] = random.uniform();
      graded[i] = std::pow(10.0, -0.25 * static_cast<double>(i));
      repeated[i] = static_cast<double>(i % 3);
      mixed[i] = random.normal();
      huge[i] = 1e200 * random.uniform();
    }
    rank_one[0] = 7;
    for (const auto& each : {spread, graded, repeated, rank_one, mixed, huge, std::vector<double>(n, 0.0)})
      check_spectrum(each, random);
  }
}

TEST_CASE("eigenvalues of the second difference") {
  for (const std::size_t n : {1, 2, 5, 100, 1000}) {
    const Tridiagonal matrix = {std::vector<double>(n, 2.0), std::vector<double>(n - 1, 1.0)};
    const std::vector<double> values = eigenvalues(matrix);
    for (std::size_t k = 0; k < n; ++k) {
      const double angle = std::numbers::pi * static_cast<double>(k + 1) / static_cast<double>(n + 1);
      CHECK(values[k] == doctest::Approx(2 - 2 * std::cos(angle)).epsilon(1e-12));
    }
    CHECK(largest_eigenvalue(matrix) == doctest::Approx(values.back()).epsilon(1e-14));
  }
}

TEST_CASE("the spectral norm of a matrix of known singular values") {
  // Columns of different lengths in different directions of a rotated basis.
  Random random(2, Purpose::sample);
  for (const std::size_t n : {1, 2, 17, 64}) {
    std::vector<double> values(n);
    for (double& value : values) value = random.uniform();
    values[n / 2] = 3;
    const SquareMatrix symmetric = with_spectrum(values, random);
    std::vector<float> rows;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) rows.push_back(static_cast<float>(symmetric(i, j)));
    CHECK(spectral_norm(rows, n, n, n) == doctest::Approx(3).epsilon(1e-6));
  }
  const std::vector<float> zero(12, 0.0f);
  CHECK(spectral_norm(zero, 3, 4, 4) == 0);
}

TEST_CASE("matrices that are not finite have no eigenvalues") {
  SquareMatrix matrix(3);
  matrix(2, 1) = std::numeric_limits<double>::infinity();
  for (const double value : eigenvalues(matrix)) CHECK(std::isnan(value));
  const std::vector<float> rows = {1, std::numeric_limits<float>::quiet_NaN(), 0, 1};
  CHECK(std::isnan(spectral_norm(rows, 2, 2, 2)));
}

}  // namespace assay
