// Judging models by their budget: which limits hold, by how much, and which parts of a model are to blame
// where one does not.
#pragma once

#include "assay/check/baseline.hpp"
#include "assay/check/budget_file.hpp"
#include "assay/check/model_costs.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

enum class LimitVerdict : std::uint8_t {
  pass,
  unchecked,  // a regression without anything to compare with
  accepted,   // a regression, and the baseline is being updated
  warn,
  fail,
};
std::string_view to_string(LimitVerdict verdict);

// A part of a model that a violated limit is about.
struct Cause {
  enum class Kind : std::uint8_t {
    present,  // one of the largest parts: there is nothing to compare with, or nothing grew
    grown,
    added,
    shrunk,
    gone,
  };
  Kind kind = Kind::present;
  std::string name, shape;
  std::string name_before, shape_before;  // where they differ
  double amount = 0;                      // in the metric's unit: what it takes, or takes more than before
  double share_percent = 0;               // of the metric's value, or of all that grew
  std::optional<double> lane_efficiency, lane_efficiency_before;
  std::string note;  // what would make it faster; what a tensor is kept for
};

// One limit, judged.
struct Finding {
  std::string model;
  std::string target;  // empty where the metric is none of an accelerator
  Limit limit;
  double value = 0;
  std::optional<double> allowed;   // what the value may be; none where that is not known
  std::optional<double> baseline;  // what the value was
  LimitVerdict verdict = LimitVerdict::pass;
  // Why it was not checked; or, where it is violated, what happened, in a sentence.
  std::string reason;
  std::vector<Cause> causes;  // of a violation, those that matter most first

  // How far the value may still go, as a share of what is allowed; negative: by how much it is exceeded.
  std::optional<double> headroom_percent() const;
  // Against the baseline.
  std::optional<double> change_percent() const;
};

// A model that could not be checked, and why: a sentence that names the file.
struct CheckProblem {
  std::string model, text;
};

struct CheckReport {
  std::string budget;             // the budget file's name, without its folder
  std::vector<Finding> findings;  // by model, then by entry of the budget file
  std::vector<CheckProblem> problems;
  std::vector<std::string> notes;  // what was not checked, or is not comparable, a sentence each
  int models = 0;                  // checked ones

  std::size_t count(LimitVerdict verdict) const;
  // 2 with problems, else 1 with violated limits, else 0.
  int exit_code() const;
};

// What is compared with the limits for one model.
struct CheckedModel {
  ModelCosts costs;
  std::map<std::string, double> score_percentiles;  // by space
  const ModelCosts* baseline = nullptr;             // nullptr: there is none
  bool baseline_given = false;                      // for the reason where there is none
};

// Appends a finding per limit of the entries that match the model, and per target where the metric is one of
// an accelerator. `targets` holds those of the entries. Regressions are `accepted` where the baseline is
// being updated.
void judge(const BudgetFile& budget, const CheckedModel& model, std::span<const CheckTarget* const> targets,
           bool update_baseline, CheckReport& report);

}  // namespace assay
