#include "assay/base/error.hpp"
#include "assay/onnx/import.hpp"
#include "assay/runtime/runtime.hpp"

#include "commands.hpp"
#include "model_file.hpp"
#include "npy.hpp"
#include "terminal.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace assay::cli {
namespace {

#ifdef ASSAY_ONNX

// "y.npy", or "y.NAME.npy" when there are several.
std::string output_path(const std::string& path, const std::string& tensor, std::size_t count) {
  if (count == 1) return path;
  std::string name = tensor;
  std::ranges::replace(name, '/', '_');
  const bool has_ending = path.ends_with(".npy");
  return fmt::format("{}.{}.npy", has_ending ? path.substr(0, path.size() - 4) : path, name);
}

int run(const Arguments& arguments) {
  if (arguments.positionals().empty())
    throw InputError("assay run: name an ONNX model. See: assay run --help");
  const std::string& path = arguments.positionals()[0];
  const std::string input_path = arguments.required_text("input"), out = arguments.required_text("out");
  const ModelSettings settings = model_settings(arguments);
  const ImportedModel model = import_onnx(path, {.channels = settings.channels,
                                                 .height = settings.height,
                                                 .width = settings.width,
                                                 .output = settings.output,
                                                 .allow_gaps = settings.allow_gaps});
  if (!arguments.flag("quiet")) {
    for (const std::string& text : model.notes) note(text);
  }
  const NpyArray input = read_npy(input_path);
  std::vector<std::int64_t> expected = model.input.dims;
  const std::int64_t images = input.dims.empty() ? 0 : input.dims[0];
  if (images > 0) expected[0] = images;
  if (images < 1 || input.dims != expected) {
    throw InputError(
        fmt::format("{}: its shape is ({}), but {} takes ({}), with any number of images in front.",
                    input_path, fmt::join(input.dims, ", "), path, fmt::join(model.input.dims, ", ")));
  }

  Worker worker;
  Executable executable(worker, model.network, {.batch_norm = BatchNormMode::running_statistics});
  executable.set_weights(*model.weights);
  const std::vector<std::int64_t> from = model.input.offsets();
  std::vector<std::vector<std::int64_t>> to;
  std::vector<NpyArray> results;
  for (const TensorLayout& layout : model.outputs) {
    to.push_back(layout.offsets());
    results.push_back({.dims = layout.dims, .values = {}});
    results.back().dims[0] = images;
  }
  for (std::int64_t image = 0; image < images; ++image) {
    const auto* pixels = input.values.data() + image * static_cast<std::int64_t>(from.size());
    for (std::size_t i = 0; i < from.size(); ++i)
      executable.input()[static_cast<std::size_t>(from[i])] = pixels[i];
    executable.forward();
    for (std::size_t k = 0; k < results.size(); ++k) {
      for (const std::int64_t offset : to[k])
        results[k].values.push_back(executable.output()[static_cast<std::size_t>(offset)]);
    }
  }
  for (std::size_t k = 0; k < results.size(); ++k)
    write_npy(output_path(out, model.outputs[k].name, results.size()), results[k]);
  return 0;
}

#else

int run(const Arguments&) {
  require_onnx();
  return 0;
}

#endif

}  // namespace

Command run_command() {
  return {
      .name = "run",
      .summary = "execute an ONNX model with its own weights on given images",
      .positionals = "MODEL.onnx",
      .max_positionals = 1,
      .description =
          "Shows that a model was understood: the outputs are those of any other runtime, but for rounding. "
          "Inputs\n"
          "and outputs are NumPy arrays (.npy) of float32 in the model's own layout; the first dimension "
          "counts\n"
          "images. Several outputs are written as OUT.NAME.npy.",
      .groups = {{"Tensors",
                  {{"input", "FILE.npy", "the images", ""}, {"out", "FILE.npy", "the outputs", ""}}},
                 model_options(),
                 {"Output", {{"quiet", "", "no notes", ""}}}},
      .example = "  assay run mobilenet.onnx --input images.npy --out logits.npy",
      .run = run};
}

}  // namespace assay::cli
