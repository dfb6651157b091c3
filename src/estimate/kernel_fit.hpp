// Finding the kernel under which the measured rows are most likely.
#pragma once

#include "gaussian_process.hpp"

#include <span>

namespace assay {

// The kernel that makes the rows most likely (maximum a posteriori under broad priors, by L-BFGS), and with
// it weights of rows that disagree: their noise follows a Student distribution with 4 degrees of freedom
// instead of a normal one.
ProcessKernel fit_kernel(std::span<const ProcessPoint> points, std::span<Observation> rows, bool tiles);

}  // namespace assay
