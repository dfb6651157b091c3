#include "spectrum.hpp"

#include "tridiagonal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

// GCC 12 takes the undefined vectors inside its own AVX-512 intrinsics for variables that were forgotten.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <Eigen/Eigenvalues>

namespace assay {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Nothing when the matrix is not finite. Divided by `scale`, so that squares of its elements are in range.
std::optional<Tridiagonal> reduced(Eigen::MatrixXd symmetric, double& scale) {
  const auto lower = symmetric.triangularView<Eigen::Lower>();
  if (!lower.toDenseMatrix().allFinite()) return std::nullopt;
  scale = symmetric.size() == 0 ? 0 : lower.toDenseMatrix().cwiseAbs().maxCoeff();
  if (scale == 0) scale = 1;
  symmetric /= scale;
  if (symmetric.rows() == 1) return Tridiagonal{{symmetric(0, 0)}, {}};
  Tridiagonal result;
  if (symmetric.rows() == 0) return result;
  const Eigen::Tridiagonalization<Eigen::MatrixXd> form(symmetric);
  for (const double value : form.diagonal()) result.diagonal.push_back(value);
  for (const double value : form.subDiagonal()) result.squares.push_back(value * value);
  return result;
}

}  // namespace

std::vector<double> eigenvalues(const SquareMatrix& symmetric) {
  const auto n = static_cast<Eigen::Index>(symmetric.size());
  double scale = 1;
  auto tridiagonal = reduced(Eigen::Map<const Eigen::MatrixXd>(symmetric.data(), n, n), scale);
  if (!tridiagonal) return std::vector<double>(symmetric.size(), nan);
  std::vector<double> values = eigenvalues(std::move(*tridiagonal));
  for (double& value : values) value *= scale;
  return values;
}

SquareMatrix gram(std::span<const float> matrix, int rows) {
  // A few columns at a time become doubles, so that they stay in the cache.
  constexpr std::size_t chunk = 2048;
  const auto n = static_cast<std::size_t>(rows);
  const std::size_t columns = matrix.size() / n;
  Eigen::MatrixXd part(rows, static_cast<Eigen::Index>(chunk));
  Eigen::MatrixXd product = Eigen::MatrixXd::Zero(rows, rows);
  for (std::size_t first = 0; first < columns; first += chunk) {
    const std::size_t count = std::min(chunk, columns - first);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < count; ++j)
        part(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = matrix[i * columns + first + j];
    product.selfadjointView<Eigen::Lower>().rankUpdate(part.leftCols(static_cast<Eigen::Index>(count)));
  }
  SquareMatrix result(rows);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i)
      result(i, j) = product(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
  return result;
}

SquareMatrix centred_gram(std::vector<float> matrix, int rows) {
  const std::size_t columns = matrix.size() / static_cast<std::size_t>(rows);
  for (std::size_t begin = 0; begin < matrix.size(); begin += columns) {
    const std::span<float> row(matrix.data() + begin, columns);
    const auto mean =
        static_cast<float>(std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(columns));
    for (float& x : row) x -= mean;
  }
  return gram(matrix, rows);
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
  double scale = 1;
  const auto tridiagonal = reduced(gram.cast<double>(), scale);
  return tridiagonal ? std::sqrt(std::max(largest_eigenvalue(*tridiagonal) * scale, 0.0)) : nan;
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
