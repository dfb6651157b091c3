#include "assay/network/json.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/network/builder.hpp"

#include <map>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr int format_version = 1;

bool has_window(OpKind kind) {
  return kind == OpKind::convolution || kind == OpKind::transposed_convolution || kind == OpKind::max_pool ||
         kind == OpKind::average_pool;
}

void write_attributes(OrderedJson& out, const Operator& op) {
  const Operator usual;
  if (op.kind == OpKind::activation) out["function"] = to_string(op.activation);
  if (op.channels != usual.channels) out["channels"] = op.channels;
  if (op.groups != usual.groups) out["groups"] = op.groups;
  if (op.bias) out["bias"] = true;
  if (has_window(op.kind)) {
    const Window& w = op.window;
    out["kernel"] = {w.kernel_h, w.kernel_w};
    if (w.stride_h != 1 || w.stride_w != 1) out["stride"] = {w.stride_h, w.stride_w};
    if (w.dilation_h != 1 || w.dilation_w != 1) out["dilation"] = {w.dilation_h, w.dilation_w};
    if (w.pad_top != 0 || w.pad_left != 0 || w.pad_bottom != 0 || w.pad_right != 0) {
      out["padding"] = {w.pad_top, w.pad_left, w.pad_bottom, w.pad_right};
    }
  }
  if (op.kind == OpKind::zero && op.resize_height == 0 &&
      (op.window.stride_h != 1 || op.window.stride_w != 1)) {
    out["stride"] = {op.window.stride_h, op.window.stride_w};
  }
  if (op.count_include_pad) out["count_include_pad"] = true;
  if (op.slice_begin != 0) out["begin"] = op.slice_begin;
  if (op.resize_height != 0) {
    out["height"] = op.resize_height;
    out["width"] = op.resize_width;
  }
  if (op.kind == OpKind::resize) out["mode"] = to_string(op.resize_mode);
  if (op.kind == OpKind::activation && op.parameter != 0) out["slope"] = exact_number(op.parameter);
  const bool norm = op.kind == OpKind::batch_norm || op.kind == OpKind::layer_norm;
  if (norm && op.parameter != 0) out["epsilon"] = exact_number(op.parameter);
}

// Reads a JSON document member by member and names the place of everything that is wrong.
class Reader {
 public:
  Reader(const std::string& source) : source_(source) {}

  [[noreturn]] void fail(const std::string& where, const std::string& cause,
                         const std::string& remedy) const {
    throw InputError(fmt::format("{}: {}: {}. {}", source_, where, cause, remedy));
  }

  const Json& member(const Json& object, const std::string& key, const std::string& where) const {
    const auto found = object.find(key);
    if (found == object.end()) fail(where, fmt::format("\"{}\" is missing", key), "Add it.");
    return *found;
  }

  void check_keys(const Json& object, const std::vector<std::string>& known, const std::string& where) const {
    if (!object.is_object()) fail(where, "an object was expected", "Write { ... }.");
    for (const auto& [key, value] : object.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        fail(where, fmt::format("the key \"{}\" is unknown", key), trimmed(suggestion(key, known)));
      }
    }
  }

  std::string string(const Json& value, const std::string& where) const {
    if (!value.is_string()) fail(where, "a text was expected", "Write it in quotes.");
    return value.get<std::string>();
  }

  std::int32_t integer(const Json& value, const std::string& where) const {
    if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > limit) ||
        value.get<std::int64_t>() > limit || value.get<std::int64_t>() < -limit) {
      fail(where, fmt::format("a whole number up to {} was expected", limit), "Correct the value.");
    }
    return static_cast<std::int32_t>(value.get<std::int64_t>());
  }

  bool boolean(const Json& value, const std::string& where) const {
    if (!value.is_boolean()) fail(where, "true or false was expected", "Correct the value.");
    return value.get<bool>();
  }

  float real(const Json& value, const std::string& where) const {
    std::optional<double> number;
    if (value.is_number()) number = value.get<double>();
    if (value.is_string()) number = parse_number(value.get_ref<const std::string&>());
    if (!number || !(std::abs(*number) <= 1e30)) fail(where, "a number was expected", "Correct the value.");
    return static_cast<float>(*number);
  }

  // An array of exactly `out.size()` integers, or one integer for all of them.
  void integers(const Json& value, std::initializer_list<std::int32_t*> out, const std::string& where) const {
    if (value.is_number_integer()) {
      for (std::int32_t* p : out) *p = integer(value, where);
      return;
    }
    if (!value.is_array() || value.size() != out.size()) {
      fail(where, fmt::format("an array of {} whole numbers was expected", out.size()), "Correct the value.");
    }
    std::size_t i = 0;
    for (std::int32_t* p : out) *p = integer(value[i++], where);
  }

  static std::string trimmed(const std::string& text) { return std::string(trim(text)); }

 private:
  static constexpr std::int64_t limit = 1 << 30;
  const std::string& source_;
};

std::vector<std::string> texts(std::span<const std::string_view> names) {
  return {names.begin(), names.end()};
}

std::vector<std::string> known_keys(OpKind kind) {
  std::vector<std::string> keys = {"name", "kind", "inputs"};
  const auto add = [&](std::initializer_list<const char*> more) {
    keys.insert(keys.end(), more.begin(), more.end());
  };
  switch (kind) {
    case OpKind::convolution:
    case OpKind::transposed_convolution:
      add({"channels", "groups", "bias", "kernel", "stride", "dilation", "padding"});
      break;
    case OpKind::linear:
      add({"channels", "bias"});
      break;
    case OpKind::batch_norm:
    case OpKind::layer_norm:
      add({"epsilon"});
      break;
    case OpKind::activation:
      add({"function", "slope"});
      break;
    case OpKind::average_pool:
      add({"count_include_pad"});
      [[fallthrough]];
    case OpKind::max_pool:
      add({"kernel", "stride", "dilation", "padding"});
      break;
    case OpKind::channel_shuffle:
      add({"groups"});
      break;
    case OpKind::slice:
      add({"channels", "begin"});
      break;
    case OpKind::resize:
      add({"height", "width", "mode"});
      break;
    case OpKind::zero:
      add({"channels", "stride", "height", "width"});
      break;
    default:
      break;
  }
  return keys;
}

Operator read_operator(const Reader& reader, const Json& json, OpKind kind, const std::string& where) {
  Operator op{.kind = kind};
  Window& w = op.window;
  for (const auto& [key, value] : json.items()) {
    const std::string place = fmt::format("{}, \"{}\"", where, key);
    if (key == "channels") op.channels = reader.integer(value, place);
    if (key == "groups") op.groups = reader.integer(value, place);
    if (key == "bias") op.bias = reader.boolean(value, place);
    if (key == "kernel") reader.integers(value, {&w.kernel_h, &w.kernel_w}, place);
    if (key == "stride") reader.integers(value, {&w.stride_h, &w.stride_w}, place);
    if (key == "dilation") reader.integers(value, {&w.dilation_h, &w.dilation_w}, place);
    if (key == "padding")
      reader.integers(value, {&w.pad_top, &w.pad_left, &w.pad_bottom, &w.pad_right}, place);
    if (key == "count_include_pad") op.count_include_pad = reader.boolean(value, place);
    if (key == "begin") op.slice_begin = reader.integer(value, place);
    if (key == "height") op.resize_height = reader.integer(value, place);
    if (key == "width") op.resize_width = reader.integer(value, place);
    if (key == "slope" || key == "epsilon") op.parameter = reader.real(value, place);
    if (key == "mode") {
      const std::string mode = reader.string(value, place);
      const auto known = resize_mode_from(mode);
      if (!known) {
        reader.fail(place, fmt::format("the mode \"{}\" is unknown", mode),
                    Reader::trimmed(suggestion(mode, texts(resize_mode_names()))));
      }
      op.resize_mode = *known;
    }
    if (key == "function") {
      const std::string name = reader.string(value, place);
      const auto function = activation_from(name);
      if (!function) {
        reader.fail(place, fmt::format("the activation \"{}\" is unknown", name),
                    Reader::trimmed(suggestion(name, texts(activation_names()))));
      }
      op.activation = *function;
    }
  }
  if (kind == OpKind::activation) reader.member(json, "function", where);
  if (has_window(kind)) reader.member(json, "kernel", where);
  return op;
}

}  // namespace

std::string to_json(const Network& network) {
  const std::vector<std::string> names = unique_names(network);
  OrderedJson json;
  json["format"] = "assay-network";
  json["version"] = format_version;
  json["title"] = network.title();
  const Shape in = network.input_shape();
  json["input"] = {{"name", names[0]}, {"channels", in.channels}, {"height", in.height}, {"width", in.width}};
  OrderedJson operators = OrderedJson::array();
  for (OpId id = 1; id < network.size(); ++id) {
    OrderedJson op;
    op["name"] = names[id];
    op["kind"] = to_string(network.op(id).kind);
    OrderedJson inputs = OrderedJson::array();
    for (const OpId input : network.inputs(id)) inputs.push_back(names[input]);
    op["inputs"] = inputs;
    write_attributes(op, network.op(id));
    operators.push_back(std::move(op));
  }
  json["operators"] = std::move(operators);
  json["output"] = names[network.output()];
  OrderedJson blocks = OrderedJson::array();
  for (const BlockMark& block : network.blocks())
    blocks.push_back({{"name", block.name}, {"output", names[block.output]}});
  json["blocks"] = std::move(blocks);
  // One operator a line: readable, and a difference between two networks shows as one in their files.
  std::string text = "{\n";
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    text += first ? "" : ",\n";
    first = false;
    text += fmt::format("  {}: ", OrderedJson(key).dump());
    if (value.is_array() && !value.empty()) {
      text += "[\n";
      for (std::size_t i = 0; i < value.size(); ++i) {
        text += "    " + value[i].dump(-1, ' ', false, Json::error_handler_t::replace) +
                (i + 1 < value.size() ? ",\n" : "\n");
      }
      text += "  ]";
    } else {
      text += value.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
  }
  return text + "\n}\n";
}

Network network_from_json(std::string_view text, const std::string& source) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw InputError(
        fmt::format("{}: this is not valid JSON ({}). Give a network JSON file.", source, error.what()));
  }
  const Reader reader(source);
  if (!json.is_object() || !json.contains("format") || json["format"] != "assay-network") {
    throw InputError(fmt::format(
        "{}: this is no network JSON: \"format\": \"assay-network\" is missing. Give a file that assay "
        "exported, or a space with a candidate.",
        source));
  }
  reader.check_keys(json, {"format", "version", "title", "input", "operators", "output", "blocks"},
                    "the top level");
  if (const Json& version = reader.member(json, "version", "the top level"); version != format_version) {
    reader.fail("\"version\"", fmt::format("version {} is not supported", version.dump()),
                fmt::format("This assay reads version {}.", format_version));
  }

  const Json& input = reader.member(json, "input", "the top level");
  reader.check_keys(input, {"name", "channels", "height", "width"}, "\"input\"");
  const auto extent = [&](const char* key) {
    return reader.integer(reader.member(input, key, "\"input\""), fmt::format("\"input\", \"{}\"", key));
  };
  const std::string title = json.contains("title") ? reader.string(json["title"], "\"title\"") : "";
  const Shape input_shape{extent("channels"), extent("height"), extent("width")};
  std::unordered_map<std::string, OpId> ids;
  ids[input.contains("name") ? reader.string(input["name"], "\"input\", \"name\"") : "input"] = 0;

  const auto id_of = [&](const Json& value, const std::string& where) {
    const std::string name = reader.string(value, where);
    const auto found = ids.find(name);
    if (found != ids.end()) return found->second;
    std::vector<std::string> known;
    for (const auto& [other, id] : ids) known.push_back(other);
    std::sort(known.begin(), known.end());
    reader.fail(where, fmt::format("no operator before it is called \"{}\"", name),
                Reader::trimmed(suggestion(name, known) + " Operators stand in execution order."));
  };

  const Json& operators = reader.member(json, "operators", "the top level");
  if (!operators.is_array()) reader.fail("\"operators\"", "an array was expected", "Write [ ... ].");
  try {
    NetworkBuilder builder(input_shape, title);
    for (std::size_t i = 0; i < operators.size(); ++i) {
      std::string where = fmt::format("operator {}", i + 1);
      const Json& item = operators[i];
      if (!item.is_object()) reader.fail(where, "an object was expected", "Write { ... }.");
      const std::string name = reader.string(reader.member(item, "name", where), where + ", \"name\"");
      where = fmt::format("operator \"{}\"", name);
      const std::string kind_name = reader.string(reader.member(item, "kind", where), where + ", \"kind\"");
      const auto kind = op_kind_from(kind_name);
      if (!kind || kind == OpKind::input) {
        reader.fail(where, fmt::format("the operator kind \"{}\" is unknown", kind_name),
                    Reader::trimmed(suggestion(kind_name, texts(op_kind_names().subspan(1)))));
      }
      reader.check_keys(item, known_keys(*kind), where);
      std::vector<OpId> inputs;
      const Json& from = reader.member(item, "inputs", where);
      if (!from.is_array())
        reader.fail(where + ", \"inputs\"", "an array of names was expected", "Write [\"name\", ...].");
      for (const Json& value : from) inputs.push_back(id_of(value, where + ", \"inputs\""));
      const OpId id = builder.add(read_operator(reader, item, *kind, where), inputs, name);
      if (!ids.emplace(name, id).second)
        reader.fail(where, "the name stands twice", "Give every operator its own name.");
    }
    if (json.contains("blocks")) {
      const Json& blocks = json["blocks"];
      if (!blocks.is_array()) reader.fail("\"blocks\"", "an array was expected", "Write [ ... ].");
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        const std::string where = fmt::format("block {}", i + 1);
        reader.check_keys(blocks[i], {"name", "output"}, where);
        builder.mark_block(id_of(reader.member(blocks[i], "output", where), where + ", \"output\""),
                           reader.string(reader.member(blocks[i], "name", where), where + ", \"name\""));
      }
    }
    const OpId output = id_of(reader.member(json, "output", "the top level"), "\"output\"");
    return std::move(builder).finish(output);
  } catch (const InputError& error) {
    // The builder names the operator; the file is ours to add.
    if (std::string_view(error.what()).starts_with(source)) throw;
    throw InputError(fmt::format("{}: {}", source, error.what()));
  }
}

}  // namespace assay
