#include "assay/onnx/import.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"

#include "import_finish.hpp"
#include "import_graph.hpp"

#include <filesystem>
#include <limits>

#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>

namespace assay {

std::int64_t TensorLayout::elements() const {
  std::int64_t count = 1;
  for (const auto& dim : pieces) {
    for (const Piece& piece : dim) count *= piece.extent;
  }
  return count;
}

std::vector<std::int64_t> TensorLayout::offsets() const {
  std::vector<std::int64_t> all = {offset};
  for (const auto& dim : pieces) {
    for (const Piece& piece : dim) {
      std::vector<std::int64_t> finer;
      finer.reserve(all.size() * static_cast<std::size_t>(piece.extent));
      for (const std::int64_t begin : all) {
        for (std::int64_t i = 0; i < piece.extent; ++i) finer.push_back(begin + i * piece.stride);
      }
      all = std::move(finer);
    }
  }
  return all;
}

namespace {

using namespace onnx_import;

std::int64_t opset_of(const onnx::ModelProto& model) {
  for (const auto& opset : model.opset_import()) {
    if (opset.domain().empty() || opset.domain() == "ai.onnx") return opset.version();
  }
  return 1;  // as the standard says of models without one
}

ImportedModel import_model(const onnx::ModelProto& model, const std::string& source,
                           const ImportOptions& options) {
  const std::int64_t opset = opset_of(model);
  if (!model.has_graph() || model.graph().node_size() == 0)
    throw InputError("It holds no graph. Give an ONNX model.");
  constexpr std::int64_t most_opset = 1000;
  if (opset < least_imported_opset || opset > most_opset) {
    throw InputError(
        fmt::format("Its opset is {}; models of {} and later are read. Export it with a later opset.", opset,
                    least_imported_opset));
  }
  Graph graph(model.graph(), static_cast<int>(opset), options);
  if (opset > most_imported_opset) {
    graph.notes().push_back(
        fmt::format("Opset {} is later than {}, which operators are read as.", opset, most_imported_opset));
  }
  graph.read_nodes();
  ImportedModel imported = finish(graph, options, std::filesystem::path(source).stem().string());
  for (const auto& entry : model.metadata_props()) imported.metadata.emplace_back(entry.key(), entry.value());
  return imported;
}

template <class Parse>
ImportedModel import_parsed(const std::string& source, const ImportOptions& options, Parse&& parse) {
  // Models are trees of many small messages: an arena makes and frees them at once.
  google::protobuf::Arena arena;
  auto& model = *google::protobuf::Arena::CreateMessage<onnx::ModelProto>(&arena);
  if (!parse(model)) {
    throw InputError(fmt::format(
        "{}: this is no ONNX model, or a truncated one. Export it again, or copy it completely.", source));
  }
  try {
    return import_model(model, source, options);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", source, error.what()));
  }
}

}  // namespace

ImportedModel import_onnx(const std::string& path, const ImportOptions& options) {
  std::ifstream in = open_input(path);
  ImportOptions in_folder = options;
  if (in_folder.folder.empty()) {
    const auto folder = std::filesystem::path(path).parent_path();
    in_folder.folder = folder.empty() ? "." : folder.string();
  }
  return import_parsed(path, in_folder, [&](onnx::ModelProto& model) {
    google::protobuf::io::IstreamInputStream stream(&in, 1 << 20);
    return model.ParseFromZeroCopyStream(&stream) && !in.bad();
  });
}

ImportedModel import_onnx(std::span<const char> bytes, const std::string& source,
                          const ImportOptions& options) {
  return import_parsed(source, options, [&](onnx::ModelProto& model) {
    return bytes.size() <= std::size_t{std::numeric_limits<int>::max()} &&
           model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  });
}

}  // namespace assay
