// What a curation did and what it changed, for people and for machines.
#pragma once

#include "assay/curate/convergence.hpp"
#include "assay/curate/curate.hpp"
#include "assay/curate/landscape.hpp"
#include "assay/report/table.hpp"
#include "assay/space/space.hpp"

#include <optional>
#include <string>
#include <vector>

namespace assay::cli {

struct CurationReport {
  const Space& original;
  const Space& curated;
  const Curation& curation;
  std::string hardware;
  Landscape before, after;
  std::optional<Convergence> convergence;
};

// One row a decision and a measure: part, name, before, after, note. For CSV and JSON.
Table curation_table(const CurationReport& report);
// The same as text; `width` as for Table::to_text.
std::string curation_text(const CurationReport& report, int width, bool colour);
// In what the curated space is worse, as sentences; nothing is held back.
std::vector<std::string> setbacks(const CurationReport& report);

}  // namespace assay::cli
