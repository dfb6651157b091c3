// The sections of a space file, in the order in which they depend on each other.
#include "loader.hpp"

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"

#include "restore.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

namespace assay::plan {

Loader::Loader(const toml::table& document, std::string source)
    : document_(document), source_(std::move(source)) {
  plan_.source = source_;
}

Plan Loader::run() {
  read_header();
  read_values();
  read_decisions();
  read_definitions();
  read_defaults();
  read_input();
  read_stages();
  read_constraints();
  check_unused();
  finish();
  return std::move(plan_);
}

std::string Loader::place(const toml::source_region& region) const {
  return fmt::format("{}:{}:{}", source_, region.begin.line, region.begin.column);
}

void Loader::fail(const toml::source_region& region, const std::string& message) const {
  throw InputError(fmt::format("{}: {}", place(region), message));
}
void Loader::fail(const toml::node& node, const std::string& message) const {
  fail(node.source(), message);
}

void Loader::check_keys(const toml::table& table, const std::vector<std::string>& known,
                        const std::string& what) const {
  for (const auto& [key, node] : table) {
    if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
    fail(key.source(),
         fmt::format("Unknown key \"{}\" in {}.{}", key.str(), what, suggestion(key.str(), known, 60)));
  }
}

const toml::table* Loader::section(std::string_view key) const {
  const toml::node* node = document_.get(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) fail(*node, fmt::format("\"{}\" must be a table: write [{}].", key, key));
  return node->as_table();
}

std::string Loader::text_of(const toml::table& table, std::string_view key,
                            const std::string& otherwise) const {
  const toml::node* node = table.get(key);
  if (node == nullptr) return otherwise;
  const auto text = node->value<std::string>();
  if (!text || text->empty()) fail(*node, fmt::format("\"{}\" must be a text, and not empty.", key));
  return *text;
}

std::int64_t Loader::integer_of(const toml::table& table, std::string_view key, std::int64_t otherwise,
                                std::int64_t least, std::int64_t most) const {
  const toml::node* node = table.get(key);
  if (node == nullptr) return otherwise;
  const toml::value<std::int64_t>* value = node->as_integer();
  if (value == nullptr || value->get() < least || value->get() > most)
    fail(*node, fmt::format("\"{}\" must be a whole number from {} to {}.", key, least, most));
  return value->get();
}

const toml::array& Loader::tables_of(const toml::node& node, const std::string& what) const {
  const toml::array* array = node.as_array();
  if (array == nullptr || array->empty() || !array->is_homogeneous(toml::node_type::table))
    fail(node, fmt::format("\"{}\" must be a list of tables: write [[{}]].", what, what));
  return *array;
}

void Loader::read_header() {
  check_keys(document_,
             {"name", "description", "classes", "input", "values", "decisions", "defaults",
              "depth_multiplier", "channel_divisor", "constraints", "block", "stage", "output"},
             "a space");
  plan_.name = text_of(document_, "name", "");
  if (plan_.name.empty()) fail(document_, "The space has no name. Add name = \"...\" at the top.");
  text_of(document_, "description", "-");
  plan_.classes = static_cast<int>(integer_of(document_, "classes", 0, 1, 1 << 20));
  plan_.channel_divisor = static_cast<int>(integer_of(document_, "channel_divisor", 8, 1, 1 << 16));

  // Comments, layout and the description do not change what a candidate means.
  toml::table meaning = document_;
  meaning.erase("description");
  meaning.erase("name");
  std::ostringstream text;
  text << meaning;
  plan_.fingerprint = hash_text(text.str());
}

void Loader::read_values() {
  const toml::table* values = section("values");
  if (values == nullptr) return;
  for (const auto& [key, node] : *values) {
    if (!node.is_number() && !node.is_string())
      fail(node,
           fmt::format("The value \"{}\" must be a number or an expression. Options belong into [decisions].",
                       key.str()));
    values_.emplace(key.str(), &node);
  }
}

void Loader::read_decisions() {
  const toml::table* decisions = section("decisions");
  if (decisions == nullptr) return;
  for (const auto& [key, node] : *decisions) {
    const toml::array* options = node.as_array();
    if (options == nullptr)
      fail(node,
           fmt::format("Decision \"{}\" must be an array of options. Fixed numbers belong into [values].",
                       key.str()));
    std::vector<const toml::node*> written;
    for (const toml::node& option : *options) written.push_back(&option);
    const int id = new_decision(std::string(key.str()), written, key.source(), 0);
    entries_[static_cast<std::size_t>(id)].written = std::move(written);
    entries_[static_cast<std::size_t>(id)].shared = true;
  }
}

void Loader::read_defaults() {
  defaults_.table = section("defaults");
  defaults_.surroundings = std::make_shared<Surroundings>();
  if (defaults_.table == nullptr) return;
  std::vector<std::string> known;
  for (std::size_t i = 0; i < kAttributeCount; ++i) known.emplace_back(info(static_cast<Attribute>(i)).name);
  check_keys(*defaults_.table, known, "[defaults]");
  // Made now, so that expressions everywhere may name them.
  for (const auto& [key, node] : *defaults_.table) {
    const SlotId id =
        make_slot(node, std::string(key.str()), limits_of(attribute_from(key.str()).value()), defaults_);
    defaults_.slots.emplace(key.str(), id);
  }
}

void Loader::read_definitions() {
  const toml::table* blocks = section("block");
  if (blocks == nullptr) return;
  for (const auto& [key, node] : *blocks) {
    const std::string name(key.str());
    if (!node.is_table()) fail(node, fmt::format("block.{} must be a table: write [block.{}].", name, name));
    if (block_type_from(name))
      fail(key.source(),
           fmt::format("\"{}\" is a built-in block and cannot be defined again. Choose another name.", name));
    Definition& definition = definitions_[name];
    definition.name = name;
    definition.table = node.as_table();
    definition.graph = !definition.table->contains("type");
    definition.fresh = text_of(*definition.table, "fresh", "");
    if (!definition.fresh.empty() && definition.fresh != "stage" && definition.fresh != "block")
      fail(*definition.table->get("fresh"),
           fmt::format("fresh cannot be \"{}\": it must be \"stage\" or \"block\".", definition.fresh));
    if (const toml::node* parameters = definition.table->get("parameters");
        parameters != nullptr && definition.graph) {
      if (!parameters->is_table())
        fail(*parameters,
             fmt::format("The parameters of block \"{}\" must be a table of names and defaults.", name));
      for (const auto& [parameter, value] : *parameters->as_table())
        definition.parameters.emplace_back(parameter.str());
      if (definition.parameters.size() > kMaxParameters)
        fail(*parameters, fmt::format("Block \"{}\" has more than {} parameters.", name, kMaxParameters));
    }
  }
}

void Loader::read_input() {
  const toml::table* input = section("input");
  if (input == nullptr)
    fail(document_,
         "The space does not say what its networks read. Add [input] with channels, height and width.");
  check_keys(*input, {"channels", "height", "width", "resolution"}, "[input]");
  if (input->contains("resolution") && (input->contains("height") || input->contains("width")))
    fail(*input,
         "[input] gives a resolution and also a height or width. Give either resolution (a square), or both "
         "of the others.");
  AttributeTable& table = tables_.emplace_back();
  table.table = input;
  table.prefix = "input";
  table.surroundings = std::make_shared<Surroundings>();
  const Limits limits{AttributeKind::integer, 1, 1 << 16};
  const auto required = [&](const char* key) {
    if (!table.has(key)) fail(*input, fmt::format("[input] has no {}. Add {} = ....", key, key));
    return slot(table, key, limits);
  };
  plan_.input_channels = required("channels");
  plan_.input_height = required(table.has("resolution") ? "resolution" : "height");
  plan_.input_width = required(table.has("resolution") ? "resolution" : "width");
  if (const toml::node* multiplier = document_.get("depth_multiplier")) {
    AttributeTable& top = tables_.emplace_back();
    top.surroundings = std::make_shared<Surroundings>();
    plan_.depth_multiplier =
        make_slot(*multiplier, "depth_multiplier", {AttributeKind::number, 1e-3, 1000}, top);
    use(plan_.depth_multiplier);
  }
}

void Loader::read_stages() {
  const toml::node* stages = document_.get("stage");
  if (stages == nullptr) fail(document_, "The space has no stages. Add at least one [[stage]].");
  auto surroundings = std::make_shared<Surroundings>();
  surroundings->sources = {"in"};
  for (const toml::node& node : tables_of(*stages, "stage")) {
    const toml::table& stage = *node.as_table();
    stage_ = text_of(stage, "name", "");
    if (stage_.empty())
      fail(node, "A stage has no name. Add name = \"stage1\"; its decisions are called after it.");
    if (stage_.find_first_of(". \t\n=,\"") != std::string::npos)
      fail(stage,
           fmt::format(
               "Stage \"{}\" has a dot, a blank or a sign in its name. Use letters, digits and underscores.",
               stage_));
    if (std::find(surroundings->sources.begin(), surroundings->sources.end(), stage_) !=
        surroundings->sources.end())
      fail(node,
           fmt::format("There are two stages \"{}\" (\"in\" is the network's input). Rename one.", stage_));
    used_.clear();
    GraphNode built = read_node(stage, "", stage_, 1, surroundings);
    built.placement.scaled = plan_.depth_multiplier != kNoSlot;
    std::sort(used_.begin(), used_.end());
    used_.erase(std::unique(used_.begin(), used_.end()), used_.end());
    built.decisions = used_;
    plan_.main.nodes.push_back(std::move(built));
    surroundings->sources.push_back(stage_);
  }
  plan_.main.name = plan_.name;
  read_output(plan_.main, document_, *surroundings);
}

void Loader::read_constraints() {
  const toml::node* list = document_.get("constraints");
  if (list == nullptr) return;
  const toml::array* array = list->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::string))
    fail(*list,
         "constraints must be an array of expressions, such as [\"stage1.channels <= stage2.channels\"].");
  const AttributeTable nothing;
  for (const toml::node& node : *array) {
    Constraint constraint;
    constraint.place = place(node.source());
    const auto [id, type] =
        compile(node.value<std::string>().value(), node.source(), nothing, "A constraint");
    if (!type.numbers && !type.values.empty() && type.values.front().value.is_text())
      fail(node, "A constraint is a text, but must be a condition. Write a comparison.");
    constraint.expression = id;
    for (const Instruction& i : plan_.expressions[static_cast<std::size_t>(constraint.expression)].code)
      if (i.opcode == Opcode::global && i.index >= static_cast<int>(Global::params))
        constraint.needs_network = true;
    plan_.constraints.push_back(constraint);
  }
}

// What is declared but never used is most likely a mistake, and would otherwise be a decision without effect.
void Loader::check_unused() const {
  for (const auto& [name, definition] : definitions_) {
    if (!definition.used)
      fail(*definition.table,
           fmt::format("Block \"{}\" is defined but never used. Name it in a stage, or remove it.", name));
    for (const auto& [prefix, table] : definition.tables)
      if (!definition.graph) check_known(table, fmt::format("block \"{}\"", name));
  }
  for (const Entry& entry : entries_) {
    if (entry.condition.terms.empty()) {
      fail(entry.region,
           fmt::format(
               "Decision \"{}\" has no effect: nothing that a candidate can contain uses it. Refer to it as "
               "\"${}\", or remove it.",
               entry.name, entry.name));
    }
    if (!entry.shared || entry.fields.empty()) continue;
    std::vector<std::string> fields(entry.fields.begin(), entry.fields.end());
    fields.emplace_back("name");
    for (const toml::node* option : entry.written)
      check_keys(*option->as_table(), fields, fmt::format("an option of decision \"{}\"", entry.name));
  }
}

// Decisions in the file's order, except that one which controls whether another matters comes before it.
std::vector<int> Loader::decision_order() const {
  const std::size_t count = entries_.size();
  const auto key = [&](int id) {
    const Entry& e = entries_[static_cast<std::size_t>(id)];
    return std::tuple(e.region.begin.line, e.region.begin.column, e.block, id);
  };
  std::vector<std::set<int>> controls(count);  // those that must follow
  std::vector<std::set<int>> waits(count);
  for (std::size_t d = 0; d < count; ++d) {
    if (entries_[d].condition.always()) continue;
    for (const Term& term : entries_[d].condition.terms) {
      for (const Literal& literal : term) {
        controls[static_cast<std::size_t>(literal.decision)].insert(static_cast<int>(d));
        waits[d].insert(literal.decision);
      }
    }
  }
  const auto later = [&](int a, int b) { return key(a) < key(b); };
  std::set<int, decltype(later)> ready(later);
  for (std::size_t d = 0; d < count; ++d)
    if (waits[d].empty()) ready.insert(static_cast<int>(d));
  std::vector<int> order;
  while (!ready.empty()) {
    const int next = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(next);
    for (const int follower : controls[static_cast<std::size_t>(next)]) {
      waits[static_cast<std::size_t>(follower)].erase(next);
      if (waits[static_cast<std::size_t>(follower)].empty()) ready.insert(follower);
    }
  }
  if (order.size() < count) {
    const auto stuck =
        std::find_if(waits.begin(), waits.end(), [](const auto& w) { return !w.empty(); }) - waits.begin();
    const Entry& entry = entries_[static_cast<std::size_t>(stuck)];
    fail(
        entry.region,
        fmt::format(
            "Decision \"{}\" and \"{}\" each decide whether the other matters. Break the circle.", entry.name,
            entries_[static_cast<std::size_t>(*waits[static_cast<std::size_t>(stuck)].begin())].name));
  }
  return order;
}

void Loader::renumber(const std::vector<int>& position) {
  const auto moved = [&](int decision) { return position[static_cast<std::size_t>(decision)]; };
  for (Slot& slot : plan_.slots)
    for (int& decision : slot.decisions) decision = moved(decision);
  for (Expression& expression : plan_.expressions) {
    for (int& decision : expression.decisions) decision = moved(decision);
    for (Instruction& i : expression.code) {
      if (i.opcode != Opcode::decision) continue;
      i.index = moved(i.index);
      const bool field = i.table >= kFirstField;
      i.table = field ? i.table - kFirstField + static_cast<std::int32_t>(entries_.size()) : i.index;
    }
  }
  const auto renumber_condition = [&](Condition& condition) {
    for (Term& term : condition.terms)
      for (Literal& literal : term) literal.decision = moved(literal.decision);
  };
  for (Entry& entry : entries_) renumber_condition(entry.condition);
  for (Graph& graph : plan_.graphs) renumber_condition(graph.condition);
  for (GraphNode& node : plan_.main.nodes) {
    for (int& decision : node.decisions) decision = moved(decision);
    std::sort(node.decisions.begin(), node.decisions.end());
  }
}

void Loader::finish() {
  const std::vector<int> order = decision_order();
  std::vector<int> position(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    position[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  renumber(position);
  std::vector<ChoiceModel::Item> items;
  for (const int id : order) {
    Entry& entry = entries_[static_cast<std::size_t>(id)];
    items.push_back({static_cast<int>(entry.options.size()), std::move(entry.condition)});
    plan_.decisions.push_back({std::move(entry.name), std::move(entry.options)});
    plan_.option_values.push_back(std::move(entry.values));
    plan_.decision_places.push_back(place(entry.region));
  }
  plan_.option_values.insert(plan_.option_values.end(), field_tables_.begin(), field_tables_.end());
  plan_.choices = ChoiceModel(std::move(items));
}

Plan load_plan(std::string_view toml, const std::string& source) {
  toml::table document;
  try {
    document = toml::parse(toml, source);
  } catch (const toml::parse_error& error) {
    throw InputError(fmt::format("{}:{}:{}: This is not valid TOML: {}. Correct the syntax there.", source,
                                 error.source().begin.line, error.source().begin.column,
                                 error.description()));
  }
  return Loader(document, source).run();
}

}  // namespace assay::plan
