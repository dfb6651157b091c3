// All measurements of a fit, over the distinct subgraphs that occur in them.
#pragma once

#include "assay/estimate/estimator.hpp"

#include "roofline_fit.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

struct Problem {
  const Accelerator& accelerator;
  std::vector<Unit> units;
  std::vector<Observation> rows;  // subgraphs, then networks
  std::vector<int> folds;
  std::vector<std::size_t> origin;  // of each row in what was given
  std::vector<std::uint64_t> keys;  // of what was measured
  std::size_t networks = 0;

  std::size_t subgraph_rows() const { return rows.size() - networks; }
  SubgraphKind kind_of_row(std::size_t row) const {
    return units[static_cast<std::size_t>(rows[row].parts[0].point)].kind;
  }
};

// Throws InputError for too few measurements, or such that cannot be.
Problem gather(const Accelerator& accelerator, std::span<const SubgraphMeasurement> measured,
               std::span<const NetworkMeasurement> networks, const FitOptions& options);

}  // namespace assay
