// Eigenvalues of symmetric tridiagonal matrices, which every symmetric matrix is reduced to first. For the
// matrices of scores, of 16 to 64 rows, these iterations take most of the time, and Eigen's take a square
// root and three divisions that wait for one another at each step.
#pragma once

#include <vector>

namespace assay {

// `squares[i]` is the square of the element beside the diagonal in rows i and i + 1.
struct Tridiagonal {
  std::vector<double> diagonal, squares;
};

// Ascending, to a small multiple of the machine's precision times the largest. NaN where iterations do not
// end, which finite matrices of moderate size (no overflow of squares) do not show.
std::vector<double> eigenvalues(Tridiagonal matrix);

// The largest one alone, by bisection.
double largest_eigenvalue(const Tridiagonal& matrix);

}  // namespace assay
