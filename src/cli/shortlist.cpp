#include "shortlist.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/report/shortlist_table.hpp"

#include "interrupt.hpp"
#include "model_file.hpp"
#include "run_analysis.hpp"
#include "terminal.hpp"

#include <filesystem>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// A training is recalled only when data set and recipe are the same.
std::string recipe_text(const Dataset& dataset, const TrainOptions& o) {
  return fmt::format(
      "{} epochs={} batch={} learning_rate={} weight_decay={} label_smoothing={} crop_padding={} flip={} "
      "seed={}",
      dataset.name, o.epochs, o.batch, exact_number(o.learning_rate), exact_number(o.weight_decay),
      exact_number(o.label_smoothing), o.augmentation.crop_padding, o.augmentation.flip, o.seed);
}

EpochRow journal_row(int epoch, const EpochRecord& record) {
  constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();
  return {.epoch = epoch,
          .learning_rate = not_measured,
          .train_loss = record.train_loss,
          .train_accuracy = not_measured,
          .test_loss = not_measured,
          .test_accuracy = record.test_accuracy,
          .seconds = record.seconds};
}

TrainingRow journal_row(std::int64_t evaluation, const std::string& recipe, const TrainResult& trained) {
  constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();
  TrainingRow row{.evaluation = evaluation,
                  .dataset = recipe,
                  .status = trained.reason,
                  .test_accuracy = trained.test_accuracy.value_or(not_measured),
                  .seconds = trained.seconds,
                  .epochs = {}};
  for (const EpochRecord& record : trained.history)
    row.epochs.push_back(journal_row(static_cast<int>(row.epochs.size()), record));
  return row;
}

ReportCandidate report_candidate(int evaluation, const Candidate& candidate, const Costs& costs,
                                 std::vector<double> scores, double rank_score) {
  return {.evaluation = evaluation,
          .choices = candidate.choices,
          .rank_score = rank_score,
          .latency_ms = costs.latency_ms,
          .latency_low_ms = costs.latency_low_ms,
          .latency_high_ms = costs.latency_high_ms,
          .extrapolated = costs.extrapolated,
          .peak_memory_bytes = costs.peak_memory_bytes,
          .params = costs.params,
          .macs = costs.macs,
          .scores = std::move(scores),
          .status = {}};
}

void make_folder(const std::string& path, std::string_view what, std::string_view option) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    throw InputError(fmt::format("{}: the folder for {} cannot be made: {}. Choose another place with --{}.",
                                 path, what, error.message(), option));
  }
}

}  // namespace

Shortlist::Shortlist(const Space& space, Metric front_metric, const SearchResult& result,
                     std::vector<std::string> score_names, const Candidate* baseline_candidate,
                     const Baseline* baseline)
    : space_(space) {
  report_.cost = front_metric == Metric::latency ? "latency_ms" : "macs";
  report_.scores = std::move(score_names);
  for (const Decision& decision : space.decisions())
    report_.decisions.push_back({decision.name, decision.options});
  for (const int evaluation : result.shortlist) {
    const auto scores = result.cohort.scores(evaluation);
    ReportNetwork& network = report_.shortlist.emplace_back();
    network.position = static_cast<int>(report_.shortlist.size());
    network.candidate = report_candidate(evaluation, result.cohort.candidate(evaluation),
                                         result.cohort.costs(evaluation), {scores.begin(), scores.end()},
                                         result.rank_scores[static_cast<std::size_t>(evaluation)]);
  }
  if (baseline != nullptr) {
    report_.baseline.emplace().candidate =
        report_candidate(baseline_evaluation, *baseline_candidate, baseline->gate.costs, baseline->row.scores,
                         baseline->rank_score);
  }
}

void Shortlist::train(const Dataset& dataset, const TrainOptions& options, RunJournal& journal,
                      const std::string& models, bool quiet) {
  const std::string recipe = recipe_text(dataset, options);
  const std::string folder = journal.path() + ".training";
  make_folder(folder, "checkpoints", "run FILE");
  if (!models.empty()) make_folder(models, "trained networks", "save-models FOLDER");
  const auto model = [&](const std::string& name) {
    return models.empty() ? "" : fmt::format("{}/{}.onnx", models, name);
  };
  TrainingTurn turn{.networks = static_cast<int>(report_.shortlist.size()) + (report_.baseline ? 1 : 0)};
  for (ReportNetwork& network : report_.shortlist) {
    turn.title = fmt::format("training {} of {}", network.position, report_.shortlist.size());
    turn.network = network.position;
    train(network, turn, recipe, dataset, options, journal, model(std::to_string(network.position)), quiet);
  }
  if (report_.baseline) {
    turn.title = "training the baseline";
    turn.network = turn.networks;
    train(*report_.baseline, turn, recipe, dataset, options, journal, model("baseline"), quiet);
  }
  // Checkpoints stay for those that an interruption left unfinished. A kill may have left more there than
  // that: a checkpoint whose training is in the journal, one that was half written.
  std::error_code error;
  if (!InterruptGuard::requested()) std::filesystem::remove_all(folder, error);
}

void Shortlist::train(ReportNetwork& network, const TrainingTurn& turn, const std::string& recipe,
                      const Dataset& dataset, const TrainOptions& options, RunJournal& journal,
                      const std::string& model, bool quiet) {
  if (InterruptGuard::requested()) return;
  const std::int64_t evaluation = network.candidate.evaluation;
  bool recorded = false;  // by this recipe, or by another, whose epochs then stay until this training ends
  for (const TrainingRow& row : journal.trainings()) {
    if (row.evaluation != evaluation || row.dataset.empty()) continue;
    recorded = true;
    if (row.dataset == recipe) network.training = report_training(row);
  }
  if (network.training && (model.empty() || std::filesystem::exists(model))) return;
  TrainOptions own = options;
  own.checkpoint = fmt::format("{}.training/{}.checkpoint", journal.path(), evaluation);
  own.resume = true;
  const Network decoded = space_.decode({network.candidate.choices});
  const TrainResult trained =
      train_with_progress(decoded, dataset, own, turn, [&](int epoch, const EpochRecord& record) {
        if (!recorded) journal.record_epoch(evaluation, journal_row(epoch, record));
      });
  if (trained.status == TrainStatus::cancelled) return;
  if (!model.empty()) write_model(model, trained_model(decoded, trained));
  if (!network.training) {
    const TrainingRow row = journal_row(evaluation, recipe, trained);
    network.training = report_training(row);
    journal.record_training(row);
  }
  std::filesystem::remove(own.checkpoint);
  if (!quiet) {
    note(fmt::format("{}: test accuracy {} in {}", turn.title,
                     trained.test_accuracy ? fmt::format("{:.2f} %", 100 * *trained.test_accuracy)
                                           : "none, " + trained.reason,
                     human_duration(trained.seconds)));
  }
}

std::string Shortlist::candidates_text() const {
  constexpr std::size_t width = 110;
  std::string text;
  for (const ReportNetwork& network : report_.shortlist) {
    // One decision after the other, wrapped: they are long, and are meant to be copied into --candidate.
    std::string line = fmt::format("#{:<3}", network.position);
    const std::string candidate = to_text(space_, {network.candidate.choices});
    for (const std::string_view part : split(candidate, ' ')) {
      if (line.size() + 1 + part.size() > width) {
        text += line + "\n";
        line = "    ";
      }
      line += " " + std::string(part);
    }
    text += line + "\n";
  }
  return text;
}

void Shortlist::write_table(const Output& output) const {
  output.write(shortlist_table(report_, output.format() == Format::table));
}

void Shortlist::write(const Output& output) const {
  if (output.format() != Format::table) return write_table(output);
  output.write(shortlist_table(report_, true).to_text(terminal_width(), use_colour()) + "\n" +
               candidates_text());
}

}  // namespace assay::cli
