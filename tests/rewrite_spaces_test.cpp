// Rewrites of random networks of all spaces: valid, other networks, with the same input and output, whatever
// the order of steps. And rewritten networks run.
#include "assay/base/random.hpp"
#include "assay/network/json.hpp"
#include "assay/rewrite/rewrite.hpp"
#include "assay/runtime/runtime.hpp"
#include "assay/space/space.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

namespace {

const Estimator& npu() {
  static const Estimator estimator = Estimator::of_cycle_model(
      Accelerator::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/edge_npu_16.toml"));
  return estimator;
}

std::vector<std::string> space_files() {
  std::vector<std::string> files;
  for (const char* folder : {"/spaces", "/tests/spaces"})
    for (const auto& entry : std::filesystem::directory_iterator(std::string(ASSAY_SOURCE_DIR) + folder))
      if (entry.path().extension() == ".toml") files.push_back(entry.path().string());
  std::ranges::sort(files);
  return files;
}

Network random_network(const Space& space, std::uint64_t index) {
  Random random(7, Purpose::sample, 0, index);
  return canonical(space.decode(space.sample(random)));
}

void check_rewritten(const Network& before, const RewriteStep& step, const Network& after) {
  INFO(step.text());
  CHECK(fingerprint(after) != fingerprint(before));
  CHECK(after.input_shape().channels == before.input_shape().channels);
  if (step.kind == RewriteKind::reduce_resolution) {
    CHECK(after.output_shape().channels == before.output_shape().channels);
  } else {
    CHECK(after.input_shape() == before.input_shape());
    CHECK(after.output_shape() == before.output_shape());
  }
  // What can be written can be read again, and is the same.
  CHECK(fingerprint(network_from_json(to_json(after), "rewritten")) == fingerprint(after));
}

}  // namespace

TEST_CASE("every step of random networks of all spaces gives another valid network") {
  std::set<RewriteKind> found;
  for (const std::string& file : space_files()) {
    INFO(file);
    const Space space = Space::load(file);
    for (std::uint64_t i = 0; i < 2; ++i) {
      const Network network = random_network(space, i);
      std::set<std::string> texts;
      for (const RewriteStep& step : find_steps(network, npu())) {
        check_rewritten(network, step, apply(network, step.edit));
        CHECK(texts.insert(step.text()).second);
        CHECK(!step.what.empty());
        found.insert(step.kind);
      }
    }
  }
  CHECK(found.size() == rewrite_kind_count);
}

TEST_CASE("random sequences of steps") {
  for (const std::string& file : space_files()) {
    INFO(file);
    const Space space = Space::load(file);
    for (std::uint64_t i = 0; i < 3; ++i) {
      Network network = random_network(space, i);
      Random random(11, Purpose::mutate, i);
      for (int length = 0; length < 8; ++length) {
        const std::vector<RewriteStep> steps = find_steps(network, npu());
        if (steps.empty()) break;
        // Wider and wider networks would only take time.
        const RewriteStep& step = steps[random.below(steps.size())];
        if (step.value == "1.25" || step.value == "1.125") continue;
        Network next = apply(network, step.edit);
        check_rewritten(network, step, next);
        network = std::move(next);
      }
    }
  }
}

TEST_CASE("rewritten networks run") {
  const Space space = Space::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/ibn_fashion.toml");
  const Network network = random_network(space, 1);
  Worker worker;
  std::set<RewriteKind> kinds;
  for (const RewriteStep& step : find_steps(network, npu())) {
    if (!kinds.insert(step.kind).second) continue;  // one of each
    INFO(step.text());
    const Network after = apply(network, step.edit);
    Executable executable(worker, after, {.batch = 2});
    executable.initialise(Initialisation::kaiming_normal_fan_in, 1, fingerprint(after));
    Random random(3, Purpose::input);
    random.fill_normal(executable.input(), 0, 1);
    executable.forward();
    const std::span<const float> output = executable.output();
    CHECK(std::ranges::all_of(output, [](float x) { return std::isfinite(x); }));
    CHECK(std::ranges::any_of(output, [](float x) { return x != 0; }));
  }
  CHECK(kinds.size() >= 5);
}
