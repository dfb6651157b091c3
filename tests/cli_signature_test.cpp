// The number for what the program decides: a change of it must be meant.
#include "../src/cli/signature.hpp"
#include "cli_process.hpp"

#include <cmath>
#include <set>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

using namespace cli_test;

namespace {

std::string signature(const Folder& folder, const std::string& command) {
  const Outcome outcome = shell(folder, command);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.err.empty());
  return outcome.out;
}

}  // namespace

TEST_CASE("the program decides what it decided before") {
  const Folder folder;
  const std::string expected = slurp(std::string(ASSAY_SOURCE_DIR) + "/tests/bench_signature.txt");
  INFO(
      "Where the change is meant, write the new parts to tests/bench_signature.txt (assay bench-signature "
      "--parts) and say \"Bench: NUMBER\" in the commit's message.");
  CHECK(signature(folder, "assay bench-signature --parts") == expected);
  const std::string all = expected.substr(expected.rfind("\n", expected.size() - 2) + 1);
  CHECK(all.size() == 16 + std::string("  all\n").size());
  CHECK(signature(folder, "assay bench-signature") == all.substr(0, 16) + "\n");
}

TEST_CASE("it depends neither on threads nor on what is around") {
  const Folder folder;
  const std::string usual = signature(folder, "assay bench-signature --parts");
  CHECK(signature(folder, "assay bench-signature --parts --workers 1") == usual);
  CHECK(signature(folder, "assay bench-signature --parts --workers 5") == usual);
  CHECK(signature(folder,
                  "mkdir -p a/spaces && cd a && echo 'name = 1' > spaces/ibn_fashion.toml && "
                  "LC_ALL=C OMP_NUM_THREADS=7 assay bench-signature --parts") == usual);
  CHECK(signature(folder, "env -i '" ASSAY_PROGRAM "' bench-signature --parts") == usual);
}

TEST_CASE("no two parts are equal, so none is empty") {
  const Folder folder;
  std::istringstream lines(signature(folder, "assay bench-signature --parts"));
  std::set<std::string> numbers;
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) numbers.insert(line.substr(0, 16));
  CHECK(numbers.size() == count);
  CHECK(count > 20);
}

TEST_CASE("what a signature is made of counts, its last bits do not") {
  const auto of = [](const auto&... values) {
    assay::cli::Signature signature;
    (signature.add(values), ...);
    return signature.value();
  };
  CHECK(of("a", "b") != of("b", "a"));
  CHECK(of("ab", "c") != of("a", "bc"));
  CHECK(of("") != of());
  CHECK(of(1) != of(2));
  CHECK(of(0.1 + 0.2) == of(0.3));
  CHECK(of(0.300001) != of(0.3));
  CHECK(of(0.1234565) == of(std::nextafter(0.1234565, 0)));  // half-way between two that are rounded
  CHECK(of(0.1234565) == of(std::nextafter(0.1234565, 1)));
  CHECK(of(std::nan("1")) == of(-std::nan("2")));
  CHECK(assay::cli::rounded(1234567.0) == 1234570.0);
  CHECK(assay::cli::rounded(0) == 0);
  CHECK(std::isinf(assay::cli::rounded(INFINITY)));
}
