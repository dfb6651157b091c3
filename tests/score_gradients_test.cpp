// Scores from gradients taken several times: by weights larger and smaller, batch by batch, image by image,
// draw by draw. Values against their definitions in double precision, then properties.
#include "../src/score/blocks.hpp"
#include "score_run.hpp"

using namespace assay;
using namespace assay::reference;

namespace {

// All weight gradients as one vector.
Values weight_gradient(Run& run, const Values& seeds) {
  run.interpreter.backward(run.network.output(), seeds);
  Values all;
  for (const auto& [key, gradient] : run.interpreter.parameter_gradients())
    all.insert(all.end(), gradient.begin(), gradient.end());
  return all;
}

double fisher(Worker& worker, const Network& network) {
  Run run(worker, network);
  run.interpreter.backward(run.network.output(), cross_entropy_gradient(run.output()));
  double score = 0;
  for (const OpId op : weighted_operators(run.network)) {
    const Values &a = run.interpreter.output(op), &g = run.interpreter.gradient(op);
    const Shape shape = run.network.shape(op);
    const auto pixels = static_cast<std::size_t>(shape.height * shape.width);
    for (std::size_t map = 0; map < a.size(); map += pixels) {
      double sum = 0;
      for (std::size_t p = map; p < map + pixels; ++p) sum += a[p] * g[p];
      score += sum * sum / (2 * batch);
    }
  }
  return score;
}

// w^T (H g) with H g by a step along g that is too small to switch a unit.
double grasp(Worker& worker, const Network& network) {
  Run run(worker, network);
  const Values input = run.interpreter.output(0);
  const auto weights = run.interpreter.parameters();
  const Values g = weight_gradient(run, cross_entropy_gradient(run.output()));
  const auto gradients = run.interpreter.parameter_gradients();
  double longest = 0;
  for (const double each : g) longest = std::max(longest, std::abs(each));
  const double step = 1e-9 / longest;
  const auto moved = [&](double sign) {
    auto at = weights;
    for (const auto& [key, gradient] : gradients)
      for (std::size_t i = 0; i < gradient.size(); ++i) at[key][i] += sign * step * gradient[i];
    Interpreter interpreter(run.network, at, batch);
    interpreter.forward(input);
    const OpId output = run.network.output();
    interpreter.backward(output, cross_entropy_gradient(interpreter.output(output)));
    double product = 0;
    for (const auto& [key, gradient] : interpreter.parameter_gradients())
      for (std::size_t i = 0; i < gradient.size(); ++i) product += weights.at(key)[i] * gradient[i];
    return product;
  };
  return -(moved(1) - moved(-1)) / (2 * step);
}

double zico(Worker& worker, const Network& network) {
  Run run(worker, network);
  run.interpreter.backward(run.network.output(), cross_entropy_gradient(run.output()));
  const auto first = run.interpreter.parameter_gradients();
  run.interpreter.forward(random_values(Purpose::input, run.network.input_shape(), batch, 1));
  run.interpreter.backward(run.network.output(), cross_entropy_gradient(run.output(), 1));
  double score = 0;
  for (const auto& [key, b] : run.interpreter.parameter_gradients()) {
    const Values& a = first.at(key);
    double ratios = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double mean = (std::abs(a[i]) + std::abs(b[i])) / 2, deviation = std::abs(a[i] - b[i]) / 2;
      if (deviation > 0) ratios += mean / deviation;
    }
    score += std::log(ratios);
  }
  return score;
}

double ntk_condition(Worker& worker, const Network& network) {
  Run run(worker, network);
  const std::size_t outputs = run.output().size() / batch;
  Matrix jacobian;
  for (int n = 0; n < batch; ++n) {
    Values seeds(run.output().size(), 0.0);
    std::fill_n(seeds.begin() + static_cast<std::ptrdiff_t>(n * outputs), outputs, 1.0);
    const Values row = weight_gradient(run, seeds);
    jacobian.conservativeResize(static_cast<Eigen::Index>(row.size()), batch);
    for (std::size_t i = 0; i < row.size(); ++i) jacobian(static_cast<Eigen::Index>(i), n) = row[i];
  }
  const Eigen::VectorXd s = Eigen::JacobiSVD<Matrix>(jacobian).singularValues();
  return std::pow(s(0) / s(batch - 1), 2);
}

// The gradient of the weight in the middle of the kernel, from channel 0 to channel 0: image n's share.
double share_of_gradient(const Run& run, OpId op, int n) {
  const OpId source = run.network.inputs(op)[0];
  const Shape in = run.network.shape(source), out = run.network.shape(op);
  const Window& w = run.network.op(op).window;
  double sum = 0;
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const int from_y = y * w.stride_h - w.pad_top + w.kernel_h / 2 * w.dilation_h;
      const int from_x = x * w.stride_w - w.pad_left + w.kernel_w / 2 * w.dilation_w;
      if (from_y < 0 || from_y >= in.height || from_x < 0 || from_x >= in.width) continue;
      sum += run.interpreter.gradient(op)[(n * out.channels * out.height + y) * out.width + x] *
             run.interpreter.output(source)[(n * in.channels * in.height + from_y) * in.width + from_x];
    }
  return sum;
}

double fisher_spectrum(Worker& worker, const Network& network) {
  constexpr int draws = 8;
  Run run(worker, network);
  const auto layers = weighted_operators(run.network);
  const Values p = softmax(run.output());
  const std::size_t classes = p.size() / batch;
  Matrix samples(layers.size(), draws * batch);
  for (int draw = 0; draw < draws; ++draw) {
    Random random(seed, Purpose::label_draw, 0, static_cast<std::uint64_t>(draw));
    Values seeds = p;
    for (double& each : seeds) each = -each;
    for (std::size_t begin = 0; begin < p.size(); begin += classes) {
      const double u = random.uniform();
      double cumulative = p[begin];
      std::size_t label = 0;
      while (label + 1 < classes && u >= cumulative) cumulative += p[begin + ++label];
      seeds[begin + label] += 1;
    }
    run.interpreter.backward(run.network.output(), seeds);
    for (std::size_t k = 0; k < layers.size(); ++k) {
      // The images' shares add up to the gradient.
      const Values& whole = run.interpreter.parameter_gradients().at({layers[k], ParameterRole::weight});
      const Window& w = run.network.op(layers[k]).window;
      double sum = 0;
      for (int n = 0; n < batch; ++n)
        sum += samples(static_cast<Eigen::Index>(k), draw * batch + n) = share_of_gradient(run, layers[k], n);
      REQUIRE(sum ==
              doctest::Approx(whole[static_cast<std::size_t>(w.kernel_h / 2 * w.kernel_w + w.kernel_w / 2)])
                  .epsilon(1e-9));
    }
  }
  Values spectrum(layers.size(), 0.0);
  const Eigen::VectorXd s = Eigen::JacobiSVD<Matrix>(samples).singularValues();
  for (Eigen::Index i = 0; i < s.size(); ++i) spectrum[static_cast<std::size_t>(i)] = s(i) * s(i);
  std::sort(spectrum.begin(), spectrum.end());
  Values deciles;
  double sum = 0, entropy = 0;
  for (int k = 1; k <= 9; ++k) {
    const double at = k / 10.0 * static_cast<double>(spectrum.size() - 1);
    const auto i = static_cast<std::size_t>(std::floor(at));
    deciles.push_back(
        std::lerp(spectrum[i], spectrum[std::min(i + 1, spectrum.size() - 1)], at - std::floor(at)));
    sum += deciles.back();
  }
  for (const double decile : deciles)
    if (decile > 0) entropy -= decile / sum * std::log(decile / sum);
  return entropy;
}

const Check checks[] = {{"fisher", fisher},
                        // A difference of |g|^2, which is up to a hundred times as large.
                        {"grasp", grasp, 5e-3},
                        // Weights whose gradients hardly differ carry the sum: a few roundings apart or a
                        // few more is a factor.
                        {"zico", zico, 3e-3},
                        {"ntk_condition", ntk_condition},
                        {"fisher_spectrum", fisher_spectrum}};

double score(const Network& network, const std::string& name, int images = batch) {
  Worker worker;
  const ScoreRecord record = Scorer({.scores = {name}, .batch = images, .seed = seed}).score(worker, network);
  CAPTURE(record.status);
  CHECK(record.ok());
  return record.values[0];
}

std::string status(const Network& network, const std::string& name) {
  Worker worker;
  return Scorer({.scores = {name}, .batch = batch, .seed = seed}).score(worker, network).status;
}

}  // namespace

TEST_CASE("gradient scores agree with their definitions on random networks of two kinds") {
  check_values(checks);
}

TEST_CASE("the weights before a batch norm hold the gradient with -w^T H g = |g|^2") {
  // The loss does not depend on their size, so the gradient is of degree -1 in them (Euler): H w = -g. The
  // classifier adds its part, so compare through two scores of one network without one.
  NetworkBuilder b({3, 8, 8}, "normalised");
  OpId x = b.activation(test::conv_bn(b, 0, 12, 3), Activation::relu, "relu");
  x = test::conv_bn(b, x, 10, 3);
  const Network network = std::move(b).finish(b.global_average_pool(x, "pool"));
  Worker worker;
  Run run(worker, network);
  double squares = 0;
  for (const double g : weight_gradient(run, cross_entropy_gradient(run.output()))) squares += g * g;
  CHECK(score(network, "grasp") == doctest::Approx(squares).epsilon(1e-3));
}

TEST_CASE("one condition number for any scale of the outputs, no more than 16 images") {
  const Network network = test::cell_network(1);
  CHECK(score(network, "ntk_condition") >= 1);
  CHECK(score(network, "ntk_condition", 16) == score(network, "ntk_condition", 40));
  CHECK(score(network, "ntk_condition", 16) != score(network, "ntk_condition", 15));
}

TEST_CASE("the spectrum of the Fisher information has at most the entropy of nine equal deciles") {
  for (std::uint64_t i = 0; i < 4; ++i) {
    const double entropy = score(test::bottleneck_network(i), "fisher_spectrum");
    CHECK(entropy > 0);
    CHECK(entropy <= std::log(9.0));
  }
  // One weight: all deciles are its variance.
  NetworkBuilder b({3, 8, 8}, "one");
  const OpId x = b.linear(b.global_average_pool(0, "pool"), 4, "classifier");
  CHECK(score(std::move(b).finish(x), "fisher_spectrum") == doctest::Approx(std::log(9.0)));
}

TEST_CASE("gradient scores have a named status where they have no value") {
  NetworkBuilder bare({3, 4, 4}, "bare");
  const OpId pooled = bare.global_average_pool(0, "pool");
  const Network no_weights = std::move(bare).finish(pooled);

  NetworkBuilder b({3, 8, 8}, "zero");
  OpId x = test::conv_bn(b, 0, 8, 3);
  x = b.activation(b.zero(x, 8, 1, "none"), Activation::relu, "relu");
  const Network constant = std::move(b).finish(test::classifier(b, x, 10));

  NetworkBuilder flat({8, 4, 4}, "one output");
  const OpId logit = flat.linear(flat.global_average_pool(0, "pool"), 1, "classifier");
  const Network one_output = std::move(flat).finish(logit);

  for (const Check& check : checks) {
    CAPTURE(check.score);
    CHECK(status(no_weights, check.score) == "no_weights: " + check.score);
  }
  for (const std::string name : {"zico", "ntk_condition", "fisher_spectrum"}) {
    CAPTURE(name);
    CHECK(status(constant, name) == "constant_output: " + name);
  }
  CHECK(score(constant, "fisher") == 0);
  CHECK(score(constant, "grasp") == 0);
  // With one class the loss is constant, though the output is not.
  CHECK(status(one_output, "zico") == "constant_output: zico");
  CHECK(score(one_output, "fisher") == 0);
  CHECK(score(one_output, "ntk_condition") >= 1);

  // More images than weights: their gradients depend on one another.
  NetworkBuilder few({1, 4, 4}, "few");
  const OpId sum = few.linear(few.global_average_pool(0, "pool"), 2, "classifier");
  CHECK(status(std::move(few).finish(sum), "ntk_condition") == "singular: ntk_condition");
}
