#include "model_file.hpp"

#include "assay/base/file.hpp"
#include "assay/network/json.hpp"

namespace assay::cli {

bool is_model_file(std::string_view path) {
  return path.ends_with(".json");
}

ModelFile load_model(const std::string& path) {
  return {.network = network_from_json(read_file(path), path), .weights = {}, .notes = {}};
}

}  // namespace assay::cli
