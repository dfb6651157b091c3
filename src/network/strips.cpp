// Which chains run in strips (MemoryPolicy::strip_rows), and what their rolling buffers take.
#include "memory_graph.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace assay {
namespace {

// How `by` consumes the rows of the tensor that `made` makes; nothing when it needs more than a window of
// rows at once, or another shape of the tensor.
std::optional<RowWindow> row_window(const Network& network, OpId by, OpId made, std::int32_t strip_rows) {
  const std::span<const OpId> inputs = network.inputs(by);
  if (std::find(inputs.begin(), inputs.end(), made) == inputs.end()) return std::nullopt;  // flattened
  const Window& w = network.op(by).window;
  switch (network.op(by).kind) {
    case OpKind::convolution:
    case OpKind::max_pool:
    case OpKind::average_pool:
      return RowWindow{(w.kernel_h - 1) * w.dilation_h + 1, w.stride_h};
    case OpKind::global_average_pool:
    case OpKind::global_max_pool:
      return RowWindow{strip_rows, strip_rows};  // sums up strip after strip
    case OpKind::multiply:
      if (network.shape(made) != network.shape(by)) return std::nullopt;  // a gate: needed whole
      return RowWindow{};
    case OpKind::activation:
    case OpKind::batch_norm:
    case OpKind::layer_norm:
    case OpKind::add:
    case OpKind::softmax:
    case OpKind::concat:
    case OpKind::slice:
    case OpKind::channel_shuffle:
      return RowWindow{};
    default:
      return std::nullopt;
  }
}

class StripFinder {
 public:
  StripFinder(const Network& network, const MemoryPolicy& policy, const FusedOperators& fused,
              const MemoryGraph& graph)
      : network_(network), policy_(policy), graph_(graph) {
    result_.buffer_bytes.assign(static_cast<std::size_t>(network.size()), 0);
    for (OpId id = 0; id < network.size(); ++id) {
      result_.last.push_back(fused.last.empty() ? id : fused.last[id]);
    }
  }

  Strips find() {
    const auto n = static_cast<std::size_t>(graph_.size());
    before_.assign(n, -1);
    std::vector<std::int32_t> after(n, -1);
    windows_.resize(n);
    for (std::int32_t step = 1; step < graph_.size(); ++step) {
      // Of several operands the one made last: the others wait as whole tensors.
      for (const MemoryGraph::Read& read : graph_.reads(step)) {
        if (read.step == 0 || graph_.uses[read.step] != 1 || read.step < before_[step]) continue;
        const auto window = row_window(network_, read.by, graph_.steps[read.step].last, policy_.strip_rows);
        if (!window) continue;
        before_[step] = read.step;
        windows_[step] = *window;
      }
      if (before_[step] >= 0) after[before_[step]] = step;
    }
    last_reader_.assign(n, -1);
    for (std::int32_t step = 1; step < graph_.size(); ++step) {
      if (before_[step] >= 0 || after[step] < 0) continue;
      chain_.clear();
      for (std::int32_t s = step; s >= 0; s = after[s]) chain_.push_back(s);
      cut_chain();
    }
    return std::move(result_);
  }

 private:
  const MemoryGraph::Step& step(std::size_t i) const { return graph_.steps[chain_[i]]; }

  // Tensors from outside that are alive while the part of the chain that begins at each position runs: those
  // that it or a later part reads, and those that others read as well.
  void find_waiting() {
    waiting_.assign(chain_.size() + 1, 0);
    const auto each_operand = [&](auto&& action) {
      for (std::size_t i = 0; i < chain_.size(); ++i) {
        for (const MemoryGraph::Read& read : graph_.reads(chain_[i])) {
          if (i == 0 || read.step != chain_[i - 1]) action(read.step, static_cast<std::int32_t>(i));
        }
      }
    };
    std::vector<std::int32_t> readers(graph_.steps.size(), 0);
    each_operand([&](std::int32_t from, std::int32_t i) {
      last_reader_[from] = i;
      ++readers[from];
    });
    each_operand([&](std::int32_t from, std::int32_t i) {
      if (last_reader_[from] != i) return;
      const auto end = readers[from] < graph_.uses[from] ? chain_.size() : static_cast<std::size_t>(i) + 1;
      for (std::size_t k = 0; k < end; ++k) waiting_[k] += graph_.steps[from].bytes;
    });
  }

  // Parts of the chain such that the peak while it runs is least, the shortest ones that do.
  void cut_chain() {
    find_waiting();
    constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
    std::vector<std::int64_t> peak(chain_.size() + 1, none);  // of the chain up to there
    std::vector<std::size_t> begin(chain_.size() + 1, 0);     // of the part that ends there
    std::vector<std::int64_t> buffers(chain_.size() + 1, 0);  // of that part
    peak[0] = 0;
    for (std::size_t end = 1; end <= chain_.size(); ++end) {
      const MemoryGraph::Step& out = step(end - 1);
      std::int64_t held = 0;     // in rolling buffers
      std::int64_t scratch = 0;  // of the operator that needs most
      std::int64_t rows = std::min(policy_.strip_rows, network_.shape(out.last).height);
      for (std::size_t i = end; i-- > 0;) {
        scratch = std::max(scratch, step(i).scratch);
        const std::int64_t operand = i > 0 ? step(i - 1).bytes : 0;
        // One step by itself may write over its operand; while rows stream, the result has a place of its
        // own.
        const std::int64_t result = i + 1 < end
                                        ? out.bytes + scratch
                                        : graph_.fresh_bytes(chain_[i], [](std::int32_t) { return true; });
        const std::int64_t part = waiting_[i] + operand + held + result;
        if (std::max(peak[i], part) < peak[end]) {
          peak[end] = std::max(peak[i], part);
          begin[end] = i;
          buffers[end] = held;
        }
        if (i == 0 || held + out.bytes >= peak[end]) break;
        held += buffer_bytes(i, rows);
      }
    }
    for (std::size_t end = chain_.size(); end > 0; end = begin[end]) {
      if (end - begin[end] > 1) join(begin[end], end, buffers[end]);
    }
  }

  // Of the tensor between the steps i - 1 and i of the chain while step i makes `rows` rows at a time, which
  // become the rows that step i - 1 makes.
  std::int64_t buffer_bytes(std::size_t i, std::int64_t& rows) const {
    const RowWindow window = windows_[chain_[i]];
    const OpId made = step(i - 1).last;
    const std::int64_t height = network_.shape(made).height;
    const std::int64_t held =
        std::min(height, std::max((rows - 1) * window.stride + window.reach, rows * window.stride));
    rows = std::min(height, rows * window.stride);
    const std::span<const MemoryGraph::Read> reads = graph_.reads(chain_[i]);
    const auto read = std::find_if(reads.begin(), reads.end(),
                                   [&](const MemoryGraph::Read& r) { return r.step == chain_[i - 1]; });
    if (read->overwritable) return 0;  // worked on where the next buffer has it
    return step(i - 1).bytes / height * held;
  }

  void join(std::size_t begin, std::size_t end, std::int64_t buffer_bytes) {
    const OpId last = step(end - 1).last;
    std::vector<OpId> ends;
    for (std::size_t i = begin; i < end; ++i) ends.push_back(step(i).last);
    for (OpId& of : result_.last) {
      if (std::find(ends.begin(), ends.end(), of) != ends.end()) of = last;
    }
    result_.buffer_bytes[last] = buffer_bytes;
    result_.any = true;
  }

  const Network& network_;
  const MemoryPolicy& policy_;
  const MemoryGraph& graph_;
  Strips result_;
  std::vector<std::int32_t> before_;  // the step whose tensor a step consumes row by row, or -1
  std::vector<RowWindow> windows_;    // how it does
  std::vector<std::int32_t> chain_;
  std::vector<std::int64_t> waiting_;
  std::vector<std::int32_t> last_reader_;
};

}  // namespace

Strips find_strips(const Network& network, const MemoryPolicy& policy, const FusedOperators& fused,
                   const MemoryGraph& graph) {
  return StripFinder(network, policy, fused, graph).find();
}

}  // namespace assay
