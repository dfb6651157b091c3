#include "assay/accelerator/measurement.hpp"

#include "assay/accelerator/cycle_model.hpp"
#include "assay/base/csv.hpp"
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace assay {
namespace {

// Columns that hold one integer of the subgraph each.
struct Size {
  std::string_view column;
  std::int32_t& (*get)(Subgraph&);
  bool required;
};
constexpr std::array<Size, 13> sizes = {{
    {"in_channels", [](Subgraph& s) -> std::int32_t& { return s.input.channels; }, true},
    {"in_height", [](Subgraph& s) -> std::int32_t& { return s.input.height; }, true},
    {"in_width", [](Subgraph& s) -> std::int32_t& { return s.input.width; }, true},
    {"out_channels", [](Subgraph& s) -> std::int32_t& { return s.output.channels; }, true},
    {"out_height", [](Subgraph& s) -> std::int32_t& { return s.output.height; }, true},
    {"out_width", [](Subgraph& s) -> std::int32_t& { return s.output.width; }, true},
    {"kernel_h", [](Subgraph& s) -> std::int32_t& { return s.kernel_h; }, false},
    {"kernel_w", [](Subgraph& s) -> std::int32_t& { return s.kernel_w; }, false},
    {"stride_h", [](Subgraph& s) -> std::int32_t& { return s.stride_h; }, false},
    {"stride_w", [](Subgraph& s) -> std::int32_t& { return s.stride_w; }, false},
    {"dilation_h", [](Subgraph& s) -> std::int32_t& { return s.dilation_h; }, false},
    {"dilation_w", [](Subgraph& s) -> std::int32_t& { return s.dilation_w; }, false},
    {"groups", [](Subgraph& s) -> std::int32_t& { return s.groups; }, false},
}};

struct PartName {
  std::string_view name;
  Subgraph::Part part;
};
constexpr std::array<PartName, 6> part_names = {{{"bias", Subgraph::bias},
                                                 {"batch_norm", Subgraph::batch_norm},
                                                 {"activation", Subgraph::activated},
                                                 {"add", Subgraph::add},
                                                 {"multiply", Subgraph::multiply},
                                                 {"gate", Subgraph::gate}}};

std::vector<std::string> names_of_kinds() {
  return {op_kind_names().begin(), op_kind_names().end()};
}

std::vector<std::string> names_of_activations() {
  return {activation_names().begin(), activation_names().end()};
}

// One row of the file, with the place for messages.
class Row {
 public:
  Row(const CsvReader& reader, const std::vector<std::string>& fields) : reader_(reader), fields_(fields) {}

  // The field, or empty when there is no such column.
  std::string_view text(std::string_view column) const {
    const int i = reader_.column(column);
    return i < 0 ? std::string_view() : trim(fields_[static_cast<std::size_t>(i)]);
  }

  // nullopt for an empty field or a missing column.
  std::optional<std::int32_t> integer(std::string_view column) const {
    const std::string_view field = text(column);
    if (field.empty()) return std::nullopt;
    const std::optional<std::int64_t> value = parse_integer(field);
    if (!value || *value < 1 || *value > (1 << 24)) {
      fail(fmt::format("{} is \"{}\". Give an integer from 1 to {}.", column, field, 1 << 24));
    }
    return static_cast<std::int32_t>(*value);
  }

  std::string place() const { return fmt::format("{}:{}", reader_.source(), reader_.line()); }
  [[noreturn]] void fail(const std::string& text) const {
    throw InputError(fmt::format("{}: {}", place(), text));
  }

 private:
  const CsvReader& reader_;
  const std::vector<std::string>& fields_;
};

Subgraph read_subgraph(const Row& row) {
  Subgraph s;
  const std::string_view kind = row.text("operator");
  const std::optional<OpKind> known_kind = op_kind_from(kind);
  if (!known_kind) {
    row.fail(fmt::format("the operator \"{}\" is not known.{}", kind, suggestion(kind, names_of_kinds())));
  }
  s.kind = *known_kind;
  for (const Size& size : sizes) {
    const std::optional<std::int32_t> value = row.integer(size.column);
    if (!value && size.required) row.fail(fmt::format("{} is empty. Give an integer.", size.column));
    if (value) size.get(s) = *value;
  }
  if (const std::string_view name = row.text("activation"); !name.empty()) {
    const std::optional<Activation> activation = activation_from(name);
    if (!activation) {
      row.fail(fmt::format("the activation \"{}\" is not known.{}", name,
                           suggestion(name, names_of_activations())));
    }
    s.activation = *activation;
    // A convolution's activation is a fused one, whether or not `fused` repeats it.
    if (s.kind != OpKind::activation) s.parts |= Subgraph::activated;
  } else if (s.kind == OpKind::activation) {
    row.fail("the operator is an activation, but the column activation is empty. Name the activation.");
  }
  int operands = s.kind == OpKind::add || s.kind == OpKind::multiply ? 2 : 1;
  if (const std::string_view fused = row.text("fused"); !fused.empty()) {
    for (const std::string_view part : split(fused, '+')) {
      const auto found = std::find_if(part_names.begin(), part_names.end(),
                                      [&](const PartName& known) { return known.name == trim(part); });
      if (found == part_names.end()) {
        row.fail(
            fmt::format("\"{}\" is no fused part. Known are: bias, batch_norm, activation, add, multiply, "
                        "gate, joined by \"+\".",
                        part));
      }
      if (found->part == Subgraph::activated && row.text("activation").empty()) {
        row.fail("an activation is fused, but the column activation is empty. Name the activation.");
      }
      s.parts |= found->part;
    }
    operands += s.has(Subgraph::add) + s.has(Subgraph::multiply);
  }
  operands = row.integer("operands").value_or(operands);
  if (operands > 255) row.fail("operands is above 255. Correct the row.");
  s.operands = static_cast<std::uint8_t>(operands);
  check(s, row.place());
  return s;
}

}  // namespace

std::string measurement_header() {
  std::vector<std::string> names = {"operator", "activation", "fused", "operands"};
  for (const Size& size : sizes) names.emplace_back(size.column);
  for (const std::string_view name : timing_columns()) names.emplace_back(name);
  return csv_row(names);
}

std::string measurement_row(const MeasurementContext& context, const SubgraphMeasurement& row) {
  Subgraph s = row.subgraph;
  const bool active = s.kind == OpKind::activation || s.has(Subgraph::activated);
  std::vector<std::string> parts;
  for (const PartName& known : part_names) {
    if (s.has(known.part)) parts.emplace_back(known.name);
  }
  std::vector<std::string> fields = {std::string(to_string(s.kind)),
                                     std::string(active ? to_string(s.activation) : ""), join(parts, "+"),
                                     std::to_string(s.operands)};
  for (const Size& size : sizes) fields.push_back(std::to_string(size.get(s)));
  for (std::string& field : timing_fields(context, row.latency_ms, row.timing)) {
    fields.push_back(std::move(field));
  }
  return csv_row(fields);
}

std::string to_csv(const MeasurementSet& measurements) {
  std::string text = measurement_header();
  for (const SubgraphMeasurement& row : measurements.rows) text += measurement_row(measurements.context, row);
  return text;
}

MeasurementSet read_measurements(std::istream& in, const std::string& source, const Accelerator* accelerator,
                                 std::string_view target, bool skip_missing) {
  CsvReader reader(in, source);
  const auto require = [&](std::string_view column) {
    if (reader.column(column) >= 0) return;
    throw InputError(fmt::format("{}:1: the column \"{}\" is missing.{} Add it.", source, column,
                                 suggestion(column, reader.header())));
  };
  require("operator");
  for (const Size& size : sizes) {
    if (size.required) require(size.column);
  }
  require(target);

  MeasurementSet set;
  std::vector<SubgraphMeasurement> rows;
  std::vector<LatencyRow> latencies;
  std::vector<std::string> fields;
  while (reader.next(fields)) {
    const Row row(reader, fields);
    if (skip_missing && trim(row.text(target)).empty()) {
      ++set.skipped;
      continue;
    }
    const TimedRow timed =
        read_timed_row([&](std::string_view column) { return row.text(column); }, target, row.place());
    if (rows.empty()) set.context = timed.context;
    if (timed.context != set.context) {
      row.fail(
          "device, batch, data_type, runtime, clock_mhz or threads differ from the first row's. Put "
          "measurements that were taken under different conditions into different files.");
    }
    const Subgraph subgraph = read_subgraph(row);
    rows.push_back({subgraph, timed.latency_ms, timed.timing});
    latencies.push_back({subgraph.key(), reader.line(), timed.latency_ms,
                         static_cast<double>(work_of(subgraph).macs) * timed.context.batch});
  }
  if (rows.empty()) throw InputError(fmt::format("{}: there is no row. Add measurements.", source));
  check_unit(latencies, target, source, accelerator);
  for (const MergedRow& merged : merge_duplicates(latencies, target, "subgraph", source)) {
    set.rows.push_back(rows[merged.row]);
    set.rows.back().latency_ms = merged.latency_ms;
  }
  set.merged = static_cast<int>(rows.size() - set.rows.size());
  return set;
}

MeasurementSet measure_on_model(const Accelerator& accelerator, std::span<const Subgraph> subgraphs,
                                double noise, std::uint64_t seed) {
  require_cycle_model(accelerator);
  MeasurementSet set;
  set.context = {.device = accelerator.name,
                 .batch = 1,
                 .data_type = std::string(to_string(accelerator.number_format)),
                 .runtime = "cycle model",
                 .clock_mhz = accelerator.clock_mhz,
                 .threads = 1};
  set.rows.reserve(subgraphs.size());
  for (const Subgraph& subgraph : subgraphs) {
    double latency = run_cycle_model(accelerator, subgraph).latency_ms;
    if (noise > 0) latency *= std::exp(noise * Random(seed, Purpose::noise, subgraph.key()).normal());
    set.rows.push_back({subgraph, latency});
  }
  return set;
}

}  // namespace assay
