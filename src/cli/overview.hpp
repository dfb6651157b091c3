// What is said of the program as a whole, by assay --help and by its manual page.
#pragma once

#include <array>
#include <string_view>

namespace assay::cli {

inline constexpr std::string_view program_description =
    "assay picks neural architectures before training them: zero-shot scores, latency and memory on a given\n"
    "accelerator, search over both, training of the shortlist only.";

inline constexpr std::string_view output_rule =
    "Results go to standard output, progress to standard error. Where a space, an accelerator file or an\n"
    "estimator is expected, the name of one in $ASSAY_SPACES, in ./spaces or among those installed will do.";

struct Meaning {
  std::string_view name, text;
};

inline constexpr std::array<Meaning, 5> exit_codes = {
    {{"0", "all well"},
     {"1", "a budget is exceeded (check, advise)"},
     {"2", "wrong usage or invalid input"},
     {"3", "an internal fault"},
     {"128 + N", "ended by signal N: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP"}}};

inline constexpr std::array<Meaning, 4> environment = {
    {{"ASSAY_SPACES",
      "A folder of spaces, with accelerators and estimators in its folder accelerators: their names stand "
      "for "
      "them."},
     {"ASSAY_DATA_DIR", "Where the folders of the data sets fashion-mnist and cifar-10 lie."},
     {"XDG_CACHE_HOME", "Scores of earlier runs are kept in its folder assay, otherwise in ~/.cache/assay."},
     {"NO_COLOR", "When set to anything, tables have no colours."}}};

}  // namespace assay::cli
