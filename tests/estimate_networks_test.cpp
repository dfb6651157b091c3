// Fitting to measured networks, and to networks beside subgraphs.
#include "estimate_networks.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <cstdint>
#include <set>

#include <doctest/doctest.h>

using namespace assay;
using namespace estimate_test;

namespace {

// The cycle model, with effects of the shape that it does not know, and others inside of networks.
struct Hardware {
  Accelerator accelerator = shipped("edge_npu_16");
  double noise = 0.01;

  double alone_ms(const Subgraph& s) const {
    double factor = std::pow(s.output.height * s.output.width / 400.0, 0.12);
    if (s.is_depthwise()) factor *= 1.3 * std::pow(static_cast<double>(s.taps()) / 9, 0.25);
    if (s.stride_h > 1) factor *= 1.15;
    if (!s.is_matrix()) factor *= 1.5;
    return factor * run_cycle_model(accelerator, s).latency_ms;
  }

  static double context(const Subgraph& s) {
    if (s.is_depthwise()) return 1.2;
    return s.is_matrix() ? 0.85 : 1.4;
  }

  double measured_alone(const Subgraph& s) const {
    return alone_ms(s) * std::exp(noise * Random(1, Purpose::noise, s.key()).normal());
  }

  double measured(const Network& network, bool in_context, std::uint64_t seed) const {
    SubgraphSplitter splitter(accelerator.fusion);
    double sum = 0;
    for (const SubgraphInstance& i : splitter.split(network))
      sum += alone_ms(i.subgraph) * (in_context ? context(i.subgraph) : 1);
    return sum * std::exp(noise * Random(seed, Purpose::noise).normal());
  }
};

// Measured networks; the networks live as long as this.
struct Measured {
  std::vector<Network> networks;
  std::vector<NetworkMeasurement> rows;

  Measured(const Hardware& hardware, std::uint64_t first, int count, bool in_context = false)
      : networks(random_networks(first, count)) {
    for (const Network& network : networks)
      rows.push_back({&network, hardware.measured(network, in_context, first + rows.size())});
  }
};

std::vector<SubgraphMeasurement> measured_subgraphs(const Hardware& hardware, std::span<const Network> of,
                                                    std::size_t count) {
  std::set<std::uint64_t> met;
  std::vector<SubgraphMeasurement> rows;
  SubgraphSplitter splitter(hardware.accelerator.fusion);
  for (const Network& network : of) {
    for (const SubgraphInstance& i : splitter.split(network)) {
      if (rows.size() < count && met.insert(i.subgraph.key()).second)
        rows.push_back({i.subgraph, hardware.measured_alone(i.subgraph)});
    }
  }
  return rows;
}

struct Errors {
  double mape = 0, bias = 0, covered = 0;
};
Errors errors_of(const Estimator& estimator, std::span<const NetworkMeasurement> rows) {
  Errors out;
  Estimator::Session session(estimator);
  const auto n = static_cast<double>(rows.size());
  for (const NetworkMeasurement& row : rows) {
    const Prediction p = session.predict(*row.network);
    const double error = p.latency_ms / row.latency_ms - 1;
    out.mape += std::abs(error) / n;
    out.bias += error / n;
    out.covered += (p.latency_low_ms <= row.latency_ms && row.latency_ms <= p.latency_high_ms) / n;
  }
  return out;
}

}  // namespace

TEST_CASE("fit to networks: networks that it has not seen, far better than the roofline alone") {
  const Hardware hardware;
  const Measured seen(hardware, 1, 60), unseen(hardware, 1000, 300);
  std::vector<Outlier> outliers;
  const Estimator estimator = Estimator::fit(hardware.accelerator, {}, seen.rows, {}, &outliers);
  const Errors errors = errors_of(estimator, unseen.rows);
  const CrossValidation& cv = estimator.cross_validation();
  MESSAGE("60 networks: MAPE ", errors.mape, ", bias ", errors.bias, ", covered ", errors.covered,
          ", cross-validated ", cv.mape_percent, " %, roofline ", cv.roofline_mape_percent, " %, outliers ",
          outliers.size());
  CHECK(errors.mape < 0.03);
  CHECK(std::abs(errors.bias) < 0.01);
  CHECK(errors.covered > 0.82);
  CHECK(cv.networks == 60);
  CHECK(cv.mape_percent == doctest::Approx(100 * errors.mape).epsilon(0.4));
  CHECK(cv.mape_percent < cv.roofline_mape_percent / 1.5);
  CHECK(outliers.size() <= 3);
  for (const Network& network : seen.networks) CHECK(estimator.fitted_to(network));
  for (const Network& network : unseen.networks) CHECK_FALSE(estimator.fitted_to(network));
  CHECK(Estimator::from_json(estimator.to_json(), "e.json").to_json() == estimator.to_json());
  CHECK(Estimator::fit(hardware.accelerator, {}, seen.rows).to_json() == estimator.to_json());
}

TEST_CASE("fit to subgraphs and some networks: inside of a network subgraphs take other times than alone") {
  const Hardware hardware;
  const Measured sources(hardware, 500, 40), unseen(hardware, 1000, 200, true);
  const std::vector<SubgraphMeasurement> rows = measured_subgraphs(hardware, sources.networks, 250);
  for (const int count : {5, 20}) {
    CAPTURE(count);
    const Measured seen(hardware, 1, count, true);
    const Estimator estimator = Estimator::fit(hardware.accelerator, rows, seen.rows);
    const Errors errors = errors_of(estimator, unseen.rows);
    double alone = 0, inside = 0;
    for (const SubgraphMeasurement& row : rows) {
      CHECK(estimator.fitted_to(row.subgraph));
      const double expected = hardware.alone_ms(row.subgraph), n = static_cast<double>(rows.size());
      alone += std::abs(estimator.predict(row.subgraph, Setting::alone).latency_ms / expected - 1) / n;
      inside += std::abs(estimator.predict(row.subgraph).latency_ms / expected - 1) / n;
    }
    MESSAGE(count, " networks: MAPE ", errors.mape, ", bias ", errors.bias, ", covered ", errors.covered,
            "; subgraphs alone ", alone, ", inside ", inside);
    CHECK(errors.mape < (count == 5 ? 0.04 : 0.025));
    CHECK(std::abs(errors.bias) < (count == 5 ? 0.03 : 0.015));
    CHECK(errors.covered > 0.7);
    CHECK(alone < 0.03);
    CHECK(inside > 0.1);
    CHECK(Estimator::from_json(estimator.to_json(), "e.json").to_json() == estimator.to_json());
  }
}

TEST_CASE("fit: five percent of wrong rows hardly change predictions, and are reported") {
  const Hardware hardware;
  const Measured sources(hardware, 500, 30), unseen(hardware, 1000, 200);
  std::vector<SubgraphMeasurement> rows = measured_subgraphs(hardware, sources.networks, 200);
  Measured networks(hardware, 1, 60);
  const double clean_subgraphs = errors_of(Estimator::fit(hardware.accelerator, rows, {}), unseen.rows).mape;
  const double clean_networks =
      errors_of(Estimator::fit(hardware.accelerator, {}, networks.rows), unseen.rows).mape;
  std::set<std::size_t> wrong_rows, wrong_networks;
  for (std::size_t i = 7; i < rows.size(); i += 20) {
    rows[i].latency_ms *= 3;
    wrong_rows.insert(i);
  }
  for (std::size_t i = 7; i < networks.rows.size(); i += 20) {
    networks.rows[i].latency_ms *= 3;
    wrong_networks.insert(i);
  }
  const auto found = [](const std::vector<Outlier>& outliers, const std::set<std::size_t>& wrong) {
    return std::ranges::count_if(outliers, [&](const Outlier& o) { return wrong.contains(o.row); });
  };
  std::vector<Outlier> outliers;
  const Errors of_subgraphs =
      errors_of(Estimator::fit(hardware.accelerator, rows, {}, {}, &outliers), unseen.rows);
  MESSAGE("subgraphs: MAPE ", clean_subgraphs, " -> ", of_subgraphs.mape, ", bias ", of_subgraphs.bias,
          ", found ", found(outliers, wrong_rows), " of ", wrong_rows.size(), ", reported ", outliers.size());
  CHECK(of_subgraphs.mape < clean_subgraphs + 0.02);
  CHECK(found(outliers, wrong_rows) == std::ssize(wrong_rows));
  CHECK(outliers.size() <= wrong_rows.size() + 2);
  const Errors of_networks =
      errors_of(Estimator::fit(hardware.accelerator, {}, networks.rows, {}, &outliers), unseen.rows);
  MESSAGE("networks: MAPE ", clean_networks, " -> ", of_networks.mape, ", bias ", of_networks.bias,
          ", found ", found(outliers, wrong_networks), " of ", wrong_networks.size(), ", reported ",
          outliers.size());
  CHECK(of_networks.mape < clean_networks + 0.02);
  CHECK(found(outliers, wrong_networks) == std::ssize(wrong_networks));
  CHECK(outliers.size() <= wrong_networks.size() + 2);
}

TEST_CASE("fit: how sure the measurements are of lanes") {
  const Accelerator a = shipped("edge_npu_16");
  Accelerator open = a;
  open.lanes = {};
  const auto findings = [&](int multiple) {
    std::vector<Subgraph> subgraphs;
    Random random(3, Purpose::sample);
    const auto channels = [&] {
      return static_cast<std::int32_t>(multiple *
                                       (1 + random.below(static_cast<std::uint64_t>(256 / multiple))));
    };
    for (int i = 0; i < 150; ++i) {
      const auto size = static_cast<std::int32_t>(8 + random.below(40));
      subgraphs.push_back({.input = {channels(), size, size},
                           .output = {channels(), size, size},
                           .kernel_h = 3,
                           .kernel_w = 3});
    }
    return Estimator::fit(open, measure_on_model(a, subgraphs, 0.01).rows, {}).lanes();
  };
  const auto of = [](const std::vector<LaneFinding>& all, std::string_view dimension) {
    return *std::ranges::find_if(all, [&](const LaneFinding& f) { return f.dimension == dimension; });
  };
  const auto any = findings(1), aligned = findings(64);
  for (const char* dimension : {"input channels", "output channels"}) {
    CAPTURE(dimension);
    const LaneFinding sure = of(any, dimension), unsure = of(aligned, dimension);
    MESSAGE(std::string(dimension), ": ", sure.lanes, " (", sure.rival, " x", sure.rival_error, "), aligned ",
            unsure.lanes, " (", unsure.rival, " x", unsure.rival_error, ")");
    CHECK(sure.lanes == 16);
    CHECK_FALSE(sure.from_file);
    CHECK(sure.rival_error > 1.5);
    // Multiples of 64 fill 1, 2, 4 to 64 lanes alike.
    CHECK(unsure.rival_error < 1.1);
  }
}

TEST_CASE("fit: what has more to do hardly ever takes less") {
  Hardware hardware;
  hardware.noise = 0.02;
  const Measured sources(hardware, 500, 30), seen(hardware, 1, 30);
  std::vector<Subgraph> subgraphs;
  std::set<std::uint64_t> met;
  SubgraphSplitter splitter(hardware.accelerator.fusion);
  for (const Network& network : random_networks(1000, 40)) {
    for (const SubgraphInstance& i : splitter.split(network))
      if (met.insert(i.subgraph.key()).second) subgraphs.push_back(i.subgraph);
  }
  struct Step {
    const char* name;
    bool (*grow)(Subgraph&);  // false: does not apply
  };
  const Step steps[] = {
      {"a larger kernel",
       [](Subgraph& s) {
         if (s.kind != OpKind::convolution || s.stride_h > s.kernel_h || s.kernel_h > 5) return false;
         s.kernel_h = s.kernel_w += 2;
         return true;
       }},
      {"twice the image",
       [](Subgraph& s) {
         if (s.kind == OpKind::linear) return false;
         for (std::int32_t* size : {&s.input.height, &s.input.width, &s.output.height, &s.output.width})
           *size *= 2;
         return true;
       }},
      {"twice the output channels", [](Subgraph& s) {
         if (!s.is_matrix() || s.is_depthwise()) return false;
         s.output.channels *= 2;
         return true;
       }}};
  for (const Estimator& estimator :
       {Estimator::fit(hardware.accelerator, measured_subgraphs(hardware, sources.networks, 250), {}),
        Estimator::fit(hardware.accelerator, {}, seen.rows)}) {
    for (const Step& step : steps) {
      int pairs = 0, falls = 0;
      double largest = 0;
      for (const Subgraph& smaller : subgraphs) {
        Subgraph larger = smaller;
        if (!step.grow(larger)) continue;
        const Prediction a = estimator.predict(smaller), b = estimator.predict(larger);
        // Outside of what was measured nothing is promised.
        if (a.extrapolated || b.extrapolated) continue;
        ++pairs;
        falls += b.latency_ms < a.latency_ms;
        largest = std::max(largest, 1 - b.latency_ms / a.latency_ms);
      }
      MESSAGE(std::string(step.name), ": ", falls, " of ", pairs, " fall, by up to ", largest);
      CHECK(pairs > 100);
      CHECK(falls <= pairs / 50);
      CHECK(largest < 0.05);
    }
  }
}

TEST_CASE("fit: predictions are positive however far outside") {
  const Hardware hardware;
  const Measured sources(hardware, 500, 30), seen(hardware, 1, 20, true);
  const std::vector<SubgraphMeasurement> rows = measured_subgraphs(hardware, sources.networks, 200);
  for (const Estimator& estimator :
       {Estimator::fit(hardware.accelerator, rows, {}), Estimator::fit(hardware.accelerator, {}, seen.rows),
        Estimator::fit(hardware.accelerator, rows, seen.rows)}) {
    Random random(9, Purpose::sample);
    const auto size = [&](double most) {
      return static_cast<std::int32_t>(std::exp(random.uniform() * std::log(most)));
    };
    for (int i = 0; i < 3000; ++i) {
      Subgraph s = {.input = {size(20000), size(3000), size(3000)}, .output = {size(20000), 1, 1}};
      s.output.height = s.input.height;
      s.output.width = s.input.width;
      s.kernel_h = s.kernel_w = size(30);
      if (i % 4 == 1) s.groups = s.output.channels = s.input.channels;
      if (i % 4 == 2) {
        s.kind = OpKind::activation;
        s.kernel_h = s.kernel_w = 1;
        s.output = s.input;
      }
      if (i % 4 == 3) {
        s.kind = OpKind::linear;
        s.kernel_h = s.kernel_w = 1;
        s.input.height = s.input.width = s.output.height = s.output.width = 1;
      }
      const Setting setting = i % 8 < 4 ? Setting::alone : Setting::in_network;
      const Prediction p = estimator.predict(s, setting);
      CAPTURE(describe(s));
      CAPTURE(p.latency_ms);
      REQUIRE(p.latency_ms > 0);
      REQUIRE(std::isfinite(p.latency_ms));
      REQUIRE(p.latency_low_ms >= 0);
      REQUIRE(p.latency_low_ms <= p.latency_ms);
      REQUIRE(p.latency_high_ms >= p.latency_ms);
      REQUIRE(std::isfinite(p.latency_high_ms));
    }
  }
}
