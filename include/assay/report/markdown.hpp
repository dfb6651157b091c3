// Pieces of Markdown, for reports of every kind; whatever text they hold changes nothing but itself.
#pragma once

#include "assay/report/table.hpp"

#include <string>
#include <vector>

namespace assay {

// Columns without a heading are left out, as for a terminal.
std::string markdown_table(const Table& table);
std::string markdown_bullets(const std::vector<std::string>& sentences);

}  // namespace assay
