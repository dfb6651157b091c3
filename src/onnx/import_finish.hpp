// The network of a draft: without operators that nobody reads, with constants folded into weights.
#pragma once

#include "assay/onnx/import.hpp"

#include "import_graph.hpp"

namespace assay::onnx_import {

// Throws InputError naming all gaps, unless they are allowed.
ImportedModel finish(Graph& graph, const ImportOptions& options, const std::string& title);

// The values of one operator's parameters. `folded` are the affine functions of its output that it takes
// over, first one first; `with_bias` says whether the operator ends up with one.
void append_weights(Weights& weights, OpId id, const Draft& draft, OpId source,
                    const std::vector<OpId>& folded, bool with_bias);

}  // namespace assay::onnx_import
