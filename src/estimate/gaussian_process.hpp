// What the roofline leaves, as a Gaussian process over subgraphs (Rasmussen and Williams 2006, "Gaussian
// Processes for Machine Learning").
//
// Subgraph s takes t_s = m_s exp(g_s): m_s its roofline, g a Gaussian process, so that subgraphs of like
// shape share their deviation from the roofline. A measurement is a sum over subgraphs, of one (a subgraph
// row) or of many (a network row):
//   log y_n = log sum_s c_ns t_s + noise.
// Linearised where g is, a network row sees the shares J_ns = c_ns t_s / sum_s c_ns t_s of its subgraphs, and
// the posterior is Gaussian again; a few Gauss-Newton steps settle it. One model thus serves rows of
// subgraphs, rows of networks, and both; latencies stay positive. Where both are given, a second process
// (context) holds by how much subgraphs of a kind and size take longer, or less, inside of a network than
// alone.
#pragma once

#include "features.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// A subgraph as the process sees it.
struct Point {
  Subgraph subgraph;
  SubgraphKind kind = SubgraphKind::convolution;
  Coordinates at{};
  double log_roofline = 0;
};
Point point_of(const Accelerator& accelerator, const Subgraph& subgraph, double roofline_ms);

// Covariances of g. Zero between kinds; within one
//   kind + exact [same subgraph] + trend a'b + sum over components of v (1 + sqrt(3) r) exp(-sqrt(3) r),
// a and b the standardised shape coordinates: what goes with a power of a size holds beyond the measured
// range; r the distance with a length per coordinate (Matern 3/2, automatic relevance determination). The
// first component sees the shape only. Two more, used where rows are many, also see how channels and pixels
// fill tiles of the usual sizes; the last of them is rough, v exp(-r), for libraries that switch algorithms.
struct Kernel {
  struct Component {
    double variance = 0;
    bool rough = false;
    Coordinates weight{};  // 1 / length^2 per coordinate; 0: not seen
  };
  double kind = 0;
  double exact = 0;
  double trend = 0;
  std::array<double, shape_coordinates> middle{}, spread{};  // of the coordinates, for the trend
  std::vector<Component> components;
  double noise = 0;  // variance of log y
  double context_kind = 0;
  double context_size = 0;  // a squared exponential over log roofline, length 2

  double operator()(const Point& a, const Point& b) const;
  double context(const Point& a, const Point& b) const;
};

// One measured row: which subgraphs, how often, and the time.
struct Observation {
  struct Part {
    int point = 0;
    double count = 1;
  };
  std::vector<Part> parts;
  double latency_ms = 0;
  bool network = false;
  double weight = 1;  // of its noise: below 1 for a row that disagrees with all others
};

// The fitted process.
struct GaussianProcess {
  Kernel kernel;
  std::vector<Point> points;
  std::vector<double> weights;          // log factor(s) = sum over points of kernel(s, p) weight(p)
  std::vector<double> context_weights;  // the same of the context
  std::vector<double> variances;        // posterior ones, of g at the points

  bool empty() const { return points.empty(); }
  bool sees(SubgraphKind kind) const;
  // Alone, and inside of a network.
  double log_factor(const Point& point, bool in_network) const;
  // Of g, from the nearest of the points: an upper bound of the posterior variance.
  double variance(const Point& point) const;
};

// Conditions the process on `rows`, the kernel given; variances only where asked (they take as long again).
GaussianProcess condition(const Kernel& kernel, std::span<const Point> points,
                          std::span<const Observation> rows, bool with_variances);

// The kernel that makes the rows most likely (maximum a posteriori under broad priors, by L-BFGS), and with
// it weights of rows that disagree: their noise follows a Student distribution with 4 degrees of freedom
// instead of a normal one.
Kernel fit_kernel(std::span<const Point> points, std::span<Observation> rows, bool tiles);

}  // namespace assay
