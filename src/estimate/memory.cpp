#include "assay/estimate/memory.hpp"

#include "assay/network/memory.hpp"

namespace assay {

std::int64_t peak_memory_bytes(const Accelerator& accelerator, const Network& network) {
  const std::int64_t activations = peak_activation_bytes(network, accelerator.memory);
  const std::int64_t weights = network.parameters() * accelerator.bytes_per_element();
  return activations + (accelerator.weights_counted ? weights : 0);
}

}  // namespace assay
