// The page of a report, opened in a browser and asked what it shows.
#pragma once

#include "chromium.hpp"
#include "run_report_fixture.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include <doctest/doctest.h>

namespace report_test {

using chromium_test::Browser;
using chromium_test::chromium_program;
using chromium_test::Json;
using chromium_test::Screen;

namespace fs = std::filesystem;

// ctest counts what prints this as skipped.
inline bool no_browser() {
  static const bool none = [] {
    if (!chromium_program().empty()) return false;
    std::cout << "Skipped: no Chromium in $PATH (Debian: apt-get install chromium)." << std::endl;
    return true;
  }();
  return none;
}

inline Browser& browser() {
  static Browser one;
  return one;
}

// The plots whose series paint next to nothing: drawn again without them, hardly a pixel changes.
inline constexpr const char* pale_plots = R"((() => {
  const pixels = (chart) => {
    const canvas = chart.getRenderedCanvas({pixelRatio: 1, backgroundColor: "#fff"});
    return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  };
  return [...assayReport.plots].filter(([, {chart, build}]) => {
    const bare = echarts.init(document.createElement("div"), null, {width: chart.getWidth(), height: chart.getHeight()});
    const option = build();
    bare.setOption({...option, series: option.series.map((s) => ({...s, data: [], edges: [], markLine: undefined}))});
    const a = pixels(chart), b = pixels(bare);
    let different = 0;
    for (let i = 0; i < a.length; i += 4) different += Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2]) > 30;
    bare.dispose();
    return a.length !== b.length || different < 30;
  }).map(([id]) => id);
})())";

// A report's page in a folder of its own.
class Page {
 public:
  explicit Page(const RunReport& report) : json_(to_json(report)) {
    std::string pattern = (fs::temp_directory_path() / "assay_page_test.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    const std::string html = to_html(report);
    size_ = html.size();
    std::ofstream(file(), std::ios::binary) << html;
  }
  ~Page() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string file() const { return (folder_ / "report.html").string(); }
  std::size_t size() const { return size_; }
  const std::string& json() const { return json_; }

  // Opens it and checks what must hold for every page.
  double open(const Screen& screen = {}) const {
    const double seconds = browser().open(file(), screen);
    for (const std::string& complaint : browser().complaints) FAIL_CHECK("the page complains: ", complaint);
    for (const std::string& request : browser().requests) FAIL_CHECK("the page asks for ", request);
    CHECK(browser().evaluate("document.documentElement.dataset.ready") == "true");
    // Nothing is wider than the screen, so that nothing scrolls sideways but what is meant to.
    CHECK(browser().evaluate("document.documentElement.scrollWidth") <= screen.width);
    const Json empty = browser().evaluate(pale_plots);
    CHECK(empty == Json::array());
    return seconds;
  }

 private:
  std::string json_;
  fs::path folder_;
  std::size_t size_ = 0;
};

inline std::string text_of(const std::string& selector) {
  return browser().evaluate("document.querySelector('" + selector + "').innerText");
}

inline Json plots() {
  return browser().evaluate("[...assayReport.plots.keys()]");
}

// The values of a series, as the chart holds them.
inline Json series_of(const std::string& plot, const std::string& name) {
  return browser().evaluate("assayReport.plots.get('" + plot +
                            "').chart.getOption().series.find((s) => s.name === '" + name + "').data");
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace report_test
