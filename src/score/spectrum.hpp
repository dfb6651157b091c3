// Eigenvalues and what is read off them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace assay {

// Largest symmetric matrix that scores take eigenvalues of: seconds and hundreds of MiB beyond.
inline constexpr int max_spectrum_size = 4096;

// Column-major square matrix; symmetric ones need their lower triangle (row >= column) only.
class SquareMatrix {
 public:
  explicit SquareMatrix(int size) : size_(static_cast<std::size_t>(size)), values_(size_ * size_, 0.0) {}
  std::size_t size() const { return size_; }
  double& operator()(std::size_t row, std::size_t column) { return values_[column * size_ + row]; }
  double operator()(std::size_t row, std::size_t column) const { return values_[column * size_ + row]; }
  const double* data() const { return values_.data(); }

 private:
  std::size_t size_;
  std::vector<double> values_;
};

// Products of every row with every other, in double precision; `rows` rows of equal length.
SquareMatrix gram(std::span<const float> matrix, int rows);
// The same of rows less their means: entry (i, j) over the root of (i, i) times (j, j) is a correlation. A
// constant row has zeros only.
SquareMatrix centred_gram(std::vector<float> matrix, int rows);

// Of a symmetric matrix, ascending. All NaN when it is not finite.
std::vector<double> eigenvalues(const SquareMatrix& symmetric);

// Entropy (nats) of eigenvalues divided by their sum; negative ones (rounding) count as 0. 0 when all are 0.
double spectral_entropy(std::span<const double> eigenvalues);

// Largest singular value of a rows x columns row-major matrix; `stride` floats from row to row.
double spectral_norm(std::span<const float> matrix, std::size_t rows, std::size_t columns,
                     std::size_t stride);

// log det of a symmetric positive semidefinite matrix; -infinity when it is singular to working precision.
double log_determinant(const SquareMatrix& symmetric);

}  // namespace assay
