// The node tests of the ONNX project (Debian's libonnx-testdata): models of one operator, with inputs and
// outputs.
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"

#include "onnx_model.hpp"

#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include <doctest/doctest.h>

namespace {

namespace fs = std::filesystem;
using namespace onnx_test;

const fs::path data = "/usr/share/libonnx-testdata/data";

template <class Message>
Message read(const fs::path& path) {
  Message message;
  REQUIRE(message.ParseFromString(assay::read_file(path.string())));
  return message;
}

std::optional<Floats> floats_of(const onnx::TensorProto& tensor) {
  if (tensor.data_type() != onnx::TensorProto::FLOAT) return std::nullopt;
  if (!tensor.has_raw_data()) return Floats(tensor.float_data().begin(), tensor.float_data().end());
  Floats values(tensor.raw_data().size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), tensor.raw_data().data(), tensor.raw_data().size());
  return values;
}

struct Outcome {
  enum Kind { passed, failed, unsupported } kind;
  std::string text;
};

// These models take everything as an input. Input `image` is the image, the others are made constants.
Outcome try_model(const fs::path& folder, int image) {
  auto model = read<onnx::ModelProto>(folder / "model.onnx");
  std::set<std::string> initialisers;
  for (const auto& tensor : model.graph().initializer()) initialisers.insert(tensor.name());
  std::vector<std::string> inputs;
  for (const auto& input : model.graph().input()) {
    if (!initialisers.contains(input.name())) inputs.push_back(input.name());
  }
  const fs::path set = folder / "test_data_set_0";
  std::optional<Floats> pixels;
  Dims dims;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto tensor = read<onnx::TensorProto>(set / ("input_" + std::to_string(i) + ".pb"));
    if (static_cast<int>(i) == image) {
      pixels = floats_of(tensor);
      dims.assign(tensor.dims().begin(), tensor.dims().end());
    } else {
      tensor.set_name(inputs[i]);
      *model.mutable_graph()->add_initializer() = tensor;
    }
  }
  if (!pixels) return {Outcome::unsupported, "its input is no image of floats"};
  assay::ImportedModel imported;
  try {
    imported = assay::import_onnx(model.SerializeAsString(), folder.filename().string(), {});
  } catch (const assay::InputError& error) {
    return {Outcome::unsupported, error.what()};
  }
  const auto results = run(imported, *pixels, dims[0]);
  for (std::size_t k = 0; k < results.size(); ++k) {
    const auto expected = read<onnx::TensorProto>(set / ("output_" + std::to_string(k) + ".pb"));
    const auto values = floats_of(expected);
    if (!values) return {Outcome::unsupported, "its output is not of floats"};
    Dims expected_dims(expected.dims().begin(), expected.dims().end());
    if (expected_dims.size() + 1 == results[k].dims.size() && dims[0] == 1)
      expected_dims.insert(expected_dims.begin(), 1);  // an imported model's outputs always have a batch
    if (results[k].dims != expected_dims) return {Outcome::failed, "another shape"};
    const double error = relative_error(results[k].values, *values);
    // The data of some tests are rounded to four digits.
    if (!(error <= 1e-4)) return {Outcome::failed, "relative error " + std::to_string(error)};
  }
  return {Outcome::passed, ""};
}

// The first input that works as an image.
Outcome try_model(const fs::path& folder) {
  const Outcome first = try_model(folder, 0);
  if (first.kind != Outcome::unsupported) return first;
  for (int image = 1; fs::exists(folder / "test_data_set_0" / ("input_" + std::to_string(image) + ".pb"));
       ++image) {
    const Outcome other = try_model(folder, image);
    if (other.kind != Outcome::unsupported) return other;
  }
  return first;
}

}  // namespace

TEST_CASE("the ONNX project's node tests: none computes another result") {
  if (!fs::exists(data)) {
    MESSAGE("Skipped: install libonnx-testdata.");
    return;
  }
  int passed = 0, failed = 0, unsupported = 0;
  for (const char* suite : {"node", "pytorch-converted", "pytorch-operator", "simple"}) {
    for (const auto& entry : fs::directory_iterator(data / suite)) {
      if (!fs::exists(entry.path() / "test_data_set_0" / "input_0.pb")) continue;
      INFO(entry.path().string());
      const Outcome outcome = try_model(entry.path());
      CHECK_MESSAGE(outcome.kind != Outcome::failed, outcome.text);
      passed += outcome.kind == Outcome::passed;
      failed += outcome.kind == Outcome::failed;
      unsupported += outcome.kind == Outcome::unsupported;
      if (std::getenv("ASSAY_LIST_NODE_TESTS") != nullptr) {
        constexpr const char* kinds[] = {"passed", "FAILED", "unsupported"};
        std::cout << kinds[outcome.kind] << " " << entry.path().filename().string() << " "
                  << outcome.text.substr(0, 400) << "\n";
      }
    }
  }
  MESSAGE(passed << " passed, " << failed << " failed, " << unsupported << " without counterpart");
  CHECK(passed >= 1);
}
