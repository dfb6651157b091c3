// Test results as JUnit XML, which CI systems show, as Jenkins' schema (xunit plugin, junit-10.xsd) has it.
// No times: the same results are the same bytes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay {

struct TestCase {
  enum class Outcome { passed, skipped, failed, error };
  std::string group, name;  // the attributes classname and name
  Outcome outcome = Outcome::passed;
  std::string message;  // one line; of a test that passed: none
  std::string details;  // text of several lines; of a test that passed: what it printed
};

struct TestSuite {
  std::string name;
  std::vector<TestCase> cases;
};

std::string to_junit(const std::string& name, std::span<const TestSuite> suites);

}  // namespace assay
