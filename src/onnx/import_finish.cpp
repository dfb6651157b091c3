#include "import_finish.hpp"

#include "assay/base/error.hpp"
#include "assay/network/builder.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

class Finisher {
 public:
  Finisher(const Draft& draft, const std::vector<OpId>& outputs)
      : draft_(draft),
        readers_(static_cast<std::size_t>(draft.size()), 0),
        host_(readers_.size(), -1),
        folded_(readers_.size()),
        made_(readers_.size(), -1) {
    for (const OpId output : outputs) ++readers_[at(output)];
    for (OpId id = draft.size() - 1; id > 0; --id) {
      if (readers_[at(id)] == 0) continue;
      for (const OpId input : draft.op(id).inputs) ++readers_[at(input)];
    }
    for (const OpId output : outputs) readers_[at(output)] += 2;  // their values are seen: never folded away
    fold_affines();
  }

  bool live(OpId id) const { return readers_[at(id)] > 0; }

  Network build(Shape input, const std::string& title, const std::vector<OpId>& outputs) {
    NetworkBuilder builder(input, title);
    made_[0] = 0;
    for (OpId id = 1; id < draft_.size(); ++id) {
      if (!live(id)) continue;
      const DraftOp& op = draft_.op(id);
      std::vector<OpId> inputs;
      for (const OpId input_id : op.inputs) inputs.push_back(made_[at(input_id)]);
      // A stand-in costs nothing: it is what it reads.
      if (host_[at(id)] >= 0 || (op.gap >= 0 && is_stand_in(op))) {
        made_[at(id)] = inputs[0];
        continue;
      }
      Operator final_op = op.op;
      if (op.op.has_parameters() && op.op.kind != OpKind::batch_norm && op.op.kind != OpKind::layer_norm)
        final_op.bias = needs_bias(id);
      made_[at(id)] = builder.add(final_op, inputs, op.name);
      if (op.op.has_parameters()) sources_.push_back({made_[at(id)], id, final_op.bias});
    }
    OpId result = made_[at(outputs[0])];
    if (outputs.size() > 1) {
      std::vector<OpId> all;
      for (const OpId output : outputs) all.push_back(made_[at(output)]);
      result = builder.add({.kind = OpKind::outputs}, all, "outputs");
    }
    return std::move(builder).finish(result);
  }

  // A tensor of the file may be the weights of any number of operators: `most` values are made of them.
  Weights weights(const Network& network, std::int64_t most) const {
    std::int64_t count = 0;
    for (OpId id = 0; id < network.size(); ++id) {
      for (const ParameterRole role : parameter_roles(network.op(id))) {
        count += count_of(parameter_dims(network, id, role));
        if (count > most) {
          throw InputError(
              fmt::format("Its operators have more than {} weights, many times what it holds. Export it "
                          "again.",
                          most));
        }
      }
    }
    Weights weights;
    for (const auto& [made, source, bias] : sources_)
      append_weights(weights, made, draft_, source, folded_[at(source)], bias);
    return weights;
  }

 private:
  static std::size_t at(OpId id) { return static_cast<std::size_t>(id); }
  static bool is_stand_in(const DraftOp& op) {
    return op.mark == Mark::centred || op.mark == Mark::square_root || op.mark == Mark::erf ||
           op.mark == Mark::gap;
  }

  // An affine function of what one operator with weights makes for it alone is folded into the weights.
  void fold_affines() {
    for (OpId id = 1; id < draft_.size(); ++id) {
      if (!live(id) || draft_.op(id).mark != Mark::affine) continue;
      const OpId x = draft_.op(id).inputs[0];
      if (readers_[at(x)] != 1) continue;
      const OpId host = host_[at(x)] >= 0 ? host_[at(x)] : x;
      if (!draft_.op(host).op.has_parameters()) continue;
      host_[at(id)] = host;
      folded_[at(host)].push_back(id);
    }
  }

  bool needs_bias(OpId id) const {
    const auto shifts = [&](OpId affine) {
      const auto& shift = std::get<Affine>(draft_.op(affine).values).shift;
      return std::ranges::any_of(shift, [](float value) { return value != 0; });
    };
    const DraftOp& op = draft_.op(id);
    const bool own = op.mark == Mark::affine ? shifts(id) : op.op.bias;
    return own || std::ranges::any_of(folded_[at(id)], shifts);
  }

  struct Source {
    OpId made, draft;
    bool bias;
  };

  const Draft& draft_;
  std::vector<int> readers_;
  std::vector<OpId> host_;                 // that an affine function was folded into; -1: none
  std::vector<std::vector<OpId>> folded_;  // into each operator
  std::vector<OpId> made_;
  std::vector<Source> sources_;
};

std::vector<ImportGap> gaps_of(const Graph& graph, const std::vector<int>& nodes) {
  std::vector<ImportGap> gaps;
  std::map<std::string, std::size_t> by_kind;
  for (const int number : nodes) {
    const GapNode& node = graph.gap_nodes()[static_cast<std::size_t>(number)];
    const auto [found, is_new] = by_kind.try_emplace(node.kind, gaps.size());
    if (is_new) gaps.push_back({.kind = node.kind, .count = 0, .node = node.node, .reason = node.reason});
    ++gaps[found->second].count;
  }
  return gaps;
}

[[noreturn]] void fail_with_gaps(const std::vector<ImportGap>& gaps) {
  std::string text = "These operators of the model have no counterpart in a network:";
  for (const ImportGap& gap : gaps) {
    text += fmt::format("\n  {} ({} time{}), first \"{}\": {}", gap.kind, gap.count,
                        gap.count == 1 ? "" : "s", gap.node, gap.reason);
  }
  throw InputError(text +
                   "\nReplace them in the model, or stop before them with --output-name NAME. assay estimate "
                   "--allow-gaps goes on without them.");
}

}  // namespace

ImportedModel finish(Graph& graph, const ImportOptions& options, const std::string& title) {
  auto outputs = graph.outputs();
  std::vector<OpId> ids;
  for (const auto& [view, layout] : outputs) ids.push_back(view.id);
  Finisher finisher(graph.draft(), ids);
  std::vector<int> gap_nodes = graph.unbridged();
  for (OpId id = 1; id < graph.draft().size(); ++id) {
    if (finisher.live(id) && graph.draft().op(id).gap >= 0) gap_nodes.push_back(graph.draft().op(id).gap);
  }
  std::ranges::sort(gap_nodes);
  gap_nodes.erase(std::unique(gap_nodes.begin(), gap_nodes.end()), gap_nodes.end());
  ImportedModel model;
  model.gaps = gaps_of(graph, gap_nodes);
  if (!model.gaps.empty() && !options.allow_gaps) fail_with_gaps(model.gaps);
  if (ids.empty()) {
    throw InputError(
        fmt::format("Nothing is known of the outputs, because the shape behind \"{}\" ({}: {}) is "
                    "not known. Stop before it with --output-name NAME.",
                    model.gaps[0].node, model.gaps[0].kind, model.gaps[0].reason));
  }
  model.notes = std::move(graph.notes());
  for (const ImportGap& gap : model.gaps) {
    model.notes.push_back(fmt::format("{} ({} time{}, first \"{}\") was left out: {}.", gap.kind, gap.count,
                                      gap.count == 1 ? "" : "s", gap.node, gap.reason));
  }
  model.network = finisher.build(graph.draft().shape(0), title, ids);
  model.input = graph.input_layout();
  std::int64_t offset = 0;
  std::vector<std::string> names;
  for (auto& [view, layout] : outputs) {
    layout.offset = offset;
    offset += graph.draft().shape(view.id).elements();
    names.push_back(layout.name);
    model.outputs.push_back(std::move(layout));
  }
  if (names.size() > 1) {
    model.notes.push_back(
        fmt::format("The model has {} outputs, all of which are taken: {}. --output-name NAME takes "
                    "one.",
                    names.size(), fmt::join(names, ", ")));
  }
  constexpr std::int64_t spare_weights = 1 << 26;
  if (options.weights) model.weights = finisher.weights(model.network, spare_weights + 4 * graph.bytes());
  return model;
}

}  // namespace assay::onnx_import
