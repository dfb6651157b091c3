// How alike the deviations of two subgraphs from their rooflines are.
#pragma once

#include "features.hpp"

#include <array>
#include <vector>

namespace assay {

inline double squared(double x) {
  return x * x;
}

// A subgraph as the process sees it.
struct ProcessPoint {
  Subgraph subgraph;
  SubgraphKind kind = SubgraphKind::convolution;
  Coordinates at{};
  double log_roofline = 0;
  // Its kind; of operators that libraries compute by other means than the rest of their kind, one of their
  // own: what was measured of a convolution tells nothing of how far a transposed one is from its roofline.
  int family = 0;
};
ProcessPoint point_of(const Accelerator& accelerator, const Subgraph& subgraph, double roofline_ms);

// Covariances of g. Zero between families; within one
//   kind + exact [same subgraph] + trend a'b + sum over components of v (1 + sqrt(3) r) exp(-sqrt(3) r),
// a and b the standardised shape coordinates: what goes with a power of a size holds beyond the measured
// range; r the distance with a length per coordinate (Matern 3/2, automatic relevance determination). The
// first component sees the shape only. Two more, used where rows are many, also see how channels and pixels
// fill tiles of the usual sizes; the last of them is rough, v exp(-r), for libraries that switch algorithms.
struct ProcessKernel {
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

  double operator()(const ProcessPoint& a, const ProcessPoint& b) const;
  // (a, a), without the distance.
  double variance(const ProcessPoint& a) const;
  double context(const ProcessPoint& a, const ProcessPoint& b) const;
};

// A component's covariance at distance r, and minus twice its derivative by r^2.
struct KernelValue {
  double covariance = 0;
  double slope = 0;
};
KernelValue value_at(const ProcessKernel::Component& component, double r);
double distance(const ProcessKernel::Component& component, const Coordinates& a, const Coordinates& b);
// Of the standardised shape coordinates.
double trend_of(const ProcessKernel& kernel, const Coordinates& a, const Coordinates& b);

}  // namespace assay
