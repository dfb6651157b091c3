// Whole-network rewrites that scores and reports need. Each returns a new network.
#pragma once

#include "assay/network/network.hpp"

namespace assay {

// Without residual connections: every add whose inputs reach back to different depths keeps only its deepest
// input (most operators between it and the network's input). Zen-NAS and its relatives score the plain
// network.
Network without_residuals(const Network& network);

// Without batch normalisation (each batch norm becomes the identity). Layer norms stay: no convolution can
// take them in, and without them a network is another function even when it is deployed.
Network without_batch_norm(const Network& network);

// The network at another input resolution.
Network at_resolution(const Network& network, int height, int width);

}  // namespace assay
