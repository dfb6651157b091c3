// The neighbourhood of the capacity score: for every candidate of a table, the sum over convolutions and
// linear operators of weights^p x pixels^q of the canonical network, over a grid of p and q. CSV on standard
// output, one row per candidate, for bench/rank_study.py.
//
//   capacity_grid SPACE.toml TABLE.csv
#include "assay/base/error.hpp"
#include "assay/space/codec.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <vector>

#include <fmt/format.h>

namespace {

using namespace assay;

constexpr std::array powers = {0.25, 0.4, 0.5, 0.6, 0.75, 1.0};
constexpr std::array resolutions = {0.0, 0.125, 0.25, 0.375, 0.5, 1.0};

double capacity(const Network& network, double p, double q) {
  double sum = 0;
  for (OpId id = 1; id < network.size(); ++id) {
    const OpKind kind = network.op(id).kind;
    if (kind != OpKind::convolution && kind != OpKind::linear) continue;
    const double pixels = double{1} * network.shape(id).height * network.shape(id).width;
    sum += std::pow(static_cast<double>(network.macs(id)) / pixels, p) * std::pow(pixels, q);
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw InputError("Usage: capacity_grid SPACE.toml TABLE.csv");
  const Space space = Space::load(argv[1]);
  std::ifstream file(argv[2]);
  if (!file) throw InputError(fmt::format("{}: the file cannot be read.", argv[2]));
  CandidateReader reader(space, file, argv[2]);
  std::string line;
  for (const double p : powers)
    for (const double q : resolutions) line += fmt::format("{}{}:{}", line.empty() ? "" : ",", p, q);
  fmt::print("{}\n", line);
  CandidateRow row;
  while (reader.next(row)) {
    const Network network = canonical(space.decode(row.candidate));
    line.clear();
    for (const double p : powers)
      for (const double q : resolutions)
        line += fmt::format("{}{:.9g}", line.empty() ? "" : ",", capacity(network, p, q));
    fmt::print("{}\n", line);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 2;
}
