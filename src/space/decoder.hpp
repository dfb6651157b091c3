// Candidate to network: one walk through the plan with the candidate's choices.
#pragma once

#include "plan.hpp"

#include <span>
#include <string>
#include <vector>

namespace assay::plan {

class Decoder {
 public:
  Decoder(const Plan& plan, const std::uint16_t* choices);
  Network run();

 private:
  // What the attributes of the block that is being built may read.
  struct Frame {
    Variables variables{};
    const Variables* block = nullptr;  // of the user block around
    const Value* parameters = nullptr;
    const Shape* nodes = nullptr;  // of the graph around
    int index = 0;                 // of the block in its stage
  };
  // The values of a graph's inputs and finished nodes.
  struct Sources {
    std::vector<OpId> ids;
    std::vector<Shape> shapes;
    void push(OpId id, Shape shape);
  };
  // What a placement takes where it does not say itself; channels 0: those of its input.
  struct Inherited {
    int channels = 0;
    int stride = 1;
  };
  class Scope;

  Shape input_shape();
  Environment environment(const Frame& frame) const;
  Value any_value(SlotId id, const Frame& frame) const;
  double value(SlotId id, const Frame& frame) const { return any_value(id, frame).number; }
  int integer(SlotId id, const Frame& frame) const { return static_cast<int>(value(id, frame)); }
  bool per_block(SlotId id) const { return plan_.slots[static_cast<std::size_t>(id)].decisions.size() > 1; }
  void enter(Frame& frame, OpId x) const;

  const BlockUse& chosen(const Placement& placement, const Frame& frame) const;
  bool is_none(const Edge& edge, const Frame& frame) const;
  int placed_channels(const Placement& placement, const Frame& frame) const;
  OpId place(const Placement& placement, OpId x, Inherited inherited, const Frame& around, bool stage);
  OpId build(const BlockUse& use, OpId x, Inherited inherited, Frame& frame);
  OpId user_block(const BlockUse& use, OpId x, const Frame& frame);
  OpId input_before(OpId x, std::size_t steps) const;

  void stages();
  OpId graph(const Graph& graph, OpId x, Frame& frame);
  OpId aggregate(const GraphNode& node, Sources& sources, const Graph& graph, Frame& frame,
                 std::vector<bool>& consumed, bool& plain_inputs);
  OpId combine(std::span<const OpId> values, Aggregate how, std::string_view name);
  OpId output(const Graph& graph, const Sources& sources, const std::vector<bool>& consumed);
  OpId split_graph(const Graph& graph, OpId x, Frame& frame);

  std::string blame(const std::string& cause) const;

  const Plan& plan_;
  const std::uint16_t* choices_;
  Globals globals_{};
  std::string scope_;
  NetworkBuilder builder_;
  std::vector<OpId> finished_;  // outputs of the blocks of all stages so far
  std::size_t stage_ = 0;       // being built
  int blocks_ = 0;              // built so far
  int none_type_;
};

// The operators' names: "stage2.block1.expand", in a cell "stage2.block1.edge_0_1.conv".
class Decoder::Scope {
 public:
  Scope(Decoder& decoder, std::string_view part, int block = 0);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Decoder& decoder_;
  std::size_t length_;
};

}  // namespace assay::plan
