// Values of metrics as people read them.
#pragma once

#include "assay/check/budget_file.hpp"

#include <string>

namespace assay {

// "latency", "peak memory", "parameters".
std::string_view metric_title(CheckMetric metric);

// "4.31 ms", "512 KiB", "3.50M", "62.5 %".
std::string metric_text(CheckMetric metric, double value);

// The same for two values that are compared: with all their digits where the short texts of different values
// would be the same.
struct ComparedTexts {
  std::string value, other;
};
ComparedTexts compared_texts(CheckMetric metric, double value, double other);

// "+0.31 ms", "-12 KiB".
std::string change_text(CheckMetric metric, double change);

// "+7.8 %".
std::string percent_change_text(double percent);

}  // namespace assay
