// The linear algebra of the Gaussian process, shared by conditioning it and by fitting its kernel.
#pragma once

#include "gaussian_process.hpp"

#include <span>

// GCC 12 sees uninitialised vectors in its own AVX-512 intrinsics (GCC bug 105593) wherever Eigen uses them.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <Eigen/Dense>
#include <Eigen/Sparse>

namespace assay {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Shares = Eigen::SparseMatrix<double, Eigen::RowMajor>;  // rows x points

// Added to the diagonal of row covariances, so that noiseless rows can be solved.
inline constexpr double jitter = 1e-9;

struct Covariances {
  MatrixXd alone;    // of g, points x points
  MatrixXd context;  // of what networks add; empty without
};
Covariances covariances(const ProcessKernel& kernel, std::span<const ProcessPoint> points, bool context);

// Row covariances J K J', the context's between networks only, noise on the diagonal.
MatrixXd row_covariance(const Covariances& k, const Shares& shares, const Shares& network_shares,
                        const VectorXd& noise);

// The rows, linearised at log factors of the points.
struct Linearised {
  Shares shares;          // of each point in the row's latency
  Shares network_shares;  // the same, subgraph rows empty
  VectorXd target;        // log y - log f + shares g: what a linear model would have to give
};
Linearised linearise(std::span<const ProcessPoint> points, std::span<const Observation> rows,
                     const VectorXd& alone, const VectorXd& in_network);

// Whether rows of both sorts are there, so that a context can be told.
bool has_context(std::span<const Observation> rows);
VectorXd noise_of(const ProcessKernel& kernel, std::span<const Observation> rows);

struct State {
  VectorXd weights, context_weights;
  VectorXd alone, in_network;  // log factors at the points
  Linearised rows;
  Eigen::LLT<MatrixXd> factor;  // of the row covariance
};
// The most likely factors, by Gauss-Newton with a halving line search: a full step can overshoot where shares
// change much.
State settle(const Covariances& k, std::span<const ProcessPoint> points, std::span<const Observation> rows,
             const VectorXd& noise);

}  // namespace assay
