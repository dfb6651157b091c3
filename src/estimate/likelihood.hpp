// How likely measured rows are under a kernel, as a function of the kernel's parameters.
#pragma once

#include "posterior.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace assay {

// Means and standard deviations of the coordinates over some points.
struct Standard {
  Coordinates middle{}, spread{};
};

// The parameters of a kernel as the optimiser sees them: logarithms, each with a normal prior.
class Parameters {
 public:
  Parameters(std::span<const ProcessPoint> points, bool tiles, bool context);

  std::size_t size() const { return mean_.size(); }
  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& deviation() const { return deviation_; }
  // Coordinates that a component sees.
  int seen(std::size_t component) const { return seen_[component]; }
  ProcessKernel kernel(const double* theta) const;

 private:
  void add(double middle, double deviation);

  bool context_;
  Standard standard_;
  std::vector<int> seen_;  // coordinates per component
  std::vector<double> mean_, deviation_;
};

// Negative logarithm of the posterior density of the parameters, up to a constant, and its gradient
// (Rasmussen and Williams 2006, eq. 5.9): with W = A^-1 - alpha alpha' over rows and V = J' W J over points
// it is tr(V dK) / 2.
class Likelihood {
 public:
  Likelihood(const Parameters& parameters, std::span<const ProcessPoint> points,
             std::span<const Observation> rows);

  // Of the points' log factors; at first 0.
  void linearise_at(const VectorXd& alone, const VectorXd& in_network);
  // `gradient` may be null.
  double operator()(const double* theta, double* gradient) const;

 private:
  void add_gradient(const ProcessKernel& kernel, const MatrixXd& w, const VectorXd& noise,
                    double* gradient) const;
  void add_pair(const ProcessKernel& kernel, const ProcessPoint& a, const ProcessPoint& b, double weight,
                double* gradient) const;

  const Parameters& parameters_;
  std::span<const ProcessPoint> points_;
  std::span<const Observation> rows_;
  bool context_;
  Linearised linearised_;
};

}  // namespace assay
