#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/check/check.hpp"
#include "assay/check/check_report.hpp"
#include "assay/report/escape.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "interrupt.hpp"
#include "model_file.hpp"
#include "score_percentile.hpp"
#include "score_service.hpp"
#include "separate_files.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

std::string folder_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  std::error_code none;  // a folder that is not there is reported where the file is read
  return fs::weakly_canonical(parent.empty() ? "." : parent, none).string();
}

// One for every way to a file, but a link goes by its own name.
fs::path absolute_path(const std::string& path) {
  return fs::path(folder_of(path)) / fs::path(path).filename();
}

// What reports and baselines call a model: its path as seen from the budget file, wherever both lie.
std::string model_name(const fs::path& absolute, const std::string& budget_folder) {
  return line_text(absolute.lexically_relative(budget_folder).generic_string());
}

std::vector<TargetFile> targets_of(const Arguments& arguments) {
  // As the budget file's own paths are, so that one file is not taken for two.
  const auto normal = [](const std::string& path) { return fs::path(path).lexically_normal().string(); };
  std::vector<TargetFile> targets;
  for (const std::string& path : arguments.list("accelerator")) targets.push_back({normal(path), false});
  for (const std::string& path : arguments.list("estimator")) targets.push_back({normal(path), true});
  return targets;
}

struct NamedModel {
  std::string path, name;
};

// In the order given, a file that is named twice once.
std::vector<NamedModel> models_of(const Arguments& arguments, const std::string& budget_folder) {
  std::vector<NamedModel> models;
  std::map<std::string, fs::path> by_name;
  for (const std::string& path : arguments.positionals()) {
    const fs::path file = absolute_path(path);
    std::string name = model_name(file, budget_folder);
    const auto [known, is_new] = by_name.try_emplace(name, file);
    if (is_new)
      models.push_back({path, std::move(name)});
    else if (known->second != file)
      throw InputError(fmt::format(
          "assay check: two of the models would both be called {} in reports and baselines, which "
          "are text. Rename one of them.",
          name));
  }
  return models;
}

// What the budget names beside models.
std::vector<std::string> files_of(const BudgetFile& budget) {
  std::set<std::string> files;
  for (const BudgetEntry& entry : budget.entries) {
    for (const TargetFile& target : entry.targets) files.insert(target.path);
    for (const Limit& limit : entry.limits)
      if (!limit.space.empty()) files.insert(limit.space);
  }
  return {files.begin(), files.end()};
}

std::string patterns_of(const BudgetEntry& entry) {
  return fmt::format("\"{}\"", fmt::join(entry.models, "\", \""));
}

class Check {
 public:
  explicit Check(const Arguments& arguments)
      : arguments_(arguments),
        quiet_(arguments.flag("quiet")),
        budget_path_(arguments.required_text("budget")),
        budget_(BudgetFile::load(budget_path_)),
        given_(models_of(arguments, folder_of(budget_path_))),
        model_settings_(model_settings(arguments)),
        percentiles_(arguments, quiet_) {
    model_settings_.weights = false;  // no number depends on them
    report_.budget = fs::path(budget_path_).filename().string();
    const std::vector<TargetFile> usual = targets_of(arguments);
    if (!complete_targets(budget_, usual) && !usual.empty())
      report_.notes.push_back(fmt::format(
          "--accelerator and --estimator are not used: every limit of {} names its own.", report_.budget));
    require_separate_files(arguments, report_.budget, files_of(budget_));
    require_one_space();
    read_baseline();
    load_targets();
  }

  // A model that cannot be checked does not keep the others from it.
  void run() {
    for (const NamedModel& model : given_) {
      try {
        check(model);
      } catch (const InputError& error) {
        report_.problems.push_back({model.name, utf8_text(error.what())});
      }
    }
    if (updates_baseline_) write_baseline();
  }

  const CheckReport& report() const { return report_; }
  const std::vector<ModelCosts>& models() const { return models_; }
  const std::string& budget_path() const { return budget_path_; }

 private:
  void require_one_space() const {
    std::set<std::string> spaces;
    for (const BudgetEntry& entry : budget_.entries)
      for (const Limit& limit : entry.limits)
        if (!limit.space.empty()) spaces.insert(limit.space);
    if (spaces.size() < 2 || !arguments_.text("reference-file")) return;
    throw InputError(
        fmt::format("assay check: --reference-file holds the scores of one space, and {} names {}: {}. Leave "
                    "the option out, and each space has a file beside the score cache.",
                    report_.budget, spaces.size(), fmt::join(spaces, ", ")));
  }

  void read_baseline() {
    const auto path = arguments_.text("baseline");
    updates_baseline_ = arguments_.flag("update-baseline");
    if (updates_baseline_ && !path)
      throw InputError("assay check: --update-baseline needs to know which file. Add --baseline FILE.");
    if (!path) return;
    std::error_code none;  // what cannot be looked at fails when it is read
    if (fs::exists(*path, none)) {
      baseline_ = CostBaseline::load(*path);
    } else if (!updates_baseline_) {
      throw InputError(fmt::format(
          "{}: there is no such baseline. Make it with --update-baseline, or leave --baseline out.", *path));
    }
  }

  // Those of entries that apply to something: a broken one is no fault of a single model.
  void load_targets() {
    for (const BudgetEntry& entry : budget_.entries) {
      if (std::ranges::none_of(given_, [&](const NamedModel& model) { return matches(entry, model.name); })) {
        report_.notes.push_back(
            fmt::format("{}:{}: no model was given that {} matches; these limits were not "
                        "checked.",
                        report_.budget, entry.place.line, patterns_of(entry)));
        continue;
      }
      for (const TargetFile& file : entry.targets)
        if (const std::string name = target_name(file); !targets_.contains(name))
          targets_.emplace(name, load_target(file));
    }
  }

  void check(const NamedModel& given) {
    std::vector<const CheckTarget*> targets;
    std::set<std::string> spaces;
    bool matched = false;
    for (const BudgetEntry& entry : budget_.entries) {
      if (!matches(entry, given.name)) continue;
      matched = true;
      for (const TargetFile& file : entry.targets) {
        const CheckTarget* target = &targets_.at(target_name(file));
        if (std::ranges::find(targets, target) == targets.end()) targets.push_back(target);
      }
      for (const Limit& limit : entry.limits)
        if (limit.metric == CheckMetric::score_percentile) spaces.insert(limit.space);
    }
    if (!matched) {
      std::vector<std::string> known;
      for (const BudgetEntry& entry : budget_.entries) known.push_back(patterns_of(entry));
      throw InputError(fmt::format("{}: no limit applies to it. {} has limits for {}. Add a [[check]].",
                                   given.name, report_.budget, join(known, ", ")));
    }
    if (!is_model_file(given.path))
      throw InputError(
          fmt::format("{}: is no model. Give .onnx files, or networks as .json files, which assay "
                      "export writes.",
                      given.path));
    const ModelFile model = load_model(given.path, model_settings_);
    if (!quiet_)
      for (const std::string& text : model.notes) note(text);
    if (!model.gaps.empty())
      report_.notes.push_back(
          fmt::format("{}: {} of the model have no counterpart here, and its numbers lack them.", given.name,
                      model.gaps));
    CheckedModel checked{.costs = measure_model(model.network, given.name, targets),
                         .score_percentiles = {},
                         .baseline = nullptr,
                         .baseline_given = arguments_.flag("baseline")};
    if (baseline_) checked.baseline = baseline_->find(checked.costs.model);
    for (const std::string& space : spaces)
      checked.score_percentiles[space] = percentiles_.of(model.network, space, interrupt_.token());
    judge(budget_, checked, targets, updates_baseline_, report_);
    models_.push_back(std::move(checked.costs));
  }

  // Models that were not given, or could not be checked, keep what the baseline has of them, and the others
  // what it has of them on other targets.
  void write_baseline() const {
    CostBaseline updated = baseline_.value_or(CostBaseline{});
    const std::size_t before = updated.models.size();
    std::set<std::string> now, kept;
    for (const ModelCosts& model : models_) {
      updated.update(model);
      for (const TargetCosts& on : model.targets) now.insert(on.target);
    }
    for (const ModelCosts& model : models_)
      for (const TargetCosts& on : updated.find(model.model)->targets)
        if (!now.contains(on.target)) kept.insert(on.target);
    const std::string path = *arguments_.text("baseline");
    write_file(path, updated.to_json());
    if (!quiet_)
      note(fmt::format("{}: {} new, {} updated, {} kept.{}{}", path, updated.models.size() - before,
                       models_.size() - (updated.models.size() - before),
                       updated.models.size() - models_.size(),
                       now.empty() ? "" : fmt::format(" Updated on {}.", fmt::join(now, ", ")),
                       kept.empty() ? "" : fmt::format(" Kept on {}.", fmt::join(kept, ", "))));
  }

  const Arguments& arguments_;
  bool quiet_;
  std::string budget_path_;
  BudgetFile budget_;
  std::vector<NamedModel> given_;
  ModelSettings model_settings_;
  ScorePercentiles percentiles_;
  InterruptGuard interrupt_;
  std::optional<CostBaseline> baseline_;
  bool updates_baseline_ = false;
  std::map<std::string, CheckTarget> targets_;  // by name
  CheckReport report_;
  std::vector<ModelCosts> models_;
};

void write_results(const Output& output, const CheckReport& report) {
  switch (output.format()) {
    case Format::table: {
      const int width = output.path() == "-" ? terminal_width() : 0;
      std::string text;
      if (!report.findings.empty())
        text = check_table(report, true).to_text(width, output.path() == "-" && use_colour());
      return output.write(text + log_text(check_text(report, width)));
    }
    case Format::csv:
      return output.write(check_table(report, false));
    case Format::json:
      return output.write(check_json(report));
  }
}

// Whether a report takes the table's place on standard output, where only one thing can be read.
bool prints_report(const Arguments& arguments, const Output& output) {
  std::vector<std::string> printed;
  for (const char* option : {"junit", "markdown", "json", "benchmark-json"})
    if (arguments.text(option) == "-") printed.push_back(fmt::format("--{}", option));
  const bool report = !printed.empty();
  if (arguments.flag("github")) printed.emplace_back("--github");
  if (output.format() != Format::table && output.path() == "-") printed.emplace_back("--format");
  if (printed.size() > 1)
    throw InputError(
        fmt::format("assay check: {} would all go to standard output. Give all but one of them a file; that "
                    "of --format is "
                    "--out.",
                    join(printed, ", ")));
  return report;
}

int run(const Arguments& arguments) {
  // Logs of CI systems are read by people.
  const Output output(arguments, Format::table);
  if (arguments.positionals().empty())
    throw InputError("assay check: name the models, as .json or .onnx files. See: assay check --help");
  const bool report_printed = prints_report(arguments, output);
  Check check(arguments);
  try {
    check.run();
  } catch (const ScorePercentiles::Interrupted&) {
    return InterruptGuard::exit_code();
  }
  const CheckReport& report = check.report();
  // Files first: what a CI step prints is of no use where its report is missing.
  const auto write_to = [&](const char* option, auto&& text) {
    if (const auto path = arguments.text(option)) write_file(*path, text());
  };
  write_to("junit", [&] { return check_junit(report); });
  write_to("markdown", [&] { return check_markdown(report); });
  write_to("json", [&] { return check_json(report); });
  write_to("benchmark-json", [&] { return check_benchmark_json(check.models()); });
  if (output.path() != "-" || !report_printed) write_results(output, report);
  if (arguments.flag("github")) fmt::print("{}", check_annotations(report, check.budget_path()));
  if (!output.quiet())
    for (const std::string& text : report.notes) note(text);
  for (const CheckProblem& problem : report.problems) note(problem.text);
  return report.exit_code();
}

}  // namespace

Command check_command() {
  OptionGroup output = output_options();
  output.options[0].help = "how results are written; as the ending of --out says, or else a table";
  return {
      .name = "check",
      .summary = "budgets for latency, memory and size, for a CI pipeline",
      .positionals = "MODEL...",
      .max_positionals = 100'000,
      .description =
          "Compares models with the limits of a budget file, and with a baseline:\n"
          "\n"
          "  accelerator = \"edge_npu_16.toml\"       # a list is possible, and estimator = \"fitted.json\"\n"
          "\n"
          "  [[check]]\n"
          "  model = \"models/detector*.onnx\"        # as seen from the budget file; left out: every model\n"
          "  latency_ms = 4.0                       # more is an error; also latency_us\n"
          "  peak_memory_kib = { max = 512, max_regression_percent = 0 }      # also _bytes, _mib\n"
          "  weight_mib = [{ max = 4 }, { max = 3.5, level = \"warn\" }]        # also _bytes, _kib\n"
          "  params = { max_regression_percent = 5, level = \"warn\" }          # also macs\n"
          "  score_percentile = { min = 50, space = \"mobilenetv2.toml\" }\n"
          "\n"
          "Every [[check]] that matches a model applies. latency_ms = { max = 4, bound = \"high\" } judges "
          "the\n"
          "upper end of a fitted estimator's interval. The score percentile is the share of a space's "
          "random\n"
          "candidates that the model's rank score beats; it alone executes the model.\n"
          "A violated limit names the parts of the model to blame: those that changed since the baseline, "
          "or\n"
          "the largest. --update-baseline accepts regressions, and writes the baseline even where other "
          "limits\n"
          "are exceeded. A baseline that was made with another accelerator or estimator is not compared "
          "with.\n"
          "\n"
          "Exit codes: 0 all limits hold or only warn, 1 a limit is exceeded, 2 a model or a file is "
          "invalid\n"
          "(the other models are checked nevertheless).",
      .groups =
          {{"Budget",
            {{"budget", "FILE.toml", "the limits", ""},
             {"baseline", "FILE.json", "what the models cost before, for max_regression_percent", ""},
             {"update-baseline", "", "write what the models cost now to --baseline", ""},
             {"accelerator", "ACCELERATOR.toml,...", "for limits that name none", ""},
             {"estimator", "ESTIMATOR.json,...", "fitted estimators for limits that name none", ""}}},
           {"Reports",
            {{"junit", "FILE.xml", "test results that CI systems show", ""},
             {"markdown", "FILE.md", "a comment for a pull request", ""},
             {"github", "", "annotations as workflow commands, on standard output behind the results", ""},
             {"json", "FILE.json", "all results, as --format json prints them", ""},
             {"benchmark-json", "FILE.json",
              "all values, for github-action-benchmark (customSmallerIsBetter)", ""}}},
           model_options(),
           {"Score percentile",
            {{"workers", "N", "threads; 0 is one per core. Results do not depend on it", "0"},
             {"max-memory", "MIB", "what all threads together may use", ""},
             {"reference-file", "FILE",
              "where the scores of a space's random candidates are kept; beside the score cache when not "
              "given",
              ""}}},
           cache_options(),
           std::move(output)},
      .example =
          "  assay check models/*.onnx --budget budget.toml --baseline baseline.json\n"
          "  assay check models/*.onnx --budget budget.toml --baseline baseline.json --update-baseline\n"
          "  assay check models/*.onnx --budget budget.toml --github --markdown comment.md --junit junit.xml",
      .run = run};
}

}  // namespace assay::cli
