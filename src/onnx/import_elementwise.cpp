// Activations, sums and products.
#include "import_elementwise.hpp"

#include "import_handlers.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

void set_like(Graph& graph, const Node& node, const View& in, OpId id) {
  graph.set(node, View{id, in.dims});
}

}  // namespace

Spread constant_for(Graph& graph, const Node& node, int image, int input) {
  const ConstantPtr constant = graph.constant(node, input);
  View view = graph.settled(node, image);
  const Dims& dims = constant->dims();
  if (dims.size() > view.dims.size())
    view.dims.insert(view.dims.begin(), dims.size() - view.dims.size(), Dim{});
  const std::size_t missing = view.dims.size() - dims.size();
  const Shape shape = graph.shape(view);
  bool per_channel = true;
  int varying = -1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::int64_t extent = extent_of(view.dims[i + missing]);
    if (dims[i] == 1) continue;
    if (dims[i] != extent) {
      if (extent != 1) {
        node.fail(fmt::format("its inputs of {} and {} do not fit together", text_of(extents_of(view)),
                              text_of(dims)));
      }
      throw Unsupported{"a constant makes its image larger"};
    }
    per_channel = per_channel && varying < 0;
    varying = static_cast<int>(i + missing);
  }
  graph.charge(constant->count());
  Spread spread{view, {}};
  if (const auto uniform = constant->uniform()) {
    spread.values = {static_cast<float>(*uniform)};
    return spread;
  }
  per_channel = per_channel && varying >= 0 &&
                view.dims[static_cast<std::size_t>(varying)] == whole(Axis::channel, shape.channels);
  if (!per_channel)
    throw Unsupported{fmt::format("its constant of {} differs from pixel to pixel", text_of(dims))};
  spread.values = constant->floats();
  return spread;
}

Pair pair_for(Graph& graph, const Node& node, int first, int second) {
  const auto fitted = [&](const View& a, const View& b) -> std::optional<std::vector<Dim>> {
    std::vector<Dim> dims(std::max(a.dims.size(), b.dims.size()));
    for (std::size_t i = 0; i < dims.size(); ++i) {
      const Dim& x = i < a.dims.size() ? a.dims[a.dims.size() - 1 - i] : Dim{};
      const Dim& y = i < b.dims.size() ? b.dims[b.dims.size() - 1 - i] : Dim{};
      if (!x.empty() && !y.empty() && x != y) return std::nullopt;
      dims[dims.size() - 1 - i] = x.empty() ? y : x;
    }
    return dims;
  };
  auto dims = fitted(graph.view(node, first), graph.view(node, second));
  if (!dims) {
    graph.settled(node, first);
    graph.settled(node, second);
    dims = fitted(graph.view(node, first), graph.view(node, second));
  }
  const View& a = graph.view(node, first);
  const View& b = graph.view(node, second);
  const auto misfit = [&] {
    return Unsupported{fmt::format("its inputs of {} and {} are laid out differently", text_of(extents_of(a)),
                                   text_of(extents_of(b)))};
  };
  if (!dims) throw misfit();
  // Both may be broadcast, but an axis must not come twice.
  const Shape shape = broadcast_shape(graph.shape(a), graph.shape(b));
  std::int64_t elements = 1;
  for (const Dim& dim : *dims) elements *= extent_of(dim);
  if (elements != graph.batch() * shape.elements()) throw misfit();
  return {a.id, b.id, std::move(*dims)};
}

void read_activation(Graph& graph, const Node& node) {
  const View& in = graph.view(node, 0);
  const std::string name = readable_name(node.proto());
  const std::string& type = node.type();
  Draft& draft = graph.draft();
  if (type == "LeakyRelu") {
    const float slope = node.real("alpha", 0.01f);
    const Activation function = slope == 0 ? Activation::relu : Activation::leaky_relu;
    return set_like(graph, node, in, draft.activation(in.id, function, name, slope));
  }
  if (type == "Gelu" && node.text("approximate", "none") != "none")
    throw Unsupported{"it approximates GELU by tanh, a network has the exact one"};
  const Activation function = type == "Relu"        ? Activation::relu
                              : type == "HardSwish" ? Activation::h_swish
                              : type == "Sigmoid"   ? Activation::sigmoid
                              : type == "Gelu"      ? Activation::gelu
                                                    : Activation::tanh;
  set_like(graph, node, in, draft.activation(in.id, function, name));
}

void read_clip(Graph& graph, const Node& node) {
  const View& in = graph.view(node, 0);
  const std::string name = readable_name(node.proto());
  Draft& draft = graph.draft();
  if (node.type() == "HardSigmoid") {
    const float scale = node.real("alpha", 0.2f), shift = node.real("beta", 0.5f);
    return set_like(graph, node, in, draft.clip(draft.affine(in.id, scale, shift, name), 0, 1, name));
  }
  constexpr float most = std::numeric_limits<float>::max();
  const bool attributes = node.opset() < 11;
  const double low = attributes ? node.real("min", -most) : graph.scalar(node, 1).value_or(-most);
  const double high = attributes ? node.real("max", most) : graph.scalar(node, 2).value_or(most);
  if (!(low < high)) throw Unsupported{fmt::format("it clips to {} .. {}, which is one value", low, high)};
  set_like(graph, node, in, draft.clip(in.id, low, high, name));
}

void read_prelu(Graph& graph, const Node& node) {
  if (node.opset() < 7 && graph.constant(node, 1)->count() > 1)
    throw Unsupported{"before opset 7 its slopes follow rules of their own"};
  Spread slope = constant_for(graph, node, 0, 1);
  Draft& draft = graph.draft();
  const OpId x = slope.view.id;
  const std::string name = readable_name(node.proto());
  if (slope.values.size() == 1) {
    return set_like(graph, node, slope.view,
                    draft.activation(x, Activation::leaky_relu, name, slope.values[0]));
  }
  // relu(x) - slope relu(-x)
  const OpId positive = draft.activation(x, Activation::relu, name);
  const OpId negative = draft.activation(draft.affine(x, -1, 0, name), Activation::relu, name);
  for (float& value : slope.values) value = -value;
  const std::vector<float> zeros(slope.values.size(), 0);
  const OpId scaled = draft.affine(negative, {std::move(slope.values), zeros}, name);
  set_like(graph, node, slope.view, draft.sum({positive, scaled}, name));
}

void read_part(Graph& graph, const Node& node) {
  const View& in = graph.view(node, 0);
  const int gap = graph.add_gap(node, "a network has it only as a part of GELU or layer normalisation");
  const Mark mark = node.type() == "Erf" ? Mark::erf : Mark::square_root;
  set_like(graph, node, in, graph.draft().stand_in(in.id, mark, readable_name(node.proto()), gap));
}

namespace {

void add_constant(Graph& graph, const Node& node, int image, int constant) {
  Spread spread = constant_for(graph, node, image, constant);
  Draft& draft = graph.draft();
  const std::string name = readable_name(node.proto());
  const std::string& type = node.type();
  std::vector<float>& values = spread.values;
  Affine f{std::vector<float>(values.size(), 1), std::vector<float>(values.size(), 0)};
  if (type == "Mul") {
    f.scale = std::move(values);
  } else if (type == "Div") {
    if (image == 1) throw Unsupported{"it divides by a tensor that depends on the image"};
    if (std::ranges::find(values, 0.f) != values.end()) throw Unsupported{"it divides by 0"};
    std::ranges::transform(values, f.scale.begin(), [](float value) { return 1 / value; });
  } else {
    const float sign = type == "Sub" && image == 0 ? -1.f : 1.f;
    std::ranges::transform(values, f.shift.begin(), [&](float value) { return sign * value; });
    if (type == "Sub" && image == 1) std::ranges::fill(f.scale, -1.f);
  }
  set_like(graph, node, spread.view, draft.affine(spread.view.id, std::move(f), name));
}

void read_two(Graph& graph, const Node& node) {
  Pair pair = pair_for(graph, node, 0, 1);
  Draft& draft = graph.draft();
  const std::string name = readable_name(node.proto());
  const std::string& type = node.type();
  OpId id = 0;
  if (type == "Mul") {
    id = draft.product(pair.a, pair.b, name);
  } else if (type == "Sub") {
    const int gap = graph.add_gap(node, "a network has it only as a part of layer normalisation");
    if (const auto centred = draft.difference_of_mean(pair.a, pair.b, name, gap)) {
      id = *centred;
    } else {
      id = draft.sum({pair.a, draft.affine(pair.b, -1, 0, name)}, name);
    }
  } else {
    const auto quotient = draft.quotient(pair.a, pair.b, name);
    if (!quotient) throw Unsupported{"it divides by a tensor that depends on the image"};
    id = *quotient;
  }
  graph.set(node, View{id, std::move(pair.dims)});
}

void read_sum(Graph& graph, const Node& node) {
  std::optional<View> sum;
  std::vector<OpId> terms;
  for (int i = 0; i < node.inputs(); ++i) {
    if (graph.is_constant(node, i)) throw Unsupported{"it adds a constant to several tensors"};
    if (i == 0) {
      terms.push_back(graph.view(node, 0).id);
      sum = graph.view(node, 0);
      continue;
    }
    Pair pair = pair_for(graph, node, 0, i);
    terms[0] = pair.a;
    terms.push_back(pair.b);
    if (extents_of(View{0, pair.dims}) != extents_of(*sum) && node.inputs() > 2)
      throw Unsupported{"it broadcasts several tensors"};
    sum->dims = std::move(pair.dims);
  }
  if (!sum) node.fail("it has no inputs");
  graph.set(node, View{graph.draft().sum(terms, readable_name(node.proto())), sum->dims});
}

}  // namespace

void read_binary(Graph& graph, const Node& node) {
  if (node.type() == "Neg") {
    const View& in = graph.view(node, 0);
    return set_like(graph, node, in, graph.draft().affine(in.id, -1, 0, readable_name(node.proto())));
  }
  // Before opset 7 operands fit only when asked to; what `axis` adds to that is not read.
  node.ignore("broadcast");
  if (node.type() == "Sum" && node.inputs() != 2) return read_sum(graph, node);
  if (graph.is_constant(node, 1)) return add_constant(graph, node, 0, 1);
  if (graph.is_constant(node, 0)) return add_constant(graph, node, 1, 0);
  if (node.type() == "Add" || node.type() == "Sum") return read_sum(graph, node);
  read_two(graph, node);
}

// max(x, 0), min(x, 6)
void read_extremum(Graph& graph, const Node& node) {
  const bool max = node.type() == "Max";
  if (node.inputs() == 1) return set_like(graph, node, graph.view(node, 0), graph.view(node, 0).id);
  const int constant = node.inputs() == 2 && graph.is_constant(node, 0) ? 0 : 1;
  if (node.inputs() != 2 || !graph.is_constant(node, constant))
    throw Unsupported{"it compares tensors that depend on the image"};
  const Spread limit = constant_for(graph, node, 1 - constant, constant);
  if (limit.values.size() != 1) throw Unsupported{"its limit differs from channel to channel"};
  constexpr double most = std::numeric_limits<float>::max();
  const OpId id = graph.draft().clip(limit.view.id, max ? limit.values[0] : -most,
                                     max ? most : limit.values[0], readable_name(node.proto()));
  set_like(graph, node, limit.view, id);
}

void read_power(Graph& graph, const Node& node) {
  const View& in = graph.view(node, 0);
  const auto exponent = graph.constant(node, 1)->uniform();
  Draft& draft = graph.draft();
  const std::string name = readable_name(node.proto());
  if (exponent == 2.0) return set_like(graph, node, in, draft.product(in.id, in.id, name));
  if (exponent == 1.0) return set_like(graph, node, in, in.id);
  if (exponent != 0.5) throw Unsupported{"only squares and square roots are known"};
  const int gap = graph.add_gap(node, "a network has it only as a part of layer normalisation");
  set_like(graph, node, in, draft.stand_in(in.id, Mark::square_root, name, gap));
}

}  // namespace assay::onnx_import
