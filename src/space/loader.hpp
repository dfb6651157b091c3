// Compiles a TOML space into a Plan. One object a file; the parts are spread over loader*.cpp:
// loader.cpp (sections of the file), loader_values.cpp (attributes, decisions, expressions),
// loader_blocks.cpp (blocks and graphs).
#pragma once

#include "plan.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <toml++/toml.h>

namespace assay::plan {

class Loader {
 public:
  Loader(const toml::table& document, std::string source);
  Plan run();

 private:
  struct Definition;

  // What expressions of a place may name besides decisions: the nodes of the graph around it and, inside a
  // user block's definition, that block.
  struct Surroundings {
    std::vector<std::string> sources;  // inputs, then finished nodes
    Definition* definition = nullptr;
  };

  // A table of the file that holds attributes, and the slots made from it so far.
  struct AttributeTable {
    const toml::table* table = nullptr;
    std::string prefix;  // of its decisions' names: the stage, node or user block
    std::string suffix;  // of an option or a fresh block, after the "blockN" of per-block decisions
    std::shared_ptr<Surroundings> surroundings;
    bool per_block = false;         // may hold { each_block = [...] }
    bool arrays_per_block = false;  // every array is such a decision (fresh = "block")
    SlotId depth = kNoSlot;
    std::map<std::string, SlotId, std::less<>> slots;
    std::set<std::string, std::less<>> known;  // keys that mean something here
    bool has(std::string_view key) const { return table != nullptr && table->contains(key); }
  };
  using Chain = std::vector<AttributeTable*>;  // the nearest first

  // A [block.NAME].
  struct Definition {
    std::string name;
    const toml::table* table = nullptr;
    std::string fresh;                             // "", "stage" or "block"
    std::vector<std::string> parameters;           // of a graph
    std::map<std::string, AttributeTable> tables;  // [prefix] of an alias
    std::map<std::string, int> graphs;             // [prefix]
    bool graph = false;
    bool used = false;
    bool open = false;  // being compiled: a block inside itself
  };

  // A decision while loading.
  struct Entry {
    std::string name;
    std::vector<std::string> options;
    std::vector<Value> values;
    toml::source_region region;
    int block = 0;
    Condition condition;
    // Of [decisions]: the options as written, and the tables of those that are blocks.
    std::vector<const toml::node*> written;
    std::map<const toml::node*, AttributeTable> tables;
    std::set<std::string, std::less<>> fields;  // that some "$name.field" reads
    bool shared = false;
  };

  struct Limits {
    AttributeKind kind = AttributeKind::number;
    double least = -1e15, most = 1e15;
    AttributeKind names = AttributeKind::free;
  };
  // What a use of a decision needs, relative to where the use stands.
  struct Use {
    int decision;
    Term term;
  };

  // One of the blocks that a `block` attribute may choose.
  struct BlockOption {
    const toml::node* node;
    std::string type;
    std::string name;
  };

  // Narrows the path for a scope; nullopt: nothing gets there.
  class Reach {
   public:
    Reach(Loader& loader, const std::optional<Term>& further)
        : loader_(loader), length_(loader.path_.size()), dead_(loader.dead_) {
      if (further) loader.path_.insert(loader.path_.end(), further->begin(), further->end());
      loader.dead_ = dead_ || !further;
    }
    ~Reach() {
      loader_.path_.resize(length_);
      loader_.dead_ = dead_;
    }
    Reach(const Reach&) = delete;
    Reach& operator=(const Reach&) = delete;

   private:
    Loader& loader_;
    std::size_t length_;
    bool dead_;
  };

  static constexpr std::int32_t kFirstField = 1 << 20;

  // loader.cpp
  void read_header();
  void read_values();
  void read_decisions();
  void read_defaults();
  void read_definitions();
  void read_input();
  void read_stages();
  void read_constraints();
  void check_unused() const;
  void finish();
  std::vector<int> decision_order() const;
  void renumber(const std::vector<int>& position);
  [[noreturn]] void fail(const toml::node& node, const std::string& message) const;
  [[noreturn]] void fail(const toml::source_region& region, const std::string& message) const;
  std::string place(const toml::source_region& region) const;
  void check_keys(const toml::table& table, const std::vector<std::string>& known,
                  const std::string& what) const;
  const toml::table* section(std::string_view key) const;
  std::string text_of(const toml::table& table, std::string_view key, const std::string& otherwise) const;
  std::int64_t integer_of(const toml::table& table, std::string_view key, std::int64_t otherwise,
                          std::int64_t least, std::int64_t most) const;
  const toml::array& tables_of(const toml::node& node, const std::string& what) const;

  // loader_values.cpp
  static bool takes_integers(AttributeKind kind);
  SlotId slot(AttributeTable& table, std::string_view key, const Limits& limits);
  SlotId make_slot(const toml::node& node, const std::string& key, const Limits& limits,
                   AttributeTable& table);
  SlotId constant_slot(double value, const std::string& name);
  static std::string decision_name(const AttributeTable& table, std::string_view key, int block);
  bool names_shared(std::string_view text) const;
  std::pair<int, std::string> shared_decision(std::string_view reference) const;
  std::vector<const toml::node*> referenced_options(std::string_view reference) const;
  void fill_reference(Slot& slot, std::string_view reference, AttributeTable& table);
  OptionValue option_value(const toml::node& node, const Slot& slot, AttributeTable& table);
  int new_decision(const std::string& name, const std::vector<const toml::node*>& options,
                   const toml::source_region& region, int block);
  std::string option_text(const toml::node& node) const;
  std::int32_t text_number(std::string_view text);
  struct Compiled {
    int id;
    Type type;
  };
  Compiled compile(const std::string& text, const toml::source_region& region, const AttributeTable& table,
                   const std::string& what);
  std::optional<Meaning> resolve(std::string_view name, std::string_view function,
                                 const AttributeTable& table);
  std::optional<Meaning> matching_decisions(std::string_view pattern) const;
  std::optional<Meaning> field_value(std::string_view name);
  std::optional<Meaning> named_expression(std::string_view name, const toml::node& value,
                                          const AttributeTable& table);
  std::vector<std::string> names_in_reach(const AttributeTable& table) const;
  std::optional<int> find_decision(std::string_view name) const;
  int source_index(const toml::node& node, const AttributeTable& table, std::string_view name,
                   const std::string& what) const;
  // Records that the slot's decisions matter where the loader stands.
  void use(SlotId slot);
  void use_expression(int expression);
  void activate(int decision, const Term& term);
  // What must hold for the depth in `slot` to reach `depth`; nullopt: never.
  std::optional<Term> at_least(SlotId slot, int depth);
  // The values of a slot per option of the one decision that it depends on; nullopt: it depends on more.
  std::optional<std::vector<double>> static_values(const Slot& slot) const;

  // loader_blocks.cpp
  bool is_block(std::string_view name) const;
  std::vector<std::string> block_names() const;
  Placement make_placement(const toml::node& block, AttributeTable& table, std::string_view block_key);
  std::vector<BlockOption> block_options(const toml::node& block, Slot& choice, AttributeTable& table);
  std::vector<BlockOption> expression_blocks(const toml::node& node, const std::string& text, Slot& choice,
                                             AttributeTable& table);
  AttributeTable& option_table(const BlockOption& option, AttributeTable& table, const Slot& choice);
  BlockUse make_use(const BlockOption& option, Chain chain, Placement& placement, const AttributeTable& own);
  void fill_attributes(BlockUse& use, const BlockType& type, const Chain& chain);
  void fill_parameters(BlockUse& use, Definition& definition, const Chain& chain);
  SlotId override_slot(const Chain& chain, const AttributeTable& own, std::string_view key,
                       const Limits& limits, SlotId& placed);
  static Limits limits_of(Attribute attribute);
  AttributeTable& alias_table(Definition& definition);
  void check_known(const AttributeTable& table, const std::string& what) const;

  // loader_graphs.cpp
  void graphs_of(BlockUse& use, Definition& definition, const toml::node& user);
  int graph_of(Definition& definition, const std::string& prefix, const toml::node& user);
  Graph compile_graph(Definition& definition, const std::string& prefix);
  void read_dense(Graph& graph, Definition& definition, const std::string& prefix,
                  const std::shared_ptr<Surroundings>& surroundings);
  GraphNode read_node(const toml::table& written, const std::string& prefix, const std::string& name,
                      int inputs, const std::shared_ptr<Surroundings>& surroundings);
  Edge read_edge(const toml::node& written, const std::string& prefix, const std::string& node,
                 std::size_t number, const std::shared_ptr<Surroundings>& surroundings);
  Edge plain_edge(int source);
  void read_output(Graph& graph, const toml::table& table, const Surroundings& surroundings);

  const toml::table& document_;
  std::string source_;
  Plan plan_;
  std::deque<Entry> entries_;
  std::map<std::string, int, std::less<>> entry_of_;
  std::map<std::string, const toml::node*, std::less<>> values_;
  std::vector<std::vector<Value>>
      field_tables_;  // numbered from kFirstField on until the decisions are counted
  std::map<std::string, Definition, std::less<>> definitions_;
  AttributeTable defaults_;
  std::deque<AttributeTable> tables_;  // of stages, nodes, edges and options: they must not move
  std::map<int, std::vector<Use>> graph_uses_;

  // Where the loader stands.
  Term path_;                             // what must hold to get here
  bool dead_ = false;                     // nothing gets here
  SlotId depth_ = kNoSlot;                // of the placement around
  int only_block_ = 0;                    // 0: any of its blocks
  std::vector<std::vector<Use>*> sinks_;  // of the graphs around
  std::vector<int> used_;                 // decisions since the stage began
  std::string stage_;
  int value_nesting_ = 0;
};

}  // namespace assay::plan
