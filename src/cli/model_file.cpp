#include "model_file.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/network/json.hpp"
#ifdef ASSAY_ONNX
#include "assay/onnx/export.hpp"
#endif

#include "common.hpp"

namespace assay::cli {

bool is_model_file(std::string_view path) {
  return path.ends_with(".json");
}

void require_onnx() {
#ifndef ASSAY_ONNX
  throw InputError(
      "This assay was built without ONNX. Install libonnx-dev and libprotobuf-dev, and build it with "
      "-DASSAY_ONNX=ON.");
#endif
}

namespace {

#ifdef ASSAY_ONNX
Weights random_weights(const Network& network, const OnnxSettings& settings) {
  Worker worker;
  Executable executable(worker, network, {.batch_norm = BatchNormMode::running_statistics});
  executable.initialise(settings.initialisation, settings.seed, fingerprint(network));
  return executable.weights();
}

std::string onnx_of(const ModelFile& model, const OnnxSettings& settings) {
  const OnnxExportOptions options{
      .opset = settings.opset, .producer_version = assay_version, .metadata = model.metadata};
  if (model.weights) return to_onnx(model.network, *model.weights, options);
  const Network network = canonical(model.network);
  return to_onnx(network, random_weights(network, settings), options);
}
#else
std::string onnx_of(const ModelFile&, const OnnxSettings&) {
  require_onnx();
  throw InternalError("ONNX was asked of a build without it.");
}
#endif

}  // namespace

void write_model(const std::string& path, const ModelFile& model, const OnnxSettings& settings) {
  const bool onnx = path.ends_with(".onnx");
  OutputFile file(path);
  file.write(onnx ? onnx_of(model, settings) : to_json(model.network));
  file.close();
}

ModelFile load_model(const std::string& path) {
  return {.network = network_from_json(read_file(path), path), .weights = {}, .notes = {}};
}

}  // namespace assay::cli
