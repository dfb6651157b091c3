#include "model_file.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/network/json.hpp"
#ifdef ASSAY_ONNX
#include "assay/onnx/export.hpp"
#include "assay/onnx/import.hpp"
#endif
#include "assay/base/text.hpp"

#include "common.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::cli {

bool is_model_file(std::string_view path) {
  return path.ends_with(".json") || path.ends_with(".onnx");
}

OptionGroup model_options() {
  return {
      "ONNX models",
      {{"input-size", "CxHxW", "the image's size where the model leaves it open; HxW without channels", ""},
       {"output-name", "NAME", "a tensor of the model that is taken as its only output", ""},
       {"allow-gaps", "", "go on without operators that have no counterpart", ""}}};
}

ModelSettings model_settings(const Arguments& arguments) {
  ModelSettings settings{.output = arguments.text("output-name").value_or(""),
                         .allow_gaps = arguments.flag("allow-gaps")};
  if (const auto text = arguments.text("input-size")) {
    std::vector<int> sizes;
    for (const std::string_view part : split(*text, 'x')) {
      constexpr std::int64_t most = 1 << 16;
      const auto size = parse_integer(part);
      sizes.push_back(size && *size > 0 && *size <= most ? static_cast<int>(*size) : 0);
    }
    if (sizes.size() < 2 || sizes.size() > 3 || std::ranges::find(sizes, 0) != sizes.end()) {
      throw InputError(
          fmt::format("assay {}: --input-size {} is no size. Give CxHxW or HxW, for example 3x224x224.",
                      arguments.command_name(), *text));
    }
    settings.channels = sizes.size() == 3 ? sizes[0] : 0;
    settings.height = sizes[sizes.size() - 2];
    settings.width = sizes.back();
  }
  return settings;
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

#ifdef ASSAY_ONNX
namespace {

ModelFile load_onnx(const std::string& path, const ModelSettings& settings) {
  ImportedModel model = import_onnx(path, {.channels = settings.channels,
                                           .height = settings.height,
                                           .width = settings.width,
                                           .output = settings.output,
                                           .allow_gaps = settings.allow_gaps,
                                           .weights = settings.weights});
  std::vector<std::string> gaps;
  for (const ImportGap& gap : model.gaps) gaps.push_back(fmt::format("{} {}", gap.count, gap.kind));
  return {.network = std::move(model.network),
          .weights = std::move(model.weights),
          .notes = std::move(model.notes),
          .gaps = join(gaps, ", "),
          .metadata = std::move(model.metadata)};
}

}  // namespace
#endif

ModelFile load_model(const std::string& path, [[maybe_unused]] const ModelSettings& settings) {
  if (path.ends_with(".onnx")) {
    require_onnx();
#ifdef ASSAY_ONNX
    return load_onnx(path, settings);
#endif
  }
  return {.network = network_from_json(read_file(path), path), .weights = {}, .notes = {}};
}

}  // namespace assay::cli
