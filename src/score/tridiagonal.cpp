#include "tridiagonal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();

// One sweep of the QL iteration on rows first .. last, in the form without square roots of Pal, Walker and
// Kahan (Parlett, The Symmetric Eigenvalue Problem, section 8.15), with Wilkinson's shift.
void sweep(Tridiagonal& matrix, std::size_t first, std::size_t last) {
  std::vector<double>&d = matrix.diagonal, &b = matrix.squares;
  const double root = std::sqrt(b[first]);
  const double slope = (d[first + 1] - d[first]) / (2 * root);
  const double shift = d[first] - root / (slope + std::copysign(std::hypot(slope, 1.0), slope));
  double cosine = 1, sine = 0;  // both squared
  double gamma = d[last] - shift, p = gamma * gamma;
  for (std::size_t i = last; i-- > first;) {
    const double r = p + b[i];
    if (i + 1 < last) b[i + 1] = sine * r;
    const double cosine_before = cosine, gamma_before = gamma;
    cosine = p / r;
    sine = b[i] / r;
    const double inverse = r / p;  // beside the other divisions, so that the next p does not wait for another
    gamma = cosine * (d[i] - shift) - sine * gamma_before;
    d[i + 1] = gamma_before + (d[i] - gamma);
    p = cosine == 0 ? cosine_before * b[i] : gamma * gamma * inverse;
  }
  b[first] = sine * p;
  d[first] = shift + gamma;
}

}  // namespace

std::vector<double> eigenvalues(Tridiagonal matrix) {
  const std::size_t n = matrix.diagonal.size();
  const std::vector<double>&d = matrix.diagonal, &b = matrix.squares;
  const auto negligible = [&](std::size_t i) {
    return b[i] <= epsilon * epsilon * std::abs(d[i]) * std::abs(d[i + 1]) ||
           b[i] <= std::numeric_limits<double>::min();
  };
  std::size_t sweeps = 0;
  for (std::size_t first = 0; first < n; ++first) {
    for (;;) {
      std::size_t last = first;
      while (last + 1 < n && !negligible(last)) ++last;
      if (last == first) break;
      if (++sweeps > 30 * n) return std::vector<double>(n, std::numeric_limits<double>::quiet_NaN());
      sweep(matrix, first, last);
    }
  }
  std::ranges::sort(matrix.diagonal);
  return matrix.diagonal;
}

double largest_eigenvalue(const Tridiagonal& matrix) {
  const std::vector<double>&d = matrix.diagonal, &b = matrix.squares;
  // Gershgorin's circles.
  double low = d[0], high = d[0];
  for (std::size_t i = 0; i < d.size(); ++i) {
    const double radius = (i > 0 ? std::sqrt(b[i - 1]) : 0) + (i + 1 < d.size() ? std::sqrt(b[i]) : 0);
    low = std::max(low, d[i]);
    high = std::max(high, d[i] + radius);
  }
  // All pivots of matrix - x are negative just where x is larger than every eigenvalue.
  const auto beyond_all = [&](double x) {
    double pivot = d[0] - x;
    for (std::size_t i = 1; pivot < 0 && i < d.size(); ++i) pivot = d[i] - x - b[i - 1] / pivot;
    return pivot < 0;
  };
  while (high - low > 2 * epsilon * std::max(std::abs(low), std::abs(high))) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (beyond_all(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace assay
