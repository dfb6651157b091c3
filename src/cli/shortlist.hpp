// The shortlist of a search, with the baseline it is measured against: its table, and its training.
#pragma once

#include "assay/report/run_report.hpp"
#include "assay/search/search.hpp"
#include "assay/store/run_journal.hpp"

#include "common.hpp"
#include "training.hpp"

namespace assay::cli {

class Shortlist {
 public:
  // `baseline` may be null. `space` must outlive the object.
  Shortlist(const Space& space, Metric front_metric, const SearchResult& result,
            std::vector<std::string> score_names, const Candidate* baseline_candidate,
            const Baseline* baseline);

  // Best rank score first, the baseline last. What the journal holds of an earlier part of the run is not
  // trained again, unless its trained network is wanted and not there. `models`: a folder for these, as
  // 1.onnx, 2.onnx ... and baseline.onnx; empty: they are not kept.
  void train(const Dataset& dataset, const TrainOptions& options, RunJournal& journal,
             const std::string& models, bool quiet);

  void write(const Output& output) const;
  // The table alone, without the candidates below it.
  void write_table(const Output& output) const;

 private:
  // Number under which the journal keeps the baseline's training; evaluations count from 0.
  static constexpr int baseline_evaluation = -1;

  void train(ReportNetwork& network, const TrainingTurn& turn, const std::string& recipe,
             const Dataset& dataset, const TrainOptions& options, RunJournal& journal,
             const std::string& model, bool quiet);
  std::string candidates_text() const;

  const Space& space_;
  RunReport report_;  // what its table shows
};

}  // namespace assay::cli
