// The parts of a network that scores look at, and its rewritten forms.
#pragma once

#include "assay/network/network.hpp"

#include <span>
#include <vector>

namespace assay {

// Distinct block outputs in execution order. Two marks on one operator are one block: a block that is the
// identity does not exist in the function, and scores are functions of the function. The network's own output
// (the classifier) is no block unless it is the only one.
std::vector<OpId> block_outputs(const Network& network);

// Convolutions, transposed ones too, and linear operators: sums of products with weights.
bool is_weighted(const Operator& op);
// All of them in execution order.
std::vector<OpId> weighted_operators(const Network& network);

// The inputs of an operator that carry features: all of them, but of a product the feature map only, not the
// gate that scales it.
std::span<const OpId> feature_inputs(const Network& network, OpId id);

// The network's logits: a softmax at the end is left out.
Network logits(const Network& network);

// The features that the classifier sees: walking back from the output through operators with one input, the
// first one with more than one pixel (before global pooling or flattening). Where there is none, the operator
// with several inputs that ends the walk; the output where the input does. Of several outputs
// (OpKind::outputs), the first one's.
OpId feature_output(const Network& network);

// The network with at most `limit` pixels a side; where it does not work at that (a map would vanish), with
// at most twice, four times, ... as many; at the latest, and where the limit is 0, as it is.
Network at_most(const Network& network, int limit);

// The linear network whose paths synflow sums: norms and every activation become the identity, biases
// are dropped, and a product keeps its feature map only (its gate counts as 1).
Network linearised(const Network& network);

}  // namespace assay
