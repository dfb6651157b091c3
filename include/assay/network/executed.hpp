// What of a declared network runs.
#pragma once

#include "assay/network/network.hpp"

namespace assay {

// Without dead and zero operators; the network as declared, in its own order, where there are none.
Network executed(Network declared);

}  // namespace assay
