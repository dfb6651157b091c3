#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "decoder.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace assay::plan {
namespace {

double& at(Variables& variables, Variable v) {
  return variables[static_cast<std::size_t>(v)];
}
double& at(Globals& globals, Global g) {
  return globals[static_cast<std::size_t>(g)];
}

const OptionValue& chosen_option(const Slot& slot, const std::uint16_t* choices, int block_index) {
  if (slot.decisions.empty()) return slot.options[0];
  const std::size_t which = std::min(slot.decisions.size() - 1, static_cast<std::size_t>(block_index));
  return slot.options[choices[slot.decisions[which]]];
}

}  // namespace

Value slot_value(const Plan& plan, const Slot& slot, const Environment& environment, int block_index) {
  const OptionValue& option = chosen_option(slot, environment.choices, block_index);
  if (option.expression < 0) return option.constant;
  const Expression& expression = plan.expressions[static_cast<std::size_t>(option.expression)];
  const auto fail = [&](const std::string& what) {
    throw InputError(
        fmt::format("{}: {} = \"{}\" gives {}.", slot.place, slot.name, excerpt(expression.text), what));
  };
  Value given;
  try {
    given = evaluate(expression, environment);
  } catch (const ExpressionError& error) {
    throw InputError(fmt::format("{}: {}: {}", slot.place, slot.name, error.what()));
  }
  if (slot.kind == AttributeKind::block) return given;
  if (given.is_text()) {
    if (slot.kind == AttributeKind::free) return given;
    const std::string& text = plan.texts[static_cast<std::size_t>(given.text)];
    const std::optional<double> named = named_value(slot.kind, text);
    if (!named) fail(fmt::format("'{}', which it cannot be", excerpt(text)));
    return *named;
  }
  const double value = given.number;
  if (!std::isfinite(value)) fail("no finite number");
  if (slot.kind == AttributeKind::free || slot.kind == AttributeKind::boolean) return value;
  const bool whole = slot.kind == AttributeKind::integer || slot.kind == AttributeKind::padding;
  if (whole && std::floor(value) != value)
    fail(fmt::format("{}, but must be a whole number: use // or round()", exact_number(value)));
  if (!whole && slot.kind != AttributeKind::number && slot.kind != AttributeKind::squeeze_excite)
    fail(fmt::format("the number {}, but must be a name", exact_number(value)));
  if (value < slot.least || value > slot.most)
    fail(fmt::format("{}, but must lie between {} and {}", exact_number(value), exact_number(slot.least),
                     exact_number(slot.most)));
  return value;
}

const BlockUse& chosen_block(const Plan& plan, const Placement& placement, const Environment& environment,
                             int block_index) {
  const Slot& slot = plan.slots[static_cast<std::size_t>(placement.block)];
  const OptionValue& option = chosen_option(slot, environment.choices, block_index);
  if (option.expression < 0) return placement.uses[static_cast<std::size_t>(option.constant.number)];
  const Value choice = slot_value(plan, slot, environment, block_index);
  if (!choice.is_text())
    throw InputError(
        fmt::format("{}: the block of \"{}\" is the number {} instead of a block's name. Correct "
                    "its expression.",
                    placement.place, placement.name, choice.number));
  const std::string& name = plan.texts[static_cast<std::size_t>(choice.text)];
  for (const BlockUse& use : placement.uses)
    if (use.name == name) return use;
  throw InputError(fmt::format(
      "{}: the block of \"{}\" is '{}', which its expression does not name as a block. Write it there as "
      "a text.",
      placement.place, placement.name, name));
}

Decoder::Scope::Scope(Decoder& decoder, std::string_view part, int block)
    : decoder_(decoder), length_(decoder.scope_.size()) {
  std::string& scope = decoder.scope_;
  if (!scope.empty()) scope += '.';
  scope += part;
  if (block > 0) {
    scope += ".block";
    scope += std::to_string(block);
  }
  decoder.builder_.set_scope(scope);
}

Decoder::Scope::~Scope() {
  decoder_.scope_.resize(length_);
  decoder_.builder_.set_scope(decoder_.scope_);
}

Decoder::Decoder(const Plan& plan, const std::uint16_t* choices)
    : plan_(plan),
      choices_(choices),
      builder_(input_shape(), plan.name),
      none_type_(block_type_from("none").value()) {}

Network Decoder::run() {
  try {
    stages();
  } catch (const InputError& error) {
    throw Obstacle(blame(error.what()), error.what());
  }
  return std::move(builder_).finish(finished_.back());
}

// The stage at which building failed, and the options that it was to be built with.
std::string Decoder::blame(const std::string& cause) const {
  const GraphNode& node = plan_.main.nodes[std::min(stage_, plan_.main.nodes.size() - 1)];
  std::vector<std::string> options;
  for (const int decision : node.decisions) {
    if (!plan_.choices.active(decision, choices_)) continue;
    const Decision& d = plan_.decisions[static_cast<std::size_t>(decision)];
    if (options.size() < 24) options.push_back(d.name + "=" + excerpt(d.options[choices_[decision]]));
  }
  const std::string& place = node.placement.empty() ? plan_.source : node.placement.place;
  return fmt::format("{}: Stage \"{}\" cannot be built{}{}: {}", place, node.name,
                     options.empty() ? "" : " with ", join(options, ", "), cause);
}

Shape Decoder::input_shape() {
  at(globals_, Global::classes) = plan_.classes;
  at(globals_, Global::depth_multiplier) = 1;
  const Frame frame;
  if (plan_.depth_multiplier != kNoSlot)
    at(globals_, Global::depth_multiplier) = value(plan_.depth_multiplier, frame);
  return {integer(plan_.input_channels, frame), integer(plan_.input_height, frame),
          integer(plan_.input_width, frame)};
}

Environment Decoder::environment(const Frame& frame) const {
  Environment e;
  e.choices = choices_;
  e.option_values = &plan_.option_values;
  e.variables = &frame.variables;
  e.block = frame.block;
  e.parameters = frame.parameters;
  e.nodes = frame.nodes;
  e.globals = &globals_;
  return e;
}

Value Decoder::any_value(SlotId id, const Frame& frame) const {
  const Slot& slot = plan_.slots[static_cast<std::size_t>(id)];
  const OptionValue& option = chosen_option(slot, choices_, frame.index);
  if (option.expression < 0) return option.constant;
  return slot_value(plan_, slot, environment(frame), frame.index);
}

void Decoder::enter(Frame& frame, OpId x) const {
  const Shape shape = builder_.shape(x);
  at(frame.variables, Variable::in) = shape.channels;
  at(frame.variables, Variable::in_height) = shape.height;
  at(frame.variables, Variable::in_width) = shape.width;
}

const BlockUse& Decoder::chosen(const Placement& placement, const Frame& frame) const {
  return chosen_block(plan_, placement, environment(frame), frame.index);
}

bool Decoder::is_none(const Edge& edge, const Frame& frame) const {
  return !edge.placement.empty() && chosen(edge.placement, frame).type == none_type_;
}

// Numbers and decisions of a stage are scaled by the depth multiplier; expressions mean what they say.
int Decoder::placed_channels(const Placement& placement, const Frame& frame) const {
  const double channels = value(placement.channels, frame);
  const double multiplier = globals_[static_cast<std::size_t>(Global::depth_multiplier)];
  if (!placement.scaled || multiplier == 1) return static_cast<int>(channels);
  const Slot& slot = plan_.slots[static_cast<std::size_t>(placement.channels)];
  if (chosen_option(slot, choices_, frame.index).expression >= 0) return static_cast<int>(channels);
  return static_cast<int>(make_divisible(channels * multiplier, plan_.channel_divisor));
}

// The placement's blocks, one after another. Its own channels and stride are evaluated once, for the first
// block; the later ones keep the channels and have stride 1.
OpId Decoder::place(const Placement& placement, OpId x, Inherited inherited, const Frame& around,
                    bool stage) {
  Frame frame = around;
  frame.index = 0;
  int depth = 1;
  for (int i = 0; i < depth; ++i) {
    frame.index = i;
    enter(frame, x);
    at(frame.variables, Variable::index) = i;
    if (i == 0) {
      if (placement.depth != kNoSlot) depth = integer(placement.depth, frame);
      at(frame.variables, Variable::depth) = depth;
      if (depth == 0) return x;
    } else {
      inherited.stride = 1;
    }
    if (placement.stride != kNoSlot && (i == 0 || per_block(placement.stride)))
      inherited.stride = integer(placement.stride, frame);
    at(frame.variables, Variable::stride) = inherited.stride;
    if (placement.channels != kNoSlot && (i == 0 || per_block(placement.channels)))
      inherited.channels = placed_channels(placement, frame);
    const Scope scope(*this, placement.scope, placement.depth != kNoSlot ? i + 1 : 0);
    const BlockUse& use = chosen(placement, frame);
    x = build(use, x, inherited, frame);
    if (stage) {
      finished_.push_back(x);
      if (use.type < 0 || block_types()[static_cast<std::size_t>(use.type)].marked)
        builder_.mark_block(x, scope_);
    }
  }
  return x;
}

OpId Decoder::build(const BlockUse& use, OpId x, Inherited inherited, Frame& frame) {
  // Counted beside the operators, because blocks that add none could still go on for ever.
  if (builder_.size() > kMaxOperators || ++blocks_ > kMaxOperators) {
    throw InputError(
        fmt::format("The network has more than {} operators or blocks. Reduce depths, or the number of "
                    "blocks inside blocks.",
                    kMaxOperators));
  }
  int channels = inherited.channels > 0 ? inherited.channels : builder_.shape(x).channels;
  int stride = inherited.stride;
  at(frame.variables, Variable::stride) = stride;
  at(frame.variables, Variable::out) = channels;
  if (use.channels != kNoSlot) at(frame.variables, Variable::out) = channels = integer(use.channels, frame);
  if (use.stride != kNoSlot) at(frame.variables, Variable::stride) = stride = integer(use.stride, frame);
  if (use.type < 0) return user_block(use, x, frame);
  AttributeValues values = use.constants;
  for (const auto& [attribute, id] : use.dynamic)
    values[static_cast<std::size_t>(attribute)] = value(id, frame);
  return block_types()[static_cast<std::size_t>(use.type)].build({builder_, values, channels, stride}, x);
}

OpId Decoder::user_block(const BlockUse& use, OpId x, const Frame& frame) {
  const std::size_t which = std::min(use.graphs.size() - 1, static_cast<std::size_t>(frame.index));
  const Graph& inner = plan_.graphs[static_cast<std::size_t>(use.graphs[which])];
  std::array<Value, kMaxParameters> parameters;
  for (std::size_t i = 0; i < use.parameters.size(); ++i) parameters[i] = any_value(use.parameters[i], frame);
  Frame inside;
  inside.block = &frame.variables;
  inside.parameters = parameters.data();
  return inner.split_channels ? split_graph(inner, x, inside) : graph(inner, x, inside);
}

Network decode(const Plan& plan, const std::uint16_t* choices) {
  return Decoder(plan, choices).run();
}

}  // namespace assay::plan
