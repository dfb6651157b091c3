#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/explain/network_words.hpp"
#include "assay/report/escape.hpp"
#include "assay/report/run_report.hpp"

#include "chosen_network.hpp"
#include "commands.hpp"
#include "common.hpp"
#include "explain_json.hpp"
#include "explain_tables.hpp"
#include "interrupt.hpp"
#include "model_file.hpp"
#include "score_comparison.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

ChosenNetwork chosen(const Arguments& arguments, NetworkChooser& choose) {
  const std::vector<std::string>& given = arguments.positionals();
  const auto candidate = arguments.text("candidate"), number = arguments.text("number"),
             evaluation = arguments.text("evaluation");
  const bool space = !given.empty() && given[0].ends_with(".toml");
  if (space) {
    if (!candidate)
      throw InputError(
          "assay explain: of a space, say which candidate, with --candidate \"stage1.kernel=3 ...\".");
    choose.set_space(given[0]);
  }
  const int ways =
      (!given.empty() && !space ? 1 : 0) + (candidate ? 1 : 0) + (number ? 1 : 0) + (evaluation ? 1 : 0);
  if (ways > 1)
    throw InputError(
        "assay explain: name one network: a file, --candidate, --number or --evaluation. To compare two, "
        "see assay diff --help.");
  if (candidate) return choose(*candidate);
  if (number || evaluation) {
    if (!arguments.text("run"))
      throw InputError(
          "assay explain: --number and --evaluation count in a run. Name it with --run RUN.journal.");
    return choose(number ? *number : fmt::format("e{}", *arguments.integer("evaluation", 0, INT64_MAX)));
  }
  if (!given.empty()) return choose(given[0]);
  if (const auto run = arguments.text("run")) return choose(*run);
  throw InputError("assay explain: name a network. See: assay explain --help");
}

// Which scores lift it and which pull it down.
std::string score_sentence(const ScoreStanding& standing, const std::string& others) {
  std::string text = fmt::format("Rank score {:.4g}", standing.rank_score);
  if (standing.others == 0) return text + ".";
  text +=
      fmt::format(", better than {:.0f} % of {} ({}).", 100 * standing.percentile, others, standing.others);
  std::vector<std::string> up, down;
  for (const ScorePart& part : standing.parts) {
    if (!std::isfinite(part.lift) || part.lift == 0) continue;
    (part.lift > 0 ? up : down).push_back(fmt::format("{} ({:+.2g})", part.score, part.lift));
  }
  const auto verb = [](const std::vector<std::string>& names, const char* one, const char* many) {
    return names.size() == 1 ? one : many;
  };
  if (!up.empty())
    text += fmt::format(" Over the average, {} {} it", join(up, ", "), verb(up, "lifts", "lift"));
  if (!up.empty() && !down.empty())
    text += fmt::format("; {} {} it down.", join(down, ", "), verb(down, "pulls", "pull"));
  else if (!up.empty())
    text += ".";
  else if (!down.empty())
    text += fmt::format(" Below the average, {} {} it down.", join(down, ", "), verb(down, "pulls", "pull"));
  return text;
}

std::string text_of(const ChosenNetwork& network, const NetworkExplanation& explanation,
                    const std::optional<ComparedScores>& scores) {
  const int width = terminal_width();
  const bool colour = use_colour();
  const auto title = [&](const char* name) {
    return colour ? fmt::format("\n\033[1m{}\033[0m\n", name) : fmt::format("\n{}\n", name);
  };
  std::string text = line_text(network.label) + "\n\n";
  for (const std::string& sentence : describe(explanation)) text += line_text(sentence) + "\n";
  text += title("Stages") + stage_table(explanation).to_text(width, colour);
  if (network.candidate) {
    text += title("Decisions");
    for (const std::string& line : decision_lines(*network.space, *network.candidate))
      text += line_text(line) + "\n";
  }
  if (scores) {
    text += title("Scores");
    if (scores->statuses[0].empty()) {
      text += score_sentence(scores->standings[0], scores->others) + "\n\n" +
              score_table(scores->standings[0]).to_text(width, colour);
    } else {
      text += fmt::format("It has no rank score: {}\n", line_text(scores->statuses[0]));
    }
  }
  text += title("Subgraphs") + subgraph_table(explanation, true).to_text(width, colour);
  if (std::isfinite(explanation.latency_ms)) {
    text +=
        "in, out, ch N: with N channels instead, and what that does to the subgraph's latency; dense: a "
        "dense conv\ninstead; ?: outside of what was measured\n";
  }
  return text + title("Memory") + memory_table(explanation).to_text(width, colour);
}

int run(const Arguments& arguments) {
  const InterruptGuard guard;
  const Output output(arguments);
  check_comparison(arguments);
  NetworkChooser choose(arguments);
  const std::vector<ChosenNetwork> networks = {chosen(arguments, choose)};
  const ChosenNetwork& network = networks[0];
  const std::optional<Estimator> estimator = estimator_for(arguments, networks);
  const NetworkExplanation explanation = explain_network(network.network, estimator ? &*estimator : nullptr);
  if (output.format() == Format::csv) {
    output.write(subgraph_table(explanation, false));
    return 0;
  }
  std::optional<ComparedScores> scores;
  if (!arguments.flag("no-scores")) {
    scores = compare_scores(arguments, networks, guard.token());
    if (!scores) return InterruptGuard::exit_code();
  }
  if (output.format() == Format::json) {
    nlohmann::ordered_json json = network_json(network, explanation);
    json["summary"] = describe(explanation);
    if (scores) json["scores"] = scores_json(*scores, 0);
    output.write(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return 0;
  }
  output.write(text_of(network, explanation, scores));
  return 0;
}

}  // namespace

Command explain_command() {
  std::vector<OptionSpec> which = {
      {"candidate", "CANDIDATE", "of the space, as text: \"stage1.kernel=3 stage1.depth=2\"", ""},
      {"number", "N", "of the shortlist of --run, from 1", ""},
      {"evaluation", "N", "of --run, from 0", ""}};
  for (const OptionSpec& option : chooser_options()) which.push_back(option);
  std::vector<OptionGroup> groups = {{"Network", which}, estimator_options()};
  for (const OptionGroup& group : comparison_options()) groups.push_back(group);
  groups.push_back(model_options());
  groups.push_back(output_options());
  return {
      .name = "explain",
      .summary = "what a network is, where its time and memory go, what its scores are made of",
      .positionals = "SPACE.toml | MODEL.onnx | NETWORK.json | RUN.journal[:N] | N",
      .max_positionals = 1,
      .description =
          "Says in words what a network is and where its parameters, MACs, latency and memory go; then stage "
          "by stage,\n"
          "its decisions, its scores beside those of others, subgraph by subgraph, and its memory step by "
          "step. Entries\n"
          "of a run (RUN.journal:3 is number 3 of its shortlist, :e17 evaluation 17, :baseline the baseline; "
          "with --run just 3) "
          "need no\n"
          "other file. Without hardware, latencies are left out. CSV holds the subgraphs.",
      .groups = groups,
      .example =
          "  assay explain runs/ibn_fashion-1.journal:1\n"
          "  assay explain mobilenet.onnx --accelerator spaces/accelerators/edge_npu_16.toml",
      .run = run};
}

}  // namespace assay::cli
