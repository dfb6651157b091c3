// Graphs of nodes: the stages themselves, cells, and other user blocks.
#include "assay/base/error.hpp"

#include "decoder.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace assay::plan {
namespace {

double at(const Variables& variables, Variable v) {
  return variables[static_cast<std::size_t>(v)];
}

int ceil_divide(int a, int b) {
  return (a + b - 1) / b;
}

}  // namespace

void Decoder::Sources::push(OpId id, Shape shape) {
  ids.push_back(id);
  shapes.push_back(shape);
}

void Decoder::stages() {
  const Graph& main = plan_.main;
  Sources sources;
  sources.ids.reserve(main.nodes.size() + 1);
  sources.shapes.reserve(main.nodes.size() + 1);
  sources.push(0, builder_.shape(0));
  std::vector<bool> consumed(main.nodes.size() + 1, false);
  Frame frame;
  for (stage_ = 0; stage_ < main.nodes.size(); ++stage_) {
    const GraphNode& node = main.nodes[stage_];
    frame.nodes = sources.shapes.data();
    bool plain = true;
    OpId x = aggregate(node, sources, main, frame, consumed, plain);
    if (!node.placement.empty()) x = place(node.placement, x, {}, frame, true);
    sources.push(x, builder_.shape(x));
  }
  finished_.push_back(output(main, sources, consumed));
}

// What the block `steps` before the one that made x put out; the earliest block stands in for what was before
// it, as the stem does for both inputs of the first cell in DARTS.
OpId Decoder::input_before(OpId x, std::size_t steps) const {
  const auto found = std::find(finished_.rbegin(), finished_.rend(), x);
  if (found == finished_.rend()) return x;
  const auto index = static_cast<std::size_t>(finished_.rend() - found) - 1;
  return finished_[index - std::min(index, steps)];
}

OpId Decoder::graph(const Graph& graph, OpId x, Frame& frame) {
  Sources sources;
  sources.ids.reserve(graph.nodes.size() + static_cast<std::size_t>(graph.inputs));
  sources.shapes.reserve(graph.nodes.size() + static_cast<std::size_t>(graph.inputs));
  const auto inputs = static_cast<std::size_t>(graph.inputs);
  int least_height = builder_.shape(x).height;
  for (std::size_t i = 0; i < inputs; ++i) {
    const OpId input = input_before(x, inputs - 1 - i);
    least_height = std::min(least_height, builder_.shape(input).height);
    sources.push(input, builder_.shape(input));
  }
  const int channels = static_cast<int>(at(*frame.block, Variable::out));
  const int stride = static_cast<int>(at(*frame.block, Variable::stride));
  frame.nodes = sources.shapes.data();
  if (!graph.preprocess.empty()) {
    for (std::size_t i = 0; i < inputs; ++i) {
      // Inputs of earlier, larger stages come down to the size of the last one.
      const Inherited matching{channels, ceil_divide(sources.shapes[i].height, least_height)};
      sources.ids[i] = place(graph.preprocess, sources.ids[i], matching, frame, false);
      sources.shapes[i] = builder_.shape(sources.ids[i]);
    }
  }
  std::vector<bool> consumed(graph.nodes.size() + inputs, false);
  for (const GraphNode& node : graph.nodes) {
    bool plain = true;
    OpId y = aggregate(node, sources, graph, frame, consumed, plain);
    if (!node.placement.empty()) y = place(node.placement, y, {channels, plain ? stride : 1}, frame, false);
    sources.push(y, builder_.shape(y));
  }
  return output(graph, sources, consumed);
}

// A node's inputs, each through its edge's block, combined. `plain_inputs`: all came unchanged from the
// graph's inputs, so that the node's own block is the one to apply the stride.
OpId Decoder::aggregate(const GraphNode& node, Sources& sources, const Graph& graph, Frame& frame,
                        std::vector<bool>& consumed, bool& plain_inputs) {
  const bool inside = frame.block != nullptr;
  const int channels = inside ? static_cast<int>(at(*frame.block, Variable::out)) : 0;
  const int block_stride = inside ? static_cast<int>(at(*frame.block, Variable::stride)) : 1;
  std::array<OpId, kMaxEdges> values;
  std::size_t count = 0;
  plain_inputs = true;
  for (const Edge& edge : node.inputs) {
    const auto from = static_cast<std::size_t>(value(edge.from, frame));
    const bool outside = from < static_cast<std::size_t>(graph.inputs);
    plain_inputs = plain_inputs && outside && edge.placement.empty();
    if (is_none(edge, frame)) continue;
    consumed[from] = true;
    OpId x = sources.ids[from];
    if (!edge.placement.empty())
      x = place(edge.placement, x, {channels, outside ? block_stride : 1}, frame, false);
    values[count++] = x;
  }
  const Aggregate how =
      node.aggregate == kNoSlot ? Aggregate::add : static_cast<Aggregate>(integer(node.aggregate, frame));
  if (count > 0) return combine(std::span(values).first(count), how, node.name);
  // Every edge is "none": the node is zero.
  const Edge& first = node.inputs.front();
  const auto from = static_cast<std::size_t>(value(first.from, frame));
  const int zero_channels = channels > 0 ? channels : sources.shapes[from].channels;
  const Scope scope(*this, node.name);
  return builder_.zero(sources.ids[from], zero_channels,
                       from < static_cast<std::size_t>(graph.inputs) ? block_stride : 1, "zero");
}

OpId Decoder::combine(std::span<const OpId> values, Aggregate how, std::string_view name) {
  if (values.size() == 1) return values[0];
  const Scope scope(*this, name);
  if (how == Aggregate::add) return builder_.sum(values, "add");
  if (how == Aggregate::concat) return builder_.concat(values, "concat");
  OpId product = values[0];
  for (const OpId factor : values.subspan(1)) product = builder_.multiply(product, factor, "multiply");
  return product;
}

OpId Decoder::output(const Graph& graph, const Sources& sources, const std::vector<bool>& consumed) {
  const auto inputs = static_cast<std::size_t>(graph.inputs);
  std::vector<OpId> ends;
  switch (graph.output) {
    case GraphOutput::last:
      return sources.ids.back();
    case GraphOutput::all:
      ends.assign(sources.ids.begin() + graph.inputs, sources.ids.end());
      break;
    case GraphOutput::loose_ends:
      for (std::size_t i = inputs; i < sources.ids.size(); ++i)
        if (!consumed[i]) ends.push_back(sources.ids[i]);
      break;
    case GraphOutput::listed:
      for (const int i : graph.listed) ends.push_back(sources.ids[static_cast<std::size_t>(i)]);
      break;
  }
  return builder_.concat(ends, "concat");
}

// NAS-Bench-101 (Ying et al. 2019): only nodes on a path from input to output exist; those that feed the
// output share its channels, the others have as many as their widest reader; wider values are cut for
// narrower readers; the input reaches every node through its edge's block (a 1x1 projection) and the output
// by addition.
OpId Decoder::split_graph(const Graph& graph, OpId x, Frame& frame) {
  const std::size_t nodes = graph.nodes.size() + 1;
  const std::size_t last = nodes - 1;
  const auto edge = [&](std::size_t from, std::size_t to) -> const Edge& {
    return graph.nodes[to - 1].inputs[from];
  };
  std::vector<std::vector<bool>> present(nodes, std::vector<bool>(nodes, false));
  std::vector<bool> reached(nodes, false), reaching(nodes, false);
  reached[0] = reaching[last] = true;
  for (std::size_t to = 1; to < nodes; ++to) {
    for (std::size_t from = 0; from < to; ++from) {
      present[from][to] = !is_none(edge(from, to), frame);
      if (present[from][to] && reached[from]) reached[to] = true;
    }
  }
  if (!reached[last])
    throw InputError(fmt::format(
        "The output of cell \"{}\" is not connected to its input. Choose other edges.", graph.name));
  for (std::size_t from = last; from-- > 0;)
    for (std::size_t to = from + 1; to < nodes; ++to)
      if (present[from][to] && reaching[to]) reaching[from] = true;
  const auto alive = [&](std::size_t n) { return reached[n] && reaching[n]; };

  const int out = static_cast<int>(at(*frame.block, Variable::out));
  const int stride = static_cast<int>(at(*frame.block, Variable::stride));
  std::vector<std::size_t> feeding;
  for (std::size_t n = 1; n < last; ++n)
    if (alive(n) && present[n][last]) feeding.push_back(n);
  std::vector<int> channels(nodes, 0);
  channels[last] = out;
  const int sharing = static_cast<int>(feeding.size());
  for (int i = 0; i < sharing; ++i)
    channels[feeding[static_cast<std::size_t>(i)]] = out / sharing + (i < out % sharing ? 1 : 0);
  for (std::size_t n = last; n-- > 1;)
    for (std::size_t to = n + 1; alive(n) && !present[n][last] && to < last; ++to)
      if (present[n][to] && alive(to)) channels[n] = std::max(channels[n], channels[to]);

  std::vector<OpId> values(nodes, x);
  frame.nodes = nullptr;
  for (std::size_t to = 1; to < last; ++to) {
    if (!alive(to)) continue;
    std::vector<OpId> terms;
    for (std::size_t from = 0; from < to; ++from) {
      if (!present[from][to] || !alive(from)) continue;
      OpId value = values[from];
      if (from > 0 && channels[from] > channels[to]) {
        const Scope scope(*this, edge(from, to).placement.scope);
        Operator cut;
        cut.kind = OpKind::slice;
        cut.channels = channels[to];
        value = builder_.add(cut, {value}, "slice");
      }
      terms.push_back(
          place(edge(from, to).placement, value, {channels[to], from == 0 ? stride : 1}, frame, false));
    }
    values[to] = combine(terms, Aggregate::add, graph.nodes[to - 1].name);
    const Placement& op = graph.nodes[to - 1].placement;
    if (!op.empty()) values[to] = place(op, values[to], {channels[to], 1}, frame, false);
  }
  std::vector<OpId> ends;
  for (const std::size_t n : feeding)
    ends.push_back(place(edge(n, last).placement, values[n], {channels[n], 1}, frame, false));
  OpId result = ends.empty() ? -1 : combine(ends, Aggregate::concat, graph.nodes[last - 1].name);
  if (present[0][last]) {
    const OpId direct = place(edge(0, last).placement, x, {out, stride}, frame, false);
    const Scope scope(*this, graph.nodes[last - 1].name);
    result = result < 0 ? direct : builder_.sum(result, direct, "add");
  }
  const Placement& op = graph.nodes[last - 1].placement;
  return op.empty() ? result : place(op, result, {out, 1}, frame, false);
}

}  // namespace assay::plan
