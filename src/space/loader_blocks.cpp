// Blocks: what a stage, node or edge is built of, with every attribute found along the chain option, place,
// alias, defaults.
#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "loader.hpp"
#include "restore.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace assay::plan {
namespace {

constexpr double kMostChannels = 1 << 20;
constexpr double kMostStride = 1024;
constexpr int kMostAliases = 16;

}  // namespace

bool Loader::is_block(std::string_view name) const {
  return definitions_.contains(name) || block_type_from(name).has_value();
}

std::vector<std::string> Loader::block_names() const {
  std::vector<std::string> names;
  for (const auto& [name, definition] : definitions_) names.push_back(name);
  for (const BlockType& type : block_types()) names.emplace_back(type.name);
  return names;
}

// The blocks among which a `block` attribute chooses: the options of its decision, the one block it names, or
// the blocks that its expression names as texts.
std::vector<Loader::BlockOption> Loader::block_options(const toml::node& block, Slot& choice,
                                                       AttributeTable& table) {
  std::vector<const toml::node*> written;
  if (const toml::array* array = block.as_array()) {
    for (const toml::node& option : *array) written.push_back(&option);
  } else if (const toml::table* t = block.as_table(); t != nullptr && t->contains("each_block")) {
    for (const toml::node& option : *t->get("each_block")->as_array()) written.push_back(&option);
  } else if (!choice.decisions.empty()) {
    written = referenced_options(block.value<std::string>().value_or(""));
  } else {
    written.push_back(&block);
  }
  std::vector<BlockOption> options;
  for (const toml::node* node : written) {
    const auto text = node->value<std::string>();
    const toml::table* t = node->as_table();
    if (!text && t == nullptr)
      fail(*node, fmt::format("{} must name a block, as a text or as a table with a type.", choice.name));
    // { name = "0", value = "none" } is what options are elsewhere.
    const char* key = t != nullptr && !t->contains("type") ? "value" : "type";
    const std::string type = text ? *text : text_of(*t, key, "");
    if (type.empty()) {
      fail(*node,
           fmt::format("This block of {} has no type. Add type = \"ibn\" or another block.", choice.name));
    }
    const bool single = choice.decisions.empty();
    if (single && text && !is_block(type)) return expression_blocks(*node, type, choice, table);
    options.push_back({node, type, single && t != nullptr ? type : option_text(*node)});
  }
  for (std::size_t i = 0; i < choice.options.size(); ++i) choice.options[i].constant = static_cast<double>(i);
  return options;
}

std::vector<Loader::BlockOption> Loader::expression_blocks(const toml::node& node, const std::string& text,
                                                           Slot& choice, AttributeTable& table) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  if (plain && !resolve(text, "", table))
    fail(node, fmt::format("{} names the unknown block \"{}\".{}", choice.name, excerpt(text),
                           suggestion(text, block_names())));
  const auto [id, type] = compile(text, node.source(), table, choice.name);
  choice.options[0].expression = id;
  std::vector<BlockOption> options;
  for (const auto& [value, option] : type.values) {
    if (!value.is_text()) continue;
    const std::string& name = plan_.texts[static_cast<std::size_t>(value.text)];
    if (is_block(name))
      options.push_back({&node, name, name});
    else if (!option)
      fail(node, fmt::format("{} = \"{}\" may give the unknown block '{}'.{}", choice.name, excerpt(text),
                             excerpt(name), suggestion(name, block_names())));
  }
  if (options.empty())
    fail(node, fmt::format("The expression \"{}\" of {} names no block. Write blocks in it as texts: 'ibn'.",
                           excerpt(text), choice.name));
  return options;
}

Placement Loader::make_placement(const toml::node& block, AttributeTable& table, std::string_view block_key) {
  Placement placement;
  placement.name = decision_name(table, "", 0);
  placement.scope = placement.name.substr(placement.name.rfind('.') + 1);
  placement.place = place(block.source());
  if (table.per_block) {
    table.known.insert("depth");
    if (table.has("depth"))
      placement.depth = table.depth = slot(table, "depth", {AttributeKind::integer, 0, kMaxDepth});
  }
  const Reach exists(*this, at_least(placement.depth, 1));
  const Restore<SlotId> depth(depth_, placement.depth);
  const Restore<int> any_block(only_block_, 0);

  placement.block = make_slot(block, std::string(block_key), {AttributeKind::block, 0, 1e15}, table);
  Slot choice = plan_.slots[static_cast<std::size_t>(placement.block)];
  const std::vector<BlockOption> options = block_options(block, choice, table);
  plan_.slots[static_cast<std::size_t>(placement.block)] = choice;
  use(placement.block);

  const bool per_block =
      !choice.decisions.empty() && entries_[static_cast<std::size_t>(choice.decisions[0])].block > 0;
  for (std::size_t i = 0; i < options.size(); ++i) {
    const BlockOption& option = options[i];
    Chain chain;
    if (option.node->is_table()) chain.push_back(&option_table(option, table, choice));
    chain.push_back(&table);
    BlockUse built;
    // Once for each decision that can choose it; what is built is the same, what it makes active is not.
    for (std::size_t k = 0; k < std::max<std::size_t>(choice.decisions.size(), 1); ++k) {
      std::optional<Term> chosen = Term{};
      if (per_block) chosen = at_least(placement.depth, static_cast<int>(k) + 1);
      if (chosen && !choice.decisions.empty() && options.size() > 1) {
        Literal literal{choice.decisions[k], std::vector<bool>(options.size(), false)};
        literal.options[i] = true;
        chosen->push_back(std::move(literal));
      }
      const Reach reach(*this, chosen);
      const Restore<int> block_path(only_block_, per_block ? static_cast<int>(k) + 1 : 0);
      built = make_use(option, chain, placement, table);
    }
    placement.uses.push_back(std::move(built));
    if (option.node->is_table())
      check_known(*chain.front(), fmt::format("option \"{}\" of {}", option.name, choice.name));
  }
  return placement;
}

Loader::AttributeTable& Loader::option_table(const BlockOption& option, AttributeTable& table,
                                             const Slot& choice) {
  const auto prepare = [&](AttributeTable& fresh) -> AttributeTable& {
    fresh.table = option.node->as_table();
    fresh.known = {"name", fresh.has("type") ? "type" : "value"};
    return fresh;
  };
  if (!choice.decisions.empty()) {
    Entry& entry = entries_[static_cast<std::size_t>(choice.decisions[0])];
    if (entry.shared) {
      // The option belongs to the shared decision, and so do decisions inside it.
      auto [found, created] = entry.tables.try_emplace(option.node);
      if (created) {
        prepare(found->second);
        found->second.prefix = entry.name + "." + option.name;
        found->second.surroundings = std::make_shared<Surroundings>();
      }
      return found->second;
    }
  }
  AttributeTable& fresh = prepare(tables_.emplace_back());
  fresh.prefix = table.prefix;
  fresh.suffix = choice.options.size() > 1 ? option.name : "";
  fresh.surroundings = table.surroundings;
  fresh.per_block = table.per_block;
  fresh.depth = table.depth;
  return fresh;
}

// Follows aliases to a built-in type or a graph, then collects what it takes.
BlockUse Loader::make_use(const BlockOption& option, Chain chain, Placement& placement,
                          const AttributeTable& own) {
  std::string type = option.type;
  for (int followed = 0;; ++followed) {
    const auto found = definitions_.find(type);
    if (found == definitions_.end() || found->second.graph) break;
    if (followed == kMostAliases)
      fail(*option.node, fmt::format("The alias \"{}\" leads back to itself. Break the circle.", type));
    found->second.used = true;
    chain.push_back(&alias_table(found->second));
    type = text_of(*found->second.table, "type", "");
  }
  BlockUse use;
  use.name = option.name;
  bool takes_channels = true, takes_stride = true;
  if (const auto definition = definitions_.find(type); definition != definitions_.end()) {
    definition->second.used = true;
    fill_parameters(use, definition->second, chain);
    graphs_of(use, definition->second, *option.node);
  } else if (const std::optional<int> built_in = block_type_from(type)) {
    use.type = *built_in;
    const BlockType& info = block_types()[static_cast<std::size_t>(*built_in)];
    takes_channels = info.takes_channels;
    takes_stride = info.takes_stride;
    fill_attributes(use, info, chain);
  } else {
    fail(*option.node, fmt::format("\"{}\" is no block.{}", excerpt(type), suggestion(type, block_names())));
  }
  if (takes_channels)
    use.channels =
        override_slot(chain, own, "channels", {AttributeKind::integer, 1, kMostChannels}, placement.channels);
  if (takes_stride)
    use.stride =
        override_slot(chain, own, "stride", {AttributeKind::integer, 1, kMostStride}, placement.stride);
  if (type == "classifier" && use.channels == kNoSlot && placement.channels == kNoSlot) {
    if (plan_.classes == 0)
      fail(*option.node,
           "A classifier needs the number of classes. Add classes = 10 at the top of the file.");
    use.channels = constant_slot(plan_.classes, "classes");
  }
  return use;
}

// Channels and stride: an option's own override the place's, the place's an alias's. Those of the place are
// evaluated once for all its blocks (`placed`), the others for each block.
SlotId Loader::override_slot(const Chain& chain, const AttributeTable& own, std::string_view key,
                             const Limits& limits, SlotId& placed) {
  for (AttributeTable* table : chain) table->known.emplace(key);
  for (AttributeTable* table : chain) {
    if (!table->has(key)) continue;
    const SlotId found = slot(*table, key, limits);
    if (table != &own) return found;
    placed = found;
    return kNoSlot;
  }
  return kNoSlot;
}

Loader::Limits Loader::limits_of(Attribute attribute) {
  const AttributeInfo& about = info(attribute);
  return {about.kind, about.least, about.most};
}

void Loader::fill_attributes(BlockUse& use, const BlockType& type, const Chain& chain) {
  for (const AttributeDefault& attribute : type.attributes) {
    const std::string_view key = info(attribute.attribute).name;
    for (AttributeTable* table : chain) table->known.emplace(key);
    double& constant = use.constants[static_cast<std::size_t>(attribute.attribute)];
    constant = attribute.value;
    auto holder =
        std::find_if(chain.begin(), chain.end(), [&](const AttributeTable* t) { return t->has(key); });
    AttributeTable* table = holder != chain.end() ? *holder : defaults_.has(key) ? &defaults_ : nullptr;
    if (table == nullptr) continue;
    const SlotId id = slot(*table, key, limits_of(attribute.attribute));
    const Slot& value = plan_.slots[static_cast<std::size_t>(id)];
    if (value.decisions.empty() && value.options[0].expression < 0)
      constant = value.options[0].constant.number;
    else
      use.dynamic.emplace_back(attribute.attribute, id);
  }
}

void Loader::fill_parameters(BlockUse& use, Definition& definition, const Chain& chain) {
  const toml::table* defaults = definition.table->get_as<toml::table>("parameters");
  for (const std::string& parameter : definition.parameters) {
    for (AttributeTable* table : chain) table->known.emplace(parameter);
    const std::optional<Attribute> attribute = attribute_from(parameter);
    Limits limits;
    if (attribute) limits = limits_of(*attribute);
    limits.names = std::exchange(limits.kind, AttributeKind::free);
    auto holder =
        std::find_if(chain.begin(), chain.end(), [&](const AttributeTable* t) { return t->has(parameter); });
    if (holder != chain.end()) {
      use.parameters.push_back(slot(**holder, parameter, limits));
      continue;
    }
    AttributeTable& own = definition.tables["parameters"];
    if (own.table == nullptr) {
      own.table = defaults;
      own.prefix = definition.name;
      own.surroundings = std::make_shared<Surroundings>();
    }
    use.parameters.push_back(slot(own, parameter, limits));
  }
}

Loader::AttributeTable& Loader::alias_table(Definition& definition) {
  const bool fresh = !definition.fresh.empty();
  AttributeTable& table = definition.tables[fresh ? stage_ : ""];
  if (table.table == nullptr) {
    table.table = definition.table;
    table.prefix = fresh ? stage_ : definition.name;
    table.suffix = fresh ? definition.name : "";
    table.per_block = table.arrays_per_block = definition.fresh == "block";
    table.surroundings = std::make_shared<Surroundings>();
    table.known = {"type", "fresh"};
  }
  table.depth = depth_;
  return table;
}

void Loader::check_known(const AttributeTable& table, const std::string& what) const {
  if (table.table == nullptr) return;
  check_keys(*table.table, std::vector<std::string>(table.known.begin(), table.known.end()), what);
}

}  // namespace assay::plan
