// Files of measured subgraphs: what is judged about a row, and about a column as a whole. Measuring on this
// machine: that it can be done for whatever networks hold.
#include "assay/accelerator/host_measurement.hpp"
#include "assay/accelerator/measurement.hpp"
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/network/transform.hpp"
#include "assay/space/space.hpp"

#include "foreign_network.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace assay;

namespace {

const std::string header =
    "operator,in_channels,in_height,in_width,out_channels,out_height,out_width,groups,latency_ms,min_ms,"
    "median_ms,noise_percent,reference_ms\n";

// A 1x1 convolution of `channels` to 64 channels on 16 x 16 pixels: channels * 2^14 multiply-accumulates.
std::string convolution(int channels, const std::string& latency, const std::string& rest = ",,,") {
  return fmt::format("convolution,{},16,16,64,16,16,1,{},{}\n", channels, latency, rest);
}

MeasurementSet read(const std::string& rows, const Accelerator* accelerator = nullptr) {
  std::istringstream in(header + rows);
  return read_measurements(in, "m.csv", accelerator);
}

std::string error(const std::string& rows, const Accelerator* accelerator = nullptr) {
  try {
    read(rows, accelerator);
  } catch (const InputError& e) {
    return e.what();
  }
  return "no error";
}

// 2^19 multiply-accumulates a millisecond at its peak.
Accelerator half_giga() {
  Accelerator a;
  a.name = "half_giga";
  a.clock_mhz = 1.048576;
  a.number_format = NumberFormat::int8;
  a.lanes = {10, 10, 5, 1};
  a.macs_per_lane[static_cast<std::size_t>(NumberFormat::int8)] = 1;
  return a;
}

}  // namespace

TEST_CASE("measurements: how a latency was arrived at survives the file") {
  MeasurementSet set;
  set.context = {"host_cpu", 1, "fp32", "oneDNN", 0, 2};
  set.rows.push_back({{.input = {16, 8, 8}, .output = {32, 8, 8}}, 0.25, {0.24, 0.26, 1.5, 3.75}});
  const std::string text = to_csv(set);
  CHECK(text == measurement_header() + measurement_row(set.context, set.rows[0]));
  std::istringstream in(text);
  const MeasurementSet again = read_measurements(in, "m.csv");
  CHECK(again.context == set.context);
  REQUIRE(again.rows.size() == 1);
  CHECK(again.rows[0].latency_ms == 0.25);
  CHECK(again.rows[0].timing.min_ms == 0.24);
  CHECK(again.rows[0].timing.median_ms == 0.26);
  CHECK(again.rows[0].timing.noise_percent == 1.5);
  CHECK(again.rows[0].timing.reference_ms == 3.75);
  CHECK(again.merged == 0);
}

TEST_CASE("measurements: a slow day is made up for by the reference") {
  CHECK(at_reference_speed(3, {.reference_ms = 1.5}, 1) == 2);
  CHECK(at_reference_speed(3, {}, 1) == 3);
  CHECK(at_reference_speed(3, {.reference_ms = 1.5}, 0) == 3);
}

TEST_CASE("measurements: the example of the documentation can be read") {
  const std::string page = read_file(ASSAY_SOURCE_DIR "/spaces/accelerators/measurements.md");
  const std::string fence = "```csv\n";
  const std::size_t begin = page.find(fence) + fence.size();
  std::istringstream in(page.substr(begin, page.find("```", begin) - begin));
  const MeasurementSet set = read_measurements(in, "measurements.md");
  REQUIRE(set.rows.size() == 5);
  CHECK(set.context.device == "my_phone");
  CHECK(describe(set.rows[2].subgraph) == "convolution 96->24 56x56 +batch_norm +add");
}

TEST_CASE("measurements: a latency is a positive number") {
  CHECK(error(convolution(8, "0.1")) == "no error");
  CHECK(error(convolution(8, "0.1") + convolution(9, "-0.1")) ==
        "m.csv:3: latency_ms is \"-0.1\". Give a positive number of milliseconds, or remove the row.");
  CHECK(error(convolution(8, "0")) ==
        "m.csv:2: latency_ms is \"0\". Give a positive number of milliseconds, or remove the row.");
  CHECK(error(convolution(8, "nan")) ==
        "m.csv:2: latency_ms is \"nan\". Give a positive number of milliseconds, or remove the row.");
  CHECK(error(convolution(8, "inf")) ==
        "m.csv:2: latency_ms is \"inf\". Give a positive number of milliseconds, or remove the row.");
  CHECK(error(convolution(8, "fast")) ==
        "m.csv:2: latency_ms is \"fast\". Give a positive number of milliseconds, or remove the row.");
  CHECK(error(convolution(8, "")) ==
        "m.csv:2: latency_ms is missing. Give the measured milliseconds, or remove the row.");
  CHECK(error(convolution(8, "0.1", "-1,,,")) ==
        "m.csv:2: min_ms is \"-1\". Give a number that is not negative, or leave it empty.");
  CHECK(error(convolution(8, "0.1", ",,little,")) ==
        "m.csv:2: noise_percent is \"little\". Give a number that is not negative, or leave it empty.");
}

TEST_CASE("measurements: another column may hold the latencies") {
  std::istringstream in(
      "operator,in_channels,in_height,in_width,out_channels,out_height,out_width,phone\n"
      "convolution,8,16,16,64,16,16,0.5\n");
  CHECK(read_measurements(in, "m.csv", nullptr, "phone").rows.at(0).latency_ms == 0.5);
  std::istringstream other(
      "operator,in_channels,in_height,in_width,out_channels,out_height,out_width,phone\n");
  CHECK_THROWS_WITH_AS(read_measurements(other, "m.csv", nullptr, "phome"),
                       "m.csv:1: the column \"phome\" is missing. Did you mean \"phone\"? Add it.",
                       InputError);
}

TEST_CASE("measurements: a column in another unit is recognised by its magnitude") {
  // 16 channels are 2^18 multiply-accumulates: half a millisecond at half_giga's peak.
  const Accelerator a = half_giga();
  const auto column = [](double scale) {
    std::string rows;
    for (int channels = 8; channels < 48; channels += 8) {
      const double milliseconds = channels * 0x1p-5 / 0.3;  // at 30 % of the peak
      rows += convolution(channels, fmt::format("{}", milliseconds * scale));
    }
    return rows;
  };
  CHECK(error(column(1), &a) == "no error");
  CHECK(error(column(0.2), &a) == "no error");
  CHECK(error(column(50), &a) == "no error");
  CHECK(
      error(column(1e-3), &a) ==
      "m.csv: latency_ms can hardly be milliseconds: the median row would do 1.57e+11 multiply-accumulates a "
      "second, and the accelerator \"half_giga\" does 5.24e+08 at its peak. If the column holds seconds, "
      "multiply it by 1000.");
  CHECK(error(column(1e3), &a) ==
        "m.csv: latency_ms can hardly be milliseconds: even the fastest rows would do only 1.57e+05 "
        "multiply-accumulates a second, and the accelerator \"half_giga\" does 5.24e+08 at its peak. If the "
        "column holds microseconds, divide it by 1000; nanoseconds, by 1000000.");
  // Without an accelerator, or one whose lanes are open, only what no hardware does.
  Accelerator open = a;
  open.lanes.input_channels = 0;
  CHECK(error(column(1e-3)) == "no error");
  CHECK(error(column(1e-3), &open) == "no error");
  CHECK(
      error(column(1e-8)) ==
      "m.csv: latency_ms can hardly be milliseconds: the median row would do 1.57e+16 multiply-accumulates a "
      "second, and no hardware is like that. If the column holds seconds, multiply it by 1000.");
  CHECK(error(column(1e-6)) ==
        "m.csv: latency_ms can hardly be milliseconds: 5 rows would take less than 10 nanoseconds. If the "
        "column holds seconds, multiply it by 1000.");
  CHECK(error(column(1e3)).starts_with("m.csv: latency_ms can hardly be milliseconds: even the fastest"));
  // Few slow rows are no other unit: a launch may take a thousand times a tiny convolution's time.
  CHECK(error(column(1) + convolution(1, "5000"), &a) == "no error");
}

TEST_CASE("measurements: a latency that its own repeats contradict is refused") {
  const auto read_row = [](std::string_view latency, std::string_view target) {
    return read_timed_row(
               [&](std::string_view column) -> std::string_view {
                 if (column == target) return latency;
                 return column == "min_ms" ? "2" : column == "median_ms" ? "3" : "";
               },
               target, "m.csv:2")
        .latency_ms;
  };
  CHECK(read_row("2.5", "latency_ms") == 2.5);
  CHECK_THROWS_WITH_AS(read_row("0.0025", "latency_ms"),
                       "m.csv:2: latency_ms is 0.0025, which min_ms (2) and median_ms (3) contradict. Give "
                       "all of them in milliseconds.",
                       InputError);
  CHECK_THROWS_AS(read_row("2500", "latency_ms"), InputError);
  // They say nothing about another column.
  CHECK(read_row("0.0025", "phone_s") == 2.5);
}

TEST_CASE("measurements: repeated rows become one, contradictory ones are named") {
  const MeasurementSet same = read(convolution(8, "0.1") + convolution(9, "0.3") + convolution(8, "0.1"));
  REQUIRE(same.rows.size() == 2);
  CHECK(same.merged == 1);
  CHECK(same.rows[0].latency_ms == 0.1);
  CHECK(same.rows[1].subgraph.input.channels == 9);

  const MeasurementSet close = read(convolution(8, "0.12") + convolution(8, "0.10") + convolution(8, "0.11"));
  REQUIRE(close.rows.size() == 1);
  CHECK(close.merged == 2);
  CHECK(close.rows[0].latency_ms == 0.11);
}

TEST_CASE("measurements: contradictory rows") {
  CHECK(error(convolution(9, "1") + convolution(8, "0.151") + convolution(8, "0.1")) ==
        "m.csv:4: latency_ms is 0.1, but line 3 says 0.151 for the same subgraph. Remove the wrong row.");
  CHECK(
      error(convolution(8, "0.1") + convolution(9, "1") + convolution(8, "0.12") + convolution(8, "0.16")) ==
      "m.csv:5: latency_ms is 0.16, but line 2 says 0.1 for the same subgraph. Remove the wrong row.");
  CHECK(error(convolution(8, "0.149") + convolution(8, "0.1")) == "no error");
}

namespace {

// Subgraphs of one small network of each space, every kind of operator at most a few times.
std::vector<Subgraph> subgraphs_of_spaces() {
  std::vector<Subgraph> found;
  std::map<std::tuple<OpKind, Activation, std::uint8_t, std::uint8_t, bool>, int> seen;
  for (const char* folder : {"/spaces", "/tests/spaces"}) {
    for (const auto& entry : std::filesystem::directory_iterator(ASSAY_SOURCE_DIR + std::string(folder))) {
      if (entry.path().extension() != ".toml") continue;
      const Space space = Space::load(entry.path().string());
      Random random(5, Purpose::sample);
      const Network network = canonical(space.decode(space.sample(random)));
      SubgraphSplitter splitter(host_fusion_rules());
      for (const SubgraphInstance& i : splitter.split(at_resolution(network, 64, 64))) {
        const Subgraph& s = i.subgraph;
        if (seen[{s.kind, s.activation, s.parts, s.operands, s.is_depthwise()}]++ < 2) found.push_back(s);
      }
    }
  }
  return found;
}

HostOptions quick(int batch = 1, int threads = 1) {
  return {.batch = batch, .threads = threads, .repeats = 4};
}

template <class T>
std::vector<HostLatency> measure_all(HostMeter& meter, std::span<const T> items) {
  std::vector<HostLatency> all;
  while (all.size() < items.size()) {
    const std::vector<HostLatency> some = meter.measure(items.subspan(all.size()));
    REQUIRE(!some.empty());
    all.insert(all.end(), some.begin(), some.end());
  }
  REQUIRE(all.size() == items.size());
  return all;
}

void check_plausible(const HostLatency& latency) {
  CHECK(latency.timing.min_ms > 0);
  CHECK(latency.latency_ms >= latency.timing.min_ms);
  CHECK(latency.timing.median_ms >= latency.latency_ms);
  CHECK(latency.timing.noise_percent >= 0);
  CHECK(latency.timing.reference_ms > 0);
}

std::string meter_error(const HostOptions& options, const Subgraph& subgraph) {
  try {
    HostMeter(options).measure(std::span(&subgraph, 1));
  } catch (const InputError& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("host: its accelerator is the one of the file") {
  const Accelerator file = Accelerator::load(ASSAY_SOURCE_DIR "/spaces/accelerators/host_cpu.toml");
  CHECK(host_accelerator().fingerprint() == file.fingerprint());
}

TEST_CASE("host: every kind of subgraph that networks hold can be measured") {
  std::vector<Subgraph> subgraphs = subgraphs_of_spaces();
  SubgraphSplitter splitter(host_fusion_rules());
  for (const SubgraphInstance& i : splitter.split(test::foreign_network())) subgraphs.push_back(i.subgraph);
  std::set<OpKind> kinds;
  for (const Subgraph& s : subgraphs) kinds.insert(s.kind);
  CHECK(kinds.size() >= 12);
  for (const int batch : {1, 3}) {
    HostMeter meter(quick(batch));
    for (const HostLatency& latency : measure_all<Subgraph>(meter, subgraphs)) check_plausible(latency);
  }
}

TEST_CASE("host: more work takes longer, in subgraphs and in networks") {
  // A thousand times the work: no noise hides that.
  const auto square = [](int channels, int pixels) {
    return Subgraph{.input = {channels, pixels, pixels}, .output = {channels, pixels, pixels}};
  };
  HostMeter meter(quick());
  const std::vector<Subgraph> subgraphs = {square(256, 32), square(16, 16)};
  const std::vector<HostLatency> latencies = measure_all<Subgraph>(meter, subgraphs);
  CHECK(latencies[0].latency_ms > latencies[1].latency_ms);

  const Space space = Space::load(ASSAY_SOURCE_DIR "/spaces/ibn_fashion.toml");
  const Network network = space.decode(*space.first());
  const Network large = at_resolution(network, 160, 160);
  const std::vector<const Network*> networks = {&network, &large};
  const std::vector<HostLatency> whole = measure_all<const Network*>(meter, networks);
  for (const HostLatency& latency : whole) check_plausible(latency);
  CHECK(whole[0].latency_ms < whole[1].latency_ms);
}

TEST_CASE("host: the conditions stand beside the times") {
  HostMeter meter(quick(2, 2));
  const MeasurementContext context = meter.context();
  CHECK(context.device == "host_cpu");
  CHECK(context.batch == 2);
  CHECK(context.threads == 2);
  CHECK(context.data_type == "fp32");
  CHECK(context.runtime.starts_with("oneDNN"));
}

TEST_CASE("host: what cannot be measured is named") {
  const Subgraph possible{.input = {8, 4, 4}, .output = {8, 4, 4}};
  CHECK(meter_error(quick(), possible) == "no error");
  Subgraph gated = possible;
  gated.parts = Subgraph::multiply;
  gated.operands = 2;
  CHECK(meter_error(quick(), gated) ==
        "\"convolution 8->8 4x4 +multiply\" cannot be measured on the host CPU, which fuses other "
        "operators, "
        "or computes another output size. Split networks by the fusion rules of "
        "spaces/accelerators/host_cpu.toml.");
  Subgraph sigmoid = possible;
  sigmoid.parts = Subgraph::activated;
  sigmoid.activation = Activation::sigmoid;
  CHECK(meter_error(quick(), sigmoid).find("which fuses other operators") != std::string::npos);
  Subgraph cropped = possible;
  cropped.output = {8, 3, 3};
  CHECK(meter_error(quick(), cropped).find("another output size") != std::string::npos);
  CHECK(meter_error({.repeats = 3}, possible) == "3 repeats are too few to measure noise. Take at least 4.");
  CHECK(meter_error({.batch = 0}, possible).starts_with("1 threads on a batch of 0 cannot be measured."));
}
