#include "kernel.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

constexpr double sqrt3 = 1.7320508075688772;
constexpr double context_length = 2;  // of log roofline: a factor of 7 in latency

int family_of(const Subgraph& subgraph) {
  const int kind = static_cast<int>(kind_of(subgraph));
  switch (subgraph.kind) {
    case OpKind::transposed_convolution:
      return kind + subgraph_kind_count;
    case OpKind::channel_shuffle:
      return kind + 2 * subgraph_kind_count;
    case OpKind::layer_norm:
      return kind + 3 * subgraph_kind_count;
    default:
      return kind;
  }
}

}  // namespace

double distance(const ProcessKernel::Component& component, const Coordinates& a, const Coordinates& b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += component.weight[c] * squared(a[c] - b[c]);
  return std::sqrt(sum);
}

KernelValue value_at(const ProcessKernel::Component& component, double r) {
  if (component.rough) {
    const double decay = component.variance * std::exp(-r);
    return {decay, decay / std::max(r, 1e-9)};
  }
  const double decay = component.variance * std::exp(-sqrt3 * r);
  return {decay * (1 + sqrt3 * r), 3 * decay};
}

double trend_of(const ProcessKernel& kernel, const Coordinates& a, const Coordinates& b) {
  double sum = 0;
  for (std::size_t c = 0; c < kernel.middle.size(); ++c)
    sum += (a[c] - kernel.middle[c]) * (b[c] - kernel.middle[c]) / squared(kernel.spread[c]);
  return sum;
}

ProcessPoint point_of(const Accelerator& accelerator, const Subgraph& subgraph, double roofline_ms) {
  return {subgraph, kind_of(subgraph), coordinates_of(accelerator, subgraph), std::log(roofline_ms),
          family_of(subgraph)};
}

double ProcessKernel::operator()(const ProcessPoint& a, const ProcessPoint& b) const {
  if (a.family != b.family) return 0;
  double sum = kind + (a.subgraph == b.subgraph ? exact : 0) + trend * trend_of(*this, a.at, b.at);
  for (const Component& component : components)
    sum += value_at(component, distance(component, a.at, b.at)).covariance;
  return sum;
}

double ProcessKernel::variance(const ProcessPoint& a) const {
  double sum = kind + exact + trend * trend_of(*this, a.at, a.at);
  for (const Component& component : components) sum += component.variance;
  return sum;
}

double ProcessKernel::context(const ProcessPoint& a, const ProcessPoint& b) const {
  if (a.kind != b.kind) return 0;
  return context_kind +
         context_size * std::exp(-squared((a.log_roofline - b.log_roofline) / context_length) / 2);
}

}  // namespace assay
