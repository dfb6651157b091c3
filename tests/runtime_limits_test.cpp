// Memory limits and stops: what keeps one absurd network from taking the machine, or from outliving Ctrl-C.
#include "assay/base/error.hpp"

#include "../src/runtime/system_memory.hpp"
#include "runtime_networks.hpp"

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace assay::test {

TEST_CASE(
    "a network that needs more memory than its worker may use is refused before anything is allocated") {
  Worker limited;
  const Network network = cells();
  std::int64_t needed = 0;
  {
    Executable executable(limited, network, everything(4));
    needed = executable.memory_bytes();
    CHECK(needed >= executable.arena_bytes() + executable.parameter_bytes());
  }
  limited.set_memory_limit(needed - 1);
  CHECK_THROWS_WITH_AS(Executable(limited, network, everything(4)),
                       doctest::Contains(", but a worker may use "), InputError);
  limited.set_memory_limit(needed);
  {
    Executable executable(limited, network, everything(4));
    CHECK_THROWS_AS(Executable(limited, network, everything(1)), InputError);  // the first is alive
  }
  CHECK_NOTHROW(Executable(limited, network, everything(4)));

  // 300 GB and more: were it allocated, or were time spent on its size, this test would not end.
  NetworkBuilder b({1 << 20, 64, 64});
  const OpId x = b.convolution(0, 1 << 12, Window::square(3), "conv");
  const Network huge = std::move(b).finish(b.global_average_pool(x, "gap"));
  CHECK_THROWS_WITH_AS(Executable(limited, huge, everything(16)), doctest::Contains("The network needs "),
                       InputError);
}

TEST_CASE("sizes that would overflow are named, limit or not") {
  Worker any;
  NetworkBuilder wide({1, 1 << 14, 1 << 14});
  const Network pixels = std::move(wide).finish(wide.global_average_pool(0, "gap"));
  CHECK_THROWS_WITH_AS(Executable(any, pixels, {}), doctest::Contains("too large"), InputError);
  NetworkBuilder deep({1 << 20, 1, 1});
  const OpId y = deep.convolution(0, 1 << 20, Window::square(3), "conv");
  const Network weights = std::move(deep).finish(y);
  CHECK_THROWS_WITH_AS(Executable(any, weights, {}), doctest::Contains("\"conv\""), InputError);
}

TEST_CASE("the workers of a pool have the pool's memory limit") {
  const Network network = cells();
  WorkerPool pool(2, 1000);
  CHECK_THROWS_WITH_AS(pool.run(4, [&](Worker& w, std::int64_t) { Executable(w, network, {}); }),
                       doctest::Contains("but a worker may use 1000 B"), InputError);
}

TEST_CASE("a stop ends a run between two operators, and the executable stays usable") {
  Worker stoppable;
  const Network network = cells();
  CompileOptions options = everything(4);
  options.forward_taps = {1, network.size() - 2};
  Executable executable(stoppable, network, options);
  fill_parameters(executable, nullptr, 1);
  const std::vector<float> undisturbed = run(executable, 1);

  std::stop_source source;
  stoppable.set_stop(source.get_token());
  CHECK(same_bits(run(executable, 1), undisturbed));
  std::vector<OpId> seen;
  CHECK_THROWS_AS(executable.forward([&](OpId op, TensorView&) {
    seen.push_back(op);
    source.request_stop();
  }),
                  Cancelled);
  CHECK(seen == std::vector<OpId>{1});
  CHECK_THROWS_AS(executable.backward(random_floats(4 * 10, 1)), Cancelled);
  CHECK_THROWS_AS(executable.initialise(Initialisation::pytorch_default, 1, 1), Cancelled);

  stoppable.set_stop({});
  CHECK(same_bits(run(executable, 1), undisturbed));
}

TEST_CASE("available memory is what the system has, within the limits of the control groups") {
  CHECK(available_memory_bytes() > 0);
  const auto root = std::filesystem::temp_directory_path() / fmt::format("assay_memory_{}", getpid());
  const auto write = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  };
  const auto available = [&] { return available_memory_bytes(root.string()); };
  CHECK(available() == 0);
  write("proc/meminfo", "MemTotal:       16384 kB\nMemAvailable:    8000 kB\nSwapFree: 1 kB\n");
  CHECK(available() == 8000 * 1024);
  write("proc/self/cgroup", "1:name=systemd:/\n0::/outer/inner\n");
  CHECK(available() == 8000 * 1024);
  // The parent's limit binds; cached files count as free.
  write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("sys/fs/cgroup/outer/inner/memory.current", "500000\n");
  write("sys/fs/cgroup/outer/memory.max", "3000000\n");
  write("sys/fs/cgroup/outer/memory.current", "1000000\n");
  write("sys/fs/cgroup/outer/memory.stat", "anon 7\ninactive_file 400000\nactive_file 9\n");
  CHECK(available() == 3000000 - 600000);
  // Version 1, in a container: the path is the host's and not to be seen here.
  write("proc/self/cgroup", "3:cpu,cpuacct:/x\n4:memory:/docker/1234\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "2500000\n");
  write("sys/fs/cgroup/memory/memory.stat", "cache 1\ntotal_inactive_file 700000\n");
  CHECK(available() == 2000000 - 1800000);
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "9000000\n");
  CHECK(available() == 0);
  std::filesystem::remove_all(root);
}

}  // namespace assay::test
