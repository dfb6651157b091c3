// The shortlist of a search: its table, and its training.
#pragma once

#include "assay/search/search.hpp"
#include "assay/store/run_journal.hpp"

#include "common.hpp"
#include "training.hpp"

#include <map>

namespace assay::cli {

class Shortlist {
 public:
  // `baseline` may be null. All references must outlive the object.
  Shortlist(const Space& space, Metric front_metric, const SearchResult& result,
            const std::vector<std::string>& score_names, const Baseline* baseline);

  // Best rank score first. What the journal holds of an earlier part of the run is not trained again.
  void train(const Dataset& dataset, const TrainOptions& options, RunJournal& journal, bool quiet);

  void write(const Output& output) const;

 private:
  std::vector<Column> columns(const Output& output) const;
  std::vector<Cell> row(std::size_t rank, const Output& output) const;
  Table table(const Output& output) const;

  const Space& space_;
  Metric front_metric_;
  const SearchResult& result_;
  const std::vector<std::string>& score_names_;
  const Baseline* baseline_;
  bool trained_ = false;
  std::map<int, TrainingRow> trainings_;  // by evaluation
};

}  // namespace assay::cli
