// Writes random networks of a space with everything their scores start from, and the scores that assay gives
// them, for the independent implementation beside this file:
//
//   export_scores SPACE.toml COUNT BATCH SEED FOLDER
//
// Network i becomes FOLDER/i.json (networks as executed, where each tensor lies, scores, processor time) and
// FOLDER/i.bin (float32 tensors in plain layouts, native byte order).
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/network/json.hpp"
#include "assay/network/transform.hpp"
#include "assay/score/score.hpp"
#include "assay/space/space.hpp"

#include "../../src/score/blocks.hpp"
#include "../../src/score/probe.hpp"
#include "../../src/score/signs.hpp"

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace {

using namespace assay;
using Json = nlohmann::ordered_json;

struct Settings {
  int batch = 0;
  std::uint64_t seed = 0;
};

class Tensors {
 public:
  Json add(std::span<const float> values, std::vector<std::int64_t> dims) {
    const std::size_t offset = values_.size();
    values_.insert(values_.end(), values.begin(), values.end());
    return {{"offset", offset}, {"dims", std::move(dims)}};
  }
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(values_.data()), values_.size() * sizeof(float)};
  }

 private:
  std::vector<float> values_;
};

Json random_images(Tensors& tensors, Purpose purpose, Shape shape, int images, const Settings& settings) {
  std::vector<float> values(static_cast<std::size_t>(images * shape.elements()));
  Random(settings.seed, purpose).fill_normal(values, 0, 1);
  return tensors.add(values, {images, shape.channels, shape.height, shape.width});
}

Json random_batch(Tensors& tensors, Purpose purpose, Shape shape, const Settings& settings) {
  return random_images(tensors, purpose, shape, settings.batch, settings);
}

// The second of the independent batches that some scores compare.
Json second_input(Tensors& tensors, Shape shape, const Settings& settings) {
  std::vector<float> values(static_cast<std::size_t>(settings.batch * shape.elements()));
  Random(settings.seed, Purpose::input, 0, 1).fill_normal(values, 0, 1);
  return tensors.add(values, {settings.batch, shape.channels, shape.height, shape.width});
}

// Of input batch `index`.
Json labels(Tensors& tensors, int classes, std::uint64_t index, const Settings& settings) {
  std::vector<float> values;
  Random random(settings.seed, Purpose::label, 0, index);
  for (int n = 0; n < settings.batch; ++n)
    values.push_back(static_cast<float>(random.below(static_cast<std::uint64_t>(classes))));
  return tensors.add(values, {settings.batch});
}

// What labels are drawn with from the softmax: draws x images.
Json uniforms(Tensors& tensors, const Settings& settings) {
  std::vector<float> values;
  for (std::uint64_t draw = 0; draw < label_draws; ++draw) {
    Random random(settings.seed, Purpose::label_draw, 0, draw);
    for (int n = 0; n < settings.batch; ++n) values.push_back(static_cast<float>(random.uniform()));
  }
  return tensors.add(values, {label_draws, settings.batch});
}

Json signs(Tensors& tensors, Shape shape, std::uint64_t block, const Settings& settings) {
  std::vector<float> values(static_cast<std::size_t>(settings.batch * shape.elements()));
  TensorView plain{.data = values.data(),
                   .batch = settings.batch,
                   .channels = shape.channels,
                   .height = shape.height,
                   .width = shape.width,
                   .block = 1,
                   .padded_channels = shape.channels,
                   .image_stride = shape.elements(),
                   .block_stride = std::int64_t{shape.height} * shape.width,
                   .pixel_stride = 1};
  Random random(settings.seed, Purpose::rademacher, 0, block);
  Signs(plain, plain.batch, random).write(plain);
  return tensors.add(values, {settings.batch, shape.channels, shape.height, shape.width});
}

// A network as a pass executes it, with the weights it starts from. Operators are numbered as in "operators"
// from 1; 0 is the input.
Json executed(Worker& worker, Tensors& tensors, const Network& network, Initialisation initialisation,
              std::uint64_t identity, const Settings& settings) {
  CompileOptions options;
  options.batch = settings.batch;
  Executable executable(worker, network, options);
  executable.initialise(initialisation, settings.seed, identity);
  Json parameters = Json::array();
  const auto all = executable.parameters();
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<float> plain(static_cast<std::size_t>(all[i].elements()));
    executable.get_parameter(i, plain);
    Json parameter = tensors.add(plain, all[i].dims);
    parameter["op"] = all[i].op;
    parameter["role"] = static_cast<int>(all[i].role);
    parameters.push_back(std::move(parameter));
  }
  return {{"network", Json::parse(to_json(network))},
          {"parameters", std::move(parameters)},
          {"blocks", block_outputs(network)},
          {"features", feature_output(network)}};
}

std::vector<std::string> all_scores() {
  std::vector<std::string> names;
  for (const ScoreInfo& info : score_registry()) names.emplace_back(info.name);
  return names;
}

void export_network(Worker& worker, const Network& declared, const Settings& settings,
                    const std::string& path) {
  Tensors tensors;
  const std::uint64_t identity = fingerprint(declared);
  const Network network = logits(canonical(declared));
  Json out;
  out["kept"] = executed(worker, tensors, network, Initialisation::kaiming_normal_fan_in, identity, settings);
  out["plain"] = executed(worker, tensors, canonical(without_residuals(network)),
                          Initialisation::standard_normal, identity, settings);
  out["linear"] =
      executed(worker, tensors, linearised(network), Initialisation::pytorch_default, identity, settings);
  out["input"] = random_batch(tensors, Purpose::input, network.input_shape(), settings);
  // What single scores want of their own: more images, and the two that span a circle of tiny ones.
  const ScoreConditions swap = *find_score("swap")->conditions;
  out["swap_input"] = random_images(tensors, Purpose::input, network.input_shape(), swap.images, settings);
  const ScoreConditions circle = *find_score("linear_regions")->conditions;
  out["circle_images"] = circle.images;
  out["circle_input"] =
      random_images(tensors, Purpose::input, at_most(network, circle.resolution).input_shape(), 2, settings);
  out["perturbation"] = random_batch(tensors, Purpose::perturbation, network.input_shape(), settings);
  out["labels"] = labels(tensors, network.output_shape().channels, 0, settings);
  out["second_input"] = second_input(tensors, network.input_shape(), settings);
  out["second_labels"] = labels(tensors, network.output_shape().channels, 1, settings);
  out["uniforms"] = uniforms(tensors, settings);
  out["signs"] = Json::array();
  std::uint64_t block = 0;
  for (const OpId op : block_outputs(network))
    out["signs"].push_back(signs(tensors, network.shape(op), block++, settings));

  // Networks are exported at their own resolution, so that is what they are scored at.
  const Scorer all({.scores = all_scores(), .batch = settings.batch, .resolution = 0, .seed = settings.seed});
  const ScoreRecord record = all.score(worker, declared);
  out["status"] = record.status;
  for (std::size_t k = 0; k < record.values.size(); ++k)
    out["scores"][all.settings().scores[k]] = record.values[k];

  const Scorer az_nas({.scores = {"expressivity", "progressivity", "trainability"},
                       .batch = settings.batch,
                       .resolution = 0,
                       .seed = settings.seed});
  az_nas.score(worker, declared);
  const std::clock_t start = std::clock();
  az_nas.score(worker, declared);
  out["az_nas_seconds"] = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;

  write_file(path + ".json", out.dump());
  write_file(path + ".bin", tensors.bytes());
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 6) throw InputError("Usage: export_scores SPACE.toml COUNT BATCH SEED FOLDER");
  const Space space = Space::load(argv[1]);
  const auto count = parse_integer(argv[2]), batch = parse_integer(argv[3]), seed = parse_integer(argv[4]);
  if (!count || !batch || !seed || *batch < 2 || *seed < 0)
    throw InputError("COUNT, BATCH (at least 2) and SEED are whole numbers.");
  const Settings settings = {static_cast<int>(*batch), static_cast<std::uint64_t>(*seed)};
  std::filesystem::create_directories(argv[5]);
  Worker worker;
  for (std::int64_t i = 0; i < *count; ++i) {
    Random random(settings.seed, Purpose::sample, 0, static_cast<std::uint64_t>(i));
    export_network(worker, space.decode(space.sample(random)), settings, fmt::format("{}/{}", argv[5], i));
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
