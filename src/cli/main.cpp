#include "assay/cli/cli.hpp"

#include <csignal>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  // A file that outgrows the limit of ulimit -f is an error like a full disk, with a message, not a crash.
  std::signal(SIGXFSZ, SIG_IGN);
  return assay::run_command_line(std::vector<std::string>(argv + 1, argv + argc));
}
