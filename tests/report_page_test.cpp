// The page of a report in a browser: it draws what the report says, whatever the run was.
#include "chromium.hpp"
#include "run_report_fixture.hpp"

#include <cstdlib>

#include <doctest/doctest.h>

using namespace assay;
using namespace report_test;
using chromium_test::Browser;
using chromium_test::chromium_program;
using chromium_test::Json;
using chromium_test::Screen;

namespace {

namespace fs = std::filesystem;

// Pictures are kept where this names a folder (tools/report_screenshots.sh).
const char* screenshots = std::getenv("ASSAY_SCREENSHOTS");

class Page {
 public:
  explicit Page(const RunReport& report) : report_(report) {
    std::string pattern = (fs::temp_directory_path() / "assay_page_test.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    file_ = (folder_ / "report.html").string();
    std::ofstream(file_, std::ios::binary) << to_html(report);
  }
  ~Page() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  const std::string& file() const { return file_; }

 private:
  RunReport report_;
  fs::path folder_;
  std::string file_;
};

Browser& browser() {
  static Browser one;
  return one;
}

}  // namespace

TEST_CASE("pictures of the page") {
  if (screenshots == nullptr) return;
  const std::string folder = screenshots;
  fs::create_directories(folder);
  const char* given = std::getenv("ASSAY_REPORT_PAGE");
  const Page page(sample_report());
  const std::string file = given != nullptr ? given : page.file();
  const std::vector<std::pair<std::string, Screen>> screens = {{"laptop_light", {}},
                                                               {"laptop_dark", {1440, 900, true}},
                                                               {"phone_light", {390, 844, false, true}},
                                                               {"phone_dark", {390, 844, true, true}},
                                                               {"narrow_light", {360, 740, false, true}}};
  for (const auto& [name, screen] : screens) {
    browser().open(file, screen);
    for (const std::string& complaint : browser().complaints) MESSAGE(complaint);
    browser().screenshot(folder + "/" + name + ".png", false);
    browser().screenshot(folder + "/" + name + "_whole.png", true);
    browser().evaluate("assayReport.openNetwork(assayReport.report.shortlist[0].candidate)");
    browser().screenshot(folder + "/" + name + "_drawer.png", false);
  }
  browser().print(folder + "/print.pdf");
}
