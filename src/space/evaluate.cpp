// Runs compiled expressions.
#include "expression.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace assay::plan {
namespace {

double apply(Opcode opcode, double a, double b) {
  switch (opcode) {
    case Opcode::add:
      return a + b;
    case Opcode::subtract:
      return a - b;
    case Opcode::multiply:
      return a * b;
    case Opcode::divide:
      return a / b;
    case Opcode::floor_divide:
      return std::floor(a / b);
    case Opcode::modulo:
      return a - std::floor(a / b) * b;
    case Opcode::power:
      return std::pow(a, b);
    case Opcode::minimum:
      return std::min(a, b);
    case Opcode::maximum:
      return std::max(a, b);
    case Opcode::divisible:
      return make_divisible(a, b);
    case Opcode::less:
      return a < b;
    case Opcode::less_equal:
      return a <= b;
    case Opcode::greater:
      return a > b;
    case Opcode::greater_equal:
      return a >= b;
    case Opcode::logical_and:
      return a != 0 && b != 0;
    case Opcode::logical_or:
      return a != 0 || b != 0;
    default:
      return 0;
  }
}

double apply(Opcode opcode, double a) {
  switch (opcode) {
    case Opcode::negate:
      return -a;
    case Opcode::logical_not:
      return a == 0;
    case Opcode::absolute:
      return std::abs(a);
    case Opcode::square_root:
      return std::sqrt(a);
    case Opcode::logarithm:
      return std::log(a);
    case Opcode::exponential:
      return std::exp(a);
    case Opcode::floor:
      return std::floor(a);
    case Opcode::ceiling:
      return std::ceil(a);
    case Opcode::round:
      return std::round(a);
    default:
      return 0;
  }
}

// What comes of calculating with a text, until it is the result or given up: the instruction that did it.
Value failure(std::size_t instruction) {
  Value value(static_cast<double>(instruction));
  value.text = -2;
  return value;
}
bool failed(const Value& value) {
  return value.text < -1;
}

Value apply(Opcode opcode, const Value& a, const Value& b, std::size_t instruction) {
  if (failed(a)) return a;
  // What the first operand settles, the second cannot spoil.
  if (opcode == Opcode::logical_and && a.is_number() && a.number == 0) return 0;
  if (opcode == Opcode::logical_or && a.is_number() && a.number != 0) return 1;
  if (failed(b)) return b;
  if (opcode == Opcode::equal) return a == b;
  if (opcode == Opcode::not_equal) return !(a == b);
  if (!a.is_number() || !b.is_number()) return failure(instruction);
  return apply(opcode, a.number, b.number);
}

}  // namespace

Value evaluate(const Expression& expression, const Environment& environment) {
  std::array<Value, kMaxStack + 1> stack;
  std::size_t top = 0;  // number of values on the stack
  for (std::size_t at = 0; at < expression.code.size(); ++at) {
    const Instruction& i = expression.code[at];
    const auto index = static_cast<std::size_t>(i.index);
    switch (i.opcode) {
      case Opcode::constant:
        stack[top++] = i.value;
        break;
      case Opcode::text:
        stack[top++] = Value::of_text(i.index);
        break;
      case Opcode::decision:
        stack[top++] =
            (*environment.option_values)[static_cast<std::size_t>(i.table)][environment.choices[index]];
        break;
      case Opcode::variable:
        stack[top++] = (*environment.variables)[index];
        break;
      case Opcode::block:
        stack[top++] = (*environment.block)[index];
        break;
      case Opcode::parameter:
        stack[top++] = environment.parameters[index];
        break;
      case Opcode::global:
        stack[top++] = (*environment.globals)[index];
        break;
      case Opcode::node_channels:
        stack[top++] = environment.nodes[index].channels;
        break;
      case Opcode::node_height:
        stack[top++] = environment.nodes[index].height;
        break;
      case Opcode::node_width:
        stack[top++] = environment.nodes[index].width;
        break;
      case Opcode::select:
        top -= 2;
        if (stack[top - 1].is_number())
          stack[top - 1] = stack[top - 1].number != 0 ? stack[top] : stack[top + 1];
        else if (stack[top - 1].is_text())
          stack[top - 1] = failure(at);
        break;
      default:
        if (operands(i.opcode) == 1) {
          Value& value = stack[top - 1];
          if (!failed(value)) value = value.is_text() ? failure(at) : Value(apply(i.opcode, value.number));
        } else {
          --top;
          stack[top - 1] = apply(i.opcode, stack[top - 1], stack[top], at);
        }
    }
  }
  if (failed(stack[0])) {
    const Instruction& i = expression.code[static_cast<std::size_t>(stack[0].number)];
    throw ExpressionError(expression_message(
        expression.text, fmt::format("\"{}\" needs numbers, but comes upon a text", opcode_name(i.opcode)),
        static_cast<std::size_t>(i.position)));
  }
  return stack[0];
}

double make_divisible(double value, double divisor) {
  const double rounded = std::max(divisor, std::floor((value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}

}  // namespace assay::plan
