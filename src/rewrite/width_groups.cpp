#include "width_groups.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <numeric>

namespace assay {
namespace {

bool is_depthwise(const Network& network, OpId id) {
  const Operator& op = network.op(id);
  return op.groups > 1 && op.groups == network.shape(network.inputs(id)[0]).channels;
}

}  // namespace

WidthGroups::WidthGroups(const Network& network)
    : network_(network),
      parts_(static_cast<std::size_t>(network.size())),
      before_(static_cast<std::size_t>(network.size())) {
  parts_[0] = {begin_group(network.input_shape().channels)};
  fixed_[0] = 1;
  for (OpId id = 1; id < network.size(); ++id) visit(id);
  for (const Part& part : parts_[network.output()]) fixed_[find(part.group)] = 1;
  collect_groups();
}

int WidthGroups::find(int group) const {
  while (parents_[group] != group) group = parents_[group];
  return group;
}

void WidthGroups::tie(int a, int b) {
  a = find(a);
  b = find(b);
  if (a == b) return;
  // The older root stays, so that paths are short and the first producer of a group is its first number.
  if (b < a) std::swap(a, b);
  parents_[b] = a;
  fixed_[a] = static_cast<char>(fixed_[a] | fixed_[b]);
}

void WidthGroups::tie_all(const Parts& parts) {
  for (const Part& part : parts) tie(parts[0].group, part.group);
}

WidthGroups::Part WidthGroups::begin_group(std::int64_t channels) {
  parents_.push_back(static_cast<int>(parents_.size()));
  fixed_.push_back(0);
  return {parents_.back(), channels};
}

void WidthGroups::visit_convolution(OpId id) {
  const Operator& op = network_.op(id);
  const OpId x = network_.inputs(id)[0];
  if (is_depthwise(network_, id)) {
    parts_[id] = parts_[x];
    const int multiple = op.channels / network_.shape(x).channels;
    for (Part& part : parts_[id]) part.channels *= multiple;
    return;
  }
  parts_[id] = {begin_group(op.channels)};
  if (op.groups == 1) return;
  tie_all(parts_[x]);
  divisors_.push_back({parts_[x], op.groups});
  divisors_.push_back({parts_[id], op.groups});
}

// The parts in front of a cut, and those behind it up to the next one; parts are divided where the cuts go
// through them.
void WidthGroups::visit_slice(OpId id) {
  const Operator& op = network_.op(id);
  std::int64_t position = 0;
  const std::int64_t begin = op.slice_begin, end = begin + op.channels;
  for (const Part& part : parts_[network_.inputs(id)[0]]) {
    const std::int64_t last = position + part.channels;
    const auto overlap = [&](std::int64_t from, std::int64_t to) {
      return std::min(to, last) - std::max(from, position);
    };
    if (overlap(0, begin) > 0) before_[id].push_back({part.group, overlap(0, begin)});
    if (overlap(begin, end) > 0) parts_[id].push_back({part.group, overlap(begin, end)});
    position = last;
  }
}

void WidthGroups::visit(OpId id) {
  const Operator& op = network_.op(id);
  const std::span<const OpId> inputs = network_.inputs(id);
  const Shape x = network_.shape(inputs[0]);
  switch (op.kind) {
    case OpKind::convolution:
    case OpKind::transposed_convolution:
      return visit_convolution(id);
    case OpKind::linear:
    case OpKind::zero:
      parts_[id] = {begin_group(op.channels)};
      return;
    case OpKind::slice:
      return visit_slice(id);
    case OpKind::concat:
      for (const OpId input : inputs)
        parts_[id].insert(parts_[id].end(), parts_[input].begin(), parts_[input].end());
      return;
    case OpKind::flatten:
      parts_[id] = parts_[inputs[0]];
      for (Part& part : parts_[id]) part.channels *= std::int64_t{x.height} * x.width;
      return;
    case OpKind::outputs:
      for (const OpId input : inputs)
        for (const Part& part : parts_[input]) fixed_[find(part.group)] = 1;
      parts_[id] = {begin_group(network_.shape(id).channels)};
      return;
    case OpKind::channel_shuffle:
      tie_all(parts_[inputs[0]]);
      parts_[id] = {{parts_[inputs[0]][0].group, x.channels}};
      divisors_.push_back({parts_[id], op.groups});
      return;
    case OpKind::add:
    case OpKind::multiply:
      parts_[id] = parts_[inputs[0]];
      for (const OpId input : inputs.subspan(1)) {
        const Parts& other = parts_[input];
        const bool alike = std::ranges::equal(parts_[id], other, {}, &Part::channels, &Part::channels);
        if (alike) {
          for (std::size_t i = 0; i < other.size(); ++i) tie(parts_[id][i].group, other[i].group);
        } else {
          tie(parts_[id][0].group, other[0].group);
          tie_all(parts_[id]);
          tie_all(other);
        }
      }
      return;
    case OpKind::batch_norm:
    case OpKind::layer_norm:
    case OpKind::activation:
    case OpKind::softmax:
    case OpKind::max_pool:
    case OpKind::average_pool:
    case OpKind::global_max_pool:
    case OpKind::global_average_pool:
    case OpKind::resize:
      parts_[id] = parts_[inputs[0]];
      return;
    case OpKind::input:
      break;
  }
  throw InternalError("width groups do not know an operator");
}

void WidthGroups::collect_groups() {
  index_.assign(parents_.size(), -1);
  for (OpId id = 1; id < network_.size(); ++id) {
    const Operator& op = network_.op(id);
    const bool convolution = op.kind == OpKind::convolution || op.kind == OpKind::transposed_convolution;
    const bool produces =
        (convolution && !is_depthwise(network_, id)) || op.kind == OpKind::linear || op.kind == OpKind::zero;
    if (!produces) continue;
    const int root = find(parts_[id][0].group);
    if (index_[root] < 0) {
      index_[root] = static_cast<int>(groups_.size());
      groups_.push_back({.producers = {}, .channels = op.channels, .fixed = fixed_[root] != 0});
    }
    groups_[index_[root]].producers.push_back(id);
  }
  // n new channels of the first producer make part p of c channels p n / c ones: whole for multiples of
  // c / gcd(p, c), divisible by d for multiples of c d / gcd(p, c d).
  const auto require = [&](const Part& part, std::int64_t divisor) {
    const int index = index_[find(part.group)];
    if (index < 0) return;  // the network's input
    Group& group = groups_[index];
    const std::int64_t scaled = group.channels * divisor;
    const std::int64_t step = std::lcm(std::int64_t{group.step}, scaled / std::gcd(part.channels, scaled));
    // A step beyond today's channels leaves today's as the only count that anyone would take.
    if (step > group.channels) group.fixed = true;
    group.step = static_cast<int>(std::min<std::int64_t>(step, group.channels));
  };
  for (const auto* all : {&parts_, &before_})
    for (const Parts& parts : *all)
      for (const Part& part : parts) require(part, 1);
  for (const Divisor& divisor : divisors_) {
    Part sum = divisor.parts[0];
    for (const Part& part : std::span(divisor.parts).subspan(1)) sum.channels += part.channels;
    require(sum, divisor.divisor);
  }
}

int WidthGroups::group_of(OpId id) const {
  const Parts& parts = parts_[id];
  for (const Part& part : parts)
    if (find(part.group) != find(parts[0].group)) return -1;
  return index_[find(parts[0].group)];
}

Edit WidthGroups::resize(std::span<const Change> changes) const {
  std::vector<int> target(groups_.size());
  for (std::size_t g = 0; g < groups_.size(); ++g) target[g] = groups_[g].channels;
  for (const Change& change : changes) {
    const Group& group = groups_[change.group];
    if (group.fixed || change.channels < 1 || change.channels % group.step != 0)
      throw InternalError("a width group cannot have the channels that a rewrite gives it");
    target[change.group] = change.channels;
  }
  const auto scaled = [&](const Parts& parts) {
    std::int64_t sum = 0;
    for (const Part& part : parts) {
      const int g = index_[find(part.group)];
      sum += g < 0 ? part.channels : part.channels * target[g] / groups_[g].channels;
    }
    return static_cast<std::int32_t>(sum);
  };
  Edit edit;
  for (OpId id = 1; id < network_.size(); ++id) {
    Operator op = network_.op(id);
    switch (op.kind) {
      case OpKind::convolution:
      case OpKind::transposed_convolution:
        if (is_depthwise(network_, id)) op.groups = scaled(parts_[network_.inputs(id)[0]]);
        [[fallthrough]];
      case OpKind::linear:
      case OpKind::zero:
        op.channels = scaled(parts_[id]);
        break;
      case OpKind::slice:
        op.slice_begin = scaled(before_[id]);
        op.channels = scaled(parts_[id]);
        break;
      default:
        continue;
    }
    if (op != network_.op(id)) edit.replaced.push_back({id, op});
  }
  return edit;
}

}  // namespace assay
