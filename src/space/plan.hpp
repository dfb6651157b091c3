// A space, compiled: everything that decode, sampling and constraints need, with names resolved to indices,
// so that the inner loop neither looks up nor builds strings. Made once by the loader, read-only afterwards.
#pragma once

#include "assay/base/error.hpp"
#include "assay/space/space.hpp"

#include "attribute.hpp"
#include "block_types.hpp"
#include "choice_model.hpp"
#include "expression.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace assay::plan {

using SlotId = int;
constexpr SlotId kNoSlot = -1;

// A constant, or the expression that gives the value.
struct OptionValue {
  Value constant = 0;
  int expression = -1;
};

// The value of one attribute at one place of the file.
struct Slot {
  std::string name;   // "stage1.kernel", for messages
  std::string place;  // file:line:column
  AttributeKind kind = AttributeKind::number;
  AttributeKind names =
      AttributeKind::free;     // of a parameter that is called like an attribute: whose names it may hold
  double least = 0, most = 0;  // of integers and numbers
  // No decision: options[0]. One: an option each. Several: a decision for each block of the stage, with the
  // same options.
  std::vector<int> decisions;
  std::vector<OptionValue> options;
};

// One way to build a block: a built-in type with its attributes, or a user's graph with its parameters.
struct BlockUse {
  std::string name;  // as expressions and messages call it
  int type = -1;
  std::vector<int> graphs;  // of a user's graph: one, or one for each block
  AttributeValues constants{};
  std::vector<std::pair<Attribute, SlotId>> dynamic;  // attributes that are not constant
  std::vector<SlotId> parameters;                     // of the graph
  SlotId channels = kNoSlot;                          // overrides the placement's
  SlotId stride = kNoSlot;
};

// A block (or `depth` of them in a row) at one place: of a stage, a node or an edge.
struct Placement {
  std::string name;   // "cell.edge_0_1"
  std::string scope;  // "edge_0_1", in operator names
  std::string place;
  SlotId block = kNoSlot;  // index into uses; no slot: the only one
  std::vector<BlockUse> uses;
  SlotId depth = kNoSlot;
  SlotId channels = kNoSlot;
  SlotId stride = kNoSlot;
  bool scaled = false;  // the depth multiplier applies to `channels`
  bool empty() const { return uses.empty(); }
};

struct Edge {
  SlotId from = kNoSlot;  // graph inputs count first, then nodes
  Placement placement;    // empty: the value as it is
};

struct GraphNode {
  std::string name;
  Placement placement;  // empty: the aggregate as it is
  std::vector<Edge> inputs;
  SlotId aggregate = kNoSlot;  // no slot: add
  std::vector<int> decisions;  // all that are used at or below it, for messages
};

enum class GraphOutput : std::uint8_t { last, all, loose_ends, listed };

struct Graph {
  std::string name;
  int inputs = 1;
  Placement preprocess;  // empty: none
  std::vector<GraphNode> nodes;
  GraphOutput output = GraphOutput::last;
  std::vector<int> listed;      // source indices that are concatenated
  bool split_channels = false;  // NAS-Bench-101's rule
  bool reject_disconnected = false;
  Condition condition;  // when it is used at all
  std::size_t parameters = 0;
};

struct Constraint {
  int expression = -1;
  std::string place;
  bool needs_network = false;  // reads params or macs
};

struct Plan {
  std::string name;
  std::string source;
  std::uint64_t fingerprint = 0;

  std::vector<Decision> decisions;
  // What options are in expressions: [decision][option], then a table for each "$decision.field".
  std::vector<std::vector<Value>> option_values;
  std::vector<std::string> decision_places;
  ChoiceModel choices;

  std::vector<Slot> slots;
  std::vector<Expression> expressions;
  std::vector<std::string> texts;  // of all expressions
  std::vector<Constraint> constraints;

  SlotId input_channels = kNoSlot, input_height = kNoSlot, input_width = kNoSlot;
  SlotId depth_multiplier = kNoSlot;
  int channel_divisor = 8;
  int classes = 0;
  Graph main;
  std::vector<Graph> graphs;
};

// Limits that no meaningful space reaches; they keep a broken file from exhausting memory.
constexpr std::size_t kMaxParameters = 32;
constexpr std::size_t kMaxEdges = 64;
constexpr int kMaxDepth = 1000;
constexpr int kMaxOperators = 50'000;

// Throws InputError with file:line:column, cause and remedy.
Plan load_plan(std::string_view toml, const std::string& source);

// Why a candidate cannot be built: the message names stage, decisions and cause.
class Obstacle : public InputError {
 public:
  Obstacle(std::string message, std::string cause)
      : InputError(std::move(message)), cause_(std::move(cause)) {}
  const std::string& cause() const { return cause_; }

 private:
  std::string cause_;
};

// The network of a candidate. Throws Obstacle, or InputError where it is the input that cannot be.
Network decode(const Plan& plan, const std::uint16_t* choices);

// Empty, or the constraint that the (normalised) candidate breaks. `network_constraints` = false leaves out
// those that would have to decode it.
std::string violated_constraint(const Plan& plan, const std::uint16_t* choices,
                                bool network_constraints = true);

// The value of a slot for a candidate, checked against its kind and limits: a number, also where the kind has
// names; only `free` may be a text. Throws InputError naming the place.
Value slot_value(const Plan& plan, const Slot& slot, const Environment& environment, int block_index);

// What a placement builds. Throws InputError when its expression gives no block that it may.
const BlockUse& chosen_block(const Plan& plan, const Placement& placement, const Environment& environment,
                             int block_index);

}  // namespace assay::plan
