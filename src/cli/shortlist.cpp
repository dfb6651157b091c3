#include "shortlist.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "interrupt.hpp"
#include "model_file.hpp"
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

TrainingRow journal_row(int evaluation, const std::string& recipe, const TrainResult& trained) {
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
    : space_(space), has_latency_(front_metric == Metric::latency), score_names_(std::move(score_names)) {
  for (const int evaluation : result.shortlist) {
    const auto scores = result.cohort.scores(evaluation);
    entries_.push_back({.evaluation = evaluation,
                        .candidate = result.cohort.candidate(evaluation),
                        .costs = result.cohort.costs(evaluation),
                        .rank_score = result.rank_scores[static_cast<std::size_t>(evaluation)],
                        .scores = {scores.begin(), scores.end()},
                        .training = {}});
  }
  if (baseline != nullptr) {
    baseline_ = Entry{.evaluation = baseline_evaluation,
                      .candidate = *baseline_candidate,
                      .costs = baseline->gate.costs,
                      .rank_score = baseline->rank_score,
                      .scores = baseline->row.scores,
                      .training = {}};
  }
}

void Shortlist::train(const Dataset& dataset, const TrainOptions& options, RunJournal& journal,
                      const std::string& models, bool quiet) {
  trained_ = true;
  const std::string recipe = recipe_text(dataset, options);
  const std::string folder = journal.path() + ".training";
  make_folder(folder, "checkpoints", "run FILE");
  if (!models.empty()) make_folder(models, "trained networks", "save-models FOLDER");
  const auto model = [&](const std::string& name) {
    return models.empty() ? "" : fmt::format("{}/{}.onnx", models, name);
  };
  TrainingTurn turn{.networks = static_cast<int>(entries_.size()) + (baseline_ ? 1 : 0)};
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    turn.title = fmt::format("training {} of {}", i + 1, entries_.size());
    turn.network = static_cast<int>(i + 1);
    train(entries_[i], turn, recipe, dataset, options, journal, model(std::to_string(i + 1)), quiet);
  }
  if (baseline_) {
    turn.title = "training the baseline";
    turn.network = turn.networks;
    train(*baseline_, turn, recipe, dataset, options, journal, model("baseline"), quiet);
  }
  // Checkpoints stay for those that an interruption left unfinished. A kill may have left more there than
  // that: a checkpoint whose training is in the journal, one that was half written.
  std::error_code error;
  if (!InterruptGuard::requested()) std::filesystem::remove_all(folder, error);
}

void Shortlist::train(Entry& entry, const TrainingTurn& turn, const std::string& recipe,
                      const Dataset& dataset, const TrainOptions& options, RunJournal& journal,
                      const std::string& model, bool quiet) {
  if (InterruptGuard::requested()) return;
  bool recorded = false;  // by this recipe, or by another, whose epochs then stay until this training ends
  for (const TrainingRow& row : journal.trainings()) {
    if (row.evaluation != entry.evaluation || row.dataset.empty()) continue;
    recorded = true;
    if (row.dataset == recipe) entry.training = row;
  }
  if (entry.training && (model.empty() || std::filesystem::exists(model))) return;
  TrainOptions own = options;
  own.checkpoint = fmt::format("{}.training/{}.checkpoint", journal.path(), entry.evaluation);
  own.resume = true;
  const Network network = space_.decode(entry.candidate);
  const TrainResult trained =
      train_with_progress(network, dataset, own, turn, [&](int epoch, const EpochRecord& record) {
        if (!recorded) journal.record_epoch(entry.evaluation, journal_row(epoch, record));
      });
  if (trained.status == TrainStatus::cancelled) return;
  if (!model.empty()) write_model(model, trained_model(network, trained));
  if (!entry.training) {
    entry.training = journal_row(entry.evaluation, recipe, trained);
    journal.record_training(*entry.training);
  }
  std::filesystem::remove(own.checkpoint);
  if (!quiet) {
    note(fmt::format("{}: test accuracy {} in {}", turn.title,
                     trained.test_accuracy ? fmt::format("{:.2f} %", 100 * *trained.test_accuracy)
                                           : "none, " + trained.reason,
                     human_duration(trained.seconds)));
  }
}

std::vector<Column> Shortlist::columns(bool people) const {
  std::vector<Column> columns = {{"rank", "#", Style::text}};
  if (trained_) {
    columns.push_back({"test_accuracy_percent", "test accuracy", Style::percent});
    // Times differ from run to run; files that hold results do not.
    if (people) columns.push_back({"train_seconds", "training time", Style::duration});
  }
  columns.push_back({"rank_score", "rank score", Style::fixed});
  if (has_latency_) {
    columns.push_back({"latency_ms", "latency (ms)", Style::fixed});
    if (!people) {
      columns.push_back({"latency_low_ms", "", Style::fixed});
      columns.push_back({"latency_high_ms", "", Style::fixed});
    }
  }
  columns.push_back({"peak_memory_bytes", "memory", Style::bytes});
  columns.push_back({"params", "params", Style::count});
  columns.push_back({"macs", "MACs", Style::count});
  if (baseline_) {
    if (has_latency_) columns.push_back({"latency_reduction_percent", "latency saved", Style::percent});
    columns.push_back({"memory_reduction_percent", "memory saved", Style::percent});
    columns.push_back({"params_reduction_percent", "params saved", Style::percent});
    columns.push_back({"macs_reduction_percent", "MACs saved", Style::percent});
  }
  if (people) return columns;
  for (const std::string& name : score_names_) {
    columns.push_back({name == "params" || name == "macs" ? "score." + name : name, "", Style::number});
  }
  for (const Decision& decision : space_.decisions()) columns.push_back({decision.name, "", Style::text});
  return columns;
}

std::vector<Cell> Shortlist::row(const Entry& entry, Cell rank, bool people) const {
  const Costs& costs = entry.costs;
  std::vector<Cell> row = {std::move(rank)};
  if (trained_) {
    row.push_back(entry.training ? Cell(percent(entry.training->test_accuracy)) : Cell());
    if (people) row.push_back(entry.training ? Cell(entry.training->seconds) : Cell());
  }
  row.emplace_back(entry.rank_score);
  if (has_latency_) {
    row.emplace_back(significant(costs.latency_ms));
    if (!people) {
      row.emplace_back(significant(costs.latency_low_ms));
      row.emplace_back(significant(costs.latency_high_ms));
    }
  }
  row.emplace_back(costs.peak_memory_bytes);
  row.emplace_back(costs.params);
  row.emplace_back(costs.macs);
  if (baseline_) {
    const Costs& base = baseline_->costs;
    const auto saved = [&](auto value, auto before) {
      if (&entry == &*baseline_) return Cell();
      return Cell(percent(1 - static_cast<double>(value) / static_cast<double>(before)));
    };
    if (has_latency_) row.push_back(saved(costs.latency_ms, base.latency_ms));
    row.push_back(saved(costs.peak_memory_bytes, base.peak_memory_bytes));
    row.push_back(saved(costs.params, base.params));
    row.push_back(saved(costs.macs, base.macs));
  }
  if (people) return row;
  for (const double score : entry.scores) row.emplace_back(score);
  for (std::size_t i = 0; i < entry.candidate.choices.size(); ++i) {
    row.emplace_back(space_.decisions()[i].options[entry.candidate.choices[i]]);
  }
  return row;
}

Table Shortlist::table(bool people) const {
  Table table{.columns = columns(people), .rows = {}};
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    table.rows.push_back(row(entries_[i], static_cast<std::int64_t>(i + 1), people));
  }
  // Files hold what was found; the baseline stands beside it for people.
  if (people && baseline_) table.rows.push_back(row(*baseline_, "baseline", people));
  return table;
}

std::string Shortlist::candidates_text() const {
  constexpr std::size_t width = 110;
  std::string text;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    // One decision after the other, wrapped: they are long, and are meant to be copied into --candidate.
    std::string line = fmt::format("#{:<3}", i + 1);
    const std::string candidate = to_text(space_, entries_[i].candidate);
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
  output.write(table(output.format() == Format::table));
}

void Shortlist::write(const Output& output) const {
  if (output.format() != Format::table) return write_table(output);
  output.write(table(true).to_text(terminal_width(), use_colour()) + "\n" + candidates_text());
}

}  // namespace assay::cli
