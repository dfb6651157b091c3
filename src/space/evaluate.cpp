// Runs compiled expressions.
#include "expression.hpp"

#include <algorithm>
#include <array>
#include <cmath>

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
    case Opcode::equal:
      return a == b;
    case Opcode::not_equal:
      return a != b;
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

}  // namespace

double evaluate(const Expression& expression, const Environment& environment) {
  std::array<double, kMaxStack + 1> stack;
  std::size_t top = 0;  // number of values on the stack
  for (const Instruction& i : expression.code) {
    const auto index = static_cast<std::size_t>(i.index);
    switch (i.opcode) {
      case Opcode::constant:
        stack[top++] = i.value;
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
        stack[top - 1] = stack[top - 1] != 0 ? stack[top] : stack[top + 1];
        break;
      default:
        if (operands(i.opcode) == 1) {
          stack[top - 1] = apply(i.opcode, stack[top - 1]);
        } else {
          --top;
          stack[top - 1] = apply(i.opcode, stack[top - 1], stack[top]);
        }
    }
  }
  return stack[0];
}

double make_divisible(double value, double divisor) {
  const double rounded = std::max(divisor, std::floor((value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}

}  // namespace assay::plan
