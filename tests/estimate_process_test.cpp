// The Gaussian process against slow and plain computations of the same.
#include "../src/estimate/likelihood.hpp"
#include "estimate_networks.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>

#include <doctest/doctest.h>

using namespace assay;
using namespace estimate_test;

namespace {

// Rows over the subgraphs of some networks, with made-up times.
struct Rows {
  std::vector<ProcessPoint> points;
  std::vector<Observation> observations;

  Rows(std::uint64_t first, std::size_t subgraphs, int networks) {
    const Accelerator a = shipped("edge_npu_16");
    Random random(first, Purpose::noise);
    std::unordered_map<std::uint64_t, int> known;
    SubgraphSplitter splitter(a.fusion);
    const auto parts_of = [&](const Network& network) {
      std::vector<Observation::Part> parts;
      for (const SubgraphInstance& i : splitter.split(network)) {
        const auto [at, is_new] = known.try_emplace(i.subgraph.key(), static_cast<int>(points.size()));
        if (is_new) points.push_back(point_of(a, i.subgraph, run_cycle_model(a, i.subgraph).latency_ms));
        const auto part = std::ranges::find(parts, at->second, &Observation::Part::point);
        if (part == parts.end()) {
          parts.push_back({at->second, 1});
        } else {
          ++part->count;
        }
      }
      return parts;
    };
    const auto add = [&](std::vector<Observation::Part> parts, bool network) {
      double roofline = 0;
      for (const Observation::Part& part : parts)
        roofline += part.count * std::exp(points[static_cast<std::size_t>(part.point)].log_roofline);
      observations.push_back(
          {std::move(parts), roofline * std::exp(0.3 * random.normal()), network, 0.2 + random.uniform()});
    };
    for (std::uint64_t n = 0; observations.size() < subgraphs; ++n) {
      for (const Observation::Part& part : parts_of(random_network(first + n)))
        if (observations.size() < subgraphs) add({{part.point, 1}}, false);
    }
    for (int n = 0; n < networks; ++n)
      add(parts_of(random_network(first + 50 + static_cast<std::uint64_t>(n))), true);
  }
};

std::vector<double> some_parameters(const Parameters& parameters, std::uint64_t seed) {
  Random random(seed, Purpose::perturbation);
  std::vector<double> theta = parameters.mean();
  for (std::size_t p = 0; p < theta.size(); ++p) theta[p] += 0.5 * random.normal();
  return theta;
}

// The formula of kernel.hpp, written out once more.
double covariance(const ProcessKernel& kernel, const ProcessPoint& a, const ProcessPoint& b) {
  if (a.kind != b.kind) return 0;
  double sum = kernel.kind;
  if (a.subgraph == b.subgraph) sum += kernel.exact;
  for (std::size_t c = 0; c < shape_coordinates; ++c)
    sum += kernel.trend * (a.at[c] - kernel.middle[c]) / kernel.spread[c] * (b.at[c] - kernel.middle[c]) /
           kernel.spread[c];
  for (const ProcessKernel::Component& component : kernel.components) {
    double r = 0;
    for (std::size_t c = 0; c < a.at.size(); ++c)
      r += component.weight[c] * (a.at[c] - b.at[c]) * (a.at[c] - b.at[c]);
    r = std::sqrt(r);
    sum += component.variance *
           (component.rough ? std::exp(-r) : (1 + std::sqrt(3.0) * r) * std::exp(-std::sqrt(3.0) * r));
  }
  return sum;
}

}  // namespace

TEST_CASE("process: the likelihood's gradient is what differences say") {
  struct Case {
    std::size_t subgraphs;
    int networks;
    bool tiles;
  };
  for (const auto& [subgraphs, networks, tiles] :
       {Case{40, 0, false}, Case{40, 0, true}, Case{0, 12, false}, Case{30, 8, false}, Case{30, 8, true}}) {
    CAPTURE(subgraphs);
    CAPTURE(networks);
    CAPTURE(tiles);
    const Rows rows(1, subgraphs, networks);
    const Parameters parameters(rows.points, tiles, has_context(rows.observations));
    Likelihood likelihood(parameters, rows.points, rows.observations);
    Random random(5, Purpose::perturbation);
    VectorXd alone(std::ssize(rows.points)), in_network(std::ssize(rows.points));
    for (Index i = 0; i < alone.size(); ++i) {
      alone[i] = 0.2 * random.normal();
      in_network[i] = 0.2 * random.normal();
    }
    likelihood.linearise_at(alone, in_network);
    std::vector<double> theta = some_parameters(parameters, 3), gradient(parameters.size());
    const double value = likelihood(theta.data(), gradient.data());
    CHECK(value == likelihood(theta.data(), nullptr));
    for (std::size_t p = 0; p < theta.size(); ++p) {
      constexpr double step = 1e-4;
      const double at = theta[p];
      theta[p] = at + step;
      const double above = likelihood(theta.data(), nullptr);
      theta[p] = at - step;
      const double below = likelihood(theta.data(), nullptr);
      theta[p] = at;
      CAPTURE(p);
      CHECK(gradient[p] == doctest::Approx((above - below) / (2 * step)).epsilon(1e-4).scale(1));
    }
  }
}

TEST_CASE("process: the posterior of subgraph rows is that of a dense computation") {
  for (const bool tiles : {false, true}) {
    Rows rows(7, 60, 0);
    rows.observations.push_back(rows.observations.front());  // a repeat, with another time
    rows.observations.back().latency_ms *= 1.2;
    const Parameters parameters(rows.points, tiles, false);
    const ProcessKernel kernel = parameters.kernel(some_parameters(parameters, 4).data());
    const auto at = [&](std::size_t row) -> const ProcessPoint& {
      return rows.points[static_cast<std::size_t>(rows.observations[row].parts[0].point)];
    };
    const std::size_t n = rows.observations.size();
    MatrixXd a(n, n);
    VectorXd y(n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j)
        a(static_cast<Index>(i), static_cast<Index>(j)) = covariance(kernel, at(i), at(j));
      a(static_cast<Index>(i), static_cast<Index>(i)) += kernel.noise / rows.observations[i].weight + jitter;
      y[static_cast<Index>(i)] = std::log(rows.observations[i].latency_ms) - at(i).log_roofline;
    }
    const MatrixXd inverse = a.inverse();
    const GaussianProcess process = condition(kernel, rows.points, rows.observations, true);
    const auto check_at = [&](const ProcessPoint& point, const double* at_point) {
      VectorXd k(n);
      for (std::size_t i = 0; i < n; ++i) k[static_cast<Index>(i)] = covariance(kernel, point, at(i));
      const double mean = k.dot(inverse * y);
      const double variance = covariance(kernel, point, point) - k.dot(inverse * k);
      CHECK(process.log_factor(point, false) == doctest::Approx(mean).epsilon(1e-6).scale(1));
      CHECK(process.log_factor(point, true) == doctest::Approx(mean).epsilon(1e-6).scale(1));
      if (at_point != nullptr) CHECK(*at_point == doctest::Approx(variance).epsilon(1e-6).scale(1));
      // From the nearest point alone: never surer than all points together.
      const Belief belief = process.at(point, true);
      CHECK(belief.log_factor == process.log_factor(point, true));
      CHECK(belief.variance >= variance - 1e-9);
      CHECK(belief.variance <= covariance(kernel, point, point) + 1e-12);
    };
    for (std::size_t p = 0; p < process.points.size(); ++p)
      check_at(process.points[p], &process.variances[p]);
    for (const ProcessPoint& point : Rows(400, 40, 0).points) check_at(point, nullptr);
  }
}

TEST_CASE("process: with networks no other factors are likelier") {
  for (const std::size_t subgraphs : {std::size_t{0}, std::size_t{40}}) {
    const Rows rows(11, subgraphs, 15);
    const Parameters parameters(rows.points, false, has_context(rows.observations));
    const ProcessKernel kernel = parameters.kernel(parameters.mean().data());
    const GaussianProcess process = condition(kernel, rows.points, rows.observations, false);
    const std::size_t m = rows.points.size();
    const bool context = !process.context_weights.empty();
    CHECK(context == (subgraphs > 0));
    // Squared residuals by their noise, and how unlikely the factors are, from the weights.
    const auto energy = [&](const std::vector<double>& weights, const std::vector<double>& context_weights) {
      std::vector<double> alone(m), added(m);
      for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < m; ++j) {
          alone[i] += covariance(kernel, rows.points[i], rows.points[j]) * weights[j];
          if (context) added[i] += kernel.context(rows.points[i], rows.points[j]) * context_weights[j];
        }
      }
      double sum = 0;
      for (std::size_t i = 0; i < m; ++i)
        sum += weights[i] * alone[i] + (context ? context_weights[i] * added[i] : 0);
      for (const Observation& row : rows.observations) {
        double latency = 0;
        for (const Observation::Part& part : row.parts) {
          const auto p = static_cast<std::size_t>(part.point);
          latency +=
              part.count * std::exp(rows.points[p].log_roofline + alone[p] + (row.network ? added[p] : 0));
        }
        sum += std::pow(std::log(row.latency_ms / latency), 2) / (kernel.noise / row.weight + jitter);
      }
      return sum;
    };
    const double least = energy(process.weights, process.context_weights);
    CHECK(least < energy(std::vector<double>(m), std::vector<double>(context ? m : 0)));
    Random random(6, Purpose::perturbation);
    for (int i = 0; i < 40; ++i) {
      std::vector<double> weights = process.weights, context_weights = process.context_weights;
      for (double& w : i % 2 == 0 || !context ? weights : context_weights) w += 1e-3 * random.normal();
      CHECK(energy(weights, context_weights) > least - 1e-4);
    }
  }
}
