// Baselines: what models cost when somebody was content with it, as JSON to be kept under version control.
#pragma once

#include "assay/check/model_costs.hpp"

#include <map>
#include <string>
#include <string_view>

namespace assay {

struct CostBaseline {
  std::map<std::string, ModelCosts> models;  // by ModelCosts::model

  // Throws InputError naming `source`, what is wrong with it, and the remedy.
  static CostBaseline load(const std::string& path);
  static CostBaseline parse(std::string_view json, const std::string& source);
  // Versioned, targets by name; parse(to_json()).to_json() gives the same bytes. A row a line, so that a diff shows what
  // changed.
  std::string to_json() const;

  // nullptr: the model is new.
  const ModelCosts* find(const std::string& model) const;
  // What is known about the model on other targets stays.
  void update(ModelCosts costs);
};

}  // namespace assay
