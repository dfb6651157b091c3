#include "kernel_fit.hpp"

#include "likelihood.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include <nlopt.h>

namespace assay {
namespace {

constexpr std::size_t most_likelihood_points = 1500;

double objective(unsigned, const double* theta, double* gradient, void* likelihood) {
  return (*static_cast<const Likelihood*>(likelihood))(theta, gradient);
}

void minimise(Likelihood& likelihood, const Parameters& parameters, std::vector<double>& theta,
              int evaluations) {
  const std::unique_ptr<nlopt_opt_s, decltype(&nlopt_destroy)> optimiser(
      nlopt_create(NLOPT_LD_LBFGS, static_cast<unsigned>(theta.size())), &nlopt_destroy);
  constexpr double far = 4;  // deviations
  std::vector<double> low, high;
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    low.push_back(parameters.mean()[p] - far * parameters.deviation()[p]);
    high.push_back(parameters.mean()[p] + far * parameters.deviation()[p]);
  }
  nlopt_set_lower_bounds(optimiser.get(), low.data());
  nlopt_set_upper_bounds(optimiser.get(), high.data());
  nlopt_set_min_objective(optimiser.get(), objective, &likelihood);
  nlopt_set_maxeval(optimiser.get(), evaluations);
  nlopt_set_ftol_rel(optimiser.get(), 1e-5);
  double least = 0;
  std::vector<double> start = theta;
  // A line search that fails still leaves its best point, which is all that is asked for.
  nlopt_optimize(optimiser.get(), start.data(), &least);
  if (std::isfinite(least) && std::ranges::all_of(start, [](double x) { return std::isfinite(x); }))
    theta = start;
}

// Rows that the others contradict count less: the weights of a Student distribution, from the
// leave-one-out residuals alpha_i / A^-1_ii (Rasmussen and Williams 2006, eq. 5.12), each relative to how
// sure the others are of it: a row at the edge of all others is no outlier.
void reweigh(const State& state, const VectorXd& noise, double usual_noise, std::span<Observation> rows) {
  constexpr double freedom = 4;
  constexpr double least = 0.01;
  const auto n = std::ssize(rows);
  const MatrixXd inverse = state.factor.solve(MatrixXd::Identity(n, n));
  const VectorXd alpha = inverse * state.rows.target;
  std::vector<double> residuals;
  for (Index i = 0; i < n; ++i) {
    // Of the prediction from the others, if the row's own noise were the usual one.
    const double variance = 1 / inverse(i, i) - noise[i] + usual_noise + jitter;
    residuals.push_back(std::abs(alpha[i]) / inverse(i, i) / std::sqrt(std::max(variance, jitter)));
  }
  std::vector<double> sorted = residuals;
  const auto middle = sorted.begin() + n / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  // Of a normal distribution, from its quartile; at least what the process itself expects.
  const double scale = std::max(*middle / 0.6745, 1.0);
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i].weight = std::max(least, (freedom + 1) / (freedom + squared(residuals[i] / scale)));
}

// An evenly spread part of the rows, and of the points only those that occur in it.
class Part {
 public:
  Part(std::span<const ProcessPoint> all_points, std::span<const Observation> all_rows,
       std::size_t most_rows) {
    const std::size_t step = (all_rows.size() + most_rows - 1) / most_rows;
    std::vector<int> place(all_points.size(), -1);
    for (std::size_t i = 0; i < all_rows.size() && points.size() < most_likelihood_points; i += step) {
      Observation row = all_rows[i];
      for (Observation::Part& part : row.parts) {
        int& at = place[static_cast<std::size_t>(part.point)];
        if (at < 0) {
          at = static_cast<int>(points.size());
          points.push_back(all_points[static_cast<std::size_t>(part.point)]);
          origin_.push_back(part.point);
        }
        part.point = at;
      }
      rows.push_back(std::move(row));
    }
  }

  VectorXd of(const VectorXd& all) const {
    VectorXd out(std::ssize(origin_));
    for (Index i = 0; i < out.size(); ++i) out[i] = all[origin_[static_cast<std::size_t>(i)]];
    return out;
  }

  std::vector<ProcessPoint> points;
  std::vector<Observation> rows;

 private:
  std::vector<int> origin_;  // of each point
};

}  // namespace

ProcessKernel fit_kernel(std::span<const ProcessPoint> points, std::span<Observation> rows, bool use_tiles) {
  constexpr std::size_t fewest_for_outliers = 50;
  struct Stage {
    std::size_t rows;
    int evaluations;
  };
  // Time grows with the cube of the rows: most steps are taken with few of them.
  constexpr std::array<Stage, 3> stages = {{{350, 100}, {1000, 60}, {1000, 30}}};
  const bool context = has_context(rows);
  const Parameters parameters(points, use_tiles, context);
  std::vector<double> theta = parameters.mean();
  VectorXd alone = VectorXd::Zero(std::ssize(points)), in_network = alone;
  for (const auto& [most_rows, evaluations] : stages) {
    const Part part(points, rows, most_rows);
    Likelihood likelihood(parameters, part.points, part.rows);
    likelihood.linearise_at(part.of(alone), part.of(in_network));
    minimise(likelihood, parameters, theta, evaluations);
    const ProcessKernel kernel = parameters.kernel(theta.data());
    const VectorXd noise = noise_of(kernel, rows);
    const State state = settle(covariances(kernel, points, context), points, rows, noise);
    alone = state.alone;
    in_network = state.in_network;
    if (rows.size() >= fewest_for_outliers) reweigh(state, noise, kernel.noise, rows);
  }
  return parameters.kernel(theta.data());
}

}  // namespace assay
