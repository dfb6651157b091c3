#include "assay/cli/cli.hpp"

#include <string>
#include <vector>

int main(int argc, char** argv) {
  return assay::run_command_line(std::vector<std::string>(argv + 1, argv + argc));
}
