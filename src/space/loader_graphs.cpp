// Graphs: the stages of the network itself, and the cells and other user blocks that are made of nodes.
#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "loader.hpp"
#include "restore.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::plan {
namespace {

constexpr std::int64_t kMostNodes = 64;
constexpr std::size_t kMaxNesting = 30;

const std::vector<std::string> kGraphKeys = {"inputs",        "preprocess",   "nodes",      "node",
                                             "edge",          "input_edge",   "op",         "output",
                                             "node_channels", "disconnected", "parameters", "fresh"};

std::vector<std::string> input_names(int inputs) {
  if (inputs == 1) return {"in"};
  std::vector<std::string> names;
  for (int i = 0; i < inputs; ++i) names.push_back(fmt::format("in{}", i));
  return names;
}

}  // namespace

// The graph of a definition for the stage at hand, or one for each block when its decisions are fresh for
// each.
void Loader::graphs_of(BlockUse& use, Definition& definition, const toml::node& user) {
  if (definition.fresh != "block") {
    use.graphs.push_back(graph_of(
        definition, definition.fresh == "stage" ? stage_ + "." + definition.name : definition.name, user));
    return;
  }
  int blocks = 1;
  if (depth_ != kNoSlot) {
    const auto depths = static_values(plan_.slots[static_cast<std::size_t>(depth_)]);
    if (!depths)
      fail(user, fmt::format("Block \"{}\" has fresh decisions for each block, but the depth is an "
                             "expression of more than one "
                             "decision. Give the depth as a number or an array.",
                             definition.name));
    blocks = std::max(1, static_cast<int>(*std::max_element(depths->begin(), depths->end())));
  }
  for (int block = 1; block <= blocks; ++block) {
    const bool other = only_block_ != 0 && only_block_ != block;
    const Reach reach(*this, other ? std::nullopt : at_least(depth_, block));
    use.graphs.push_back(
        graph_of(definition, fmt::format("{}.block{}.{}", stage_, block, definition.name), user));
  }
}

// Compiles a graph once; every further use only says again when its decisions matter.
int Loader::graph_of(Definition& definition, const std::string& prefix, const toml::node& user) {
  if (definition.open)
    fail(user, fmt::format("Block \"{}\" contains itself. Break the circle.", definition.name));
  if (sinks_.size() > kMaxNesting)
    fail(user, fmt::format("Block \"{}\" lies inside more than {} other blocks. Nest them less deeply.",
                           definition.name, kMaxNesting));
  auto found = definition.graphs.find(prefix);
  if (found == definition.graphs.end()) {
    const int index = static_cast<int>(plan_.graphs.size());
    plan_.graphs.emplace_back();
    std::vector<Use> uses;
    {
      const Restore<bool> open(definition.open, true);
      const Restore<Term> path(path_, {});
      const Restore<bool> dead(dead_, false);
      const Restore<SlotId> depth(depth_, kNoSlot);
      const Restore<int> block(only_block_, 0);
      sinks_.push_back(&uses);
      Graph graph = compile_graph(definition, prefix);
      sinks_.pop_back();
      plan_.graphs[static_cast<std::size_t>(index)] = std::move(graph);
    }
    graph_uses_[index] = std::move(uses);
    found = definition.graphs.emplace(prefix, index).first;
  }
  const std::vector<Use> uses = graph_uses_[found->second];
  for (const Use& use : uses) activate(use.decision, use.term);
  activate(-1 - found->second, {});
  return found->second;
}

Graph Loader::compile_graph(Definition& definition, const std::string& prefix) {
  const toml::table& table = *definition.table;
  Graph graph;
  graph.name = prefix;
  graph.parameters = definition.parameters.size();
  graph.inputs = static_cast<int>(integer_of(table, "inputs", 1, 1, 8));
  auto surroundings = std::make_shared<Surroundings>();
  surroundings->sources = input_names(graph.inputs);
  surroundings->definition = &definition;
  if (const toml::node* preprocess = table.get("preprocess")) {
    AttributeTable& own = tables_.emplace_back();
    own.prefix = prefix + ".preprocess";
    own.surroundings = surroundings;
    graph.preprocess = make_placement(*preprocess, own, "");
  }
  const std::string rule = text_of(table, "node_channels", "out");
  if (rule != "out" && rule != "split")
    fail(*table.get("node_channels"),
         fmt::format("node_channels cannot be \"{}\": it must be \"out\" or \"split\".", rule));
  graph.split_channels = rule == "split";
  const std::string disconnected = text_of(table, "disconnected", "zero");
  if (disconnected != "zero" && disconnected != "reject")
    fail(*table.get("disconnected"),
         fmt::format("disconnected cannot be \"{}\": it must be \"zero\" or \"reject\".", disconnected));
  graph.reject_disconnected = disconnected == "reject" || graph.split_channels;

  if (table.contains("nodes")) {
    read_dense(graph, definition, prefix, surroundings);
  } else {
    check_keys(table, {"inputs", "preprocess", "node", "output", "disconnected", "parameters", "fresh"},
               fmt::format("block \"{}\"", definition.name));
    if (const toml::node* nodes = table.get("node")) {
      std::size_t number = 0;
      for (const toml::node& node : tables_of(*nodes, fmt::format("block.{}.node", definition.name))) {
        const toml::table& written = *node.as_table();
        const std::string name = text_of(written, "name", fmt::format("node{}", ++number));
        if (std::find(surroundings->sources.begin(), surroundings->sources.end(), name) !=
            surroundings->sources.end())
          fail(node, fmt::format("Block \"{}\" has two nodes or inputs \"{}\". Rename one.", definition.name,
                                 name));
        graph.nodes.push_back(read_node(written, prefix, name, graph.inputs, surroundings));
        surroundings->sources.push_back(name);
      }
    }
  }
  if (graph.nodes.empty())
    fail(table, fmt::format("Block \"{}\" has neither type nor nodes. Give it a type (an alias), "
                            "[[block.{}.node]] tables, or "
                            "nodes = 4 with edge = [...].",
                            definition.name, definition.name));
  if (graph.split_channels && graph.inputs != 1)
    fail(table,
         fmt::format("Block \"{}\": node_channels = \"split\" needs exactly one input.", definition.name));
  read_output(graph, table, *surroundings);
  return graph;
}

// nodes = 4, edge = [...]: every earlier node feeds every later one.
void Loader::read_dense(Graph& graph, Definition& definition, const std::string& prefix,
                        const std::shared_ptr<Surroundings>& surroundings) {
  const toml::table& table = *definition.table;
  const auto nodes = static_cast<int>(integer_of(table, "nodes", 0, graph.inputs + 1, kMostNodes));
  std::vector<std::string> known = kGraphKeys;
  std::erase(known, "node");
  known.push_back("aggregate");
  for (int to = graph.inputs; to < nodes; ++to) {
    for (int from = 0; from < to; ++from) known.push_back(fmt::format("edge_{}_{}", from, to));
    known.push_back(fmt::format("op_{}", to));
  }
  check_keys(table, known, fmt::format("block \"{}\"", definition.name));

  surroundings->sources.clear();
  for (int i = 0; i < graph.inputs; ++i) surroundings->sources.push_back(std::to_string(i));
  const auto spec = [&](const std::string& own,
                        std::initializer_list<const char*> general) -> const toml::node* {
    if (table.contains(own)) return table.get(own);
    for (const char* key : general)
      if (*key != '\0' && table.contains(key)) return table.get(key);
    return nullptr;
  };
  AttributeTable& graph_table = tables_.emplace_back();
  graph_table.table = &table;
  graph_table.prefix = prefix;
  graph_table.surroundings = surroundings;
  for (int to = graph.inputs; to < nodes; ++to) {
    GraphNode node;
    if (table.contains("aggregate"))
      node.aggregate = slot(graph_table, "aggregate", {AttributeKind::aggregate});
    for (int from = 0; from < to; ++from) {
      const std::string name = fmt::format("edge_{}_{}", from, to);
      const toml::node* written = spec(name, {from < graph.inputs ? "input_edge" : "", "edge"});
      if (written == nullptr)
        fail(table,
             fmt::format("Block \"{}\" does not say what its {} is. Add edge = [...] for all, or {} = ....",
                         definition.name, name, name));
      AttributeTable& own = tables_.emplace_back();
      own.prefix = prefix + "." + name;
      own.surroundings = surroundings;
      Edge edge = plain_edge(from);
      edge.placement = make_placement(*written, own, "");
      node.inputs.push_back(std::move(edge));
    }
    const std::string op = fmt::format("op_{}", to);
    if (const toml::node* written = spec(op, {to + 1 < nodes ? "op" : ""})) {
      AttributeTable& own = tables_.emplace_back();
      own.prefix = prefix + "." + op;
      own.surroundings = surroundings;
      node.placement = make_placement(*written, own, "");
    }
    node.name = std::to_string(to);
    graph.nodes.push_back(std::move(node));
    surroundings->sources.push_back(std::to_string(to));
  }
}

Edge Loader::plain_edge(int source) {
  Edge edge;
  edge.from = constant_slot(source, "from");
  return edge;
}

GraphNode Loader::read_node(const toml::table& written, const std::string& prefix, const std::string& name,
                            int inputs, const std::shared_ptr<Surroundings>& surroundings) {
  AttributeTable& table = tables_.emplace_back();
  table.table = &written;
  table.prefix = prefix.empty() ? name : prefix + "." + name;
  table.surroundings = surroundings;
  table.per_block = true;
  table.known = {"name", "inputs", "aggregate", "block"};
  GraphNode node;
  node.name = name;
  if (const toml::node* list = written.get("inputs")) {
    if (const toml::array* array = list->as_array()) {
      std::size_t number = 0;
      for (const toml::node& input : *array)
        node.inputs.push_back(read_edge(input, prefix, name, ++number, surroundings));
      if (array->empty() || array->size() > kMaxEdges)
        fail(*list, fmt::format("Node \"{}\" has {} inputs. Name 1 to {}.", name, array->size(), kMaxEdges));
    } else {
      node.inputs.push_back(read_edge(*list, prefix, name, 1, surroundings));
    }
  } else {
    const bool first = static_cast<int>(surroundings->sources.size()) == inputs;
    node.inputs.push_back(
        plain_edge(first ? inputs - 1 : static_cast<int>(surroundings->sources.size()) - 1));
  }
  if (table.has("aggregate")) node.aggregate = slot(table, "aggregate", {AttributeKind::aggregate});
  if (const toml::node* block = written.get("block"))
    node.placement = make_placement(*block, table, "block");
  else if (!written.contains("inputs"))
    fail(written, fmt::format("\"{}\" has neither a block nor inputs. Add block = \"conv\" or another block.",
                              table.prefix));
  check_known(table, fmt::format("\"{}\"", table.prefix));
  return node;
}

Edge Loader::read_edge(const toml::node& written, const std::string& prefix, const std::string& node,
                       std::size_t number, const std::shared_ptr<Surroundings>& surroundings) {
  const auto dotted = [&](const std::string& name) { return prefix.empty() ? name : prefix + "." + name; };
  AttributeTable& table = tables_.emplace_back();
  table.surroundings = surroundings;
  const toml::table* spec = written.as_table();
  if (spec == nullptr) {
    AttributeTable& plain = table;
    plain.prefix = dotted(node);
    if (written.is_array())
      fail(written,
           fmt::format("An input of \"{}\" is an array. For a choice of sources write {{ from = [...] }}.",
                       node));
    Edge edge;
    edge.from = make_slot(written, fmt::format("input{}", number), {AttributeKind::source}, plain);
    return edge;
  }
  table.table = spec;
  table.known = {"name", "from", "block"};
  const toml::node* from = spec->get("from");
  if (from == nullptr)
    fail(written, fmt::format("An input of \"{}\" does not say from where. Add from = \"...\".", node));
  std::string name = fmt::format("{}.input{}", node, number);
  if (const auto fixed = from->value<std::string>(); fixed && !fixed->starts_with("$"))
    name = fmt::format("edge_{}_{}", *fixed, node);
  if (from->is_integer()) name = fmt::format("edge_{}_{}", from->value_or(0), node);
  name = text_of(*spec, "name", name);
  table.prefix = dotted(name);
  Edge edge;
  edge.from = slot(table, "from", {AttributeKind::source});
  if (const toml::node* block = spec->get("block")) edge.placement = make_placement(*block, table, "");
  check_known(table, fmt::format("input \"{}\"", name));
  return edge;
}

void Loader::read_output(Graph& graph, const toml::table& table, const Surroundings& surroundings) {
  graph.output = GraphOutput::last;
  const toml::node* output = table.get("output");
  if (output == nullptr) return;
  const auto index = [&](const toml::node& node) {
    AttributeTable around;
    around.surroundings = std::make_shared<Surroundings>(surroundings);
    const auto name = node.is_integer() ? std::to_string(node.value_or(std::int64_t{0}))
                                        : node.value<std::string>().value_or("");
    if (name.empty()) fail(node, "An output must be the name of a node.");
    return source_index(node, around, name, "output");
  };
  if (const toml::array* list = output->as_array()) {
    if (list->empty())
      fail(*output, "The list of outputs is empty. Name the nodes whose outputs are concatenated.");
    graph.output = GraphOutput::listed;
    for (const toml::node& node : *list) graph.listed.push_back(index(node));
  } else if (const auto word = output->value<std::string>(); word && *word == "concat") {
    graph.output = GraphOutput::all;
  } else if (word && *word == "loose_ends") {
    graph.output = GraphOutput::loose_ends;
  } else {
    graph.output = GraphOutput::listed;
    graph.listed.push_back(index(*output));
  }
}

}  // namespace assay::plan
