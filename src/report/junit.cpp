#include "assay/report/junit.hpp"

#include "assay/report/escape.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay {
namespace {

// "tests", "failures", ... of some suites, as attributes.
std::string counts(std::span<const TestSuite> suites) {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  for (const TestSuite& suite : suites) {
    tests += suite.cases.size();
    const auto with = [&](TestCase::Outcome outcome) {
      return static_cast<std::size_t>(std::ranges::count(suite.cases, outcome, &TestCase::outcome));
    };
    failures += with(TestCase::Outcome::failed);
    errors += with(TestCase::Outcome::error);
    skipped += with(TestCase::Outcome::skipped);
  }
  return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"", tests, failures, errors,
                     skipped);
}

std::string element(const TestCase& test) {
  const std::string begin = fmt::format("    <testcase classname=\"{}\" name=\"{}\"",
                                        xml_attribute(test.group), xml_attribute(test.name));
  const std::string message = fmt::format("message=\"{}\"", xml_attribute(test.message));
  switch (test.outcome) {
    case TestCase::Outcome::passed:
      if (test.details.empty()) return begin + "/>\n";
      return fmt::format("{}>\n      <system-out>{}</system-out>\n    </testcase>\n", begin,
                         xml_text(test.details));
    case TestCase::Outcome::skipped:
      return fmt::format("{}>\n      <skipped {}/>\n    </testcase>\n", begin, message);
    case TestCase::Outcome::failed:
      return fmt::format("{}>\n      <failure {} type=\"budget\">{}</failure>\n    </testcase>\n", begin,
                         message, xml_text(test.details));
    case TestCase::Outcome::error:
      break;
  }
  return fmt::format("{}>\n      <error {} type=\"input\">{}</error>\n    </testcase>\n", begin, message,
                     xml_text(test.details));
}

}  // namespace

std::string to_junit(const std::string& name, std::span<const TestSuite> suites) {
  std::string text = fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" {}>\n",
                                 xml_attribute(name), counts(suites));
  for (const TestSuite& suite : suites) {
    text += fmt::format("  <testsuite name=\"{}\" {}>\n", xml_attribute(suite.name), counts({&suite, 1}));
    for (const TestCase& test : suite.cases) text += element(test);
    text += "  </testsuite>\n";
  }
  return text + "</testsuites>\n";
}

}  // namespace assay
