#include "assay/cli/cli.hpp"

#include <csignal>
#include <string>
#include <vector>

#include <malloc.h>
#include <sys/resource.h>

namespace {

// A heap for each thread takes 64 MiB of addresses a thread: where these are limited (ulimit -v), one has to
// do for all.
void share_a_heap_where_addresses_are_few() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) mallopt(M_ARENA_MAX, 1);
}

}  // namespace

int main(int argc, char** argv) {
  // A file that outgrows the limit of ulimit -f is an error like a full disk, with a message, not a crash.
  std::signal(SIGXFSZ, SIG_IGN);
  share_a_heap_where_addresses_are_few();
  return assay::run_command_line(std::vector<std::string>(argv + 1, argv + argc));
}
