// What the page of a report is made of, part of the program: no file is looked for when a report is written.
#pragma once

#include <string_view>

namespace assay {

std::string_view page_template();   // with {{places}}
std::string_view page_style();      // CSS
std::string_view page_script();     // JavaScript, of several files
std::string_view charts_library();  // Apache ECharts
// The notice and licence of ECharts, and those of its parts: every copy takes them along.
std::string_view charts_licences();

}  // namespace assay
