#include "assets.hpp"

// The assembler reads the files: a megabyte as an initialiser would take the compiler long. ASSAY_ASSETS is
// their folder; the build knows that this file depends on them.
// NOLINTBEGIN(cppcoreguidelines-macro-usage)
#define BEGIN_ASSET(symbol) ".global " symbol "_begin\n.hidden " symbol "_begin\n" symbol "_begin:\n"
#define END_ASSET(symbol) ".global " symbol "_end\n.hidden " symbol "_end\n" symbol "_end:\n"
#define ASSET_FILE(name) ".incbin \"" ASSAY_ASSETS "/" name "\"\n"
// NOLINTEND(cppcoreguidelines-macro-usage)

// clang-format off
asm(".pushsection .rodata\n"
    BEGIN_ASSET("assay_page_template") ASSET_FILE("report.html") END_ASSET("assay_page_template")
    BEGIN_ASSET("assay_page_style") ASSET_FILE("report.css") END_ASSET("assay_page_style")
    BEGIN_ASSET("assay_page_script")
    ASSET_FILE("text.js")
    ASSET_FILE("data.js")
    ASSET_FILE("plot.js")
    ASSET_FILE("answer.js")
    ASSET_FILE("candidates.js")
    ASSET_FILE("front.js")
    ASSET_FILE("search.js")
    ASSET_FILE("landscape.js")
    ASSET_FILE("training.js")
    ASSET_FILE("drawing.js")
    ASSET_FILE("network.js")
    ASSET_FILE("drawer.js")
    ASSET_FILE("facts.js")
    ASSET_FILE("main.js")
    END_ASSET("assay_page_script")
    BEGIN_ASSET("assay_charts_library") ASSET_FILE("echarts.min.js") END_ASSET("assay_charts_library")
    BEGIN_ASSET("assay_charts_licences") ASSET_FILE("LICENSE.echarts") END_ASSET("assay_charts_licences")
    ".popsection\n");
// clang-format on

extern "C" {
extern const char assay_page_template_begin[], assay_page_template_end[];
extern const char assay_page_style_begin[], assay_page_style_end[];
extern const char assay_page_script_begin[], assay_page_script_end[];
extern const char assay_charts_library_begin[], assay_charts_library_end[];
extern const char assay_charts_licences_begin[], assay_charts_licences_end[];
}

namespace assay {

std::string_view page_template() {
  return {assay_page_template_begin, assay_page_template_end};
}
std::string_view page_style() {
  return {assay_page_style_begin, assay_page_style_end};
}
std::string_view page_script() {
  return {assay_page_script_begin, assay_page_script_end};
}
std::string_view charts_library() {
  return {assay_charts_library_begin, assay_charts_library_end};
}
std::string_view charts_licences() {
  return {assay_charts_licences_begin, assay_charts_licences_end};
}

}  // namespace assay
