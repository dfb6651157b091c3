#include "likelihood.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay {
namespace {

Standard standard_of(std::span<const ProcessPoint> points) {
  constexpr double least = 0.1;  // a coordinate that hardly varies shall not matter much
  const auto n = static_cast<double>(points.size());
  Standard out;
  for (std::size_t c = 0; c < out.spread.size(); ++c) {
    double sum = 0, squares = 0;
    for (const ProcessPoint& point : points) {
      sum += point.at[c];
      squares += squared(point.at[c]);
    }
    out.middle[c] = sum / n;
    out.spread[c] = std::max(least, std::sqrt(std::max(0.0, squares / n - squared(sum / n))));
  }
  return out;
}

}  // namespace

Parameters::Parameters(std::span<const ProcessPoint> points, bool tiles, bool context)
    : context_(context), standard_(standard_of(points)) {
  add(0.05, 2);    // kind
  add(0.01, 2);    // exact
  add(2.5e-5, 4);  // noise
  add(0.03, 3);    // trend
  if (context) {
    add(0.01, 2);
    add(0.01, 2);
  }
  seen_.push_back(shape_coordinates);
  if (tiles) seen_.insert(seen_.end(), 2, coordinate_count);
  for (const int seen : seen_) {
    add(0.1, 2);
    // The more coordinates there are, the less each matters.
    const double lengths = 2 * std::sqrt(seen / static_cast<double>(shape_coordinates));
    for (int c = 0; c < seen; ++c) add(lengths * standard_.spread[static_cast<std::size_t>(c)], 2);
  }
}

ProcessKernel Parameters::kernel(const double* theta) const {
  ProcessKernel k;
  const double* next = theta;
  k.kind = std::exp(*next++);
  k.exact = std::exp(*next++);
  k.noise = std::exp(*next++);
  k.trend = std::exp(*next++);
  std::copy_n(standard_.middle.begin(), shape_coordinates, k.middle.begin());
  std::copy_n(standard_.spread.begin(), shape_coordinates, k.spread.begin());
  if (context_) {
    k.context_kind = std::exp(*next++);
    k.context_size = std::exp(*next++);
  }
  for (const int seen : seen_) {
    ProcessKernel::Component component;
    component.variance = std::exp(*next++);
    component.rough = k.components.size() == 2;
    for (int c = 0; c < seen; ++c) component.weight[static_cast<std::size_t>(c)] = std::exp(-2 * *next++);
    k.components.push_back(component);
  }
  return k;
}

void Parameters::add(double middle, double deviation) {
  mean_.push_back(std::log(middle));
  deviation_.push_back(deviation);
}

Likelihood::Likelihood(const Parameters& parameters, std::span<const ProcessPoint> points,
                       std::span<const Observation> rows)
    : parameters_(parameters), points_(points), rows_(rows), context_(has_context(rows)) {
  const VectorXd none = VectorXd::Zero(std::ssize(points));
  linearise_at(none, none);
}

void Likelihood::linearise_at(const VectorXd& alone, const VectorXd& in_network) {
  linearised_ = linearise(points_, rows_, alone, in_network);
}

double Likelihood::operator()(const double* theta, double* gradient) const {
  const ProcessKernel kernel = parameters_.kernel(theta);
  const Covariances k = covariances(kernel, points_, context_);
  const VectorXd noise = noise_of(kernel, rows_);
  const Eigen::LLT<MatrixXd> factor(row_covariance(k, linearised_.shares, linearised_.network_shares, noise));
  if (factor.info() != Eigen::Success) {
    if (gradient != nullptr) std::fill_n(gradient, parameters_.size(), 0.0);
    return std::numeric_limits<double>::max();
  }
  const VectorXd alpha = factor.solve(linearised_.target);
  double value = linearised_.target.dot(alpha) / 2;
  for (Index i = 0; i < alpha.size(); ++i) value += std::log(factor.matrixLLT()(i, i));
  for (std::size_t p = 0; p < parameters_.size(); ++p)
    value += squared((theta[p] - parameters_.mean()[p]) / parameters_.deviation()[p]) / 2;
  if (gradient == nullptr) return value;

  MatrixXd w = factor.solve(MatrixXd::Identity(alpha.size(), alpha.size()));
  w.noalias() -= alpha * alpha.transpose();
  add_gradient(kernel, w, noise, gradient);
  for (std::size_t p = 0; p < parameters_.size(); ++p)
    gradient[p] += (theta[p] - parameters_.mean()[p]) / squared(parameters_.deviation()[p]);
  return value;
}

void Likelihood::add_gradient(const ProcessKernel& kernel, const MatrixXd& w, const VectorXd& noise,
                              double* gradient) const {
  std::fill_n(gradient, parameters_.size(), 0.0);
  const MatrixXd half = w * linearised_.shares;
  const MatrixXd v = linearised_.shares.transpose() * half;
  MatrixXd v_context;
  if (context_) {
    const MatrixXd half_context = w * linearised_.network_shares;
    v_context = linearised_.network_shares.transpose() * half_context;
  }
  gradient[2] = (w.diagonal().array() * (noise.array() - jitter)).sum() / 2;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      // Off the diagonal each pair stands for two entries.
      const double both = i == j ? 0.5 : 1;
      const double weight = both * v(static_cast<Index>(i), static_cast<Index>(j));
      add_pair(kernel, points_[i], points_[j], weight, gradient);
      if (!context_) continue;
      const double of_context = both * v_context(static_cast<Index>(i), static_cast<Index>(j));
      if (points_[i].kind != points_[j].kind) continue;
      gradient[4] += of_context * kernel.context_kind;
      gradient[5] += of_context * (kernel.context(points_[i], points_[j]) - kernel.context_kind);
    }
  }
}

void Likelihood::add_pair(const ProcessKernel& kernel, const ProcessPoint& a, const ProcessPoint& b,
                          double weight, double* gradient) const {
  if (a.family != b.family) return;
  gradient[0] += weight * kernel.kind;
  if (&a == &b) gradient[1] += weight * kernel.exact;
  gradient[3] += weight * kernel.trend * trend_of(kernel, a.at, b.at);
  double* next = gradient + (context_ ? 6 : 4);
  for (std::size_t c = 0; c < kernel.components.size(); ++c) {
    const ProcessKernel::Component& component = kernel.components[c];
    const KernelValue value = value_at(component, distance(component, a.at, b.at));
    *next++ += weight * value.covariance;
    for (int d = 0; d < parameters_.seen(c); ++d) {
      const auto at = static_cast<std::size_t>(d);
      *next++ += weight * value.slope * component.weight[at] * squared(a.at[at] - b.at[at]);
    }
  }
}

}  // namespace assay
