// What the page of a report is made of, part of the program: no file is looked for when a report is written.
#pragma once

#include <string_view>

namespace assay {

std::string_view page_template();   // with {{places}}
std::string_view page_style();      // CSS
std::string_view page_script();     // JavaScript, of several files
std::string_view charts_library();  // Apache ECharts, see assets/LICENSE.echarts

}  // namespace assay
