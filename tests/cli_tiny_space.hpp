// A space of small networks with made-up accuracies, in a folder of its own.
#pragma once

#include "cli_process.hpp"

#include <initializer_list>
#include <string>

#include <doctest/doctest.h>

namespace cli_test {

// A space of 48 small networks.
inline constexpr const char* tiny_space = R"(name = "tiny"
classes = 10
[input]
channels = 3
height = 8
width = 8
[[stage]]
name = "a"
block = "conv"
kernel = [1, 3]
channels = [4, 6, 8, 12, 16, 20]
stride = [1, 2]
activation = ["relu", "none"]
[[stage]]
name = "head"
block = "classifier"
)";

// The space, and all its candidates with their parameters as "accuracy" and a second column that opposes it.
struct Fixture {
  Folder folder;

  Fixture() {
    folder.write("space.toml", tiny_space);
    REQUIRE(
        shell(folder, "assay score space.toml --all --scores params,macs --quiet --out all.csv").exit_code ==
        0);
    shell(folder,
          "awk -F, -v OFS=, 'NR==1 {for (i=1; i<=NF; ++i) if ($i==\"params\") p=i; print "
          "$1,$2,$3,$4,\"accuracy\","
          "\"wrong\"; next} {print $1,$2,$3,$4,$p/100,-$p}' all.csv > known.csv");
  }
  Outcome run(const std::string& arguments) const { return shell(folder, "assay " + arguments); }
  Outcome validate(const std::string& arguments) const {
    return run("validate space.toml --known known.csv --accuracy accuracy --batch 4 " + arguments);
  }
  void refuses(const std::string& arguments, std::initializer_list<std::string> parts) const {
    const Outcome outcome = run(arguments);
    INFO(arguments);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.out.empty());
    for (const std::string& part : parts) {
      INFO(part);
      CHECK(mentions(outcome.err, part));
    }
  }
};

}  // namespace cli_test
