#include "assay/report/junit.hpp"

#include "assay/report/escape.hpp"

#include <fmt/format.h>

namespace assay {
namespace {

struct Counts {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;

  std::string attributes() const {
    return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\"", tests, failures, errors);
  }
};

Counts counts_of(std::span<const TestSuite> suites) {
  Counts counts;
  for (const TestSuite& suite : suites) {
    for (const TestCase& test : suite.cases) {
      ++counts.tests;
      counts.failures += test.outcome == TestCase::Outcome::failed;
      counts.errors += test.outcome == TestCase::Outcome::error;
      counts.skipped += test.outcome == TestCase::Outcome::skipped;
    }
  }
  return counts;
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
                                 xml_attribute(name), counts_of(suites).attributes());
  for (const TestSuite& suite : suites) {
    const Counts counts = counts_of({&suite, 1});
    text += fmt::format("  <testsuite name=\"{}\" {} skipped=\"{}\">\n", xml_attribute(suite.name),
                        counts.attributes(), counts.skipped);
    for (const TestCase& test : suite.cases) text += element(test);
    text += "  </testsuite>\n";
  }
  return text + "</testsuites>\n";
}

}  // namespace assay
