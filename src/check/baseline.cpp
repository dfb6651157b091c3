#include "assay/check/baseline.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* format_name = "assay-baseline";
constexpr int format_version = 1;

// --- writing

std::string row(const ordered_json& values) {
  return values.dump();
}

std::string rows(const std::vector<ordered_json>& all, std::string_view indent) {
  std::vector<std::string> lines;
  for (const ordered_json& each : all) lines.push_back(fmt::format("{}  {}", indent, row(each)));
  return lines.empty() ? "[]" : fmt::format("[\n{}\n{}]", join(lines, ",\n"), indent);
}

std::string to_text(const TargetCosts& costs) {
  constexpr std::string_view indent = "          ";
  std::vector<ordered_json> subgraphs, alive;
  for (const SubgraphCost& s : costs.subgraphs)
    subgraphs.push_back({s.name, s.operation, s.sizes, s.latency_ms, s.lane_efficiency});
  for (const AliveTensor& t : costs.alive) alive.push_back({t.name, t.shape, t.role, t.bytes});
  return fmt::format(
      "{{\n{0}\"fingerprint\": \"{1:016x}\",\n{0}\"latency_ms\": {2},\n{0}\"latency_high_ms\": {3},\n"
      "{0}\"extrapolated\": {4},\n{0}\"peak_memory_bytes\": {5},\n{0}\"weight_bytes\": {6},\n"
      "{0}\"subgraphs\": {7},\n{0}\"peak_step\": {8},\n{0}\"alive\": {9}\n        }}",
      indent, costs.fingerprint, exact_number(costs.latency_ms), exact_number(costs.latency_high_ms),
      costs.extrapolated, costs.peak_memory_bytes, costs.weight_bytes, rows(subgraphs, indent),
      row(costs.peak_step), rows(alive, indent));
}

std::string to_text(const ModelCosts& costs) {
  constexpr std::string_view indent = "      ";
  std::vector<ordered_json> operators;
  for (const OperatorCost& o : costs.operators)
    operators.push_back({o.name, o.operation, o.sizes, o.params, o.macs});
  std::vector<std::string> targets;
  for (const TargetCosts& target : costs.targets)
    targets.push_back(fmt::format("{}  {}: {}", indent, row(target.target), to_text(target)));
  return fmt::format(
      "{{\n{0}\"params\": {1},\n{0}\"macs\": {2},\n{0}\"operators\": {3},\n{0}\"targets\": {4}\n    }}",
      indent, costs.params, costs.macs, rows(operators, indent),
      targets.empty() ? "{}" : fmt::format("{{\n{}\n{}}}", join(targets, ",\n"), indent));
}

// --- reading

// An object with exactly these keys.
void expect_keys(const json& object, const std::set<std::string>& keys) {
  for (const std::string& key : keys) object.at(key);
  for (const auto& [key, value] : object.items())
    if (!keys.contains(key)) throw InputError(fmt::format("\"{}\" is not known", key));
}

std::int64_t count(const json& value) {
  if (!value.is_number_integer() || value.get<double>() < 0 || value.get<double>() > 1e18)
    throw InputError(fmt::format("{} is no count", value.dump()));
  return value.get<std::int64_t>();
}

double number(const json& value) {
  const auto read = value.get<double>();
  if (!(read >= 0 && read <= 1e18)) throw InputError(fmt::format("{} is out of range", value.dump()));
  return read;
}

const json& row_of(const json& value, std::size_t size) {
  if (!value.is_array() || value.size() != size)
    throw InputError(fmt::format("a row is {}, not an array of {} values", value.dump().substr(0, 60), size));
  return value;
}

const json& array_of(const json& value) {
  if (!value.is_array()) throw InputError("rows are no array");
  return value;
}

TargetCosts read_target(const std::string& name, const json& file) {
  expect_keys(file, {"fingerprint", "latency_ms", "latency_high_ms", "extrapolated", "peak_memory_bytes",
                     "weight_bytes", "subgraphs", "peak_step", "alive"});
  TargetCosts costs;
  costs.target = name;
  const auto digits = file.at("fingerprint").get<std::string>();
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), costs.fingerprint, 16);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw InputError("\"fingerprint\" is no hexadecimal number");
  costs.latency_ms = number(file.at("latency_ms"));
  costs.latency_high_ms = number(file.at("latency_high_ms"));
  costs.extrapolated = file.at("extrapolated").get<bool>();
  costs.peak_memory_bytes = count(file.at("peak_memory_bytes"));
  costs.weight_bytes = count(file.at("weight_bytes"));
  costs.peak_step = file.at("peak_step").get<std::string>();
  for (const json& s : array_of(file.at("subgraphs"))) {
    row_of(s, 5);
    costs.subgraphs.push_back({.name = s[0].get<std::string>(),
                               .operation = s[1].get<std::string>(),
                               .sizes = s[2].get<std::string>(),
                               .latency_ms = number(s[3]),
                               .lane_efficiency = number(s[4]),
                               .part = std::nullopt});
  }
  for (const json& t : array_of(file.at("alive"))) {
    row_of(t, 4);
    costs.alive.push_back({.name = t[0].get<std::string>(),
                           .shape = t[1].get<std::string>(),
                           .role = t[2].get<std::string>(),
                           .bytes = count(t[3])});
  }
  return costs;
}

ModelCosts read_model(const std::string& name, const json& file) {
  expect_keys(file, {"params", "macs", "operators", "targets"});
  ModelCosts costs;
  costs.model = name;
  costs.params = count(file.at("params"));
  costs.macs = count(file.at("macs"));
  for (const json& o : array_of(file.at("operators"))) {
    row_of(o, 5);
    costs.operators.push_back({.name = o[0].get<std::string>(),
                               .operation = o[1].get<std::string>(),
                               .sizes = o[2].get<std::string>(),
                               .params = count(o[3]),
                               .macs = count(o[4])});
  }
  for (const auto& [target, value] : file.at("targets").items())
    costs.targets.push_back(read_target(target, value));
  return costs;
}

}  // namespace

CostBaseline CostBaseline::load(const std::string& path) {
  return parse(read_file(path), path);
}

CostBaseline CostBaseline::parse(std::string_view text, const std::string& source) {
  const auto fail = [&](std::string_view cause) {
    throw InputError(
        fmt::format("{}: is no valid {} file: {}. Restore it from version control, or remove it and make "
                    "another one with "
                    "--update-baseline.",
                    source, format_name, cause));
  };
  CostBaseline baseline;
  try {
    const json file = json::parse(text);
    if (!file.is_object() || file.value("format", json()) != format_name)
      throw InputError(fmt::format("\"format\" is not \"{}\"", format_name));
    if (file.value("version", json()) != format_version)
      throw InputError(fmt::format("its version is {}, and this assay reads version {}",
                                   file.value("version", json()).dump(), format_version));
    expect_keys(file, {"format", "version", "models"});
    if (!file.at("models").is_object()) throw InputError("\"models\" is no object");
    for (const auto& [name, model] : file.at("models").items())
      baseline.models.emplace(name, read_model(name, model));
  } catch (const json::parse_error& error) {
    fail(fmt::format("it is no JSON from byte {} on", error.byte));
  } catch (const json::exception& error) {
    // Without the library's "[json.exception.type_error.302] ".
    const std::string_view cause = error.what();
    fail(cause.substr(cause.find("] ") + 2));
  } catch (const InputError& error) {
    fail(error.what());
  }
  return baseline;
}

std::string CostBaseline::to_json() const {
  std::vector<std::string> texts;
  for (const auto& [name, model] : models)
    texts.push_back(fmt::format("    {}: {}", row(name), to_text(model)));
  return fmt::format("{{\n  \"format\": \"{}\",\n  \"version\": {},\n  \"models\": {}\n}}\n", format_name,
                     format_version, texts.empty() ? "{}" : fmt::format("{{\n{}\n  }}", join(texts, ",\n")));
}

const ModelCosts* CostBaseline::find(const std::string& model) const {
  const auto found = models.find(model);
  return found == models.end() ? nullptr : &found->second;
}

void CostBaseline::update(ModelCosts costs) {
  if (const ModelCosts* before = find(costs.model)) {
    for (const TargetCosts& old : before->targets)
      if (std::ranges::find(costs.targets, old.target, &TargetCosts::target) == costs.targets.end())
        costs.targets.push_back(old);
  }
  std::ranges::sort(costs.targets, {}, &TargetCosts::target);
  models.insert_or_assign(costs.model, std::move(costs));
}

}  // namespace assay
