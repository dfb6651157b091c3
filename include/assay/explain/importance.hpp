// How much each decision of a space matters for a number that is known of many candidates.
//
// Additive model: the number is a mean plus one effect per decision and option, fitted by least squares over
// one-hot columns with a ridge of one row, so that an option that few candidates have counts little. With f_d
// the effect of decision d over the candidates, its share is
//   cov(f_d, y) / var(y)
// (Pratt 1987, "Dividing the indivisible"): the shares of all decisions sum to the fit's R2. Of independent
// decisions it is the first-order Sobol index, the variance that the decision explains by itself; of
// decisions that go together, each gets what its own effect contributes. What the additive model cannot say
// (two decisions that matter only together) is nobody's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace assay {

struct Importance {
  std::vector<double> shares;  // per decision, 0 .. 1; a decision whose effect others mask has 0
  // Of all decisions together, on candidates that the fit did not see (leave-one-out): below 0 when the model
  // says nothing. NaN where no share can be told: fewer than three candidates, or all numbers are equal.
  double r2 = std::numeric_limits<double>::quiet_NaN();
};

// `choices` is row-major, one option index per decision; `option_counts` per decision. `values` has one
// finite number per row.
Importance importance_of(std::span<const std::size_t> option_counts, std::span<const std::uint16_t> choices,
                         std::span<const double> values);

}  // namespace assay
