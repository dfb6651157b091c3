// What tests of scores compute references from: a network as a score sees it, with its initial weights and
// random inputs and labels, run by the interpreter in double precision.
#pragma once

#include "assay/base/random.hpp"
#include "assay/network/transform.hpp"
#include "assay/score/score.hpp"

#include "score_networks.hpp"
#include "score_reference.hpp"

// GCC 12 takes the undefined vectors inside its own AVX-512 intrinsics for variables that were forgotten.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <Eigen/Dense>
#include <doctest/doctest.h>

namespace assay::reference {

constexpr int batch = 5;
constexpr std::uint64_t seed = 11;

using Matrix = Eigen::MatrixXd;

inline Values random_values(Purpose purpose, Shape shape, int images, std::uint64_t index = 0) {
  std::vector<float> values(static_cast<std::size_t>(images * shape.elements()));
  Random(seed, purpose, 0, index).fill_normal(values, 0, 1);
  return {values.begin(), values.end()};
}

// The network that scores see, with its initial weights, after a forward pass of random images.
struct Run {
  Network network;
  Interpreter interpreter;

  Run(Worker& worker, const Network& declared, Network executed, Initialisation initialisation)
      : network(std::move(executed)),
        interpreter(
            network,
            reference::initial_parameters(worker, network, initialisation, seed, fingerprint(declared)),
            batch) {
    interpreter.forward(random_values(Purpose::input, network.input_shape(), batch));
  }
  Run(Worker& worker, const Network& declared)
      : Run(worker, declared, canonical(declared), Initialisation::kaiming_normal_fan_in) {}
  const Values& output() const { return interpreter.output(network.output()); }
};

// Row by row.
inline Values softmax(const Values& logits) {
  Values result(logits.size());
  const std::size_t classes = logits.size() / batch;
  for (std::size_t begin = 0; begin < logits.size(); begin += classes) {
    double sum = 0;
    for (std::size_t k = begin; k < begin + classes; ++k) sum += std::exp(logits[k]);
    for (std::size_t k = begin; k < begin + classes; ++k) result[k] = std::exp(logits[k]) / sum;
  }
  return result;
}

// Of the mean cross-entropy against random labels.
inline Values cross_entropy_gradient(const Values& logits, std::uint64_t index = 0) {
  Values gradient = softmax(logits);
  Random labels(seed, Purpose::label, 0, index);
  const std::size_t classes = logits.size() / batch;
  for (std::size_t begin = 0; begin < logits.size(); begin += classes)
    gradient[begin + labels.below(classes)] -= 1;
  for (double& g : gradient) g /= batch;
  return gradient;
}

struct Check {
  std::string score;
  double (*reference)(Worker&, const Network&);
  double tolerance = 1e-3;
};

// Every score alone, on random networks of two kinds.
inline void check_values(std::span<const Check> checks) {
  Worker worker;
  const auto networks = test::random_networks();
  REQUIRE(networks.size() >= 20);
  for (const Check& check : checks) {
    CAPTURE(check.score);
    const Scorer scorer({.scores = {check.score}, .batch = batch, .seed = seed});
    double worst = 0;
    for (std::size_t i = 0; i < networks.size(); ++i) {
      CAPTURE(i);
      const ScoreRecord record = scorer.score(worker, networks[i]);
      REQUIRE(record.status == "ok");
      const double expected = check.reference(worker, networks[i]);
      const double error = std::abs(record.values[0] - expected) / std::max(std::abs(expected), 1e-3);
      CAPTURE(record.values[0]);
      CAPTURE(expected);
      CHECK(error <= check.tolerance);
      worst = std::max(worst, error);
    }
    MESSAGE(check.score << ": largest relative difference " << worst);
  }
}

}  // namespace assay::reference
