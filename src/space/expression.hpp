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

// A number, or a text by its number in a list of texts. Kept apart, so that no arithmetic makes one of the
// other.
struct Value {
  Value() = default;  // trivial: the evaluation stack is not cleared
  Value(double n) : number(n), text(-1) {}
  static Value of_text(std::int32_t id) {
    Value value(0);
    value.text = id;
    return value;
  }
  bool is_text() const { return text >= 0; }
  bool is_number() const { return text == -1; }
  friend bool operator==(const Value&, const Value&) = default;

  double number;
  std::int32_t text;  // -1: a number
};

// What an expression may ask about the block it belongs to.
enum class Variable : std::uint8_t { in, out, stride, index, depth, in_height, in_width, count };
using Variables = std::array<double, static_cast<std::size_t>(Variable::count)>;

// What holds for the whole network; the last two only in constraints.
enum class Global : std::uint8_t { classes, depth_multiplier, params, macs, count };
using Globals = std::array<double, static_cast<std::size_t>(Global::count)>;

enum class Opcode : std::uint8_t {
  constant,   // value
  text,       // with the number `index`
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
// `index` of an `equal` of count(): which count of the expression it belongs to, from 1; only one of them
// needs to be able to hold. In the code of a named expression it is checked already.
constexpr std::int32_t kCheckedCount = -1;

struct Instruction {
  Opcode opcode = Opcode::constant;
  std::int32_t index = 0;
  double value = 0;
  std::int32_t table = 0;     // decision: which table of option values
  std::int32_t position = 0;  // in the expression's text, for messages
};

// What an expression, or a part of it, may give.
struct Type {
  struct Possible {
    Value value;
    bool option;  // of a decision: perhaps ruled out by a condition around
  };
  bool anything = false;         // only building it would tell
  bool numbers = false;          // any number
  std::vector<Possible> values;  // besides those, ascending
  int decision = -1;             // which it is the value of, if that is all it is
};

struct Expression {
  std::string text;
  std::vector<Instruction> code;
  std::vector<int> decisions;  // every decision it reads, ascending
  // Reads nothing but constants and decisions, so it can be tabulated per option.
  bool static_value() const;
};

// Everything an expression may read. Pointers that its context does not provide stay null: the compiler
// refuses names that would need them.
struct Environment {
  const std::uint16_t* choices = nullptr;
  const std::vector<std::vector<Value>>* option_values = nullptr;  // [table][option]
  const Variables* variables = nullptr;
  const Variables* block = nullptr;
  const Value* parameters = nullptr;
  const Shape* nodes = nullptr;
  const Globals* globals = nullptr;
};

// What a name stands for: one instruction, or the code of a named expression.
using Meaning = std::vector<Instruction>;
// For `function` "channels", "height" or "width" the name is a node's and the instruction's index its number.
// nullopt: unknown.
using Resolver = std::function<std::optional<Meaning>(std::string_view name, std::string_view function)>;
using TextNumber = std::function<std::int32_t(std::string_view)>;

struct ExpressionError : std::runtime_error {
  using std::runtime_error::runtime_error;
  std::string unknown_name;  // set when a name could not be resolved
};

// Throws ExpressionError with a sentence about what is wrong.
Expression compile_expression(std::string_view text, const Resolver& resolve, const TextNumber& text_number);

// What there is to know about decisions when types are checked.
struct Vocabulary {
  std::function<const std::vector<Value>&(int table)> option_values;
  std::function<const std::string&(int decision)> decision_name;
  const std::vector<std::string>& texts;
};
// What the expression may give. Throws ExpressionError where it certainly calculates with a text, and for
// comparisons that never hold: of a number with a text, or of a decision with what none of its options
// equals.
Type check_types(const Expression& expression, const Vocabulary& vocabulary);

// Throws ExpressionError when the result comes from calculating with a text; in a branch of if() that is not
// taken nothing is wrong with that.
Value evaluate(const Expression& expression, const Environment& environment);

// As messages call it: "+", "min", "if".
std::string_view opcode_name(Opcode opcode);
// A text for messages: when it is long, some eighty characters around `position`.
std::string excerpt(std::string_view text, std::size_t position = 0);
std::string expression_message(std::string_view text, std::string_view what, std::size_t position);

// MobileNet's rounding: the nearest multiple of `divisor`, at least one, but never below 90 % of `value`
// (Howard et al. 2017, reference implementation).
double make_divisible(double value, double divisor);

}  // namespace assay::plan
