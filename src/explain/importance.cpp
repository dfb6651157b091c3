#include "assay/explain/importance.hpp"

#include "assay/base/error.hpp"

#include <algorithm>

// GCC 12 warns about its own AVX-512 intrinsics inside Eigen (bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <Eigen/Cholesky>
#pragma GCC diagnostic pop

namespace assay {
namespace {

// Rows of the one-hot matrix hold a one per decision, and one for the mean in column 0.
class OneHot {
 public:
  OneHot(std::span<const std::size_t> option_counts, std::span<const std::uint16_t> choices)
      : choices_(choices) {
    for (const std::size_t count : option_counts) {
      first_.push_back(columns_);
      columns_ += static_cast<Eigen::Index>(count);
    }
  }

  Eigen::Index columns() const { return columns_; }
  std::size_t decisions() const { return first_.size(); }
  Eigen::Index column(std::size_t row, std::size_t decision) const {
    return first_[decision] + choices_[row * first_.size() + decision];
  }
  // Where row `row` has its ones.
  void ones(std::size_t row, std::vector<Eigen::Index>& columns) const {
    columns.assign(1, 0);
    for (std::size_t d = 0; d < first_.size(); ++d) columns.push_back(column(row, d));
  }

 private:
  std::span<const std::uint16_t> choices_;
  std::vector<Eigen::Index> first_;
  Eigen::Index columns_ = 1;
};

}  // namespace

Importance importance_of(std::span<const std::size_t> option_counts, std::span<const std::uint16_t> choices,
                         std::span<const double> values) {
  const std::size_t decisions = option_counts.size(), rows = values.size();
  if (choices.size() != rows * decisions)
    throw InternalError("Importances are asked for with another number of choices than candidates have.");
  Importance importance{.shares = std::vector<double>(decisions, 0)};
  if (rows < 3) return importance;
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(rows);
  double variance = 0;
  for (const double value : values) variance += (value - mean) * (value - mean);
  const double scale = std::max(std::abs(mean), 1e-300);
  if (variance <= 1e-24 * scale * scale * static_cast<double>(rows)) return importance;

  const OneHot design(option_counts, choices);
  Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(design.columns(), design.columns());
  Eigen::VectorXd right = Eigen::VectorXd::Zero(design.columns());
  std::vector<Eigen::Index> ones;
  for (std::size_t row = 0; row < rows; ++row) {
    design.ones(row, ones);
    for (const Eigen::Index i : ones) {
      right(i) += values[row] - mean;
      for (const Eigen::Index j : ones) normal(i, j) += 1;
    }
  }
  // The mean is not held back.
  for (Eigen::Index i = 1; i < design.columns(); ++i) normal(i, i) += 1;
  const Eigen::LLT<Eigen::MatrixXd> solver(normal);
  const Eigen::VectorXd effects = solver.solve(right);
  const Eigen::MatrixXd inverse = solver.solve(Eigen::MatrixXd::Identity(normal.rows(), normal.cols()));

  double unexplained = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    design.ones(row, ones);
    double fitted = 0, leverage = 0;
    for (const Eigen::Index i : ones) {
      fitted += effects(i);
      for (const Eigen::Index j : ones) leverage += inverse(i, j);
    }
    const double residual = (values[row] - mean - fitted) / std::max(1 - leverage, 1e-9);
    unexplained += residual * residual;
    // The effect need not be centred: the deviations of y are, so that products sum to the covariance.
    for (std::size_t d = 0; d < decisions; ++d)
      importance.shares[d] += effects(design.column(row, d)) * (values[row] - mean) / variance;
  }
  for (double& share : importance.shares) share = std::clamp(share, 0.0, 1.0);
  importance.r2 = 1 - unexplained / variance;
  return importance;
}

}  // namespace assay
