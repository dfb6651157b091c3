#include "assay/base/error.hpp"
#include "assay/explain/network_difference.hpp"
#include "assay/report/escape.hpp"

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

namespace assay::cli {
namespace {

struct Difference {
  std::vector<ChosenNetwork> networks;  // A and B
  NetworkExplanation a, b;
  std::vector<PartPair> pairs;
  std::optional<ComparedScores> scores;
};

// Decisions in which both differ; of different spaces, none.
Table decision_table(const Difference& d) {
  Table table{
      .columns = {{"decision", "decision", Style::text}, {"a", "A", Style::text}, {"b", "B", Style::text}},
      .rows = {}};
  const ChosenNetwork &a = d.networks[0], &b = d.networks[1];
  if (!a.candidate || !b.candidate) return table;
  for (std::size_t i = 0; i < a.space->decisions().size(); ++i) {
    const Decision& decision = a.space->decisions()[i];
    const auto other = std::ranges::find(b.space->decisions(), decision.name, &Decision::name);
    if (other == b.space->decisions().end()) continue;
    const std::string& in_a = decision.options[a.candidate->choices[i]];
    const auto j = static_cast<std::size_t>(other - b.space->decisions().begin());
    const std::string& in_b = other->options[b.candidate->choices[j]];
    if (in_a != in_b) table.rows.push_back({decision.name, in_a, in_b});
  }
  return table;
}

bool of_other_spaces(const Difference& d) {
  const auto &a = d.networks[0].space, &b = d.networks[1].space;
  return d.networks[0].candidate && d.networks[1].candidate && a && b && a->fingerprint() != b->fingerprint();
}

bool has_scores(const Difference& d) {
  return d.scores && d.scores->statuses[0].empty() && d.scores->statuses[1].empty();
}

std::string score_text(const Difference& d, int width, bool colour) {
  if (!has_scores(d)) {
    std::string text;
    for (std::size_t i = 0; i < 2; ++i)
      if (!d.scores->statuses[i].empty())
        text +=
            fmt::format("{} has no rank score: {}\n", i == 0 ? "A" : "B", line_text(d.scores->statuses[i]));
    return text;
  }
  const ScoreStanding &a = d.scores->standings[0], &b = d.scores->standings[1];
  std::string text = score_difference_table(a, b).to_text(width, colour);
  if (of_other_spaces(d))
    text +=
        "Scores rank the networks of one space. A and B are of different ones: neither is better for this.\n";
  if (a.others > 0) {
    text += fmt::format(
        "A spread is the standard deviation over {} ({}); A is better than {:.0f} % of them, B than "
        "{:.0f} %.\n",
        line_text(d.scores->others), a.others, 100 * a.percentile, 100 * b.percentile);
  }
  return text;
}

std::string text_of(const Difference& d) {
  const int width = terminal_width();
  const bool colour = use_colour();
  const auto title = [&](const std::string& name) {
    return colour ? fmt::format("\n\033[1m{}\033[0m\n", name) : fmt::format("\n{}\n", name);
  };
  std::string text =
      fmt::format("A  {}\nB  {}\n\n{}\n\n", line_text(d.networks[0].label), line_text(d.networks[1].label),
                  line_text(main_difference(d.a, d.b, d.pairs)));
  text += totals_table(d.a, d.b).to_text(width, colour);
  if (const Table decisions = decision_table(d); !decisions.rows.empty())
    text += title("Decisions that differ") + decisions.to_text(width, colour);
  else if (of_other_spaces(d))
    text += "\nA and B are of different spaces: their decisions are not the same, and are not compared.\n";
  if (d.scores) text += title("Scores") + score_text(d, width, colour);
  const Table parts = pair_table(d.a, d.b, d.pairs, true);
  const auto same = d.pairs.size() - parts.rows.size();
  text += title("Subgraphs that differ");
  if (!parts.rows.empty()) text += parts.to_text(width, colour);
  return text + fmt::format("{} subgraph{} the same.\n", same, same == 1 ? " is" : "s are");
}

nlohmann::ordered_json json_of(const Difference& d) {
  nlohmann::ordered_json json;
  json["summary"] = main_difference(d.a, d.b, d.pairs);
  json["a"] = network_json(d.networks[0], d.a);
  json["b"] = network_json(d.networks[1], d.b);
  if (d.scores) {
    json["a"]["scores"] = scores_json(*d.scores, 0);
    json["b"]["scores"] = scores_json(*d.scores, 1);
  }
  json["decisions"] = nlohmann::ordered_json::parse(decision_table(d).to_json());
  json["subgraphs"] = nlohmann::ordered_json::array();
  for (const PartPair& pair : d.pairs) {
    json["subgraphs"].push_back(
        {{"change", to_string(pair.change)},
         {"a", pair.a < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(pair.a)},
         {"b", pair.b < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(pair.b)}});
  }
  return json;
}

int run(const Arguments& arguments) {
  const InterruptGuard guard;
  const Output output(arguments);
  if (arguments.positionals().size() != 2)
    throw InputError("assay diff: name two networks. See: assay diff --help");
  check_comparison(arguments);
  NetworkChooser choose(arguments);
  Difference difference;
  for (const std::string& name : arguments.positionals()) difference.networks.push_back(choose(name));
  const std::optional<Estimator> estimator = estimator_for(arguments, difference.networks);
  difference.a = explain_network(difference.networks[0].network, estimator ? &*estimator : nullptr);
  difference.b = explain_network(difference.networks[1].network, estimator ? &*estimator : nullptr);
  difference.pairs = align_subgraphs(difference.a, difference.b);
  if (output.format() == Format::csv) {
    output.write(pair_table(difference.a, difference.b, difference.pairs, false));
    return 0;
  }
  if (!arguments.flag("no-scores")) {
    difference.scores = compare_scores(arguments, difference.networks, guard.token());
    if (!difference.scores) return InterruptGuard::exit_code();
  }
  if (output.format() == Format::json)
    output.write(json_of(difference).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  else
    output.write(text_of(difference));
  return 0;
}

}  // namespace

Command diff_command() {
  std::vector<OptionGroup> groups = {{"Networks", chooser_options()}, estimator_options()};
  for (const OptionGroup& group : comparison_options()) groups.push_back(group);
  groups.push_back(model_options());
  groups.push_back(output_options());
  return {
      .name = "diff",
      .summary = "what differs between two networks, and what that does to latency, memory and scores",
      .positionals = "A B",
      .max_positionals = 2,
      .description =
          "A and B are each a model file (.onnx, .json), an entry of a run (RUN.journal:3 is number 3 of its "
          "shortlist,\n"
          ":e17 evaluation 17, :baseline the baseline; with --run RUN.journal just 3, e17 and baseline), or "
          "a "
          "candidate\n"
          "of --space as text. Says first what makes most of the difference; then totals, decisions, scores, "
          "and the\n"
          "subgraphs that differ, aligned so that as little as possible changes. CSV holds the subgraphs.",
      .groups = groups,
      .example =
          "  assay diff --run runs/ibn_fashion-1.journal 1 baseline\n"
          "  assay diff before.onnx after.onnx --accelerator spaces/accelerators/edge_npu_16.toml",
      .run = run};
}

}  // namespace assay::cli
