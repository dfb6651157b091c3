// Curation from predictions: which lanes are found, what moves, what is dropped, and what the comparison
// counts.
#include "assay/curate/curate.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/curate/convergence.hpp"
#include "assay/curate/landscape.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace assay;

namespace {

std::string path_of(const std::string& name) {
  return std::string(ASSAY_SOURCE_DIR) + "/spaces/" + name;
}

// Compute-bound, so that nothing but lanes decides.
Accelerator accelerator(int input_lanes, int output_lanes) {
  return Accelerator::parse(
      fmt::format("name = \"lanes\"\nclock_mhz = 100\nnumber_format = \"int8\"\n"
                  "[lanes]\ninput_channels = {}\noutput_channels = {}\npixels = 2\nvector = 32\n"
                  "[macs_per_lane]\nint8 = 1\n[memory]\nsram_kib = 65536\nbandwidth_gb_s = 400\n"
                  "[timing]\nlaunch_us = 1\n[fusion]\nactivations = [\"relu\", \"relu6\"]\n",
                  input_lanes, output_lanes),
      "lanes.toml");
}

Estimator estimator_for(const Accelerator& hardware, const SpaceFile& file) {
  return fit_from_networks(hardware, curation_networks(file, 200));
}

Curation curated(const SpaceFile& file, const Accelerator& hardware, const CurationSettings& settings = {}) {
  return curate(file, estimator_for(hardware, file), settings);
}

const std::vector<std::string>& options_of(const Space& space, const std::string& decision) {
  const auto found = std::ranges::find(space.decisions(), decision, &Decision::name);
  REQUIRE(found != space.decisions().end());
  return found->options;
}

std::string space_text(const std::string& stages, const std::string& top = "") {
  return "name = \"t\"\nclasses = 10\n" + top + "[input]\nchannels = 16\nresolution = 32\n" + stages +
         "[[stage]]\nname = \"head\"\nblock = \"classifier\"\n";
}

std::string stage(const std::string& name, const std::string& attributes) {
  return "[[stage]]\nname = \"" + name + "\"\n" + attributes + "\n";
}

bool any_mentions(const std::vector<std::string>& texts, const std::string& part) {
  return std::ranges::any_of(texts, [&](const std::string& t) { return t.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("lanes are read off the predictions, whatever their number") {
  const SpaceFile file = SpaceFile::load(path_of("nats_size.toml"));
  for (const auto& [inputs, outputs, both] :
       {std::tuple{16, 16, 16}, {64, 64, 64}, {8, 32, 32}, {12, 24, 24}, {1, 20, 20}}) {
    CAPTURE(inputs);
    CAPTURE(outputs);
    const LaneStructure lanes = curated(file, accelerator(inputs, outputs)).lanes;
    CHECK(lanes.lanes == both);
    CHECK(lanes.input_lanes == (inputs > 1 ? inputs : 0));
    CHECK(lanes.output_lanes == outputs);
    CHECK(lanes.output_stepped_share > 0.5);
  }
}

TEST_CASE("without lanes nothing moves") {
  const SpaceFile file = SpaceFile::load(path_of("nats_size.toml"));
  const Curation curation = curated(file, accelerator(1, 1));
  CHECK(curation.lanes.lanes == 0);
  CHECK(!curation.changed());
  CHECK(curation.toml == file.text());
}

TEST_CASE("widths move to the lanes, and everything else stays") {
  const SpaceFile file = SpaceFile::load(path_of("nats_size.toml"));
  const Estimator estimator = estimator_for(accelerator(16, 16), file);
  const Curation curation = curate(file, estimator, {}, {"head of the file"});
  const Space space = Space::parse(curation.toml, "curated");
  REQUIRE(space.decisions().size() == file.space().decisions().size());
  for (std::size_t d = 0; d < space.decisions().size(); ++d) {
    CHECK(space.decisions()[d].name == file.space().decisions()[d].name);
    CHECK(space.decisions()[d].options == std::vector<std::string>{"16", "32", "48", "64"});
  }
  REQUIRE(curation.decisions.size() == 5);
  CHECK(curation.decisions[0].before.size() == 8);
  CHECK(any_mentions(curation.decisions[0].reasons, "24 -> 32: 24 fills 75 % of its lanes"));
  CHECK(curation.toml.starts_with("# head of the file\n# NATS-Bench size space"));
  CHECK(curation.toml.find("#   24 -> 32: 24 fills") != std::string::npos);
  CHECK(curate(file, estimator, {}, {"head of the file"}).toml == curation.toml);

  // The same space again: there is nothing left to do.
  const SpaceFile again(curation.toml, "curated");
  const Curation second = curate(again, estimator, {});
  CHECK(!second.changed());
  CHECK(second.toml == curation.toml);
}

TEST_CASE("ratios go to where the widths that they set fill the lanes") {
  const SpaceFile file(space_text(stage("s",
                                        "block = \"ibn\"\nchannels = 16\nalways_expand = true\n"
                                        "expansion = [1.5, 2, 3.25, 4]\ndepth = 2")),
                       "t");
  const Curation curation = curated(file, accelerator(16, 16));
  CHECK(options_of(Space::parse(curation.toml, "c"), "s.expansion") ==
        std::vector<std::string>{"2", "3", "4"});
}

TEST_CASE("scaled widths fill the lanes through the divisor") {
  const SpaceFile file(space_text(stage("a", "block = \"conv\"\nchannels = [32, 64]") +
                                      stage("b", "block = \"conv\"\nchannels = [64, 96]"),
                                  "depth_multiplier = [0.35, 0.6, 1.0]\nchannel_divisor = 1\n"),
                       "t");
  const Curation curation = curated(file, accelerator(16, 16));
  CHECK(SpaceFile(curation.toml, "c").channel_divisor() == 16);
  CHECK(curation.decisions.back().name == "channel_divisor");
}

TEST_CASE("an option that costs time and gives nothing is dropped, unless it is to be kept") {
  const SpaceFile file(
      space_text(
          stage("s", "block = \"ibn\"\nchannels = 32\nactivation = [\"h_swish\", \"relu\"]\ndepth = [1, 2]")),
      "t");
  const Accelerator hardware = accelerator(16, 16);
  const Curation curation = curated(file, hardware);
  CHECK(options_of(Space::parse(curation.toml, "c"), "s.activation") == std::vector<std::string>{"relu"});
  // More depth costs time and gives capacity: both stay.
  CHECK(options_of(Space::parse(curation.toml, "c"), "s.depth").size() == 2);
  REQUIRE(curation.decisions.size() == 1);
  CHECK(any_mentions(curation.decisions[0].reasons,
                     "h_swish dropped: relu has the same MACs and the same parameters"));

  CurationSettings settings;
  settings.keep = {"s.activation"};
  CHECK(!curated(file, hardware, settings).changed());
  settings.keep = {"s.activatoin"};
  CHECK_THROWS_WITH_AS(curated(file, hardware, settings), doctest::Contains("\"s.activation\""), InputError);
}

TEST_CASE("an option that a constraint names is left alone, and said to be") {
  const SpaceFile file(space_text(stage("a", "block = \"conv\"\nchannels = [20, 32]") +
                                      stage("b", "block = \"conv\"\nchannels = [20, 32]"),
                                  "constraints = [\"a.channels == 20 or b.channels >= 32\"]\n"),
                       "t");
  const Curation curation = curated(file, accelerator(16, 16));
  const Space space = Space::parse(curation.toml, "c");
  CHECK(options_of(space, "a.channels") == std::vector<std::string>{"20", "32"});
  CHECK(options_of(space, "b.channels") == std::vector<std::string>{"16", "32"});
  CHECK(
      any_mentions(curation.notes, "a.channels: left as it was, because the space does not load otherwise"));
}

TEST_CASE("a depth multiplier takes the place of the stages' widths") {
  const SpaceFile file(space_text(stage("a", "block = \"conv\"\nchannels = [12, 20, 32]") +
                                  stage("b", "block = \"conv\"\nchannels = [32, 44, 64]\ndepth = [1, 2]")),
                       "t");
  CurationSettings settings;
  settings.depth_multiplier = {0.5, 1, 1.5};
  const Curation curation = curated(file, accelerator(16, 16), settings);
  const Space space = Space::parse(curation.toml, "c");
  CHECK(options_of(space, "depth_multiplier") == std::vector<std::string>{"0.5", "1", "1.5"});
  CHECK(options_of(space, "a.channels").size() == 1);
  CHECK(options_of(space, "b.channels").size() == 1);
  CHECK(options_of(space, "b.depth").size() == 2);
  std::set<int> widths;
  space.enumerate([&](const Candidate& candidate) {
    const Network network = space.decode(candidate);
    for (OpId id = 1; id < network.size(); ++id) {
      if (network.op(id).kind != OpKind::convolution) continue;
      CHECK(network.shape(id).channels % 16 == 0);
      widths.insert(network.shape(id).channels);
    }
    return true;
  });
  CHECK(widths.size() >= 3);

  settings.depth_multiplier = {0.5, -1};
  CHECK_THROWS_AS(curated(file, accelerator(16, 16), settings), InputError);
}

TEST_CASE("a fused block is offered where it is faster, and only when asked for") {
  // Few channels at high resolution: the depthwise convolution fills one of sixteen input lanes.
  const SpaceFile file(
      space_text(stage("s", "block = \"ibn\"\nchannels = 16\nexpansion = [1, 2]\nkernel = 3")), "t");
  const Accelerator hardware = accelerator(16, 16);
  CHECK(!curated(file, hardware).changed());
  CurationSettings settings;
  settings.fuse = true;
  const Curation curation = curated(file, hardware, settings);
  const Space space = Space::parse(curation.toml, "c");
  const std::vector<std::string>& blocks = options_of(space, "s.block");
  CHECK(std::ranges::find(blocks, "fused_ibn") != blocks.end());
}

TEST_CASE("the landscape counts steps as a look at every candidate does") {
  const SpaceFile file(
      space_text(stage("s", "block = [\"ibn\", \"fused_ibn\"]\nchannels = 16\nexpansion = [1, 2]") +
                 stage("u", "block = \"conv\"\nchannels = [17, 24, 32, 33]")),
      "t");
  const Space& space = file.space();
  const Estimator estimator = estimator_for(accelerator(16, 16), file);
  // Every candidate is drawn about as often as any other: shares over many draws are those of the space.
  LandscapeSettings settings;
  settings.candidates = 4000;
  const Landscape landscape = measure_landscape(space, estimator, settings);

  std::int64_t steps = 0, rising = 0, flat = 0;
  const auto costs = [&](const Candidate& candidate) {
    const Network network = canonical(space.decode(candidate));
    return std::pair{network.macs(), estimator.predict(network).latency_ms};
  };
  space.enumerate([&](const Candidate& candidate) {
    const auto here = costs(candidate);
    for (std::size_t d = 0; d < candidate.choices.size(); ++d) {
      for (const int step : {-1, 1}) {
        Candidate next = candidate;
        const int option = next.choices[d] + step;
        if (option < 0 || option >= std::ssize(space.decisions()[d].options)) continue;
        next.choices[d] = static_cast<std::uint16_t>(option);
        const auto there = costs(next);
        if (there.first == here.first) continue;
        const auto& [less, more] = there.first < here.first ? std::pair{there, here} : std::pair{here, there};
        ++steps;
        rising += less.second > more.second * (1 + 1e-9) ? 1 : 0;
        flat += less.second <= more.second * (1 + 1e-9) && less.second > more.second * 0.999 ? 1 : 0;
      }
    }
    return true;
  });
  CHECK(rising > 0);
  CHECK(flat > 0);
  const auto share = [&](std::int64_t count) {
    return static_cast<double>(count) / static_cast<double>(steps);
  };
  CHECK(landscape.monotone_share() == doctest::Approx(1 - share(rising)).epsilon(0.03));
  CHECK(landscape.flat_share() == doctest::Approx(share(flat)).epsilon(0.1));
  CHECK(landscape.candidates == 4000);
  CHECK(landscape.descents == settings.descents);
  CHECK(landscape.minima >= 1);
  CHECK(landscape.minima <= 16);
  CHECK(landscape.best_latency_ms > 0);
}

TEST_CASE("a staircase of widths has local minima that a curated one has not") {
  const SpaceFile file = SpaceFile::load(path_of("nats_size.toml"));
  const Estimator estimator = estimator_for(accelerator(16, 16), file);
  const Space space = Space::parse(curate(file, estimator, {}).toml, "curated");
  LandscapeSettings settings;
  settings.candidates = 100;
  const Landscape before = measure_landscape(file.space(), estimator, settings);
  settings.least_macs = before.least_macs;
  const Landscape after = measure_landscape(space, estimator, settings);
  CHECK(before.flat_share() > 0.3);
  CHECK(after.flat_share() < 0.02);
  CHECK(after.monotone_share() >= 0.9);
  CHECK(after.minima * 2 < before.minima);
  CHECK(after.spearman >= before.spearman);
}

TEST_CASE("searches of one space take as long as searches of the same space") {
  const SpaceFile file = SpaceFile::load(path_of("nats_size.toml"));
  const Estimator estimator = estimator_for(accelerator(16, 16), file);
  ConvergenceSettings settings;
  settings.seeds = 5;
  settings.evaluations = 150;
  const Convergence same = measure_convergence(file.space(), file.space(), estimator, settings);
  CHECK(same.original.evaluations == same.curated.evaluations);
  CHECK(same.original.best == same.curated.best);
  CHECK(same.speedup() == 1);
  CHECK(same.original.reached >= 3);
  CHECK(same.original.median_evaluations <= 150);
  CHECK(same.max_latency_ms > 0);

  const Space space = Space::parse(curate(file, estimator, {}).toml, "curated");
  const Convergence curated_search = measure_convergence(file.space(), space, estimator, settings);
  CHECK(curated_search.target == same.target);
  CHECK(curated_search.original.evaluations == same.original.evaluations);
  CHECK(curated_search.speedup() > 1.5);
}

TEST_CASE("a space that cannot get to the target has not reached it") {
  const std::string stages = stage("s", "block = \"conv\"\nchannels = [16, 32, 64]\ndepth = [1, 2, 3]");
  const SpaceFile file(space_text(stages), "t");
  const Estimator estimator = estimator_for(accelerator(16, 16), file);
  ConvergenceSettings settings;
  settings.seeds = 3;
  settings.evaluations = 9;
  const Space small =
      Space::parse(space_text(stage("s", "block = \"conv\"\nchannels = [8]\ndepth = [1, 2, 3]")), "small");
  const Convergence low = measure_convergence(file.space(), small, estimator, settings);
  CHECK(low.curated.reached == 0);
  CHECK(low.curated.median_evaluations == 10);
  CHECK(std::isfinite(low.curated.median_best));
  const Space large = Space::parse(
      space_text(stage("s", "block = \"conv\"\nchannels = [512, 1024]\ndepth = [3, 4]")), "large");
  const Convergence none = measure_convergence(file.space(), large, estimator, settings);
  CHECK(none.curated.reached == 0);
  CHECK(std::isnan(none.curated.median_best));
  settings.max_latency_ms = 1e-9;
  CHECK_THROWS_AS(measure_convergence(file.space(), file.space(), estimator, settings), InputError);
}
