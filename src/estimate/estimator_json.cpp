#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "json_object.hpp"
#include "model.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

namespace assay {
namespace {

using nlohmann::ordered_json;

constexpr int file_version = 2;
constexpr const char* format_name = "assay-estimator";
// Far beyond anything that a fit finds, small enough that no product overflows.
constexpr double largest = 1e30;

// A row of numbers on one line each: a thousand points are then a thousand lines.
std::string compact_rows(const std::string& text) {
  std::string out;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t open = text.find('[', begin);
    if (open == std::string::npos) break;
    const std::size_t close = text.find_first_of("[]{\"", open + 1);
    out.append(text, begin, open + 1 - begin);
    begin = open + 1;
    if (close == std::string::npos || text[close] != ']') continue;
    for (std::size_t i = begin; i < close; ++i)
      if (text[i] != '\n' && text[i] != ' ') out += text[i];
    begin = close;
  }
  return out.append(text, begin);
}

ordered_json to_json(const KindModel& model) {
  ordered_json json;
  json["rows"] = model.rows;
  json["fitted"] = model.fitted;
  if (!model.fitted) return json;
  std::array<int, lane_dimension_count> lanes{};
  std::array<double, lane_dimension_count> softness{};
  for (std::size_t d = 0; d < model.lanes.size(); ++d) {
    lanes[d] = model.lanes[d].lanes;
    softness[d] = model.lanes[d].softness;
  }
  json["lanes"] = lanes;
  json["softness"] = softness;
  json["face_a"] = model.roofline.a;
  json["face_b"] = model.roofline.b;
  for (const LaneEvidence& evidence : model.evidence)
    json["evidence"].push_back({evidence.rival, std::min(evidence.rival_error, largest)});
  json["flat_ms"] = model.flat_ms;
  json["deviation"] = model.deviation;
  json["range_low"] = model.range_low;
  json["range_high"] = model.range_high;
  return json;
}

KindModel read_kind(const JsonObject& json) {
  KindModel model;
  model.rows = json.integer("rows", 0, 1 << 30);
  model.fitted = json.boolean("fitted");
  if (!model.fitted) {
    json.expect_keys({"rows", "fitted"});
    return model;
  }
  json.expect_keys({"rows", "fitted", "lanes", "softness", "face_a", "face_b", "evidence", "flat_ms",
                    "deviation", "range_low", "range_high"});
  const auto lanes = json.integers<lane_dimension_count>("lanes", 1, 65536);
  const auto softness = json.numbers<lane_dimension_count>("softness", 0, 1);
  for (std::size_t d = 0; d < model.lanes.size(); ++d) {
    model.lanes[d] = {lanes[d], softness[d]};
  }
  model.roofline.a = json.numbers<term_count>("face_a", 0, largest);
  model.roofline.b = json.numbers<term_count>("face_b", 0, largest);
  const std::vector<std::vector<double>> evidence = json.rows("evidence", 2, largest);
  if (evidence.size() != lane_dimension_count) json.fail("evidence", "has another number of dimensions");
  for (std::size_t d = 0; d < evidence.size(); ++d)
    model.evidence[d] = {static_cast<int>(std::clamp(evidence[d][0], 0.0, 65536.0)), evidence[d][1]};
  model.flat_ms = json.number("flat_ms", 0, largest);
  model.deviation = json.number("deviation", 0, largest);
  model.range_low = json.numbers<extent_count>("range_low", 0, largest);
  model.range_high = json.numbers<extent_count>("range_high", 0, largest);
  return model;
}

SubgraphKind kind_named(const JsonObject& json, std::string_view key) {
  const std::string name = json.text(key);
  for (int k = 0; k < subgraph_kind_count; ++k) {
    if (to_string(static_cast<SubgraphKind>(k)) == name) return static_cast<SubgraphKind>(k);
  }
  json.fail(key, fmt::format("is \"{}\", which is no kind of subgraph", name));
}

ordered_json to_json(const CrossValidation& cv) {
  ordered_json kinds = ordered_json::array();
  for (const CrossValidation::Kind& kind : cv.kinds) {
    kinds.push_back({{"kind", to_string(kind.kind)},
                     {"rows", kind.rows},
                     {"mape_percent", kind.mape_percent},
                     {"roofline_mape_percent", kind.roofline_mape_percent},
                     {"corrected", kind.corrected},
                     {"fallback", kind.fallback}});
  }
  return {{"rows", cv.rows},
          {"networks", cv.networks},
          {"folds", cv.folds},
          {"mape_percent", cv.mape_percent},
          {"roofline_mape_percent", cv.roofline_mape_percent},
          {"within_10_percent", cv.within_10_percent},
          {"kinds", kinds}};
}

CrossValidation read_cross_validation(const JsonObject& json) {
  json.expect_keys(
      {"rows", "networks", "folds", "mape_percent", "roofline_mape_percent", "within_10_percent", "kinds"});
  CrossValidation cv;
  cv.rows = json.integer("rows", 0, 1 << 30);
  cv.networks = json.integer("networks", 0, 1 << 30);
  cv.folds = json.integer("folds", 0, 1 << 30);
  cv.mape_percent = json.number("mape_percent", 0, largest);
  cv.roofline_mape_percent = json.number("roofline_mape_percent", 0, largest);
  cv.within_10_percent = json.number("within_10_percent", 0, 100);
  for (const JsonObject& kind : json.objects("kinds")) {
    kind.expect_keys({"kind", "rows", "mape_percent", "roofline_mape_percent", "corrected", "fallback"});
    cv.kinds.push_back({.kind = kind_named(kind, "kind"),
                        .rows = kind.integer("rows", 0, 1 << 30),
                        .mape_percent = kind.number("mape_percent", 0, largest),
                        .roofline_mape_percent = kind.number("roofline_mape_percent", 0, largest),
                        .corrected = kind.boolean("corrected"),
                        .fallback = kind.boolean("fallback")});
  }
  return cv;
}

// A point of the correction as numbers: the subgraph's fields, then weight, context weight and variance.
constexpr std::size_t subgraph_numbers = 17;
constexpr std::size_t point_numbers = subgraph_numbers + 3;

std::array<std::int32_t, subgraph_numbers> numbers_of(const Subgraph& s) {
  return {static_cast<int>(s.kind),
          static_cast<int>(s.activation),
          s.parts,
          s.operands,
          s.input.channels,
          s.input.height,
          s.input.width,
          s.output.channels,
          s.output.height,
          s.output.width,
          s.groups,
          s.kernel_h,
          s.kernel_w,
          s.stride_h,
          s.stride_w,
          s.dilation_h,
          s.dilation_w};
}

// Whether they make a possible subgraph is for check() to say.
Subgraph subgraph_from(std::span<const std::int32_t, subgraph_numbers> n) {
  Subgraph s;
  s.kind = static_cast<OpKind>(n[0]);
  s.activation = static_cast<Activation>(n[1]);
  s.parts = static_cast<std::uint8_t>(n[2]);
  s.operands = static_cast<std::uint8_t>(n[3]);
  s.input = {n[4], n[5], n[6]};
  s.output = {n[7], n[8], n[9]};
  s.groups = n[10];
  s.kernel_h = n[11];
  s.kernel_w = n[12];
  s.stride_h = n[13];
  s.stride_w = n[14];
  s.dilation_h = n[15];
  s.dilation_w = n[16];
  return s;
}

ordered_json to_json(const GaussianProcess& process) {
  if (process.empty()) return nullptr;
  const ProcessKernel& kernel = process.kernel;
  ordered_json json;
  json["kind"] = kernel.kind;
  json["exact"] = kernel.exact;
  json["noise"] = kernel.noise;
  json["trend"] = kernel.trend;
  json["middle"] = kernel.middle;
  json["spread"] = kernel.spread;
  json["context_kind"] = kernel.context_kind;
  json["context_size"] = kernel.context_size;
  json["components"] = ordered_json::array();
  for (const ProcessKernel::Component& component : kernel.components)
    json["components"].push_back(
        {{"variance", component.variance}, {"rough", component.rough}, {"weight", component.weight}});
  json["points"] = ordered_json::array();
  for (std::size_t p = 0; p < process.points.size(); ++p) {
    ordered_json row = numbers_of(process.points[p].subgraph);
    row.push_back(process.weights[p]);
    row.push_back(process.context_weights.empty() ? 0.0 : process.context_weights[p]);
    row.push_back(process.variances[p]);
    json["points"].push_back(std::move(row));
  }
  return json;
}

GaussianProcess read_process(const JsonObject& json, const Accelerator& accelerator,
                             const Rooflines& rooflines) {
  const auto kinds = static_cast<int>(op_kind_names().size());
  const auto activations = static_cast<int>(activation_names().size());
  json.expect_keys({"kind", "exact", "noise", "trend", "middle", "spread", "context_kind", "context_size",
                    "components", "points"});
  GaussianProcess process;
  ProcessKernel& kernel = process.kernel;
  const auto variance = [&](const JsonObject& object, std::string_view key) {
    return object.number(key, 0, 1e6);
  };
  kernel.kind = variance(json, "kind");
  kernel.exact = variance(json, "exact");
  kernel.noise = variance(json, "noise");
  kernel.trend = variance(json, "trend");
  kernel.middle = json.numbers<shape_coordinates>("middle", -1e3, 1e3);
  kernel.spread = json.numbers<shape_coordinates>("spread", 1e-3, 1e3);
  kernel.context_kind = variance(json, "context_kind");
  kernel.context_size = variance(json, "context_size");
  for (const JsonObject& component : json.objects("components")) {
    component.expect_keys({"variance", "rough", "weight"});
    kernel.components.push_back({.variance = variance(component, "variance"),
                                 .rough = component.boolean("rough"),
                                 .weight = component.numbers<coordinate_count>("weight", 0, largest)});
  }
  const bool context = kernel.context_kind > 0 || kernel.context_size > 0;
  for (const std::vector<double>& row : json.rows("points", point_numbers, largest)) {
    std::array<std::int32_t, subgraph_numbers> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (row[i] != std::floor(row[i]) || std::abs(row[i]) > 1e9)
        json.fail("points", "hold a size that is none");
      numbers[i] = static_cast<std::int32_t>(row[i]);
    }
    if (numbers[0] < 0 || numbers[0] >= kinds || numbers[1] < 0 || numbers[1] >= activations ||
        numbers[2] < 0 || numbers[2] > 255 || numbers[3] < 1 || numbers[3] > 255)
      json.fail("points", "hold a subgraph of no known kind");
    const Subgraph subgraph = subgraph_from(numbers);
    check(subgraph, json.place("points"));
    const ProcessPoint& point = process.points.emplace_back(
        point_of(accelerator, subgraph, rooflines.latency_ms(accelerator, subgraph, work_of(subgraph))));
    if (!(kernel(point, point) > 0)) json.fail("points", "have no variance");
    process.weights.push_back(row[subgraph_numbers]);
    if (context) process.context_weights.push_back(row[subgraph_numbers + 1]);
    process.variances.push_back(std::clamp(row[subgraph_numbers + 2], 0.0, kernel(point, point)));
  }
  if (process.empty()) json.fail("points", "are missing");
  // No measurement is e^20 times what a roofline gives: a weight was changed. A few points tell.
  constexpr double most_factor = 20;
  constexpr std::size_t checked_points = 16;
  const std::size_t step = std::max<std::size_t>(process.points.size() / checked_points, 1);
  for (std::size_t p = 0; p < process.points.size(); p += step) {
    if (!(std::abs(process.log_factor(process.points[p], true)) < most_factor))
      json.fail("points", "make a correction that no measurement can have made");
  }
  return process;
}

}  // namespace

std::string Estimator::to_json() const {
  const Model& model = *model_;
  ordered_json json;
  json["format"] = format_name;
  json["version"] = file_version;
  json["feature_version"] = feature_version;
  json["accelerator"] = to_toml(model.accelerator);
  json["interval"] = {{"coverage", model.coverage},
                      {"network", {model.of_network.low, model.of_network.high}},
                      {"subgraph", {model.of_subgraph.low, model.of_subgraph.high}}};
  json["cross_validation"] = assay::to_json(model.cross_validation);
  const Rooflines& rooflines = model.rooflines;
  for (std::size_t k = 0; k < rooflines.kinds.size(); ++k) {
    json["kinds"][std::string(to_string(static_cast<SubgraphKind>(k)))] = assay::to_json(rooflines.kinds[k]);
  }
  json["fallback"] = assay::to_json(rooflines.fallback);
  json["least_ms"] = rooflines.least_ms;
  json["correction"] = assay::to_json(model.correction);
  json["reference_ms"] = model.reference_ms;
  json["fitted_to"] = ordered_json::array();
  for (const std::uint64_t key : model.fitted_to) json["fitted_to"].push_back(fmt::format("{:016x}", key));
  return compact_rows(json.dump(1)) + "\n";
}

Estimator Estimator::from_json(std::string_view text, const std::string& source) {
  ordered_json document;
  try {
    document = ordered_json::parse(text);
  } catch (const ordered_json::exception& error) {
    throw InputError(fmt::format("{}: this is not JSON: {}. Give an estimator file that assay wrote.", source,
                                 error.what()));
  }
  const JsonObject json(document, source, "");
  if (json.text("format") != format_name) {
    json.fail("format", fmt::format("is not \"{}\", so this is no estimator file", format_name));
  }
  const auto expect_version = [&](std::string_view key, int expected) {
    const int version = json.integer(key, 0, 1 << 30);
    if (version == expected) return;
    json.fail(key, fmt::format("is {}, but this assay reads {}: fit the estimator again", version, expected));
  };
  expect_version("version", file_version);
  expect_version("feature_version", feature_version);
  json.expect_keys({"format", "version", "feature_version", "accelerator", "interval", "cross_validation",
                    "kinds", "fallback", "least_ms", "correction", "reference_ms", "fitted_to"});

  auto model = std::make_shared<Model>();
  model->accelerator = Accelerator::parse(json.text("accelerator"), source + " (its accelerator)");
  const JsonObject interval = json.object("interval");
  interval.expect_keys({"coverage", "network", "subgraph"});
  model->coverage = interval.number("coverage", 0, 1);
  const auto read_interval = [&](std::string_view key) {
    const auto [low, high] = interval.numbers<2>(key, -largest, largest);
    if (low > 0 || high < 0) interval.fail(key, "does not hold 0");
    return Interval{low, high};
  };
  model->of_network = read_interval("network");
  model->of_subgraph = read_interval("subgraph");
  model->cross_validation = read_cross_validation(json.object("cross_validation"));
  const JsonObject kinds = json.object("kinds");
  for (std::size_t k = 0; k < model->rooflines.kinds.size(); ++k) {
    model->rooflines.kinds[k] = read_kind(kinds.object(to_string(static_cast<SubgraphKind>(k))));
  }
  if (kinds.size() != model->rooflines.kinds.size()) json.fail("kinds", "holds an unknown kind of subgraph");
  model->rooflines.fallback = read_kind(json.object("fallback"));
  if (!model->rooflines.fallback.fitted) json.fail("fallback", "is not fitted");
  model->rooflines.least_ms = json.number("least_ms", smallest_latency, largest);
  if (!json.is_null("correction"))
    model->correction = read_process(json.object("correction"), model->accelerator, model->rooflines);
  model->reference_ms = json.number("reference_ms", 0, largest);
  model->fitted_to = json.hex_numbers("fitted_to");
  std::ranges::sort(model->fitted_to);
  return Estimator(std::move(model));
}

}  // namespace assay
