#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "json_object.hpp"
#include "model.hpp"

#include <fmt/format.h>

namespace assay {
namespace {

using nlohmann::ordered_json;

constexpr int file_version = 1;
constexpr const char* format_name = "assay-estimator";
// Far beyond anything that a fit finds, small enough that no product overflows.
constexpr double largest = 1e30;

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
  if (model.residual) {
    const Residual& r = *model.residual;
    json["residual"] = {{"mean", r.mean},           {"scale", r.scale}, {"weights", r.weights},
                        {"intercept", r.intercept}, {"low", r.low},     {"high", r.high}};
  } else {
    json["residual"] = nullptr;
  }
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
  json.expect_keys({"rows", "fitted", "lanes", "softness", "face_a", "face_b", "residual", "deviation",
                    "range_low", "range_high"});
  const auto lanes = json.integers<lane_dimension_count>("lanes", 1, 65536);
  const auto softness = json.numbers<lane_dimension_count>("softness", 0, 1);
  for (std::size_t d = 0; d < model.lanes.size(); ++d) {
    model.lanes[d] = {lanes[d], softness[d]};
  }
  model.roofline.a = json.numbers<term_count>("face_a", 0, largest);
  model.roofline.b = json.numbers<term_count>("face_b", 0, largest);
  if (!json.is_null("residual")) {
    const JsonObject residual = json.object("residual");
    residual.expect_keys({"mean", "scale", "weights", "intercept", "low", "high"});
    Residual r;
    r.mean = residual.numbers<extent_count>("mean", -1e3, 1e3);
    r.scale = residual.numbers<extent_count>("scale", 1e-12, 1e3);
    r.weights = residual.numbers<extent_count>("weights", -1e6, 1e6);
    r.intercept = residual.number("intercept", -1e3, 1e3);
    r.low = residual.number("low", -100, 100);
    r.high = residual.number("high", r.low, 100);
    model.residual = r;
  }
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
                     {"fallback", kind.fallback}});
  }
  return {{"rows", cv.rows},
          {"folds", cv.folds},
          {"mape_percent", cv.mape_percent},
          {"within_10_percent", cv.within_10_percent},
          {"kinds", kinds}};
}

CrossValidation read_cross_validation(const JsonObject& json) {
  json.expect_keys({"rows", "folds", "mape_percent", "within_10_percent", "kinds"});
  CrossValidation cv;
  cv.rows = json.integer("rows", 0, 1 << 30);
  cv.folds = json.integer("folds", 0, 1 << 30);
  cv.mape_percent = json.number("mape_percent", 0, largest);
  cv.within_10_percent = json.number("within_10_percent", 0, 100);
  for (const JsonObject& kind : json.objects("kinds")) {
    kind.expect_keys({"kind", "rows", "mape_percent", "fallback"});
    cv.kinds.push_back({.kind = kind_named(kind, "kind"),
                        .rows = kind.integer("rows", 0, 1 << 30),
                        .mape_percent = kind.number("mape_percent", 0, largest),
                        .fallback = kind.boolean("fallback")});
  }
  return cv;
}

}  // namespace

std::string Estimator::to_json() const {
  const Model& model = *model_;
  ordered_json json;
  json["format"] = format_name;
  json["version"] = file_version;
  json["feature_version"] = feature_version;
  json["accelerator"] = to_toml(model.accelerator);
  json["interval"] = {
      {"coverage", model.coverage}, {"low", model.interval_low}, {"high", model.interval_high}};
  json["cross_validation"] = assay::to_json(model.cross_validation);
  for (std::size_t k = 0; k < model.kinds.size(); ++k) {
    json["kinds"][std::string(to_string(static_cast<SubgraphKind>(k)))] = assay::to_json(model.kinds[k]);
  }
  json["fallback"] = assay::to_json(model.fallback);
  return json.dump(1) + "\n";
}

Estimator Estimator::from_json(std::string_view text, const std::string& source) {
  ordered_json document;
  try {
    document = ordered_json::parse(text);
  } catch (const ordered_json::exception& error) {
    throw InputError(
        fmt::format("{}: this is not JSON: {}. Give an estimator file that assay wrote.", source, error.what()));
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
                    "kinds", "fallback"});

  auto model = std::make_shared<Model>();
  model->accelerator = Accelerator::parse(json.text("accelerator"), source + " (its accelerator)");
  const JsonObject interval = json.object("interval");
  interval.expect_keys({"coverage", "low", "high"});
  model->coverage = interval.number("coverage", 0, 1);
  model->interval_low = interval.number("low", -largest, 0);
  model->interval_high = interval.number("high", 0, largest);
  model->cross_validation = read_cross_validation(json.object("cross_validation"));
  const JsonObject kinds = json.object("kinds");
  for (std::size_t k = 0; k < model->kinds.size(); ++k) {
    model->kinds[k] = read_kind(kinds.object(to_string(static_cast<SubgraphKind>(k))));
  }
  if (kinds.size() != model->kinds.size()) json.fail("kinds", "holds an unknown kind of subgraph");
  model->fallback = read_kind(json.object("fallback"));
  if (!model->fallback.fitted) json.fail("fallback", "is not fitted");
  return Estimator(std::move(model));
}

}  // namespace assay
