#include "gaussian_process.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include <nlopt.h>

// GCC 12 sees uninitialised vectors in its own AVX-512 intrinsics (GCC bug 105593) wherever Eigen uses them.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <Eigen/Dense>
#include <Eigen/Sparse>

namespace assay {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Shares = Eigen::SparseMatrix<double, Eigen::RowMajor>;  // rows x points

constexpr double sqrt3 = 1.7320508075688772;
constexpr double context_length = 2;  // of log roofline: a factor of 7 in latency
constexpr std::size_t most_likelihood_points = 1500;
constexpr double jitter = 1e-9;

double squared(double x) {
  return x * x;
}

double distance(const Kernel::Component& component, const Coordinates& a, const Coordinates& b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += component.weight[c] * squared(a[c] - b[c]);
  return std::sqrt(sum);
}

// A component's covariance at distance r, and minus twice its derivative by r^2.
struct Value {
  double covariance = 0;
  double slope = 0;
};
Value value_at(const Kernel::Component& component, double r) {
  if (component.rough) {
    const double decay = component.variance * std::exp(-r);
    return {decay, decay / std::max(r, 1e-9)};
  }
  const double decay = component.variance * std::exp(-sqrt3 * r);
  return {decay * (1 + sqrt3 * r), 3 * decay};
}

double trend_of(const Kernel& kernel, const Coordinates& a, const Coordinates& b) {
  double sum = 0;
  for (std::size_t c = 0; c < kernel.middle.size(); ++c)
    sum += (a[c] - kernel.middle[c]) * (b[c] - kernel.middle[c]) / squared(kernel.spread[c]);
  return sum;
}

// Means and standard deviations of the coordinates over the points.
struct Standard {
  Coordinates middle{}, spread{};
};
Standard standard_of(std::span<const Point> points) {
  constexpr double least = 0.1;  // a coordinate that hardly varies shall not matter much
  const auto n = static_cast<double>(points.size());
  Standard out;
  for (std::size_t c = 0; c < out.spread.size(); ++c) {
    double sum = 0, squares = 0;
    for (const Point& point : points) {
      sum += point.at[c];
      squares += squared(point.at[c]);
    }
    out.middle[c] = sum / n;
    out.spread[c] = std::max(least, std::sqrt(std::max(0.0, squares / n - squared(sum / n))));
  }
  return out;
}

// The parameters of a kernel as the optimiser sees them: logarithms, each with a normal prior.
class Parameters {
 public:
  Parameters(std::span<const Point> points, bool tiles, bool context)
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

  std::size_t size() const { return mean_.size(); }
  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& deviation() const { return deviation_; }
  std::size_t components() const { return seen_.size(); }
  int seen(std::size_t component) const { return seen_[component]; }

  Kernel kernel(const double* theta) const {
    Kernel k;
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
      Kernel::Component component;
      component.variance = std::exp(*next++);
      component.rough = k.components.size() == 2;
      for (int c = 0; c < seen; ++c) component.weight[static_cast<std::size_t>(c)] = std::exp(-2 * *next++);
      k.components.push_back(component);
    }
    return k;
  }

 private:
  void add(double middle, double deviation) {
    mean_.push_back(std::log(middle));
    deviation_.push_back(deviation);
  }

  bool context_;
  Standard standard_;
  std::vector<int> seen_;  // coordinates per component
  std::vector<double> mean_, deviation_;
};

struct Covariances {
  MatrixXd alone;    // of g, points x points
  MatrixXd context;  // of what networks add; empty without
};

Covariances covariances(const Kernel& kernel, std::span<const Point> points, bool context) {
  const auto n = static_cast<Index>(points.size());
  Covariances out{MatrixXd::Zero(n, n), MatrixXd::Zero(context ? n : 0, context ? n : 0)};
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) {
      const Point& a = points[static_cast<std::size_t>(i)];
      const Point& b = points[static_cast<std::size_t>(j)];
      out.alone(i, j) = out.alone(j, i) = kernel(a, b);
      if (context) out.context(i, j) = out.context(j, i) = kernel.context(a, b);
    }
  }
  return out;
}

// Row covariances J K J', the context's between networks only, noise on the diagonal.
MatrixXd row_covariance(const Covariances& k, const Shares& shares, const Shares& network_shares,
                        const VectorXd& noise) {
  const MatrixXd right = k.alone * shares.transpose();
  MatrixXd out = shares * right;
  if (k.context.size() > 0) {
    const MatrixXd context = k.context * network_shares.transpose();
    out += network_shares * context;
  }
  out.diagonal() += noise;
  return out;
}

// The rows, linearised at log factors of the points.
struct Linearised {
  Shares shares;          // of each point in the row's latency
  Shares network_shares;  // the same, subgraph rows empty
  VectorXd target;        // log y - log f + shares g: what a linear model would have to give
};

Linearised linearise(std::span<const Point> points, std::span<const Observation> rows, const VectorXd& alone,
                     const VectorXd& in_network) {
  const auto n = static_cast<Index>(rows.size());
  const auto m = static_cast<Index>(points.size());
  std::vector<Eigen::Triplet<double>> all, networks;
  Linearised out{Shares(n, m), Shares(n, m), VectorXd(n)};
  for (Index i = 0; i < n; ++i) {
    const Observation& row = rows[static_cast<std::size_t>(i)];
    const VectorXd& g = row.network ? in_network : alone;
    const auto latency = [&](const Observation::Part& part) {
      return part.count * std::exp(points[static_cast<std::size_t>(part.point)].log_roofline + g[part.point]);
    };
    double sum = 0;
    for (const Observation::Part& part : row.parts) sum += latency(part);
    double offset = 0;
    for (const Observation::Part& part : row.parts) {
      const double share = latency(part) / sum;
      all.emplace_back(i, part.point, share);
      if (row.network) networks.emplace_back(i, part.point, share);
      offset += share * g[part.point];
    }
    out.target[i] = std::log(row.latency_ms) - std::log(sum) + offset;
  }
  out.shares.setFromTriplets(all.begin(), all.end());
  out.network_shares.setFromTriplets(networks.begin(), networks.end());
  return out;
}

bool has_context(std::span<const Observation> rows) {
  const auto networks = std::ranges::count_if(rows, &Observation::network);
  return networks > 0 && networks < std::ssize(rows);
}

bool is_linear(std::span<const Observation> rows) {
  return std::ranges::all_of(rows, [](const Observation& row) { return row.parts.size() == 1; });
}

VectorXd noise_of(const Kernel& kernel, std::span<const Observation> rows) {
  VectorXd noise(std::ssize(rows));
  for (Index i = 0; i < noise.size(); ++i)
    noise[i] = kernel.noise / rows[static_cast<std::size_t>(i)].weight + jitter;
  return noise;
}

struct State {
  VectorXd weights, context_weights;
  VectorXd alone, in_network;  // log factors at the points
  Linearised rows;
  Eigen::LLT<MatrixXd> factor;  // of the row covariance
};

void set_weights(State& s, const Covariances& k, VectorXd weights, VectorXd context_weights) {
  s.weights = std::move(weights);
  s.context_weights = std::move(context_weights);
  s.alone = k.alone * s.weights;
  s.in_network = s.alone;
  if (s.context_weights.size() > 0) s.in_network += k.context * s.context_weights;
}

// Negative log posterior of the factors: squared residuals by their noise, and g' K^-1 g = weights' K
// weights.
double energy(const State& s, std::span<const Point> points, std::span<const Observation> rows,
              const VectorXd& noise) {
  double sum = s.weights.dot(s.alone);
  if (s.context_weights.size() > 0) sum += s.context_weights.dot(s.in_network - s.alone);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const VectorXd& g = rows[i].network ? s.in_network : s.alone;
    double latency = 0;
    for (const Observation::Part& part : rows[i].parts)
      latency +=
          part.count * std::exp(points[static_cast<std::size_t>(part.point)].log_roofline + g[part.point]);
    sum += squared(std::log(rows[i].latency_ms / latency)) / noise[static_cast<Index>(i)];
  }
  return sum;
}

// Gauss-Newton with a halving line search: a full step can overshoot where shares change much.
State settle(const Covariances& k, std::span<const Point> points, std::span<const Observation> rows,
             const VectorXd& noise) {
  constexpr int most_steps = 20;
  constexpr double least_step = 1.0 / 64;
  constexpr double small = 1e-6;
  const auto m = static_cast<Index>(points.size());
  const auto context = k.context.size() > 0 ? m : 0;
  State s;
  set_weights(s, k, VectorXd::Zero(m), VectorXd::Zero(context));
  const int steps = is_linear(rows) ? 1 : most_steps;
  double now = energy(s, points, rows, noise);
  for (int step = 0; step < steps; ++step) {
    s.rows = linearise(points, rows, s.alone, s.in_network);
    s.factor.compute(row_covariance(k, s.rows.shares, s.rows.network_shares, noise));
    const VectorXd alpha = s.factor.solve(s.rows.target);
    const VectorXd weights = s.rows.shares.transpose() * alpha;
    VectorXd context_weights = VectorXd::Zero(context);
    if (context > 0) context_weights = s.rows.network_shares.transpose() * alpha;
    const State before = s;
    double after = 0;
    for (double part = 1; part >= least_step; part /= 2) {
      set_weights(s, k, before.weights + part * (weights - before.weights),
                  before.context_weights + part * (context_weights - before.context_weights));
      after = energy(s, points, rows, noise);
      if (after < now) break;
    }
    if (!(after < now - small)) break;
    now = after;
  }
  return s;
}

// Negative logarithm of the posterior density of the parameters, and its gradient (Rasmussen and Williams
// 2006, eq. 5.9): with W = A^-1 - alpha alpha' over rows and V = J' W J over points it is
// tr(V dK) / 2.
class Likelihood {
 public:
  Likelihood(const Parameters& parameters, std::span<const Point> points, std::span<const Observation> rows)
      : parameters_(parameters), points_(points), rows_(rows), context_(has_context(rows)) {}

  void linearise_at(const VectorXd& alone, const VectorXd& in_network) {
    linearised_ = linearise(points_, rows_, alone, in_network);
  }

  double operator()(const double* theta, double* gradient) const {
    const Kernel kernel = parameters_.kernel(theta);
    const Covariances k = covariances(kernel, points_, context_);
    const VectorXd noise = noise_of(kernel, rows_);
    const Eigen::LLT<MatrixXd> factor(
        row_covariance(k, linearised_.shares, linearised_.network_shares, noise));
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

 private:
  void add_gradient(const Kernel& kernel, const MatrixXd& w, const VectorXd& noise, double* gradient) const {
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

  void add_pair(const Kernel& kernel, const Point& a, const Point& b, double weight, double* gradient) const {
    if (a.kind != b.kind) return;
    gradient[0] += weight * kernel.kind;
    if (&a == &b) gradient[1] += weight * kernel.exact;
    gradient[3] += weight * kernel.trend * trend_of(kernel, a.at, b.at);
    double* next = gradient + (context_ ? 6 : 4);
    for (std::size_t c = 0; c < kernel.components.size(); ++c) {
      const Kernel::Component& component = kernel.components[c];
      const Value value = value_at(component, distance(component, a.at, b.at));
      *next++ += weight * value.covariance;
      for (int d = 0; d < parameters_.seen(c); ++d) {
        const auto at = static_cast<std::size_t>(d);
        *next++ += weight * value.slope * component.weight[at] * squared(a.at[at] - b.at[at]);
      }
    }
  }

  const Parameters& parameters_;
  std::span<const Point> points_;
  std::span<const Observation> rows_;
  bool context_;
  Linearised linearised_;
};

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
// leave-one-out residuals alpha_i / A^-1_ii (Rasmussen and Williams 2006, eq. 5.12).
void reweigh(const State& state, std::span<Observation> rows) {
  constexpr double freedom = 4;
  constexpr double least = 0.01;
  const auto n = std::ssize(rows);
  const MatrixXd inverse = state.factor.solve(MatrixXd::Identity(n, n));
  const VectorXd alpha = inverse * state.rows.target;
  std::vector<double> residuals;
  for (Index i = 0; i < n; ++i) residuals.push_back(std::abs(alpha[i]) / inverse(i, i));
  std::vector<double> sorted = residuals;
  const auto middle = sorted.begin() + n / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  const double scale = std::max(*middle / 0.6745, 1e-12);  // of a normal distribution, from its quartile
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i].weight = std::max(least, (freedom + 1) / (freedom + squared(residuals[i] / scale)));
}

// An evenly spread part of the rows, and of the points only those that occur in it.
class Part {
 public:
  Part(std::span<const Point> all_points, std::span<const Observation> all_rows, std::size_t most_rows) {
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

  std::vector<Point> points;
  std::vector<Observation> rows;

 private:
  std::vector<int> origin_;  // of each point
};

}  // namespace

Point point_of(const Accelerator& accelerator, const Subgraph& subgraph, double roofline_ms) {
  return {subgraph, kind_of(subgraph), coordinates_of(accelerator, subgraph), std::log(roofline_ms)};
}

double Kernel::operator()(const Point& a, const Point& b) const {
  if (a.kind != b.kind) return 0;
  double sum = kind + (a.subgraph == b.subgraph ? exact : 0) + trend * trend_of(*this, a.at, b.at);
  for (const Component& component : components)
    sum += value_at(component, distance(component, a.at, b.at)).covariance;
  return sum;
}

double Kernel::context(const Point& a, const Point& b) const {
  if (a.kind != b.kind) return 0;
  return context_kind +
         context_size * std::exp(-squared((a.log_roofline - b.log_roofline) / context_length) / 2);
}

bool GaussianProcess::sees(SubgraphKind kind) const {
  return std::ranges::find(points, kind, &Point::kind) != points.end();
}

double GaussianProcess::log_factor(const Point& point, bool in_network) const {
  const bool context = in_network && !context_weights.empty();
  double sum = 0;
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (points[p].kind != point.kind) continue;
    sum += weights[p] * kernel(point, points[p]);
    if (context) sum += context_weights[p] * kernel.context(point, points[p]);
  }
  return sum;
}

double GaussianProcess::variance(const Point& point) const {
  const double prior = kernel(point, point);
  double least = prior;
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (points[p].kind != point.kind) continue;
    // Of what is known where point p is: slope times its variance, and what p does not tell.
    const double at_p = kernel(points[p], points[p]);
    const double slope = kernel(point, points[p]) / at_p;
    least = std::min(least, prior - slope * slope * at_p + slope * slope * variances[p]);
  }
  return std::max(least, 0.0);
}

GaussianProcess condition(const Kernel& kernel, std::span<const Point> points,
                          std::span<const Observation> rows, bool with_variances) {
  const Covariances k = covariances(kernel, points, has_context(rows));
  const State state = settle(k, points, rows, noise_of(kernel, rows));
  GaussianProcess out;
  out.kernel = kernel;
  out.points.assign(points.begin(), points.end());
  out.weights.assign(state.weights.begin(), state.weights.end());
  out.context_weights.assign(state.context_weights.begin(), state.context_weights.end());
  if (with_variances) {
    MatrixXd explained = state.rows.shares * k.alone;
    state.factor.matrixL().solveInPlace(explained);
    const VectorXd left = k.alone.diagonal() - explained.colwise().squaredNorm().transpose();
    for (const double variance : left) out.variances.push_back(std::max(variance, 0.0));
  }
  return out;
}

Kernel fit_kernel(std::span<const Point> points, std::span<Observation> rows, bool use_tiles) {
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
    const Kernel kernel = parameters.kernel(theta.data());
    const State state = settle(covariances(kernel, points, context), points, rows, noise_of(kernel, rows));
    alone = state.alone;
    in_network = state.in_network;
    if (rows.size() >= fewest_for_outliers) reweigh(state, rows);
  }
  return parameters.kernel(theta.data());
}

}  // namespace assay
