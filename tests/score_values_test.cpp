// Every score against its definition, computed in double precision on an interpreter of networks, from the
// same weights, inputs, labels and signs.
#include "../src/score/blocks.hpp"
#include "score_run.hpp"

using namespace assay;
using namespace assay::reference;

namespace {

// Positions x channels of a map, as rows of samples.
Matrix rows_of(const Values& map, Shape shape) {
  const int pixels = shape.height * shape.width;
  Matrix rows(batch * pixels, shape.channels);
  for (int n = 0; n < batch; ++n)
    for (int c = 0; c < shape.channels; ++c)
      for (int p = 0; p < pixels; ++p) rows(n * pixels + p, c) = map[(n * shape.channels + c) * pixels + p];
  return rows;
}

double entropy_of_features(const Values& map, Shape shape) {
  const Matrix rows = rows_of(map, shape);
  const Matrix centred = rows.rowwise() - rows.colwise().mean();
  // Squared singular values of the data are the eigenvalues of its covariance.
  const Eigen::VectorXd variances = Eigen::JacobiSVD<Matrix>(centred).singularValues().array().square();
  double entropy = 0;
  for (const double v : variances)
    if (const double share = v / variances.sum(); share > 0) entropy -= share * std::log(share);
  return entropy;
}

std::vector<double> block_entropies(const Run& run) {
  std::vector<double> entropies;
  for (const OpId block : block_outputs(run.network))
    entropies.push_back(entropy_of_features(run.interpreter.output(block), run.network.shape(block)));
  return entropies;
}

double expressivity(Worker& worker, const Network& network) {
  double sum = 0;
  for (const double entropy : block_entropies(Run(worker, network))) sum += entropy;
  return sum;
}

double progressivity(Worker& worker, const Network& network) {
  const auto entropies = block_entropies(Run(worker, network));
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < entropies.size(); ++i) least = std::min(least, entropies[i] - entropies[i - 1]);
  return least;
}

// Signs as signs.hpp documents them, as a plain NCHW tensor.
Values signs(Shape shape, std::uint64_t block) {
  Random random(seed, Purpose::rademacher, 0, block);
  const int groups = (shape.channels + 15) / 16, pixels = shape.height * shape.width;
  Values values(static_cast<std::size_t>(batch * shape.elements()));
  std::uint32_t word = 0;
  std::int64_t half = 0;
  for (int n = 0; n < batch; ++n)
    for (int p = 0; p < pixels; ++p)
      for (int g = 0; g < groups; ++g, ++half) {
        if (half % 2 == 0) word = random();
        for (int c = 16 * g; c < std::min(16 * g + 16, shape.channels); ++c)
          values[(n * shape.channels + c) * pixels + p] =
              (word >> (16 * (half % 2) + c % 16)) % 2 == 1 ? 1.0 : -1.0;
      }
  return values;
}

// Space to depth onto a coarser grid, zeros over the edge.
Matrix folded_rows(const Values& map, Shape shape, int height, int width) {
  const int sy = (shape.height + height - 1) / height, sx = (shape.width + width - 1) / width;
  Matrix rows = Matrix::Zero(batch * height * width, shape.channels * sy * sx);
  for (int n = 0; n < batch; ++n)
    for (int c = 0; c < shape.channels; ++c)
      for (int y = 0; y < shape.height; ++y)
        for (int x = 0; x < shape.width; ++x)
          rows((n * height + y / sy) * width + x / sx, (c * sy + y % sy) * sx + x % sx) =
              map[((n * shape.channels + c) * shape.height + y) * shape.width + x];
  return rows;
}

// Block by block: signs at its output alone, the gradient at its input by a backward pass of its own.
double trainability(Worker& worker, const Network& network) {
  Run run(worker, network);
  const auto blocks = block_outputs(run.network);
  double sum = 0;
  for (std::size_t i = 1; i < blocks.size(); ++i) {
    const Shape in = run.network.shape(blocks[i - 1]), out = run.network.shape(blocks[i]);
    const Values seeds = signs(out, i);
    run.interpreter.backward(blocks[i], seeds);
    const int height = std::min(in.height, out.height), width = std::min(in.width, out.width);
    const Matrix g_in = folded_rows(run.interpreter.gradient(blocks[i - 1]), in, height, width);
    const Matrix g_out = folded_rows(seeds, out, height, width);
    const Matrix jacobian = g_in.transpose() * g_out / static_cast<double>(g_in.rows());
    const double norm = Eigen::JacobiSVD<Matrix>(jacobian).singularValues()(0);
    sum += 2 - norm - 1 / norm;
  }
  return sum / static_cast<double>(blocks.size() - 1);
}

double naswot(Worker& worker, const Network& network) {
  const Run run(worker, network);
  Matrix kernel = Matrix::Zero(batch, batch);
  for (OpId id = 1; id < run.network.size(); ++id) {
    const Operator& op = run.network.op(id);
    if (op.kind != OpKind::activation) continue;
    const Values& units = run.interpreter.output(run.network.inputs(id)[0]);
    const std::size_t image = units.size() / batch;
    for (int i = 0; i < batch; ++i)
      for (int j = 0; j < batch; ++j)
        for (std::size_t u = 0; u < image; ++u)
          kernel(i, j) += (units[i * image + u] > 0) == (units[j * image + u] > 0);
  }
  return std::log(kernel.determinant());
}

double jacob_cov(Worker& worker, const Network& network) {
  Run run(worker, network);
  run.interpreter.backward(run.network.output(), Values(run.output().size(), 1.0));
  const Values& gradient = run.interpreter.gradient(0);
  Matrix rows = Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
      gradient.data(), batch, static_cast<Eigen::Index>(gradient.size() / batch));
  rows = (rows.colwise() - rows.rowwise().mean()).rowwise().normalized().eval();
  const Eigen::VectorXcd values = (rows * rows.transpose()).eval().eigenvalues();
  double score = 0;
  for (const auto& v : values) score -= std::log(v.real() + 1e-5) + 1 / (v.real() + 1e-5);
  return score;
}

double over_weights(const Interpreter& interpreter, bool saliency) {
  double total = 0;
  for (const auto& [key, gradient] : interpreter.parameter_gradients()) {
    const Values& weight = interpreter.parameters().at(key);
    double squares = 0, products = 0;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      squares += gradient[i] * gradient[i];
      products += std::abs(weight[i] * gradient[i]);
    }
    total += saliency ? products : std::sqrt(squares);
  }
  return total;
}

double loss_gradient(Worker& worker, const Network& network, bool saliency) {
  Run run(worker, network);
  run.interpreter.backward(run.network.output(), cross_entropy_gradient(run.output()));
  return over_weights(run.interpreter, saliency);
}
double grad_norm(Worker& worker, const Network& network) {
  return loss_gradient(worker, network, false);
}
double snip(Worker& worker, const Network& network) {
  return loss_gradient(worker, network, true);
}

double synflow(Worker& worker, const Network& network) {
  const Network linear = linearised(canonical(network));
  auto parameters = reference::initial_parameters(worker, linear, Initialisation::pytorch_default, seed,
                                                  fingerprint(network));
  for (auto& [key, values] : parameters)
    for (double& value : values) value = std::abs(value);
  Interpreter interpreter(linear, parameters, 1);
  interpreter.forward(Values(static_cast<std::size_t>(linear.input_shape().elements()), 1.0));
  interpreter.backward(linear.output(), Values(interpreter.output(linear.output()).size(), 1.0));
  return std::log(over_weights(interpreter, true));
}

double zen(Worker& worker, const Network& network) {
  Run run(worker, network, canonical(without_residuals(canonical(network))), Initialisation::standard_normal);
  const OpId features = feature_output(run.network);
  const Values first = run.interpreter.output(features);
  double growth = 0;
  for (OpId id = 1; id < run.network.size(); ++id) {
    if (run.network.op(id).kind != OpKind::batch_norm) continue;
    const auto moments = run.interpreter.statistics(run.network.inputs(id)[0]);
    double sum = 0;
    for (const auto& [mean, variance] : moments) sum += variance;
    growth += std::log(std::sqrt(sum / static_cast<double>(moments.size())));
  }
  Values input = random_values(Purpose::input, run.network.input_shape(), batch);
  const Values noise = random_values(Purpose::perturbation, run.network.input_shape(), batch);
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(input[i] + 0.01f * noise[i]);
  run.interpreter.forward(input);
  const Values& second = run.interpreter.output(features);
  double difference = 0;
  const std::size_t image = first.size() / batch;
  for (int n = 0; n < batch; ++n) {
    double squares = 0;
    for (std::size_t i = n * image; i < (n + 1) * image; ++i) squares += std::pow(first[i] - second[i], 2);
    difference += std::sqrt(squares) / batch;
  }
  return std::log(difference) + growth;
}

const Check checks[] = {
    {"naswot", naswot},
    {"jacob_cov", jacob_cov},
    {"synflow", synflow},
    {"grad_norm", grad_norm},
    {"snip", snip},
    {"zen", zen},
    {"expressivity", expressivity},
    {"progressivity", progressivity},
    {"trainability", trainability},
};

}  // namespace

TEST_CASE("scores agree with their definitions on random networks of two kinds") {
  check_values(checks);
}
