#include "expression.hpp"

#include "assay/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::plan {
namespace {

struct Function {
  std::string_view name;
  Opcode opcode;
  int arguments;  // -1: two or more, folded from the left
};
constexpr Function kFunctions[] = {
    {"min", Opcode::minimum, -1},
    {"max", Opcode::maximum, -1},
    {"round", Opcode::round, 1},
    {"floor", Opcode::floor, 1},
    {"ceil", Opcode::ceiling, 1},
    {"abs", Opcode::absolute, 1},
    {"sqrt", Opcode::square_root, 1},
    {"log", Opcode::logarithm, 1},
    {"exp", Opcode::exponential, 1},
    {"divisible", Opcode::divisible, 2},
    {"if", Opcode::select, 3},
    {"channels", Opcode::node_channels, 0},
    {"height", Opcode::node_height, 0},
    {"width", Opcode::node_width, 0},
    {"sum", Opcode::add, 0},
    {"count", Opcode::equal, 0},
};

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Recursive descent, one function per precedence level, lowest first.
class Compiler {
 public:
  Compiler(std::string_view text, const Resolver& resolve, const TextNumber& text_number)
      : text_(text), resolve_(resolve), text_number_(text_number) {
    result_.text = std::string(text);
  }

  Expression run() {
    disjunction();
    skip_blanks();
    if (position_ < text_.size()) fail(fmt::format("unexpected \"{}\"", excerpt(text_.substr(position_))));
    std::sort(result_.decisions.begin(), result_.decisions.end());
    result_.decisions.erase(std::unique(result_.decisions.begin(), result_.decisions.end()),
                            result_.decisions.end());
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw ExpressionError(expression_message(text_, what, position_));
  }

  void skip_blanks() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t')) ++position_;
  }

  bool accept(std::string_view token) {
    skip_blanks();
    if (text_.substr(position_, token.size()) != token) return false;
    const std::size_t end = position_ + token.size();
    // "order" is a name, not "or" followed by "der".
    if (starts_name(token[0]) && end < text_.size() &&
        (starts_name(text_[end]) || is_digit(text_[end]) || text_[end] == '.'))
      return false;
    position_ = end;
    return true;
  }

  void expect(std::string_view token) {
    if (!accept(token)) fail(fmt::format("\"{}\" is expected", token));
  }

  void emit(Instruction instruction) {
    instruction.position = static_cast<std::int32_t>(position_);
    height_ += 1 - operands(instruction.opcode);
    if (height_ > kMaxStack) fail("it is nested too deeply");
    if (instruction.opcode == Opcode::decision) result_.decisions.push_back(instruction.index);
    result_.code.push_back(instruction);
  }
  void emit(Opcode opcode) { emit(Instruction{opcode, 0, 0}); }

  void disjunction() {
    conjunction();
    while (accept("or")) {
      conjunction();
      emit(Opcode::logical_or);
    }
  }

  void conjunction() {
    negation();
    while (accept("and")) {
      negation();
      emit(Opcode::logical_and);
    }
  }

  void negation() {
    const Nesting nesting(*this);
    if (accept("not")) {
      negation();
      emit(Opcode::logical_not);
    } else {
      comparison();
    }
  }

  void comparison() {
    static constexpr std::pair<std::string_view, Opcode> kOperators[] = {
        {"==", Opcode::equal},         {"!=", Opcode::not_equal}, {"<=", Opcode::less_equal},
        {">=", Opcode::greater_equal}, {"<", Opcode::less},       {">", Opcode::greater}};
    sum();
    for (const auto& [token, opcode] : kOperators) {
      if (!accept(token)) continue;
      sum();
      emit(opcode);
      for (const auto& [chained, unused] : kOperators)
        if (accept(chained)) fail("comparisons cannot be chained: write \"a < b and b < c\"");
      return;
    }
  }

  void sum() {
    product();
    for (;;) {
      if (accept("+")) {
        product();
        emit(Opcode::add);
      } else if (accept("-")) {
        product();
        emit(Opcode::subtract);
      } else {
        return;
      }
    }
  }

  void product() {
    sign();
    for (;;) {
      Opcode opcode;
      if (accept("//"))
        opcode = Opcode::floor_divide;
      else if (accept("/"))
        opcode = Opcode::divide;
      else if (accept("%"))
        opcode = Opcode::modulo;
      else if (text_.substr(position_, 2) != "**" && accept("*"))
        opcode = Opcode::multiply;
      else
        return;
      sign();
      emit(opcode);
    }
  }

  void sign() {
    const Nesting nesting(*this);
    if (accept("-")) {
      sign();
      emit(Opcode::negate);
    } else {
      power();
    }
  }

  void power() {
    atom();
    if (accept("**")) {
      sign();
      emit(Opcode::power);
    }
  }

  void atom() {
    skip_blanks();
    if (position_ >= text_.size()) fail("it ends where a value is expected");
    const char c = text_[position_];
    if (accept("(")) {
      disjunction();
      expect(")");
    } else if (c == '\'') {
      text_literal();
    } else if (is_digit(c) || c == '.') {
      number();
    } else if (c == '$' || starts_name(c)) {
      name_or_call();
    } else {
      fail(fmt::format("unexpected \"{}\"", excerpt(text_.substr(position_))));
    }
  }

  void text_literal() {
    const std::size_t end = text_.find('\'', position_ + 1);
    if (end == std::string_view::npos) fail("the quote is never closed");
    const std::string_view literal = text_.substr(position_ + 1, end - position_ - 1);
    position_ = end + 1;
    emit({Opcode::text, text_number_(literal)});
  }

  void number() {
    std::size_t end = position_;
    while (end < text_.size() &&
           (is_digit(text_[end]) || text_[end] == '.' || starts_name(text_[end]) ||
            ((text_[end] == '-' || text_[end] == '+') && (text_[end - 1] == 'e' || text_[end - 1] == 'E'))))
      ++end;
    const std::string_view digits = text_.substr(position_, end - position_);
    const std::optional<double> value = parse_number(digits);
    if (!value) fail(fmt::format("\"{}\" is not a number", excerpt(digits)));
    position_ = end;
    emit({Opcode::constant, 0, *value});
  }

  // A dotted name; "$name" and "${any name}" always mean a decision or named value.
  std::string_view name() {
    skip_blanks();
    const bool marked = text_.substr(position_, 1) == "$";
    if (marked) ++position_;
    if (marked && text_.substr(position_, 1) == "{") {
      const std::size_t end = text_.find('}', position_);
      if (end == std::string_view::npos) fail("the brace is never closed");
      const std::string_view inside = text_.substr(position_ + 1, end - position_ - 1);
      position_ = end + 1;
      return inside;
    }
    const std::size_t begin = position_;
    while (position_ < text_.size() &&
           (starts_name(text_[position_]) || is_digit(text_[position_]) || text_[position_] == '.'))
      ++position_;
    if (begin == position_) fail("a name is expected");
    return text_.substr(begin, position_ - begin);
  }

  void name_or_call() {
    const bool marked = text_[position_] == '$';
    const std::string_view word = name();
    if (!marked && accept("(")) return call(word);
    if (!marked && (word == "true" || word == "false"))
      return emit({Opcode::constant, 0, word == "true" ? 1.0 : 0.0});
    for (Instruction instruction : resolved(word, "")) {
      if (instruction.opcode == Opcode::equal && instruction.index != 0) instruction.index = kCheckedCount;
      emit(instruction);
    }
  }

  Meaning resolved(std::string_view word, std::string_view function) {
    if (std::optional<Meaning> meaning = resolve_(word, function)) return *std::move(meaning);
    ExpressionError error(fmt::format("In the expression \"{}\": unknown {} \"{}\".",
                                      excerpt(text_, position_),
                                      function.empty()  ? "name"
                                      : function == "*" ? "group of decisions"
                                                        : "node",
                                      excerpt(word)));
    error.unknown_name = std::string(word);
    throw error;
  }

  void call(std::string_view word) {
    const auto* function = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                        [&](const Function& f) { return f.name == word; });
    if (function == std::end(kFunctions)) {
      std::vector<std::string> known;
      for (const Function& f : kFunctions) known.emplace_back(f.name);
      fail(fmt::format("unknown function \"{}\".{}", excerpt(word), suggestion(word, known)));
    }
    if (word == "sum" || word == "count") return over_decisions(word == "count");
    if (function->arguments == 0) {
      const Meaning node = resolved(name(), word);
      emit({function->opcode, node.front().index});
      return expect(")");
    }
    int arguments = 0;
    do {
      disjunction();
      if (++arguments >= 2 && function->arguments == -1) emit(function->opcode);
    } while (accept(","));
    expect(")");
    if (function->arguments == -1 ? arguments < 2 : arguments != function->arguments)
      fail(fmt::format(
          "{} takes {} arguments", word,
          function->arguments == -1 ? std::string("two or more") : std::to_string(function->arguments)));
    if (function->arguments != -1) emit(function->opcode);
  }

  // sum(cell.edge_*) and count(cell.op_*, 'conv3x3'): unrolled here, so that evaluation knows nothing of
  // patterns.
  void over_decisions(bool counting) {
    skip_blanks();
    const std::size_t end = std::min(text_.find_first_of(",)", position_), text_.size());
    const std::string_view pattern = trim(text_.substr(position_, end - position_));
    const Meaning decisions = resolved(pattern, "*");
    position_ = end;
    std::vector<Instruction> wanted;
    if (counting) {
      expect(",");
      const auto begin = static_cast<std::ptrdiff_t>(result_.code.size());
      disjunction();
      wanted.assign(result_.code.begin() + begin, result_.code.end());
      result_.code.erase(result_.code.begin() + begin, result_.code.end());
      --height_;
    }
    expect(")");
    if (counting) ++counts_;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      emit(decisions[i]);
      for (const Instruction& instruction : wanted) emit(instruction);
      if (counting) emit({Opcode::equal, counts_});
      if (i > 0) emit(Opcode::add);
    }
  }

  // Guards the recursion, because a file of ten thousand opening brackets must not overflow the call stack.
  struct Nesting {
    explicit Nesting(Compiler& c) : compiler(c) {
      if (++compiler.nesting_ > 200) compiler.fail("it is nested too deeply");
    }
    ~Nesting() { --compiler.nesting_; }
    Compiler& compiler;
  };

  std::string_view text_;
  const Resolver& resolve_;
  const TextNumber& text_number_;
  std::size_t position_ = 0;
  int height_ = 0;
  int nesting_ = 0;
  std::int32_t counts_ = 0;
  Expression result_;
};

}  // namespace

std::string_view opcode_name(Opcode opcode) {
  static constexpr std::pair<Opcode, std::string_view> kSigns[] = {
      {Opcode::negate, "-"},        {Opcode::logical_not, "not"}, {Opcode::add, "+"},
      {Opcode::subtract, "-"},      {Opcode::multiply, "*"},      {Opcode::divide, "/"},
      {Opcode::modulo, "%"},        {Opcode::floor_divide, "//"}, {Opcode::power, "**"},
      {Opcode::equal, "=="},        {Opcode::not_equal, "!="},    {Opcode::less, "<"},
      {Opcode::less_equal, "<="},   {Opcode::greater, ">"},       {Opcode::greater_equal, ">="},
      {Opcode::logical_and, "and"}, {Opcode::logical_or, "or"}};
  for (const auto& [known, sign] : kSigns)
    if (known == opcode) return sign;
  for (const Function& function : kFunctions)
    if (function.opcode == opcode) return function.name;
  return "";
}

std::string excerpt(std::string_view text, std::size_t position) {
  constexpr std::size_t kAround = 40;
  if (text.size() <= 2 * kAround) return std::string(text);
  // Not within a character of several bytes.
  const auto boundary = [&](std::size_t at) {
    while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    return at;
  };
  const std::size_t begin = position <= kAround ? 0 : boundary(std::min(position, text.size()) - kAround);
  const std::size_t end = boundary(std::min(begin + 2 * kAround, text.size()));
  return fmt::format("{}{}{}", begin > 0 ? "..." : "", text.substr(begin, end - begin),
                     end < text.size() ? "..." : "");
}

std::string expression_message(std::string_view text, std::string_view what, std::size_t position) {
  return fmt::format("In the expression \"{}\": {} (character {}).", excerpt(text, position), what,
                     position + 1);
}

bool Expression::static_value() const {
  return std::all_of(code.begin(), code.end(), [](const Instruction& i) {
    return i.opcode < Opcode::variable || i.opcode >= Opcode::negate;
  });
}

Expression compile_expression(std::string_view text, const Resolver& resolve, const TextNumber& text_number) {
  return Compiler(text, resolve, text_number).run();
}

}  // namespace assay::plan
