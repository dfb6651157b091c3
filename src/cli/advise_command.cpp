#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/rewrite/plan.hpp"

#include "advise_report.hpp"
#include "budget_options.hpp"
#include "commands.hpp"
#include "common.hpp"
#include "interrupt.hpp"
#include "model_file.hpp"
#include "progress_display.hpp"
#include "rank_weights.hpp"
#include "score_service.hpp"
#include "terminal.hpp"
#include "wording.hpp"
#include "workload.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace assay::cli {
namespace {

struct Interrupted {};

Network only_network(Workload& workload) {
  const std::vector<Item> items = workload.next(2);
  if (items.size() != 1)
    throw InputError(
        "assay advise: it looks at one network at a time. Give --candidate TEXT, or a file with one "
        "candidate.");
  return workload.network(items[0]);
}

std::vector<RewriteKind> kinds_of(const Arguments& arguments, const char* option) {
  std::vector<RewriteKind> kinds;
  for (const std::string& name : arguments.list(option)) {
    const auto kind = rewrite_kind_from(name);
    if (!kind) {
      const auto known = rewrite_kind_names();
      throw InputError(fmt::format("assay advise: --{} has \"{}\", which is no rewrite.{}", option, name,
                                   suggestion(name, std::vector<std::string>(known.begin(), known.end()))));
    }
    kinds.push_back(*kind);
  }
  if (kinds.empty() && arguments.given(option))
    throw InputError(fmt::format("assay advise: --{} names no rewrite. Known are: {}.", option,
                                 fmt::join(rewrite_kind_names(), ", ")));
  return kinds;
}

std::array<bool, rewrite_kind_count> allowed_kinds(const Arguments& arguments) {
  auto allowed = RewriteSettings::all_but_resolution();
  const auto set = [&](const std::vector<RewriteKind>& kinds, bool value) {
    for (const RewriteKind kind : kinds) allowed[static_cast<std::size_t>(kind)] = value;
  };
  if (const auto only = kinds_of(arguments, "only"); !only.empty()) {
    allowed.fill(false);
    set(only, true);
  }
  set(kinds_of(arguments, "allow"), true);
  set(kinds_of(arguments, "forbid"), false);
  return allowed;
}

RewriteSettings settings_of(const Arguments& arguments) {
  RewriteSettings settings;
  static const std::vector<std::string> objectives = {"latency", "memory", "score"};
  const std::string objective = arguments.required_text("objective");
  const auto found = std::ranges::find(objectives, objective);
  if (found == objectives.end())
    throw InputError(
        fmt::format("assay advise: --objective is \"{}\".{}", objective, suggestion(objective, objectives)));
  settings.objective = static_cast<RewriteObjective>(found - objectives.begin());
  settings.allowed = allowed_kinds(arguments);
  settings.keep = arguments.list("keep");
  settings.pinned = arguments.list("apply");
  settings.beam = static_cast<int>(arguments.integer("beam", 1, 1000).value());
  settings.max_steps = static_cast<int>(arguments.integer("steps", 0, 1000).value());
  const Budget budget = budget_of(arguments, true);
  const auto limit = [&](Metric metric) { return budget.limit(metric); };
  const auto whole = [](double value) {
    return value < 9e18 ? static_cast<std::int64_t>(value) : std::numeric_limits<std::int64_t>::max();
  };
  settings.limits.min_score =
      arguments.number("min-score", -1e9, 1e9).value_or(-std::numeric_limits<double>::infinity());
  settings.limits.min_score_change =
      arguments.number("min-score-change", -1000, 1000)
          .value_or(arguments.given("min-score") ? -std::numeric_limits<double>::infinity() : 0);
  settings.limits.max_latency_ms = limit(Metric::latency);
  settings.limits.max_memory_bytes = whole(limit(Metric::memory));
  settings.limits.max_params = whole(limit(Metric::params));
  settings.limits.max_macs = whole(limit(Metric::macs));
  return settings;
}

// The rank score of a network alone: the sum of scores by value, or a single score.
class NetworkScorer {
 public:
  NetworkScorer(const Arguments& arguments, Ranking ranking, bool quiet)
      : ranking_(std::move(ranking)),
        service_(ranking_.settings, worker_count(arguments), worker_memory(arguments), cache_path(arguments),
                 quiet) {
    if (ranking_.terms.size() == 1) return;
    for (std::size_t i = 0; i < ranking_.terms.size(); ++i) {
      if (!ranking_.terms[i].by_rank) continue;
      throw InputError(
          fmt::format("assay advise: {} can only be combined by their ranks among many networks, and here "
                      "one network is compared with "
                      "itself. Give one score, or the default ones.",
                      join(ranking_.settings.scores, ", ")));
    }
  }

  std::string origins_text() const { return service_.origins_text(); }
  void flush_cache() { service_.flush_cache(); }

  std::vector<NetworkScore> operator()(std::span<const Network* const> networks, std::stop_token stop) {
    const std::vector<ScoredNetwork> scored = service_.score(
        std::ssize(networks), [&](std::int64_t i) { return *networks[static_cast<std::size_t>(i)]; }, stop);
    std::vector<NetworkScore> scores;
    for (const ScoredNetwork& network : scored) {
      if (!network.done) throw Interrupted();
      NetworkScore score{.score = 0, .values = network.record.values, .status = network.record.status};
      for (std::size_t i = 0; i < ranking_.terms.size(); ++i) score.score += weight(i) * score.values[i];
      scores.push_back(std::move(score));
    }
    return scores;
  }

 private:
  double weight(std::size_t i) const {
    return ranking_.terms[i].direction * (ranking_.weights.empty() ? 1 : ranking_.weights[i]);
  }

  Ranking ranking_;
  ScoreService service_;
};

// Independent of the quick ones, and a third of their scatter.
Ranking exact_ranking(Ranking ranking) {
  constexpr int draws = 8;
  ranking.settings.repeats *= draws;
  ++ranking.settings.seed;
  return ranking;
}

// Rewrites whose price the untrained network does not show.
bool price_unseen(const Trial& trial) {
  const RewriteKind kind = trial.step.kind;
  return kind == RewriteKind::drop_squeeze_excite || kind == RewriteKind::replace_activation ||
         kind == RewriteKind::reduce_resolution;
}

void notes(const RewritePlan& plan, const NetworkScorer& scorer) {
  if (!plan.within_limits)
    note(
        "No combination of the allowed rewrites keeps all limits; this is the nearest one. Relax a limit, or "
        "allow more with --allow.");
  if (plan.taken.empty() && plan.within_limits)
    note("No allowed rewrite improves the network within the limits.");
  if (plan.result().extrapolated)
    note(
        "The result has subgraphs outside of what the estimator was fitted to: measure them before you rely "
        "on it.");
  if (std::ranges::any_of(plan.taken, price_unseen))
    note(
        "Scores hardly see what accuracy other activation functions, gates and resolutions cost: train the "
        "result before you rely on it.");
  note(fmt::format("{} estimated, {} scored.", number_of(plan.networks, "network"), grouped(plan.scored)));
  if (const std::string origins = scorer.origins_text(); !origins.empty()) note("Scores: " + origins + ".");
}

int run(const Arguments& arguments) {
  const Output output(arguments);
  RewriteSettings settings = settings_of(arguments);
  const auto tried = static_cast<std::size_t>(arguments.integer("tried", 0, 100'000).value());
  const bool list = arguments.flag("list");
  if (list) settings.max_steps = 0;
  Workload workload(arguments);
  const Network network = only_network(workload);
  const auto estimator = make_estimator(arguments, {});
  if (!estimator)
    throw InputError(
        "assay advise: say for which hardware, with --accelerator FILE or --estimator FILE. "
        "Accelerator files are in spaces/accelerators.");

  const InterruptGuard guard;
  const Ranking ranking = ranking_of(arguments, workload.space(), output.quiet());
  NetworkScorer quick(arguments, ranking, output.quiet());
  NetworkScorer exact(arguments, exact_ranking(ranking), output.quiet());
  const RewriteScores scores = {
      .quick = [&](std::span<const Network* const> networks) { return quick(networks, guard.token()); },
      .exact = [&](std::span<const Network* const> networks) { return exact(networks, guard.token()); }};

  const auto state = [&](int steps) {
    return ProgressState{.phase = "advise",
                         .title = fmt::format("rewriting for {}", estimator->accelerator().name),
                         .unit = "steps",
                         .done = steps};
  };
  ProgressDisplay display(state(0));
  try {
    const RewritePlan plan =
        plan_rewrites(network, *estimator, scores, settings, [&](const RewriteProgress& now) {
          ProgressState next = state(now.steps);
          next.details.push_back(fmt::format("{}   {} ms   rank score {:.3f}", number_of(now.steps, "step"),
                                             human_milliseconds(now.latency_ms), now.score));
          next.fields["best"] = {{"latency_ms", now.latency_ms}, {"rank_score", now.score}};
          display.show(std::move(next));
        });
    display.close();
    quick.flush_cache();
    exact.flush_cache();
    if (const auto path = arguments.text("out-network"))
      write_model(*path, {.network = plan.network, .weights = {}, .notes = {}});
    const AdviceReport report{workload.source(), estimator->accelerator().name, plan, ranking.settings.scores,
                              tried};
    if (output.format() == Format::table) {
      const bool terminal = output.path() == "-";
      output.write(advice_text(report, list, terminal ? terminal_width() : 0, terminal && use_colour()));
    } else {
      output.write(advice_table(report));
    }
    if (!output.quiet() && !list) notes(plan, quick);
    return plan.within_limits ? 0 : 1;
  } catch (const Interrupted&) {
    return InterruptGuard::exit_code();
  }
}

}  // namespace

Command advise_command() {
  const RewriteSettings usual;
  const std::vector<std::string> kinds(rewrite_kind_names().begin(), rewrite_kind_names().end());
  return {
      .name = "advise",
      .summary = "expert rewrites of a network, combined, with their measured effect",
      .positionals = "NETWORK.json | NETWORK.onnx | SPACE.toml",
      .max_positionals = 1,
      .description =
          "Rewrites a network for an accelerator as experts do by hand, estimates and scores every step, "
          "and\n"
          "searches the combination with the lowest latency whose score is not below the original's. Prints\n"
          "the steps taken with what they cumulate to, which subgraphs each changed and why that pays, and\n"
          "what was tried on the result and is worse. --list shows what each step does alone.\n"
          "\n"
          "The score is the rank score of assay score: by default capacity + signal_propagation, a number "
          "of\n"
          "the untrained network alone. It sees width, depth, work and whether signals pass; it hardly sees\n"
          "gates, the kind of activation function, or the resolution: what dropping these costs in accuracy\n"
          "has to be found by training. A smaller image is therefore tried only with --allow\n"
          "reduce_resolution.\n"
          "\n"
          "Rewrites: " +
          join(kinds, ", ") + ".\nExit code 1: the limits cannot be kept.",
      .groups = {input_options(),
                 model_options(),
                 estimator_options(),
                 {"What may be done",
                  {{"only", "LIST", "no other rewrites than these", "", kinds},
                   {"allow", "LIST", "these as well: reduce_resolution is off unless named", "", kinds},
                   {"forbid", "LIST", "not these", "", kinds},
                   {"keep", "LIST",
                    "leave operators as they are: blocks (stage2.block1), beginnings of names (stage2), or "
                    "stages (stride8: maps 8 times smaller than the image; head)",
                    ""},
                   {"apply", "LIST",
                    "take these steps first and never back, as they are printed, in this order: \"fuse_ibn "
                    "stage2.block1,align_channels stem.conv=32\"",
                    ""}}},
                 {"What is sought",
                  {{"objective", "latency|memory|score", "what is made as good as possible", "latency"},
                   {"min-score", "SCORE",
                    "the result's rank score is not below that; the original's when not given", ""},
                   {"min-score-change", "CHANGE",
                    "the same, relative to the original's: -0.1 lets it fall by 0.1. With both, the higher "
                    "floor counts",
                    ""},
                   {"beam", "N", "networks kept from one step to the next; 1 is greedy",
                    std::to_string(usual.beam)},
                   {"steps", "N", "steps to take at most, beside those of --apply; 0 is none",
                    std::to_string(usual.max_steps)}}},
                 budget_options("Limits that the result keeps"),
                 score_options(),
                 cache_options(),
                 {"Report",
                  {{"list", "", "only what each step does alone", ""},
                   {"tried", "N", "how many steps to show that were tried on the result and left", "12"},
                   {"out-network", "FILE", "the rewritten network, as JSON or .onnx (random weights)", ""}}},
                 output_options()},
      .example =
          "  assay advise spaces/ibn_detector.toml --candidate \"input.resolution=320 depth_multiplier=1.0\n"
          "    activation=h_swish se=true\" --accelerator spaces/accelerators/edge_npu_16.toml\n"
          "  assay advise model.onnx --accelerator spaces/accelerators/edge_npu_16.toml --forbid\n"
          "    drop_squeeze_excite --keep stride32 --memory-kib 512 --out-network faster.json",
      .run = run};
}

}  // namespace assay::cli
