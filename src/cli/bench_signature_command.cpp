#include "assay/base/hash.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "signature.hpp"

#include <string>

#include <fmt/format.h>

namespace assay::cli {
namespace {

int run(const Arguments& arguments) {
  WorkerPool pool(worker_count(arguments));
  const std::vector<SignaturePart> parts = signature_parts(pool);
  std::string text;
  if (arguments.flag("parts")) {
    for (const SignaturePart& part : parts) text += fmt::format("{:016x}  {}\n", part.value, part.name);
    text += fmt::format("{:016x}  all\n", signature_of(parts));
  } else {
    text = fmt::format("{:016x}\n", signature_of(parts));
  }
  fmt::print("{}", text);
  return 0;
}

}  // namespace

Command bench_signature_command() {
  return {
      .name = "bench-signature",
      .summary = "one number for what the program decides on a fixed small workload",
      .positionals = "",
      .max_positionals = 0,
      .description =
          "Prints 16 hexadecimal digits that stand for what the shipped spaces and accelerator files mean, "
          "for\n"
          "estimates, and for the decisions of short searches, curation and advice. They depend on nothing "
          "but\n"
          "the program: a change that is to change nothing leaves them as they are, and one that does states "
          "the\n"
          "new number. What executes networks is left out: its last bits depend on the processor.",
      .groups = {{"Signature",
                  {{"parts", "", "a number for each part as well, to find what has changed", ""},
                   {"workers", "N", "threads; 0 is one per core. The number does not depend on it", "0"},
                   {"help", "", "this text", ""}}}},
      .example = "  assay bench-signature --parts",
      .run = run};
}

}  // namespace assay::cli
