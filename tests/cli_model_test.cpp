// ONNX models on the command line: executed, estimated, scored; sizes, outputs and gaps.
#ifdef ASSAY_ONNX
#include "cli_tiny_space.hpp"

#include <cstring>
#include <vector>

#include <nlohmann/json.hpp>

using namespace cli_test;

namespace {

using Floats = std::vector<float>;

// As numpy.save writes it.
std::string npy(const std::string& shape, const Floats& values) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.resize(117, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00\x76\x00", 10);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return bytes;
}

Floats values_of(const std::string& bytes) {
  REQUIRE(bytes.size() > 128);
  Floats values((bytes.size() - 128) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + 128, values.size() * sizeof(float));
  return values;
}

Floats ramp(std::size_t count) {
  Floats values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 17) / 4 - 2;
  return values;
}

// model.onnx: a small network with random weights.
struct ModelFolder : Folder {
  ModelFolder() {
    write("space.toml", tiny_space);
    const Outcome made = shell(*this,
                               "assay export space.toml --candidate 'a.kernel=3 a.channels=8 a.stride=2 "
                               "a.activation=relu' --out model.onnx");
    INFO(made.err);
    REQUIRE(made.exit_code == 0);
  }
};

}  // namespace

TEST_CASE("assay run computes a model's outputs image by image") {
  const ModelFolder folder;
  const Floats two = ramp(2 * 3 * 8 * 8);
  folder.write("two.npy", npy("2, 3, 8, 8", two));
  folder.write("one.npy", npy("1, 3, 8, 8", Floats(two.begin() + 192, two.end())));
  const Outcome both = shell(folder, "assay run model.onnx --input two.npy --out both.npy");
  INFO(both.err);
  REQUIRE(both.exit_code == 0);
  REQUIRE(shell(folder, "assay run model.onnx --input one.npy --out second.npy").exit_code == 0);
  CHECK(mentions(folder.read("both.npy"), "'shape': (2, 10)"));
  const Floats all = values_of(folder.read("both.npy")), second = values_of(folder.read("second.npy"));
  REQUIRE(all.size() == 20);
  CHECK(Floats(all.begin() + 10, all.end()) == second);
  CHECK(Floats(all.begin(), all.begin() + 10) != second);
}

TEST_CASE("assay run says what it takes when it is given something else") {
  const ModelFolder folder;
  folder.write("small.npy", npy("1, 3, 4, 4", ramp(48)));
  folder.write("short.npy", npy("1, 3, 8, 8", ramp(48)));
  folder.write("text.npy", "hello");
  const auto error = [&](const std::string& options) {
    const Outcome outcome = shell(folder, "assay run " + options);
    CHECK(outcome.exit_code == 2);
    return outcome.err;
  };
  CHECK(mentions(error("model.onnx --input small.npy --out y.npy"), "takes (1, 3, 8, 8)"));
  CHECK(mentions(error("model.onnx --input short.npy --out y.npy"), "does not fit its size"));
  CHECK(mentions(error("model.onnx --input text.npy --out y.npy"), "no .npy file"));
  CHECK(mentions(error("model.onnx --input none.npy --out y.npy"), "cannot be read"));
  CHECK(mentions(error("model.onnx --input small.npy --out small.npy"), "would overwrite"));
  CHECK(mentions(error("space.toml --input small.npy --out y.npy"), "no ONNX model"));
  CHECK(
      mentions(error("model.onnx --input small.npy --out y.npy --input-size 3x9x9"), "that the model fixes"));
  CHECK(mentions(error("model.onnx --input small.npy --out y.npy --input-size 3x9x"), "is no size"));
}

TEST_CASE("estimates and scores of a model are those of the candidate that it was exported from") {
  const ModelFolder folder;
  const std::string accelerator =
      " --accelerator '" + accelerator_file("edge_npu_16.toml") + "' --format json --quiet";
  const auto row = [&](const std::string& command) {
    const Outcome outcome = shell(folder, command);
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    return nlohmann::json::parse(outcome.out).at(0);
  };
  const auto model = row("assay estimate model.onnx" + accelerator);
  const auto candidate =
      row("assay export model.onnx --out model.json --quiet && assay estimate model.json" + accelerator);
  for (const char* column : {"latency_ms", "peak_memory_bytes", "params", "macs", "extrapolated"})
    CHECK(model[column] == candidate[column]);
  CHECK(model["status"] == "ok");
  CHECK(row("assay score model.onnx --scores naswot,params --format json --quiet")["status"] == "ok");
}

TEST_CASE("an operator without counterpart is named, and left out when gaps are allowed") {
  const std::string reciprocal = "/usr/share/libonnx-testdata/data/node/test_reciprocal/model.onnx";
  if (!fs::exists(reciprocal)) {
    MESSAGE("Skipped: install libonnx-testdata.");
    return;
  }
  const Folder folder;
  const std::string command = "assay estimate " + reciprocal + " --accelerator '" +
                              accelerator_file("edge_npu_16.toml") + "' --format json";
  const Outcome refused = shell(folder, command);
  CHECK(refused.exit_code == 2);
  CHECK(mentions(refused.err, "Reciprocal (1 time)"));
  const Outcome allowed = shell(folder, command + " --allow-gaps");
  INFO(allowed.err);
  REQUIRE(allowed.exit_code == 0);
  const auto row = nlohmann::json::parse(allowed.out).at(0);
  CHECK(row["status"] == "without 1 Reciprocal");
  CHECK(row["extrapolated"] == true);
  CHECK(mentions(allowed.err, "was left out"));
}
#endif
