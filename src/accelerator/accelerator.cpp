#include "assay/accelerator/accelerator.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"
#include "assay/base/toml_table.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace assay {
namespace {

constexpr std::array<std::string_view, number_format_count> format_names = {"int8", "int16", "fp16", "bf16",
                                                                            "fp32"};

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(Activation::gelu); ++i) {
    names.emplace_back(to_string(static_cast<Activation>(i)));
  }
  return names;
}

void read_lanes(const TomlTable& file, Accelerator& out) {
  const TomlTable table =
      file.table("lanes", {"input_channels", "output_channels", "pixels", "vector", "depthwise", "cores"});
  const Range range = {1, 65536};
  out.lanes.input_channels = table.integer("input_channels", range).value_or(0);
  out.lanes.output_channels = table.integer("output_channels", range).value_or(0);
  out.lanes.pixels = table.integer("pixels", range).value_or(0);
  out.lanes.vector = table.integer("vector", range).value_or(0);
  out.lanes.cores = table.integer("cores", range).value_or(1);
  out.depthwise = static_cast<DepthwiseUnit>(table.choice("depthwise", {"matrix", "vector"}).value_or(0));
}

void read_formats(const TomlTable& file, Accelerator& out) {
  const TomlTable table = file.table("macs_per_lane", {"int8", "int16", "fp16", "bf16", "fp32"});
  for (std::size_t i = 0; i < format_names.size(); ++i) {
    out.macs_per_lane[i] = table.number(format_names[i], {1.0 / 1024, 1024}).value_or(0);
  }
  const std::vector<std::string> names(format_names.begin(), format_names.end());
  out.number_format = static_cast<NumberFormat>(
      file.required<std::size_t>("number_format", file.choice("number_format", names)));
  if (out.macs_per_lane[static_cast<std::size_t>(out.number_format)] == 0) {
    file.fail("number_format",
              fmt::format("is \"{0}\", but [macs_per_lane] does not say how fast {0} is. Add "
                          "macs_per_lane.{0}, or choose a format that stands there.",
                          to_string(out.number_format)));
  }
}

void read_fusion(const TomlTable& file, Accelerator& out) {
  const TomlTable table = file.table("fusion", {"batch_norm", "add", "multiply", "concat", "activations"});
  out.fusion.batch_norm = table.boolean("batch_norm").value_or(true);
  out.fusion.add = table.boolean("add").value_or(true);
  out.fusion.multiply = table.boolean("multiply").value_or(false);
  out.fusion.concat = table.boolean("concat").value_or(true);
  for (const std::string& name : table.texts("activations").value_or(std::vector<std::string>{})) {
    const std::optional<Activation> activation = activation_from(name);
    if (!activation) {
      table.fail("activations", fmt::format("names \"{}\", which is not known.{}", name,
                                            suggestion(name, activation_names())));
    }
    out.fusion.activations |= 1u << static_cast<int>(*activation);
  }
}

void read_memory_counting(const TomlTable& file, Accelerator& out) {
  const TomlTable table =
      file.table("memory_counting", {"weights", "in_place", "fused_intermediates", "im2col_pixels",
                                     "partial_sum_bytes", "partial_sum_rows", "strip_rows", "reorder"});
  const Range whole_image = {0, 1e9};
  out.weights_counted = table.boolean("weights").value_or(false);
  out.intermediates_counted = table.boolean("fused_intermediates").value_or(true);
  MemoryPolicy& policy = out.memory;
  const MemoryPolicy usual;
  policy.bytes_per_element = out.bytes_per_element();
  policy.in_place = table.boolean("in_place").value_or(usual.in_place);
  policy.im2col_pixels = table.integer("im2col_pixels", whole_image).value_or(usual.im2col_pixels);
  policy.partial_sum_bytes = table.integer("partial_sum_bytes", {0, 8}).value_or(usual.partial_sum_bytes);
  policy.partial_sum_rows = table.integer("partial_sum_rows", whole_image).value_or(usual.partial_sum_rows);
  policy.strip_rows = table.integer("strip_rows", whole_image).value_or(usual.strip_rows);
  policy.reorder = table.boolean("reorder").value_or(usual.reorder);
}

// What differs from the defaults: files that say nothing about a policy keep their fingerprints when new
// policies come.
toml::table memory_counting(const Accelerator& a) {
  const MemoryPolicy usual;
  const MemoryPolicy& policy = a.memory;
  toml::table table{{"weights", a.weights_counted}, {"in_place", policy.in_place}};
  const auto insert_unusual = [&](std::string_view key, auto value, auto usually) {
    if (value != usually) table.insert(key, value);
  };
  insert_unusual("fused_intermediates", a.intermediates_counted, true);
  insert_unusual("im2col_pixels", policy.im2col_pixels, usual.im2col_pixels);
  insert_unusual("partial_sum_bytes", policy.partial_sum_bytes, usual.partial_sum_bytes);
  insert_unusual("partial_sum_rows", policy.partial_sum_rows, usual.partial_sum_rows);
  insert_unusual("strip_rows", policy.strip_rows, usual.strip_rows);
  insert_unusual("reorder", policy.reorder, usual.reorder);
  return table;
}

}  // namespace

std::string_view to_string(NumberFormat format) {
  return format_names[static_cast<std::size_t>(format)];
}

NumberFormat number_format_from(std::string_view name) {
  const auto found = std::find(format_names.begin(), format_names.end(), name);
  if (found != format_names.end()) return static_cast<NumberFormat>(found - format_names.begin());
  const std::vector<std::string> names(format_names.begin(), format_names.end());
  throw InputError(
      fmt::format("The data type \"{}\" is not known.{}", name, suggestion(std::string(name), names)));
}

int bytes_per_element(NumberFormat format) {
  switch (format) {
    case NumberFormat::int8:
      return 1;
    case NumberFormat::int16:
    case NumberFormat::fp16:
    case NumberFormat::bf16:
      return 2;
    case NumberFormat::fp32:
      break;
  }
  return 4;
}

double Accelerator::macs_per_cycle() const {
  return 1.0 * lanes.input_channels * lanes.output_channels * lanes.pixels *
         macs_per_lane[static_cast<std::size_t>(number_format)];
}

Accelerator Accelerator::load(const std::string& path) {
  return parse(read_file(path), path);
}

Accelerator Accelerator::parse(std::string_view toml, const std::string& source) {
  const TomlTable file = TomlTable::parse(toml, source,
                                          {"name", "description", "clock_mhz", "number_format", "lanes",
                                           "macs_per_lane", "memory", "timing", "fusion", "memory_counting"});
  Accelerator out;
  out.name = file.required("name", file.text("name"));
  if (out.name.empty()) file.fail("name", "is empty. Give the accelerator a name.");
  out.description = file.text("description").value_or("");
  out.clock_mhz = file.required("clock_mhz", file.number("clock_mhz", {1e-3, 1e6}));
  read_lanes(file, out);
  read_formats(file, out);

  const TomlTable memory = file.table("memory", {"sram_kib", "bandwidth_gb_s"});
  out.sram_kib = memory.number("sram_kib", {1, 1e9}).value_or(0);
  out.bandwidth_gb_s = memory.number("bandwidth_gb_s", {1e-6, 1e6}).value_or(0);

  const TomlTable timing = file.table("timing", {"launch_us", "weight_swap_cycles", "overlap"});
  out.launch_us = timing.number("launch_us", {0, 1e6}).value_or(0);
  out.weight_swap_cycles = timing.number("weight_swap_cycles", {0, 1e6}).value_or(0);
  out.overlap = timing.number("overlap", {0, 1}).value_or(1);

  read_fusion(file, out);

  read_memory_counting(file, out);
  return out;
}

std::string to_toml(const Accelerator& a) {
  toml::table lanes;
  const auto insert_known = [](toml::table& table, std::string_view key, auto value) {
    if (value != 0) table.insert(key, value);
  };
  insert_known(lanes, "input_channels", a.lanes.input_channels);
  insert_known(lanes, "output_channels", a.lanes.output_channels);
  insert_known(lanes, "pixels", a.lanes.pixels);
  insert_known(lanes, "vector", a.lanes.vector);
  if (a.lanes.cores != 1) lanes.insert("cores", a.lanes.cores);
  lanes.insert("depthwise", a.depthwise == DepthwiseUnit::matrix ? "matrix" : "vector");

  toml::table rates;
  for (std::size_t i = 0; i < format_names.size(); ++i) {
    insert_known(rates, format_names[i], a.macs_per_lane[i]);
  }
  toml::table memory;
  insert_known(memory, "sram_kib", a.sram_kib);
  insert_known(memory, "bandwidth_gb_s", a.bandwidth_gb_s);

  toml::array activations;
  for (int i = 0; i <= static_cast<int>(Activation::gelu); ++i) {
    const auto activation = static_cast<Activation>(i);
    if (a.fusion.fuses(activation)) activations.push_back(to_string(activation));
  }
  const toml::table document{
      {"name", a.name},
      {"description", a.description},
      {"clock_mhz", a.clock_mhz},
      {"number_format", to_string(a.number_format)},
      {"lanes", lanes},
      {"macs_per_lane", rates},
      {"memory", memory},
      {"timing",
       toml::table{
           {"launch_us", a.launch_us}, {"weight_swap_cycles", a.weight_swap_cycles}, {"overlap", a.overlap}}},
      {"fusion", toml::table{{"batch_norm", a.fusion.batch_norm},
                             {"add", a.fusion.add},
                             {"multiply", a.fusion.multiply},
                             {"concat", a.fusion.concat},
                             {"activations", activations}}},
      {"memory_counting", memory_counting(a)},
  };
  std::ostringstream out;
  out << document << '\n';
  return out.str();
}

std::uint64_t Accelerator::fingerprint() const {
  Accelerator undescribed = *this;
  undescribed.description.clear();
  return hash_text(to_toml(undescribed));
}

}  // namespace assay
