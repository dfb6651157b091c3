#include "fusion.hpp"

#include "contraction.hpp"

#include <algorithm>

namespace assay {

std::vector<bool> live_operators(const Network& network, const CompileOptions& options) {
  std::vector<bool> live(static_cast<std::size_t>(network.size()));
  live[0] = true;
  live[static_cast<std::size_t>(network.output())] = true;
  for (const auto* taps : {&options.forward_taps, &options.gradient_taps}) {
    for (const OpId id : *taps) live[static_cast<std::size_t>(id)] = true;
  }
  for (OpId id = network.size() - 1; id > 0; --id) {
    if (!live[static_cast<std::size_t>(id)] || network.op(id).kind == OpKind::zero) continue;
    for (const OpId input : network.inputs(id)) live[static_cast<std::size_t>(input)] = true;
  }
  return live;
}

namespace {

std::size_t index(OpId id) {
  return static_cast<std::size_t>(id);
}

bool is_contraction(OpKind kind) {
  return kind == OpKind::convolution || kind == OpKind::transposed_convolution || kind == OpKind::linear;
}

ActivationFunction activation_of(const Operator& op) {
  return {op.activation, op.parameter};
}

class Fuser {
 public:
  Fuser(const Network& network, const CompileOptions& options)
      : network_(network),
        training_(options.backward),
        inference_(options.inference && !options.backward &&
                   options.batch_norm == BatchNormMode::running_statistics),
        live_(live_operators(network, options)),
        uses_(index(network.size())),
        exposed_(index(network.size())),
        gradient_tapped_(index(network.size())),
        group_of_(index(network.size()), -1) {
    result_.tensor_of.assign(index(network.size()), -1);
    for (OpId id = 1; id < network.size(); ++id) {
      if (!live_[index(id)] || network.op(id).kind == OpKind::zero) continue;
      for (const OpId input : network.inputs(id)) ++uses_[index(input)];
    }
    exposed_[0] = exposed_[index(network.output())] = true;
    for (const OpId id : options.forward_taps) exposed_[index(id)] = true;
    for (const OpId id : options.gradient_taps) exposed_[index(id)] = gradient_tapped_[index(id)] = true;
  }

  Fusion run() {
    result_.tensor_of[0] = 0;
    for (OpId id = 1; id < network_.size(); ++id) {
      if (live_[index(id)]) add(id);
    }
    std::erase_if(result_.groups, [&](const Group& group) {
      // Sums leave their zero inputs out, which may leave those without a reader.
      const bool unread = group.op >= 0 && network_.op(group.output).kind == OpKind::zero &&
                          uses_[index(group.output)] == 0 && !exposed_[index(group.output)];
      if (unread) result_.tensor_of[index(group.output)] = -1;
      return group.op < 0 || unread;
    });
    return std::move(result_);
  }

 private:
  // The tensor may vanish: one consumer, and nobody else looks at it.
  bool is_private(OpId id) const { return uses_[index(id)] == 1 && !exposed_[index(id)]; }

  Group* group_of(OpId id) {
    const int group = group_of_[index(id)];
    return group < 0 ? nullptr : &result_.groups[static_cast<std::size_t>(group)];
  }

  void add(OpId id) {
    const Operator& op = network_.op(id);
    const auto inputs = network_.inputs(id);
    switch (op.kind) {
      case OpKind::batch_norm:
        if (fold_norm(id, inputs[0])) return;
        emit({.kind = OpKind::add, .op = id, .inputs = {{tensor(inputs[0]), id}}}, id);
        return;
      case OpKind::activation:
        if (join_activation(id, inputs[0]) || reuse(id)) return;
        emit({.kind = OpKind::add, .op = id, .activation = id, .inputs = {{tensor(inputs[0])}}}, id);
        return;
      case OpKind::add:
        if (!join_residual(id, inputs)) add_sum(id, inputs);
        return;
      case OpKind::zero:
        emit({.kind = OpKind::add, .op = id}, id);
        return;
      case OpKind::flatten:
        if (network_.shape(inputs[0]) == network_.shape(id) && !gradient_tapped_[index(id)] &&
            tensor(inputs[0]) != 0) {
          share(id, tensor(inputs[0]));
          return;
        }
        [[fallthrough]];
      default:
        if (reuse(id)) return;
        Group group{.kind = op.kind, .op = id};
        for (const OpId input : inputs) group.inputs.push_back({tensor(input)});
        emit(std::move(group), id);
    }
  }

  OpId tensor(OpId id) const { return result_.tensor_of[index(id)]; }

  void emit(Group group, OpId id) {
    result_.groups.push_back(std::move(group));
    finish(static_cast<int>(result_.groups.size()) - 1, id);
  }

  void finish(int group, OpId id) {
    result_.groups[static_cast<std::size_t>(group)].output = id;
    group_of_[index(id)] = group;
    result_.tensor_of[index(id)] = id;
  }

  // Fused into the group of `from`, whose tensor vanishes. The group moves to the end: what else `id` reads
  // is there by then.
  void join(OpId from, OpId id) {
    Group group = std::move(*group_of(from));
    *group_of(from) = {};
    result_.tensor_of[index(from)] = -1;
    group_of_[index(from)] = -1;
    emit(std::move(group), id);
  }

  bool fold_norm(OpId id, OpId input) {
    Group* group = group_of(input);
    if (!inference_ || group == nullptr || !is_private(input) || !is_contraction(group->kind) ||
        group->activation >= 0 || group->folded_norm >= 0 || group->residual >= 0) {
      return false;
    }
    group->folded_norm = id;
    join(input, id);
    return true;
  }

  bool join_activation(OpId id, OpId input) {
    Group* group = group_of(input);
    if (group == nullptr || !is_private(input) || group->activation >= 0 || tensor(input) != input)
      return false;
    const ActivationFunction function = activation_of(network_.op(id));
    if (inference_ && !function.keeps_zero()) return false;
    if (is_contraction(group->kind)) {
      const Extent extent = Extent::blocked(network_.shape(id));
      if (!inference_ && !Epilogue::supports(function, extent)) return false;
      if (training_ && !function.derivative_from_output()) return false;
      group->activation_first = group->residual < 0;
    } else if (group->kind == OpKind::multiply) {
      if (!inference_) return false;
    } else if (group->kind == OpKind::add && !group->inputs.empty()) {
      const bool single_norm = group->inputs.size() == 1 && group->inputs[0].norm >= 0;
      if (training_ && !single_norm && !function.derivative_from_output()) return false;
    } else {
      return false;
    }
    group->activation = id;
    join(input, id);
    return true;
  }

  // conv (+ folded batch norm, + activation) + residual, in the convolution that runs last.
  bool join_residual(OpId id, std::span<const OpId> inputs) {
    if (!inference_ || inputs.size() != 2) return false;
    const auto main_op = [&](OpId input) {
      const Group* group = group_of(input);
      return group == nullptr ? -1 : group->op;
    };
    const int side = main_op(inputs[1]) > main_op(inputs[0]) ? 1 : 0;
    const OpId from = inputs[index(side)], other = tensor(inputs[index(1 - side)]);
    Group* group = group_of(from);
    if (group == nullptr || !is_private(from) || !is_contraction(group->kind) || group->residual >= 0 ||
        tensor(from) != from || other < 0) {
      return false;
    }
    group->residual = other;
    join(from, id);
    return true;
  }

  void add_sum(OpId id, std::span<const OpId> inputs) {
    Group group{.kind = OpKind::add, .op = id};
    std::vector<OpId> absorbed;
    for (const OpId input : inputs) {
      if (network_.op(input).kind == OpKind::zero && !gradient_tapped_[index(input)]) {
        --uses_[index(input)];
        continue;
      }
      const Group* producer = group_of(input);
      const bool norm = !inference_ && network_.op(input).kind == OpKind::batch_norm && producer != nullptr &&
                        is_private(input) && producer->kind == OpKind::add && producer->output == input &&
                        tensor(input) == input;
      if (norm) {
        group.inputs.push_back(producer->inputs[0]);
        absorbed.push_back(input);
      } else {
        group.inputs.push_back({tensor(input)});
      }
    }
    if (group.inputs.size() == 1 && group.inputs[0].norm < 0 && group.inputs[0].source > 0 &&
        !gradient_tapped_[index(id)]) {
      share(id, group.inputs[0].source);
      return;
    }
    for (const OpId input : absorbed) {
      *group_of(input) = {};
      group_of_[index(input)] = -1;
      result_.tensor_of[index(input)] = -1;
    }
    emit(std::move(group), id);
  }

  // An operator without parameters that does what an earlier one does shares that one's tensor (cells apply
  // the same ReLU or pooling to a node once per edge).
  bool reuse(OpId id) {
    const Operator& op = network_.op(id);
    if (op.has_parameters() || gradient_tapped_[index(id)]) return false;
    const auto inputs = network_.inputs(id);
    for (const Group& group : result_.groups) {
      if (group.op < 0 || group.op != group.output || group.output == id) continue;
      if (gradient_tapped_[index(group.op)] || !(network_.op(group.op) == op) ||
          network_.shape(group.op) != network_.shape(id) || group.inputs.size() != inputs.size()) {
        continue;
      }
      const bool same =
          std::equal(inputs.begin(), inputs.end(), group.inputs.begin(),
                     [&](OpId a, const GroupInput& b) { return b.norm < 0 && tensor(a) == b.source; });
      if (!same) continue;
      share(id, group.output);
      return true;
    }
    return false;
  }

  // Lets `id` name the tensor of an earlier operator, which has more readers now than that operator declares.
  void share(OpId id, OpId owner) {
    result_.tensor_of[index(id)] = owner;
    uses_[index(owner)] += uses_[index(id)];
    exposed_[index(owner)] = exposed_[index(owner)] || exposed_[index(id)];
  }

  const Network& network_;
  bool training_, inference_;
  std::vector<bool> live_;
  std::vector<int> uses_;
  std::vector<bool> exposed_, gradient_tapped_;
  std::vector<int> group_of_;  // by the operator whose tensor is the group's
  Fusion result_;
};

}  // namespace

Fusion fuse(const Network& network, const CompileOptions& options) {
  return Fuser(network, options).run();
}

}  // namespace assay
