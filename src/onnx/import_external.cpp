#include "import_external.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include <filesystem>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

namespace fs = std::filesystem;

struct Place {
  fs::path file;
  std::int64_t offset = 0;
};

[[noreturn]] void fail(const onnx::TensorProto& tensor, const std::string& cause, const char* remedy) {
  throw InputError(fmt::format("Tensor \"{}\" with external data: {}. {}.", tensor.name(), cause, remedy));
}

bool lies_inside(const fs::path& file, const fs::path& folder) {
  const fs::path relative = file.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

Place find(const onnx::TensorProto& tensor, const std::string& folder, std::int64_t bytes) {
  Place place;
  std::string location;
  std::int64_t length = bytes;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() != "offset" && entry.key() != "length") continue;
    const auto number = parse_integer(entry.value());
    if (!number || *number < 0)
      fail(tensor, fmt::format("its {} \"{}\" is no whole number", entry.key(), entry.value()),
           "Export the model again");
    (entry.key() == "offset" ? place.offset : length) = *number;
  }
  if (folder.empty()) fail(tensor, "the model was not read from a folder", "Keep the data in the model");
  if (length != bytes) {
    fail(tensor, fmt::format("it is {} bytes long where its dimensions ask for {}", length, bytes),
         "Export the model again");
  }
  const fs::path relative(location);
  std::error_code error;
  const fs::path root = fs::weakly_canonical(folder, error);
  place.file = fs::weakly_canonical(root / relative, error);  // follows links
  if (location.empty() || relative.is_absolute() || error || !lies_inside(place.file, root)) {
    fail(tensor, fmt::format("\"{}\" does not lie in the model's folder", location),
         "Put the file beside the model");
  }
  if (!fs::is_regular_file(place.file, error))
    fail(tensor, fmt::format("there is no file {}", place.file.string()), "Put the file beside the model");
  const auto size = static_cast<std::int64_t>(fs::file_size(place.file, error));
  if (error || place.offset > size || bytes > size - place.offset) {
    fail(tensor, fmt::format("{} ends before byte {} + {}", place.file.string(), place.offset, bytes),
         "Copy the file again, it is too short");
  }
  return place;
}

}  // namespace

void check_external(const onnx::TensorProto& tensor, const std::string& folder, std::int64_t bytes) {
  find(tensor, folder, bytes);
}

std::string read_external(const onnx::TensorProto& tensor, const std::string& folder, std::int64_t bytes) {
  const Place place = find(tensor, folder, bytes);
  std::ifstream in = open_input(place.file.string());
  std::string data(static_cast<std::size_t>(bytes), '\0');
  in.seekg(place.offset);
  in.read(data.data(), bytes);
  if (in.gcount() != bytes)
    fail(tensor, fmt::format("{} cannot be read to its end", place.file.string()), "Copy the file again");
  return data;
}

}  // namespace assay::onnx_import
