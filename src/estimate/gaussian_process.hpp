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

#include "kernel.hpp"

#include <span>
#include <vector>

namespace assay {

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

  // By about five times the usual error.
  bool contradicted() const { return weight <= 0.2; }
};

// What the process says about g at one point.
struct Belief {
  double log_factor = 0;
  double variance = 0;  // from the nearest of its points: an upper bound of the posterior variance
  // How unlike all points it is, [0, 1]: 1 less the largest squared correlation of g with g at one of them.
  double novelty = 1;
  bool informed = false;  // whether there is any point of this kind
};

// The fitted process.
struct GaussianProcess {
  ProcessKernel kernel;
  std::vector<ProcessPoint> points;
  std::vector<double> weights;          // log factor(s) = sum over points of kernel(s, p) weight(p)
  std::vector<double> context_weights;  // the same of the context
  std::vector<double> variances;        // posterior ones, of g at the points

  bool empty() const { return points.empty(); }
  // Alone, and inside of a network.
  double log_factor(const ProcessPoint& point, bool in_network) const;
  // The same and how sure it is, in one walk; only where variances were asked for.
  Belief at(const ProcessPoint& point, bool in_network) const;
};

// Conditions the process on `rows`, the kernel given; variances only where asked (they take as long again).
GaussianProcess condition(const ProcessKernel& kernel, std::span<const ProcessPoint> points,
                          std::span<const Observation> rows, bool with_variances);

}  // namespace assay
