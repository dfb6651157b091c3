// The combination of rewrites: limits, floors, pins, what is kept and forbidden, and what experience says
// about fusing early and late blocks.
#include "assay/base/error.hpp"
#include "assay/rewrite/plan.hpp"
#include "assay/space/codec.hpp"
#include "assay/space/space.hpp"

#include <algorithm>
#include <cmath>
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

const Network& detector() {
  static const Network network = [] {
    const Space space = Space::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/ibn_detector.toml");
    return space.decode(candidate_from_text(
        space, "input.resolution=320 depth_multiplier=1.0 activation=h_swish se=true", "the test"));
  }();
  return network;
}

// Stands for a score: width at its resolution, without executing anything; per unit of `luck`, a number that
// the fingerprint draws from -1 .. 1.
double made_up_score(const Network& network, double luck = 0) {
  double sum = 0;
  for (OpId id = 1; id < network.size(); ++id) {
    if (network.macs(id) == 0) continue;
    const Shape shape = network.shape(id);
    const double pixels = 1.0 * shape.height * shape.width;
    sum += std::sqrt(static_cast<double>(network.macs(id)) / std::sqrt(pixels));
  }
  const double draw = static_cast<double>(fingerprint(network) % 2001) / 1000 - 1;
  return std::log(sum) + luck * draw;
}

ScoreNetworks scorer(double luck = 0) {
  return [luck](std::span<const Network* const> networks) {
    std::vector<NetworkScore> scores;
    for (const Network* network : networks)
      scores.push_back({.score = made_up_score(*network, luck), .values = {}});
    return scores;
  };
}

RewriteSettings brief() {
  RewriteSettings settings;
  settings.beam = 3;
  settings.max_steps = 6;
  return settings;
}

void only(RewriteSettings& settings, std::initializer_list<RewriteKind> kinds) {
  settings.allowed.fill(false);
  for (const RewriteKind kind : kinds) settings.allowed[static_cast<std::size_t>(kind)] = true;
}

RewritePlan plan_for(const RewriteSettings& settings, double luck = 0) {
  const RewriteScores scores = {.quick = scorer(luck), .exact = scorer()};
  return plan_rewrites(detector(), npu(), scores, settings);
}

std::vector<std::string> texts(const std::vector<Trial>& trials) {
  std::vector<std::string> found;
  for (const Trial& trial : trials) found.push_back(trial.step.text());
  return found;
}

const Trial& alone(const RewritePlan& plan, const std::string& text) {
  const auto found = std::ranges::find_if(plan.alone, [&](const Trial& t) { return t.step.text() == text; });
  REQUIRE(found != plan.alone.end());
  return *found;
}

std::string refusal(const RewriteSettings& settings) {
  try {
    plan_for(settings);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a network that keeps its limits is never exchanged for a slower one") {
  RewriteSettings settings;
  settings.beam = 1;
  settings.max_steps = 1;
  // Single steps that gain little, and scores that are mostly luck: floors rise from round to round.
  only(settings, {RewriteKind::fuse_ibn, RewriteKind::depth_multiplier});
  for (const double luck : {0.05, 0.2, 1.0}) {
    CAPTURE(luck);
    const RewritePlan plan = plan_for(settings, luck);
    CHECK(plan.result().latency_ms <= plan.original.latency_ms);
  }
}

TEST_CASE("a plan saves latency, keeps the score, and leaves no better step") {
  const RewritePlan plan = plan_for(brief());
  CHECK(plan.within_limits);
  CHECK(plan.original.latency_ms == doctest::Approx(npu().predict(detector()).latency_ms));
  CHECK(plan.result().latency_ms < 0.6 * plan.original.latency_ms);
  CHECK(plan.result().score >= plan.original.score);
  CHECK(plan.result().latency_ms == doctest::Approx(npu().predict(plan.network).latency_ms));
  CHECK(plan.result().params == plan.network.parameters());
  CHECK(plan.taken.size() <= 6);
  CHECK(plan.network.output_shape() == detector().output_shape());
  for (const Trial& trial : plan.taken) CHECK(trial.step.kind != RewriteKind::reduce_resolution);
  // Replayed by hand it is the same network.
  Network network = detector();
  for (const std::string& text : texts(plan.taken)) {
    const auto steps = find_steps(network, npu());
    network = apply(network, std::ranges::find(steps, text, &RewriteStep::text)->edit);
  }
  CHECK(fingerprint(network) == fingerprint(plan.network));
  // And again.
  CHECK(texts(plan_for(brief()).taken) == texts(plan.taken));
}

TEST_CASE("no single step improves a result whose search had steps left") {
  RewriteSettings settings = brief();
  only(settings, {RewriteKind::replace_activation, RewriteKind::fuse_ibn, RewriteKind::align_channels});
  settings.max_steps = 30;
  const RewritePlan plan = plan_for(settings);
  CHECK(plan.taken.size() < 30);
  CHECK(!plan.rejected.empty());
  for (const Trial& trial : plan.rejected) {
    INFO(trial.step.text());
    CHECK((!trial.allowed || trial.verdict != Verdict::better));
  }
}

TEST_CASE("lucky scores do not make a result") {
  for (const double luck : {0.05, 0.3}) {
    const RewritePlan plan = plan_for(brief(), luck);
    CHECK(plan.within_limits);
    CHECK(plan.result().score >= plan.original.score);
    CHECK(plan.result().score == doctest::Approx(made_up_score(plan.network)));
  }
}

TEST_CASE("fusing early, narrow blocks on large images pays; late and wide ones get slower") {
  RewriteSettings settings = brief();
  settings.max_steps = 0;
  settings.pinned = {"replace_activation network=relu6"};
  const RewritePlan plan = plan_for(settings);
  const auto change = [&](const std::string& block) {
    for (const Trial& trial : plan.rejected)
      if (trial.step.text() == "fuse_ibn " + block)
        return trial.figures.latency_ms - plan.result().latency_ms;
    FAIL("no step for " << block);
    return 0.0;
  };
  CHECK(change("stage2.block1") < 0);
  for (const char* late :
       {"stage5.block2", "stage5.block3", "stage6.block1", "stage6.block2", "stage6.block3"}) {
    INFO(late);
    CHECK(change(late) > 0);
  }
  CHECK(change("stage6.block2") > change("stage4.block2"));
  // Why: before, the depthwise convolution leaves lanes idle; after, they are full of much more work.
  for (const Trial& trial : plan.rejected) {
    if (trial.step.text() != "fuse_ibn stage6.block2") continue;
    CHECK(trial.verdict == Verdict::worse);
    CHECK(trial.effect.lanes_before < 0.5);
    CHECK(trial.effect.lanes_after > 0.95);
    REQUIRE(trial.effect.after.size() == 1);
    CHECK(trial.effect.after[0].subgraph.groups == 1);
  }
}

TEST_CASE("pins come first and stay, also where they make things worse") {
  RewriteSettings settings = brief();
  settings.pinned = {"fuse_ibn stage6.block3", "align_channels stage3.block1.project=48"};
  settings.max_steps = 2;
  settings.beam = 1;
  const RewritePlan plan = plan_for(settings);
  REQUIRE(plan.taken.size() >= 2);
  CHECK(plan.taken[0].step.text() == settings.pinned[0]);
  CHECK(plan.taken[1].step.text() == settings.pinned[1]);
  CHECK(plan.taken[0].verdict == Verdict::worse);
  CHECK(plan.taken.size() <= 4);

  settings.pinned = {"fuse_ibn stage6.blok3"};
  CHECK(refusal(settings).find("Did you mean \"fuse_ibn stage6.block3\"?") != std::string::npos);
  settings.pinned = {"fuse_ibn stage6.block3", "fuse_ibn stage6.block3"};
  CHECK(refusal(settings).find("does not offer") != std::string::npos);
}

TEST_CASE("what is to be kept is kept, with the widths that are tied to it") {
  RewriteSettings settings = brief();
  settings.keep = {"stage2", "stride32"};
  const RewritePlan plan = plan_for(settings);
  CHECK(!plan.taken.empty());
  std::set<std::string> names;
  for (OpId id = 0; id < plan.network.size(); ++id) names.emplace(plan.network.name(id));
  const auto places = places_of(detector());
  for (OpId id = 0; id < detector().size(); ++id) {
    const OperatorPlace& place = places[static_cast<std::size_t>(id)];
    if (!place.name.starts_with("stage2.") && place.stage != "stride32") continue;
    INFO(place.name);
    CHECK(names.contains(place.name));
  }
  const auto is_kept = [&](const Trial& trial) { return trial.step.site.starts_with("stage2."); };
  CHECK(std::ranges::any_of(plan.alone, is_kept));
  CHECK(std::ranges::none_of(plan.taken, is_kept));
  CHECK(!alone(plan, "replace_activation network=relu6").allowed);
  CHECK(alone(plan, "fuse_ibn stage3.block2").allowed);

  settings.keep = {"stage22"};
  CHECK(refusal(settings).find("Nothing of the network is called \"stage22\"") != std::string::npos);
}

TEST_CASE("only what is allowed is done; what is not is shown") {
  RewriteSettings settings = brief();
  only(settings, {RewriteKind::drop_squeeze_excite});
  settings.limits.min_score_change = -10;
  const RewritePlan plan = plan_for(settings);
  CHECK(!plan.taken.empty());
  for (const Trial& trial : plan.taken) CHECK(trial.step.kind == RewriteKind::drop_squeeze_excite);
  CHECK(!alone(plan, "fuse_ibn stage2.block1").allowed);
  CHECK(std::isfinite(alone(plan, "fuse_ibn stage2.block1").figures.score));

  only(settings, {RewriteKind::reduce_resolution});
  const RewritePlan smaller = plan_for(settings);
  CHECK(smaller.network.input_shape().height < 320);
}

TEST_CASE("limits: memory, parameters, and those that cannot be kept") {
  RewriteSettings settings = brief();
  settings.max_steps = 8;
  const RewritePlan free = plan_for(settings);
  settings.limits.max_params = detector().parameters() - 100'000;
  const RewritePlan small = plan_for(settings);
  CHECK(small.within_limits);
  CHECK(small.result().params <= settings.limits.max_params);
  CHECK(small.result().score >= small.original.score);

  settings.limits.min_score = 1e6;
  settings.beam = 1;
  CHECK(!plan_for(settings).within_limits);
}

TEST_CASE("objectives: memory and score") {
  RewriteSettings settings = brief();
  settings.objective = RewriteObjective::memory;
  const RewritePlan memory = plan_for(settings);
  CHECK(memory.result().peak_memory_bytes < memory.original.peak_memory_bytes / 2);
  CHECK(memory.result().score >= memory.original.score);

  settings.objective = RewriteObjective::score;
  settings.limits.max_latency_ms = memory.original.latency_ms;
  const RewritePlan score = plan_for(settings);
  CHECK(score.result().score > score.original.score + 0.1);
  CHECK(score.result().latency_ms <= score.original.latency_ms);
}

TEST_CASE("a network without a score is refused") {
  const ScoreNetworks none = [](std::span<const Network* const> networks) {
    return std::vector<NetworkScore>(networks.size(),
                                     NetworkScore{.values = {}, .status = "too_large: everything"});
  };
  const RewriteScores scores = {.quick = none, .exact = none};
  CHECK_THROWS_WITH_AS(plan_rewrites(detector(), npu(), scores, brief()),
                       doctest::Contains("too_large: everything"), InputError);
}
