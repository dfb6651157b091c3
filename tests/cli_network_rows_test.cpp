// Files of measured networks.
#include "assay/base/error.hpp"

#include "../src/cli/network_rows.hpp"
#include "cli_tiny_space.hpp"

#include <fmt/format.h>

using namespace assay;
using namespace assay::cli;
using namespace cli_test;

namespace {

struct Rows {
  Folder folder;
  Space space = Space::parse(tiny_space, "tiny.toml");
  std::string header = "a.kernel,a.channels,a.stride,a.activation,latency_ms,device\n";

  NetworkRows read(const std::string& rows, const Accelerator* accelerator = nullptr,
                   const std::string& target = "latency_ms") const {
    return read_network_rows(space, folder.write("n.csv", header + rows), accelerator, target);
  }
  // Without the folder's name.
  std::string error(const std::string& rows, const Accelerator* accelerator = nullptr,
                    const std::string& target = "latency_ms") const {
    try {
      read(rows, accelerator, target);
    } catch (const InputError& e) {
      const std::string message = e.what();
      const std::string path = folder / "n.csv";
      return message.starts_with(path) ? "n.csv" + message.substr(path.size()) : message;
    }
    return "no error";
  }
};

}  // namespace

TEST_CASE("network rows: candidates with their networks and latencies") {
  const Rows rows;
  const NetworkRows read = rows.read("3,8,1,relu,0.5,phone\n1,16,2,none,0.25,phone\n");
  REQUIRE(read.rows.size() == 2);
  CHECK(read.context.device == "phone");
  CHECK(read.merged == 0);
  CHECK(to_text(rows.space, read.rows[0].candidate) ==
        "a.kernel=3 a.channels=8 a.stride=1 a.activation=relu");
  CHECK(read.rows[0].latency_ms == 0.5);
  CHECK(read.rows[0].network.macs() == rows.space.decode(read.rows[0].candidate).macs());
  CHECK(read.rows[1].line == 3);
}

TEST_CASE("network rows: another column, and JSON lines") {
  const Rows rows;
  const std::string path = rows.folder.write(
      "n.jsonl",
      "{\"a.kernel\": \"3\", \"a.channels\": \"8\", \"a.stride\": \"1\", \"a.activation\": \"relu\", "
      "\"zcu102\": 1.5, \"batch\": 2}\n");
  const NetworkRows read = read_network_rows(rows.space, path, nullptr, "zcu102");
  REQUIRE(read.rows.size() == 1);
  CHECK(read.rows[0].latency_ms == 1.5);
  CHECK(read.context.batch == 2);
  CHECK(rows.error("3,8,1,relu,0.5,phone\n", nullptr, "latency") ==
        "n.csv: the column \"latency\" is missing. Did you mean \"latency_ms\"?");
}

TEST_CASE("network rows: bad rows are named") {
  const Rows rows;
  const std::string good = "1,8,1,relu,0.5,phone\n";
  CHECK(rows.error(good + "3,8,1,relu,-1,phone\n") ==
        "n.csv:3: latency_ms is \"-1\". Give a positive number of milliseconds, or remove the row.");
  CHECK(rows.error(good + "3,8,1,relu,0,phone\n").starts_with("n.csv:3: latency_ms is \"0\"."));
  CHECK(rows.error(good + "3,8,1,relu,nan,phone\n").starts_with("n.csv:3: latency_ms is \"nan\"."));
  CHECK(rows.error(good + "3,8,1,relu,,phone\n") ==
        "n.csv:3: latency_ms is missing. Give the measured milliseconds, or remove the row.");
  CHECK(mentions(rows.error(good + "4,8,1,relu,1,phone\n"), "n.csv:3"));
  CHECK(rows.error(good + "3,8,1,relu,1,tablet\n") ==
        "n.csv:3: device, batch, data_type, runtime, clock_mhz or threads differ from the first row's. Put "
        "measurements that were taken under different conditions into different files.");
  CHECK(rows.error("") == "n.csv: the file holds no measured network. Add a row below the header.");
}

TEST_CASE("network rows: repeated, contradictory, and in another unit") {
  const Rows rows;
  const NetworkRows close = rows.read("1,8,1,relu,0.5,p\n3,8,1,relu,1,p\n1,8,1,relu,0.6,p\n");
  REQUIRE(close.rows.size() == 2);
  CHECK(close.merged == 1);
  CHECK(close.rows[0].latency_ms == doctest::Approx(0.55));
  CHECK(rows.error("1,8,1,relu,0.5,p\n3,8,1,relu,1,p\n1,8,1,relu,0.8,p\n") ==
        "n.csv:4: latency_ms is 0.8, but line 2 says 0.5 for the same network. Remove the wrong row.");
  // About 10^4 multiply-accumulates: an accelerator of 10^12 a second takes microseconds at the most.
  const Accelerator npu = Accelerator::load(accelerator_file("edge_npu_16.toml"));
  CHECK(rows.error("3,8,1,relu,0.001,p\n", &npu) == "no error");
  CHECK(mentions(rows.error("3,8,1,relu,0.000001,p\n", &npu), "If the column holds seconds"));
  CHECK(mentions(rows.error("3,8,1,relu,100,p\n", &npu), "If the column holds microseconds"));
}
