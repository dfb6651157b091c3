#include "assay/network/builder.hpp"
#include "assay/network/executed.hpp"
#include "assay/network/network.hpp"

#include "resolve.hpp"

#include <algorithm>

namespace assay {

std::uint64_t fingerprint(const Network& network) {
  return identify(network).fingerprint;
}

Identity identify(const Network& network) {
  thread_local Resolution resolution;
  resolution.resolve(network);
  bool minimal = true;
  for (OpId id = 1; id < network.size(); ++id)
    minimal = minimal && resolution.live(id) && resolution.representative(id) == id;
  return {resolution.fingerprint(), minimal};
}

Network canonical(const Network& network) {
  thread_local Resolution resolution;
  resolution.resolve(network);

  NetworkBuilder builder(network.input_shape(), network.title());
  std::vector<OpId> made(static_cast<std::size_t>(network.size()), -1);
  made[0] = 0;
  std::vector<std::vector<OpId>> ordered(static_cast<std::size_t>(network.size()));

  const auto add_zero = [&](Shape shape) {
    return builder.add({.kind = OpKind::zero,
                        .channels = shape.channels,
                        .resize_height = shape.height,
                        .resize_width = shape.width},
                       {0}, "zero");
  };
  if (resolution.output() == Resolution::zero)
    return std::move(builder).finish(add_zero(network.output_shape()));

  // Depth first from the output, commutative inputs by colour: an order that the function alone decides.
  // Written with a stack, because a network read from a file may be deeper than the call stack.
  struct Visit {
    OpId id;
    std::size_t next_input;
  };
  std::vector<Visit> stack = {{resolution.output(), 0}};
  std::vector<OpId> inputs;
  while (!stack.empty()) {
    Visit& visit = stack.back();
    const OpId id = visit.id;
    std::vector<OpId>& order = ordered[id];
    if (visit.next_input == 0) {
      order.assign(resolution.inputs(id).begin(), resolution.inputs(id).end());
      if (network.op(id).is_commutative()) {
        std::stable_sort(order.begin(), order.end(), [&](OpId a, OpId b) {
          return a != b && resolution.colour(a) < resolution.colour(b);
        });
      }
    }
    if (visit.next_input < order.size()) {
      const OpId input = order[visit.next_input++];
      if (input != Resolution::zero && made[input] < 0) stack.push_back({input, 0});
      continue;
    }
    if (made[id] < 0) {
      inputs.clear();
      for (std::size_t i = 0; i < order.size(); ++i) {
        inputs.push_back(order[i] != Resolution::zero ? made[order[i]]
                                                      : add_zero(network.shape(network.inputs(id)[i])));
      }
      made[id] = builder.add(network.op(id), inputs, network.name(id));
    }
    stack.pop_back();
  }
  for (const BlockMark& block : network.blocks()) {
    const OpId representative = resolution.representative(block.output);
    if (representative != Resolution::zero && made[representative] >= 0) {
      builder.mark_block(made[representative], block.name);
    }
  }
  return std::move(builder).finish(made[resolution.output()]);
}

std::vector<BlockMark> blocks_or_cuts(const Network& network) {
  if (!network.blocks().empty()) return {network.blocks().begin(), network.blocks().end()};
  const auto consumers = network.consumers();
  std::vector<char> live(static_cast<std::size_t>(network.size()), 0);
  live[network.output()] = 1;
  for (OpId id = network.output(); id > 0; --id) {
    if (live[id] == 0) continue;
    for (const OpId input : network.inputs(id)) live[input] = 1;
  }
  const auto last_live_consumer = [&](OpId id) {
    OpId last = 0;
    for (const OpId c : consumers[id]) {
      if (live[c] != 0) last = c;
    }
    return last;
  };
  std::vector<BlockMark> cuts;
  OpId reach = last_live_consumer(0);  // the furthest operator that an edge from before reaches
  for (OpId id = 1; id < network.output(); ++id) {
    if (live[id] == 0) continue;
    const OpKind kind = network.op(id).kind;
    if (kind == OpKind::flatten || kind == OpKind::linear || kind == OpKind::global_average_pool ||
        kind == OpKind::global_max_pool) {
      if (reach <= id) break;  // the classifier begins; inside a branch it is a squeeze-excite gate
    }
    const OpId last = last_live_consumer(id);
    if (reach <= id) {
      // A norm or activation that alone follows belongs to the same chain: the cut is behind it.
      const OpId next = std::ranges::find_if(consumers[id], [&](OpId c) { return live[c] != 0; })[0];
      const OpKind next_kind = network.op(next).kind;
      const bool chain_goes_on = next == last &&
                                 (next_kind == OpKind::batch_norm || next_kind == OpKind::layer_norm ||
                                  next_kind == OpKind::activation) &&
                                 next != network.output();
      if (!chain_goes_on) cuts.push_back({id, std::string(network.name(id))});
    }
    reach = std::max(reach, last);
  }
  return cuts;
}

Network executed(Network declared) {
  return identify(declared).minimal ? std::move(declared) : canonical(declared);
}

}  // namespace assay
