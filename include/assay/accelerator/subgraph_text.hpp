// A subgraph in few words, in two parts: what it does, and how large.
#pragma once

#include "assay/accelerator/subgraph.hpp"

#include <string>

namespace assay {

// "3x3 dw conv", "1x1 conv g2", "global pool", "h_swish".
std::string operation_text(const Subgraph& subgraph);
// "16→96 s2 @28", "96→24 @28 +add", "1280→1000", "96 @56x28".
std::string size_text(const Subgraph& subgraph);

}  // namespace assay
