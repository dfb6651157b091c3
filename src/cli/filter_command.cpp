#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"

#include "budget_options.hpp"
#include "candidate_filter.hpp"
#include "commands.hpp"
#include "common.hpp"
#include "console.hpp"
#include "filter_stream.hpp"
#include "interrupt.hpp"
#include "rank_weights.hpp"
#include "reference.hpp"
#include "score_service.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// With 256 the best 5 % are 3.6 .. 6.4 % of the space (one standard deviation); with so many 4.3 .. 5.7 %.
constexpr int filter_reference_size = 1024;
// Fewer candidates that meet the budget say nothing about the best of them.
constexpr std::size_t least_reference = 20;

struct FilterOptions {
  FilterRules rules;
  StreamOptions stream;
  std::optional<double> top_share;
  int reference_size = 0;
  bool scored = false;
};

double share_of(const std::string& text) {
  std::string_view number = text;
  if (number.ends_with('%')) number.remove_suffix(1);
  const auto percent = parse_number(number);
  if (!percent || *percent <= 0 || *percent > 100)
    throw InputError(fmt::format(
        "assay filter: --keep-top is \"{}\". Give a percentage above 0 % and up to 100 %, such as 5%.",
        text));
  return *percent / 100;
}

std::vector<ScoreFloor> floors_of(const Arguments& arguments) {
  std::vector<ScoreFloor> floors;
  for (const std::string& text : arguments.list("min-score")) {
    const std::vector<std::string_view> parts = split(text, '=');
    const auto limit = parts.size() == 2 ? parse_number(trim(parts[1])) : std::nullopt;
    if (!limit)
      throw InputError(
          fmt::format("assay filter: --min-score holds \"{}\". Give NAME=X, separated by commas.", text));
    floors.push_back({std::string(trim(parts[0])), *limit});
  }
  return floors;
}

template <std::size_t N>
std::size_t choice_of(const Arguments& arguments, const std::string& option, const std::string& given,
                      const std::array<std::string, N>& known) {
  const auto found = std::ranges::find(known, given);
  if (found == known.end())
    throw InputError(fmt::format("assay {}: --{} is \"{}\".{}", arguments.command_name(), option, given,
                                 suggestion(given, known)));
  return static_cast<std::size_t>(found - known.begin());
}

std::optional<StreamFormat> format_of(const Arguments& arguments) {
  static const std::array<std::string, 2> names = {"csv", "jsonl"};
  if (const auto given = arguments.text("format"))
    return static_cast<StreamFormat>(choice_of(arguments, "format", *given, names));
  const std::string path = arguments.text("out").value_or("-");
  if (path.ends_with(".csv")) return StreamFormat::csv;
  if (path.ends_with(".jsonl")) return StreamFormat::json_lines;
  return std::nullopt;
}

FilterOptions options_of(const Arguments& arguments, bool has_estimator) {
  static const std::array<std::string, 2> what_happens = {"keep", "drop"};
  FilterOptions options;
  options.rules = {.budget = budget_of(arguments, has_estimator),
                   .unique = arguments.flag("unique"),
                   .floors = floors_of(arguments),
                   .least_rank_score = {}};
  if (const auto top = arguments.text("keep-top")) options.top_share = share_of(*top);
  options.reference_size = static_cast<int>(arguments.integer("reference-size", 0, 100'000).value());
  for (const char* option :
       {"scores", "rank-weights", "keep-top", "min-score", "reference-size", "reference-file"})
    options.scored = options.scored || arguments.given(option);
  if (options.top_share && options.reference_size == 0)
    throw InputError(
        "assay filter: --keep-top compares with random candidates, and --reference-size 0 asks for none. "
        "Leave one of them out.");
  options.stream = {
      .input = arguments.required_text("candidates"),
      .output = arguments.text("out").value_or("-"),
      .format = format_of(arguments),
      .batch_lines = static_cast<std::size_t>(arguments.integer("batch-lines", 0, 1'000'000).value()),
      .drop_rejected =
          choice_of(arguments, "rejected", arguments.required_text("rejected"), what_happens) == 1,
      .strict = arguments.flag("strict")};
  return options;
}

// The candidates of the reference meet the budget: the best 5 % are those of the candidates that can be
// afforded. nullopt when the user interrupted.
std::optional<Reference> make_reference(const Arguments& arguments, const Space& space,
                                        const Estimator* estimator, const Ranking& ranking,
                                        const FilterOptions& options, ScoreService& service,
                                        const std::stop_token& stop) {
  const Budget& budget = options.rules.budget;
  ReferenceLimits limits;
  for (const Metric metric : all_metrics) {
    if (budget.limited(metric))
      limits.description += fmt::format("{} {} ", metric_name(metric), exact_number(budget.limit(metric)));
  }
  const bool limited = !limits.description.empty();
  if (estimator != nullptr)
    limits.description += fmt::format("estimator {:016x}", hash_text(estimator->to_json()));
  CandidateGate gate(space, estimator, Counted::declared);
  limits.admits = [&](const Candidate& candidate) {
    const GateResult result = gate(candidate);
    return result.failure.empty() && !budget.exceeded(result.costs);
  };
  const ReferenceLimits* const given = limited ? &limits : nullptr;
  const auto records =
      reference_records(space, service, options.reference_size,
                        reference_path(arguments, space, service.settings(), options.reference_size, given),
                        stop, arguments.flag("quiet"), given);
  if (!records) return std::nullopt;
  if (limited && records->size() <
                     std::min<std::size_t>(least_reference, static_cast<std::size_t>(options.reference_size)))
    throw InputError(
        fmt::format("{}: only {} random candidates that meet the budget were found, too few to compare "
                    "with. Loosen the budget, or give --reference-size 0 and no --keep-top.",
                    space.source(), records->size()));
  return Reference(*records, ranking.terms, ranking.weights);
}

int run(const Arguments& arguments) {
  if (arguments.positionals().empty())
    throw InputError("assay filter: name a space file. See: assay filter --help");
  const Space space = Space::load(arguments.positionals()[0]);
  const auto estimator = make_estimator(arguments, [&] { return sample_networks(space, 300); });
  const Estimator* const estimates = estimator ? &*estimator : nullptr;
  FilterOptions options = options_of(arguments, estimator.has_value());
  const bool quiet = arguments.flag("quiet");

  const InterruptGuard guard;
  std::signal(SIGPIPE, SIG_IGN);  // scores are still to be put into the cache when nobody reads any more
  std::optional<Ranking> ranking;
  std::optional<ScoreService> service;
  std::optional<WorkerPool> gates;
  std::optional<Reference> reference;
  if (options.scored) {
    ranking = ranking_of(arguments, &space, quiet);
    service.emplace(ranking->settings, worker_count(arguments), worker_memory(arguments),
                    cache_path(arguments), quiet);
    if (options.reference_size > 0) {
      reference = make_reference(arguments, space, estimates, *ranking, options, *service, guard.token());
      if (!reference) return InterruptGuard::exit_code();
      // Candidates may be worse than all random ones, but none is beyond the best 100 %.
      if (options.top_share && *options.top_share < 1)
        options.rules.least_rank_score = reference->rank_score_of_top(*options.top_share);
    }
  } else {
    gates.emplace(worker_count(arguments));
  }
  CandidateFilter filter(space, estimates, options.rules, service ? service->pool() : *gates,
                         service ? &*service : nullptr, reference ? &*reference : nullptr);
  FilterStream stream(space, filter, options.stream);
  stream.run(guard.token());
  if (service) service->flush_cache();
  if (!quiet) note(stream.summary());
  return InterruptGuard::exit_code();
}

}  // namespace

Command filter_command() {
  OptionGroup reference{"Comparison with random candidates", reference_sample_options()};
  reference.options.front().initial = std::to_string(filter_reference_size);
  return {
      .name = "filter",
      .summary = "keep or reject each candidate of a stream, at once: in front of a heavier search",
      .positionals = "SPACE.toml",
      .max_positionals = 1,
      .description =
          "Reads candidates line by line (CSV or JSON lines) and answers each line, in order, with its own\n"
          "columns, a verdict (keep or reject), the reason, and whatever is known by then: latency, memory,\n"
          "parameters and MACs of every candidate that can be built, scores of those that meet the budget.\n"
          "Answers never wait for further input, so that a program can write a line and read its answer.\n"
          "A line that is no candidate is rejected in its place (invalid: ...), and the filter goes on. "
          "Blank\n"
          "lines are skipped. JSON lines become CSV with the columns of the first object.\n"
          "\n"
          "--keep-top 5% keeps what is as good as the best 5 % of random candidates of the space; under a\n"
          "budget, of random candidates that meet it. These are scored once, and kept for later runs. "
          "Nothing is\n"
          "scored unless --scores, --keep-top, --min-score, --rank-weights or a reference is asked for.",
      .groups = {{"Candidates",
                  {{"candidates", "FILE",
                    "CSV with one column per decision, or JSON lines with one key per decision; - is "
                    "standard input. A "
                    "candidate is a line: no field may hold a line break",
                    "-"},
                   {"batch-lines", "N",
                    "answer N lines at a time; 0 answers what has come. Results do not depend on it", "0"},
                   {"strict", "", "end at the first line that is no candidate, with exit code 2", ""},
                   {"seed", "N", "seed of everything random", "1"}}},
                 estimator_options(),
                 budget_options(
                     "Budgets (a candidate over any of them is rejected, and not scored; operators count as "
                     "declared, as in estimate and score)"),
                 {"What else is rejected",
                  {{"keep-top", "PERCENT", "all but what reaches the best PERCENT of random candidates", ""},
                   {"min-score", "NAME=X,...",
                    "what has less in a score, in rank_score or in rank_score_percentile (more, where lower "
                    "is better)",
                    ""},
                   {"unique", "",
                    "what computes the same as an earlier candidate within the budget; the latest 500,000 to "
                    "1,000,000 "
                    "distinct ones are remembered",
                    ""},
                   {"rejected", "keep|drop", "whether rejected candidates are written, too", "keep"}}},
                 score_options(),
                 std::move(reference),
                 cache_options(),
                 {"Output",
                  {{"format", "csv|jsonl",
                    "how answers are written; as the input, and as the ending of --out says", ""},
                   {"out", "FILE", "write answers there instead of to standard output", ""},
                   progress_option(),
                   {"quiet", "", "no progress and no notes on standard error", ""},
                   {"help", "", "this text", ""}}}},
      .example =
          "  generate | assay filter spaces/mnasnet_accel.toml --latency-ms 4 --keep-top 5% --rejected drop "
          "\\\n"
          "    --estimator spaces/accelerators/zcu102_dpu.estimator.json",
      .run = run};
}

}  // namespace assay::cli
