// The cycle model as an estimator: its roofline is one of those that a fit can find, so nothing is left to
// fit.
#include "assay/accelerator/cycle_model.hpp"
#include "assay/estimate/estimator.hpp"

#include "model.hpp"

#include <utility>

namespace assay {
namespace {

// Any size lies within the range of what is known.
constexpr double no_limit = 1e30;

// launch + longer + (1 - overlap) shorter is the larger of two sums, in each of which one time counts in
// full.
Roofline roofline_of(const Accelerator& a, double cycles_per_sweep) {
  const double hidden = 1 - a.overlap;
  const double cycle_ms = 1 / (a.clock_mhz * 1e3);
  const double byte_ms = 1 / (a.bandwidth_gb_s * 1e6);
  const auto face = [&](double compute, double memory) {
    Terms terms{};
    terms[launch_term] = a.launch_us * 1e-3;
    terms[lane_cycles] = compute * cycle_ms * cycles_per_sweep;
    terms[weight_swaps] = compute * cycle_ms * a.weight_swap_cycles;
    terms[weight_bytes] = terms[excess_bytes] = memory * byte_ms;
    return terms;
  };
  return {.a = face(1, hidden), .b = face(hidden, 1)};
}

KindModel model_of(const Accelerator& a, SubgraphKind kind) {
  Subgraph typical;
  typical.kind = OpKind::add;
  if (kind == SubgraphKind::linear) typical.kind = OpKind::linear;
  if (kind == SubgraphKind::convolution || kind == SubgraphKind::depthwise)
    typical.kind = OpKind::convolution;
  if (kind == SubgraphKind::depthwise) typical.groups = typical.input.channels = 2;
  const double rate = a.macs_per_lane[static_cast<std::size_t>(a.number_format)];
  KindModel model;
  model.fitted = true;
  model.lanes = lanes_from_file(a, typical);
  model.roofline = roofline_of(a, on_vector_unit(a, typical) ? 1 : 1 / rate);
  model.range_high.fill(no_limit);
  return model;
}

}  // namespace

Estimator Estimator::of_cycle_model(const Accelerator& accelerator) {
  require_cycle_model(accelerator);
  auto model = std::make_shared<Model>();
  model->accelerator = accelerator;
  for (std::size_t k = 0; k < model->rooflines.kinds.size(); ++k)
    model->rooflines.kinds[k] = model_of(accelerator, static_cast<SubgraphKind>(k));
  model->rooflines.fallback = model_of(accelerator, SubgraphKind::elementwise);  // of no kind: never used
  return Estimator(std::move(model));
}

}  // namespace assay
