#include "assay/report/run_report.hpp"
#include "assay/report/shortlist_table.hpp"

namespace assay {

std::string to_csv(const RunReport& report) {
  return shortlist_table(report, false).to_csv();
}

}  // namespace assay
