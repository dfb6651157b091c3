#include "shortlist.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "interrupt.hpp"
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

double reduction_percent(double value, double baseline) {
  return percent(1 - value / baseline);
}

}  // namespace

Shortlist::Shortlist(const Space& space, Metric front_metric, const SearchResult& result,
                     const std::vector<std::string>& score_names, const Baseline* baseline)
    : space_(space),
      front_metric_(front_metric),
      result_(result),
      score_names_(score_names),
      baseline_(baseline) {}

void Shortlist::train(const Dataset& dataset, const TrainOptions& options, RunJournal& journal, bool quiet) {
  trained_ = true;
  const std::string recipe = recipe_text(dataset, options);
  for (const TrainingRow& row : journal.trainings()) {
    if (row.dataset == recipe) trainings_[static_cast<int>(row.evaluation)] = row;
  }
  const std::string folder = journal.path() + ".training";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw InputError(fmt::format(
        "{}: the folder for checkpoints cannot be made: {}. Choose another place with --run FILE.", folder,
        error.message()));
  }
  for (std::size_t i = 0; i < result_.shortlist.size() && !InterruptGuard::requested(); ++i) {
    const int evaluation = result_.shortlist[i];
    if (trainings_.contains(evaluation)) continue;
    TrainOptions own = options;
    own.checkpoint = fmt::format("{}/{}.checkpoint", folder, evaluation);
    own.resume = true;
    const TrainResult trained =
        train_with_progress(space_.decode(result_.cohort.candidate(evaluation)), dataset, own,
                            fmt::format("training {} of {}", i + 1, result_.shortlist.size()), quiet);
    if (trained.status == TrainStatus::cancelled) return;
    TrainingRow row{.evaluation = evaluation,
                    .dataset = recipe,
                    .status = trained.reason,
                    .seconds = trained.seconds,
                    .epochs = {}};
    if (trained.test_accuracy) row.test_accuracy = *trained.test_accuracy;
    for (std::size_t epoch = 0; epoch < trained.history.size(); ++epoch) {
      const EpochRecord& record = trained.history[epoch];
      constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();
      row.epochs.push_back({.epoch = static_cast<int>(epoch),
                            .learning_rate = not_measured,
                            .train_loss = record.train_loss,
                            .train_accuracy = not_measured,
                            .test_loss = not_measured,
                            .test_accuracy = record.test_accuracy,
                            .seconds = record.seconds});
    }
    journal.record_training(row);
    std::filesystem::remove(own.checkpoint, error);
    if (!quiet) {
      note(fmt::format(
          "training {} of {}: test accuracy {} in {}", i + 1, result_.shortlist.size(),
          trained.test_accuracy ? fmt::format("{:.2f} %", 100 * *trained.test_accuracy) : trained.reason,
          human_duration(trained.seconds)));
    }
    trainings_[evaluation] = std::move(row);
  }
  std::filesystem::remove(folder, error);  // only when it is empty
}

std::vector<Column> Shortlist::columns(const Output& output) const {
  const bool people = output.format() == Format::table;
  std::vector<Column> columns = {{"rank", "#", Style::number}};
  if (trained_) {
    columns.push_back({"test_accuracy_percent", "test accuracy", Style::percent});
    // Times differ from run to run; files that hold results do not.
    if (people) columns.push_back({"train_seconds", "training time", Style::duration});
  }
  columns.push_back({"rank_score", "rank score", Style::fixed});
  if (front_metric_ == Metric::latency) {
    columns.push_back({"latency_ms", "latency (ms)", Style::fixed});
    if (!people) {
      columns.push_back({"latency_low_ms", "", Style::fixed});
      columns.push_back({"latency_high_ms", "", Style::fixed});
    }
  }
  columns.push_back({"peak_memory_bytes", "memory", Style::bytes});
  columns.push_back({"params", "params", Style::count});
  columns.push_back({"macs", "MACs", Style::count});
  if (baseline_ != nullptr) {
    if (front_metric_ == Metric::latency)
      columns.push_back({"latency_reduction_percent", "latency saved", Style::percent});
    columns.push_back({"memory_reduction_percent", "memory saved", Style::percent});
    columns.push_back({"params_reduction_percent", "params saved", Style::percent});
    columns.push_back({"macs_reduction_percent", "MACs saved", Style::percent});
    columns.push_back({"rank_score_gain", "score gained", Style::fixed});
  }
  if (people) return columns;
  for (const std::string& name : score_names_)
    columns.push_back({name == "params" || name == "macs" ? "score." + name : name, "", Style::number});
  for (const Decision& decision : space_.decisions()) columns.push_back({decision.name, "", Style::text});
  return columns;
}

std::vector<Cell> Shortlist::row(std::size_t rank, const Output& output) const {
  const bool people = output.format() == Format::table;
  const int evaluation = result_.shortlist[rank];
  const Costs& costs = result_.cohort.costs(evaluation);
  const double rank_score = result_.rank_scores[static_cast<std::size_t>(evaluation)];
  std::vector<Cell> row = {static_cast<std::int64_t>(rank + 1)};
  if (trained_) {
    const auto found = trainings_.find(evaluation);
    row.push_back(found != trainings_.end() ? Cell(percent(found->second.test_accuracy)) : Cell());
    if (people) row.push_back(found != trainings_.end() ? Cell(found->second.seconds) : Cell());
  }
  row.emplace_back(rank_score);
  if (front_metric_ == Metric::latency) {
    row.emplace_back(costs.latency_ms);
    if (!people) {
      row.emplace_back(costs.latency_low_ms);
      row.emplace_back(costs.latency_high_ms);
    }
  }
  row.emplace_back(costs.peak_memory_bytes);
  row.emplace_back(costs.params);
  row.emplace_back(costs.macs);
  if (baseline_ != nullptr) {
    const Costs& base = baseline_->gate.costs;
    const auto saved = [](auto value, auto before) {
      return Cell(reduction_percent(static_cast<double>(value), static_cast<double>(before)));
    };
    if (front_metric_ == Metric::latency) row.push_back(saved(costs.latency_ms, base.latency_ms));
    row.push_back(saved(costs.peak_memory_bytes, base.peak_memory_bytes));
    row.push_back(saved(costs.params, base.params));
    row.push_back(saved(costs.macs, base.macs));
    row.emplace_back(rank_score - baseline_->rank_score);
  }
  if (people) return row;
  for (const double score : result_.cohort.scores(evaluation)) row.emplace_back(score);
  const Candidate candidate = result_.cohort.candidate(evaluation);
  for (std::size_t i = 0; i < candidate.choices.size(); ++i)
    row.emplace_back(space_.decisions()[i].options[candidate.choices[i]]);
  return row;
}

Table Shortlist::table(const Output& output) const {
  Table table{.columns = columns(output), .rows = {}};
  for (std::size_t rank = 0; rank < result_.shortlist.size(); ++rank) table.rows.push_back(row(rank, output));
  return table;
}

void Shortlist::write(const Output& output) const {
  const Table rows = table(output);
  if (output.format() != Format::table) return output.write(rows);
  std::string text = rows.to_text(terminal_width(), use_colour());
  if (baseline_ != nullptr) {
    const Costs& base = baseline_->gate.costs;
    text += fmt::format("\nbaseline: {}{}, {} params, {} MACs, rank score {}\n",
                        front_metric_ == Metric::latency ? fmt::format("{:.3f} ms, ", base.latency_ms) : "",
                        human_bytes(static_cast<std::uint64_t>(base.peak_memory_bytes)),
                        human_count(static_cast<double>(base.params)),
                        human_count(static_cast<double>(base.macs)),
                        readable(baseline_->rank_score, Style::fixed));
  }
  text += "\n";
  for (std::size_t rank = 0; rank < result_.shortlist.size(); ++rank) {
    // One decision after the other, wrapped: they are long, and are meant to be copied into --candidate.
    std::string line = fmt::format("#{:<3}", rank + 1);
    const std::string candidate = to_text(space_, result_.cohort.candidate(result_.shortlist[rank]));
    for (const std::string_view part : split(candidate, ' ')) {
      if (line.size() + 1 + part.size() > 110) {
        text += line + "\n";
        line = "    ";
      }
      line += " " + std::string(part);
    }
    text += line + "\n";
  }
  output.write(text);
}

}  // namespace assay::cli
