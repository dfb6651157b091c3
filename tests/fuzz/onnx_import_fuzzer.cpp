// Whatever the bytes, an ONNX import ends in a consistent model or in an InputError. Everything else (another
// exception, a crash, more than the limits of tools/fuzz.sh) is a finding.
#include "assay/base/error.hpp"
#include "assay/network/json.hpp"
#include "assay/onnx/import.hpp"

#include <cstdlib>
#include <optional>
#include <span>

namespace {

using namespace assay;

std::optional<ImportedModel> attempt(std::span<const char> bytes, const ImportOptions& options) {
  try {
    return import_onnx(bytes, "fuzz.onnx", options);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const ImportedModel& model) {
  const Network& network = model.network;
  if (model.weights) {
    std::size_t next = 0;
    for (OpId id = 0; id < network.size(); ++id) {
      for (const ParameterRole role : parameter_roles(network.op(id))) {
        std::int64_t count = 1;
        for (const std::int64_t extent : parameter_dims(network, id, role)) count *= extent;
        require(next < model.weights->size());
        const WeightTensor& tensor = (*model.weights)[next++];
        require(tensor.op == id && tensor.role == role &&
                static_cast<std::int64_t>(tensor.values.size()) == count);
      }
    }
    require(next == model.weights->size());
  }
  constexpr std::int64_t small = 1 << 16;
  require(model.input.elements() == network.input_shape().elements());
  for (const TensorLayout& layout : model.outputs) {
    if (layout.elements() > small) continue;
    for (const std::int64_t offset : layout.offsets())
      require(offset >= 0 && offset < network.output_shape().elements());
  }
  constexpr int few = 2000;
  if (network.size() < few) to_json(network);
  fingerprint(network);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const char*>(data), size);
  auto model = attempt(bytes, {});
  // Open sizes and unknown operators are usual: behind them there is more to find.
  if (!model) model = attempt(bytes, {.channels = 3, .height = 32, .width = 32, .allow_gaps = true});
  if (!model) model = attempt(bytes, {.allow_gaps = true, .weights = false});
  if (model) check(*model);
  return 0;
}
