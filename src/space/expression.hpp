// The small expression language of space files: attribute values such as "in * 2" and constraints such as
// "stage1.channels <= stage2.channels". Compiled once at load into postfix code; evaluated in the inner loop
// of decode.
#pragma once

#include "assay/network/operator.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace assay::plan {

// What an expression may ask about the block it belongs to.
enum class Variable : std::uint8_t { in, out, stride, index, depth, in_height, in_width, count };
using Variables = std::array<double, static_cast<std::size_t>(Variable::count)>;

// What holds for the whole network; the last two only in constraints.
enum class Global : std::uint8_t { classes, depth_multiplier, params, macs, count };
using Globals = std::array<double, static_cast<std::size_t>(Global::count)>;

enum class Opcode : std::uint8_t {
  constant,   // value
  decision,   // value in `table` of the option chosen for decision `index`
  variable,   // of the block being built
  block,      // the same, of the user block around it
  parameter,  // of the user block around it
  global,
  node_channels,
  node_height,
  node_width,  // of the finished node `index` of the graph around it
  negate,
  logical_not,
  absolute,
  square_root,
  logarithm,
  exponential,
  floor,
  ceiling,
  round,
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  minimum,
  maximum,
  divisible,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  logical_and,
  logical_or,
  select,  // condition, then, else
};

constexpr int operands(Opcode opcode) {
  if (opcode < Opcode::negate) return 0;
  if (opcode < Opcode::add) return 1;
  return opcode == Opcode::select ? 3 : 2;
}
constexpr int kMaxStack = 64;

struct Instruction {
  Opcode opcode = Opcode::constant;
  std::int32_t index = 0;
  double value = 0;
  std::int32_t table = 0;  // decision: which table of option values
};

struct Expression {
  std::string text;
  std::vector<Instruction> code;
  std::vector<int> decisions;      // every decision it reads, ascending
  std::vector<std::string> texts;  // every 'text' in it
  // Reads nothing but constants and decisions, so it can be tabulated per option.
  bool static_value() const;
};

// Everything an expression may read. Pointers that its context does not provide stay null: the compiler
// refuses names that would need them.
struct Environment {
  const std::uint16_t* choices = nullptr;
  const std::vector<std::vector<double>>* option_values = nullptr;  // [table][option]
  const Variables* variables = nullptr;
  const Variables* block = nullptr;
  const double* parameters = nullptr;
  const Shape* nodes = nullptr;
  const Globals* globals = nullptr;
};

// What a name stands for: one instruction, or the code of a named expression with its texts.
struct Meaning {
  std::vector<Instruction> code;
  std::vector<std::string> texts;
};
// For `function` "channels", "height" or "width" the name is a node's and the instruction's index its number.
// nullopt: unknown.
using Resolver = std::function<std::optional<Meaning>(std::string_view name, std::string_view function)>;
// The number that stands for a text in comparisons.
using TextValue = std::function<double(std::string_view)>;

struct ExpressionError : std::runtime_error {
  using std::runtime_error::runtime_error;
  std::string unknown_name;  // set when a name could not be resolved
};

// Throws ExpressionError with a sentence about what is wrong.
Expression compile_expression(std::string_view text, const Resolver& resolve, const TextValue& text_value);

double evaluate(const Expression& expression, const Environment& environment);

// MobileNet's rounding: the nearest multiple of `divisor`, at least one, but never below 90 % of `value`
// (Howard et al. 2017, reference implementation).
double make_divisible(double value, double divisor);

}  // namespace assay::plan
