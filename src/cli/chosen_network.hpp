// One network that a command looks at closely, whichever way it is named.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/network/network.hpp"
#include "assay/space/space.hpp"

#include "arguments.hpp"
#include "recorded_run.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace assay::cli {

struct ChosenNetwork {
  std::string label;  // as it was named
  Network network;    // what runs
  std::optional<Candidate> candidate;
  std::shared_ptr<const Space> space;      // of the candidate; of a model file, that of --space
  std::shared_ptr<const RecordedRun> run;  // that it is an entry of
  std::int64_t evaluation = -1;            // in the run; -1: its baseline
};

// Reads names of networks:
//   MODEL.onnx, NETWORK.json               a model file
//   RUN.journal, RUN.journal:3, :e17, :baseline
//                                          of a run: the best, number 3 of the shortlist, evaluation 17, the
//                                          baseline; the path may be left out where --run names it
//   "stage1.kernel=3 stage1.depth=2 ..."   a candidate of --space, or of the run's space
// Journals and spaces are read once.
class NetworkChooser {
 public:
  // --space, --run and how model files are read. `quiet`: no notes.
  explicit NetworkChooser(const Arguments& arguments);

  // The space of candidates, instead of --space.
  void set_space(const std::string& path);
  // Throws InputError naming what there is.
  ChosenNetwork operator()(const std::string& name);

 private:
  std::shared_ptr<const RecordedRun> run_of(const std::string& path);
  ChosenNetwork entry(const std::string& label, std::shared_ptr<const RecordedRun> run,
                      const std::string& name);

  const Arguments& arguments_;
  std::shared_ptr<const Space> space_;
  std::shared_ptr<const RecordedRun> run_;
  std::map<std::string, std::shared_ptr<const RecordedRun>> runs_;
};

// --space and --run.
std::vector<OptionSpec> chooser_options();

// As --accelerator or --estimator say; else that of a run among the networks; nullopt without any. With a
// space, an accelerator's estimator is fitted to its networks, as for assay estimate.
std::optional<Estimator> estimator_for(const Arguments& arguments,
                                       const std::vector<ChosenNetwork>& networks);

}  // namespace assay::cli
