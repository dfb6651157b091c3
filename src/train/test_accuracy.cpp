#include "replicas.hpp"

#include <atomic>

namespace assay {
namespace {

Executable compile_for_test(Worker& worker, const Network& network, const Tensors& parameters, int batch) {
  CompileOptions options;
  options.batch = batch;
  options.batch_norm = BatchNormMode::running_statistics;
  options.inference = true;
  Executable executable(worker, network, options);
  for (std::size_t p = 0; p < parameters.size(); ++p) executable.set_parameter(p, parameters[p]);
  return executable;
}

// Runs images [first, first + batch) of the test set and counts the right answers.
std::int64_t count_correct(Executable& executable, const ImageSet& images, const ImageTransform& transform,
                           std::size_t first, std::size_t batch) {
  const std::span<float> input = executable.input();
  const std::size_t image_floats = input.size() / batch;
  for (std::size_t i = 0; i < batch; ++i) {
    transform.write(images.image(first + i), {}, input.subspan(i * image_floats, image_floats));
  }
  executable.forward();
  const std::span<const float> logits = executable.output();
  const std::size_t classes = logits.size() / batch;
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < batch; ++i) {
    correct += largest_logit(logits.subspan(i * classes, classes)) == images.labels[first + i] ? 1 : 0;
  }
  return correct;
}

}  // namespace

double test_accuracy(Team& team, const Network& network, const Tensors& parameters, const Dataset& dataset,
                     const ImageTransform& transform) {
  constexpr std::size_t batch = 128;
  const std::size_t size = dataset.test.size();
  const std::size_t whole = size / batch, rest = size % batch;
  std::atomic<std::size_t> next{0};
  std::atomic<std::int64_t> correct{0};  // an integer: the order of adding does not matter
  team.run([&](int thread, Worker& worker) {
    if (thread == 0 && rest > 0) {
      Executable executable = compile_for_test(worker, network, parameters, static_cast<int>(rest));
      correct += count_correct(executable, dataset.test, transform, whole * batch, rest);
    }
    if (whole == 0) return;
    Executable executable = compile_for_test(worker, network, parameters, batch);
    for (std::size_t i = next++; i < whole; i = next++) {
      correct += count_correct(executable, dataset.test, transform, i * batch, batch);
    }
  });
  return static_cast<double>(correct) / static_cast<double>(size);
}

}  // namespace assay
