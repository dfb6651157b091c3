#include "spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

// GCC 12 takes the undefined vectors inside its own AVX-512 intrinsics for variables that were forgotten.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <Eigen/Eigenvalues>

namespace assay {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> eigenvalues(const Eigen::MatrixXd& symmetric) {
  if (!symmetric.triangularView<Eigen::Lower>().toDenseMatrix().allFinite())
    return std::vector<double>(static_cast<std::size_t>(symmetric.rows()), nan);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric, Eigen::EigenvaluesOnly);
  const auto& values = solver.eigenvalues();
  return {values.data(), values.data() + values.size()};
}

}  // namespace

std::vector<double> eigenvalues(const SquareMatrix& symmetric) {
  const auto n = static_cast<Eigen::Index>(symmetric.size());
  return eigenvalues(Eigen::MatrixXd(Eigen::Map<const Eigen::MatrixXd>(symmetric.data(), n, n)));
}

double spectral_entropy(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += std::isnan(value) ? nan : std::max(value, 0.0);
  if (sum == 0) return 0;
  double entropy = 0;
  for (const double value : values)
    if (const double share = value / sum; !(share <= 0)) entropy -= share * std::log(share);
  return entropy;
}

double spectral_norm(std::span<const float> matrix, std::size_t rows, std::size_t columns,
                     std::size_t stride) {
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Rows, 0, Eigen::OuterStride<>> a(
      matrix.data(), static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns),
      Eigen::OuterStride<>(static_cast<Eigen::Index>(stride)));
  const Eigen::MatrixXf wide = a;
  const Eigen::MatrixXf gram =
      rows < columns ? Eigen::MatrixXf(wide * wide.transpose()) : Eigen::MatrixXf(wide.transpose() * wide);
  const double largest = eigenvalues(Eigen::MatrixXd(gram.cast<double>())).back();
  return std::sqrt(std::isnan(largest) ? nan : std::max(largest, 0.0));
}

double log_determinant(const SquareMatrix& symmetric) {
  const std::vector<double> values = eigenvalues(symmetric);
  const double least =
      static_cast<double>(values.size()) * std::numeric_limits<double>::epsilon() * std::abs(values.back());
  double sum = 0;
  for (const double value : values)
    sum += value <= least ? -std::numeric_limits<double>::infinity() : std::log(value);
  return sum;
}

}  // namespace assay
