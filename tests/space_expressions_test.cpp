// Expressions whose types or values do not fit: numbers and texts are told apart before anything is built,
// and what only building tells is an InputError too.
#include "space_messages.hpp"

#include <array>
#include <span>

namespace {

using namespace assay;

// With `block` on line 8 and `attribute` on line 9.
std::string attribute(const std::string& key, const std::string& expression,
                      const std::string& block = "ibn") {
  return stage("block = \"" + block + "\"\n" + key + " = \"" + expression + "\"");
}

TEST_CASE("no value of an expression is taken for a text") {
  for (const char* key : {"channels", "stride", "depth", "kernel", "expansion"}) {
    CAPTURE(key);
    for (const char* expression :
         {"2 ** 1000", "in / 0", "in // 0", "0 ** -1", "exp(1000)", "-exp(1000)", "0 / 0", "in % 0", "1e16",
          "2 ** 50", "2 ** 60", "2 ** 63", "1e300", "sqrt(0 - in)", "log(0)"}) {
      CAPTURE(expression);
      check_mentions(attribute(key, expression), {"bad.toml:", key});
    }
    for (const char* expression : {"'relu' + 1", "-'relu'", "min(1, 'relu')", "'relu' < 'silu'",
                                   "if('relu', 1, 2)", "not 'relu'", "in * 'relu'", "round('a') + 1"}) {
      CAPTURE(expression);
      check_mentions(attribute(key, expression), {"bad.toml:9:", key, "needs numbers", "is a text"});
    }
    check_mentions(attribute(key, "'relu'"), {"bad.toml:9:", key, "'relu'", "cannot be"});
  }
  check_mentions(attribute("activation", "'relu' + 1"), {"bad.toml:9:14", "\"+\" needs numbers", "'relu'"});
  check_mentions(attribute("activation", "2 ** 50"), {"bad.toml:9:14", "must be a name"});
  check_mentions(attribute("activation", "if(in > 3, 'relu', 'reul')"),
                 {"bad.toml:9:14", "'reul'", "Did you mean \"relu\""});
  check_mentions(attribute("order", "in // 0", "conv"), {"bad.toml:9:9", "order", "no finite number"});
  check_mentions(attribute("se", "0 - 5"), {"bad.toml:9:6", "-5", "0", "1000"});
  check_mentions(stage("block = \"if(in == 3, 2 ** 50, 'conv')\""), {"bad.toml:8:9", "instead of a block"});
  check_mentions(stage("block = \"if(in == 3, 0, 'conv')\""), {"bad.toml:8:9", "instead of a block"});
  check_mentions(load("depth_multiplier = \"1 / 0\"\n" + kTop + kStage), {"bad.toml:1:", "no finite number"});
  check_mentions(load("constraints = [\"'a'\"]\n" + kTop + kStage), {"bad.toml:1:", "condition"});
  // Texts among the options: only the candidate tells, and building it says so.
  check_mentions(load(kTop + "[decisions]\nk = [1, \"auto\"]\n[[stage]]\nname = \"s\"\nblock = \"conv\"\n" +
                      "channels = \"$k * 2\"\n"),
                 {"bad.toml:7:1", "\"auto\"", "\"*\" needs numbers"});
  CHECK(load(kTop + "[decisions]\nk = [1, \"auto\"]\n[[stage]]\nname = \"s\"\nblock = \"conv\"\n" +
             "channels = \"if($k == 'auto', 8, $k * 2)\"\n") == "");
}

TEST_CASE("large numbers are numbers") {
  const Space space = Space::parse(
      kTop + "[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = \"2 ** 60 // 2 ** 57\"\n", "t.toml");
  CHECK(space.decode(space.first().value()).output_shape().channels == 8);
}

std::string decisions(const std::string& options, const std::string& channels) {
  return load(kTop + "[decisions]\nk = " + options +
              "\n[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = \"" + channels + "\"\n");
}

TEST_CASE("comparisons that never hold are errors") {
  check_mentions(decisions("[\"1\", \"2\"]", "if($k == '2', 64, 8)"),
                 {"bad.toml:11:12", "\"k\"", "'2'", "never equal", "quoted or not"});
  check_mentions(decisions("[1, 2]", "if($k != '2', 64, 8)"), {"bad.toml:11:12", "never equal"});
  check_mentions(decisions("[\"big\", \"small\"]", "if($k == 'bigg', 64, 8)"),
                 {"bad.toml:11:12", "\"k\"", "did you mean 'big'?"});
  check_mentions(decisions("[{ name = \"big\", value = 7 }, { name = \"small\", value = 3 }]",
                           "if('bigg' == $k, 64, 8)"),
                 {"did you mean 'big'?"});
  check_mentions(decisions("[\"big\", \"small\"]", "if($k == 1, 64, 8)"), {"never equal", "a number"});
  check_mentions(decisions("[1, 2, 4]", "if($k == 3, 64, 8)"), {"\"k\"", "3", "it may be 1, 2, 4"});
  check_mentions(decisions("[1, 2]", "if(in == 'x', 64, 8 * $k)"), {"never equal"});
  check_mentions(load("constraints = [\"count(s.*, 'conx') == 1\"]\n" + kTop +
                      "[[stage]]\nname = \"s\"\nblock = [\"conv\", \"ibn\"]\n"),
                 {"bad.toml:1:", "did you mean 'conv'?"});

  CHECK(decisions("[\"1\", \"2\"]", "if($k == 2, 64, 8)") == "");
  CHECK(decisions("[true, false]", "if($k == true, 64, 8)") == "");
  CHECK(decisions("[\"big\", \"small\"]", "if($k == 'big', 64, 8)") == "");
  CHECK(decisions("[\"auto\", 1, 2]", "if($k == 'auto', 64, if($k == 2, 4, 8))") == "");
  // Not every decision of the group needs to have the option.
  CHECK(load("constraints = [\"count(s.*, 'conv') == 1\"]\n" + kTop +
             "[[stage]]\nname = \"s\"\nblock = [\"conv\", \"ibn\"]\nkernel = [3, 5]\n") == "");
  // A fixed value may be a switch.
  CHECK(load(kTop + "[values]\nmode = 3\n[[stage]]\nname = \"s\"\nblock = \"conv\"\n" +
             "channels = \"if(mode == 2, 4, 8)\"\n") == "");
}

TEST_CASE("an expression's blocks must exist") {
  check_mentions(load(kTop + "[decisions]\nk = [0, 1]\n[[stage]]\nname = \"s\"\n"
                             "block = \"if($k == 1, 'con', 'ibn')\"\n"),
                 {"bad.toml:10:9", "unknown block 'con'", "Did you mean \"conv\""});
  // Texts that it only compares with are no blocks.
  CHECK(load(kTop + "[decisions]\nk = [\"wide\", \"linear\"]\n[[stage]]\nname = \"s\"\n"
                    "block = \"if($k == 'wide', 'conv', 'ibn')\"\n") == "");
}

TEST_CASE("an option's `value` names its block") {
  const auto options = [](const std::string& second) {
    return stage("block = [{ name = \"0\", value = \"conv\" }, { name = \"1\", " + second + " }]");
  };
  CHECK(options("value = \"ibn\", expansion = 2") == "");
  check_mentions(options("value = \"ibm\""), {"bad.toml:8:", "\"ibm\"", "Did you mean \"ibn\""});
  check_mentions(options("type = \"ibn\", value = 3"), {"bad.toml:8:", "\"value\""});
}

TEST_CASE("an option that fails for several reasons is reported with more than one") {
  check_mentions(
      stage("block = \"conv\"\npadding = \"valid\"\nkernel = [9, 11]\nchannels = [1, 2]\ngroups = 3"),
      {"bad.toml:", "cannot be built", "With other options of other decisions:"});
  check_mentions(stage("block = \"conv\"\nkernel = [3, 9]\npadding = \"valid\"\nstride = [1, 2]"),
                 {"\"9\"", "The same holds"});
}

TEST_CASE("messages show the place of an error in a long expression, not all of it") {
  std::string sum = "in";
  for (int i = 0; i < 2000; ++i) sum += " + 1";
  for (const std::string& expression :
       {sum + " + nowhere", "nowhere + " + sum, sum + " + 'x'", sum + " )", sum + " / 0", sum + " @",
        "'\xc3\xa4" + std::string(9000, 'x') + "' + 1", "\xc3\xa4" + sum, std::string(9000, '1') + "x"}) {
    const std::string error = attribute("channels", expression);
    CAPTURE(error);
    CHECK(!error.empty());
    CHECK(error.size() < 700);
  }
  const std::string word(6000, 'x');
  for (const std::string& error :
       {stage("block = \"" + word + "\""), stage("block = [\"" + word + "\", \"conv\"]"),
        attribute("activation", word), stage("block = \"conv\"\nchannels = [4, \"0 * (" + sum + ")\"]")}) {
    CAPTURE(error);
    CHECK(!error.empty());
    CHECK(error.size() < 1000);
  }
  check_mentions(attribute("channels", sum + " + nowhere + " + sum), {"...", "+ nowhere +", "\"nowhere\""});
  const std::string cut =
      attribute("activation", "'" + std::string(39, 'x') + "\xc3\xa4" + std::string(99, 'x') + "' + 1");
  CHECK(cut.find("\xc3...") == std::string::npos);
}

// Expressions by the grammar, of every type and none.
class Writer {
 public:
  explicit Writer(Random& random) : random_(random) {}
  std::string expression(int depth) {
    if (depth == 0 || random_.below(5) == 0) return atom();
    const auto sub = [&] { return expression(depth - 1); };
    switch (random_.below(6)) {
      case 0:
        return one_of({"-", "not ", "+", ""}) + "(" + sub() + ")";
      case 1:
        return one_of({"abs", "floor", "ceil", "round", "sqrt", "log", "exp", "frobnicate"}) + "(" + sub() +
               ")";
      case 2:
        return one_of({"min", "max", "divisible"}) + "(" + sub() + ", " + sub() + ")";
      case 3:
        return "if(" + sub() + ", " + sub() + ", " + sub() + ")";
      default:
        return "(" + sub() + ") " +
               one_of({"+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "and", "or"}) +
               " (" + sub() + ")";
    }
  }

 private:
  std::string atom() {
    return one_of({"0",
                   "1",
                   "2",
                   "3",
                   "8",
                   "0.5",
                   "1000",
                   "1e16",
                   "1e300",
                   "in",
                   "out",
                   "stride",
                   "index",
                   "depth",
                   "classes",
                   "in_height",
                   "$n",
                   "$t",
                   "$mixed",
                   "$b.w",
                   "$b.t",
                   "'relu'",
                   "'conv'",
                   "'ibn'",
                   "'same'",
                   "'big'",
                   "true",
                   "false",
                   "named",
                   "nowhere",
                   "channels(in)",
                   "sum($*)",
                   "sum(n*)",
                   "count(t*, 'big')"});
  }
  std::string one_of(std::initializer_list<const char*> words) {
    return *(words.begin() + random_.below(words.size()));
  }
  Random& random_;
};

TEST_CASE("random expressions are built or refused") {
  static const char* const kKeys[] = {
      "channels",   "stride",   "depth",   "kernel",    "expansion", "activation",
      "padding",    "se",       "skip",    "block",     "dilation",  "se_ratio",
      "projection", "expanded", "se_from", "aggregate", "divisor",   "negative_slope"};
  int built = 0, refused = 0;
  for (std::uint64_t i = 0; i < 8000; ++i) {
    Random random(29, Purpose::mutate, 0, i);
    Writer writer(random);
    const std::string key = kKeys[random.below(std::size(kKeys))];
    std::string text = kTop +
                       "[decisions]\nn = [1, 2, 4]\nt = [\"big\", \"small\"]\nmixed = [1, \"big\", true]\n"
                       "b = [{ name = \"x\", w = 3, t = \"relu\" }, { name = \"y\", w = 5, t = \"ibn\" }]\n"
                       "[values]\nnamed = \"" +
                       writer.expression(1) + "\"\n[[stage]]\nname = \"s\"\n";
    if (key != "block") text += "block = \"ibn\"\n";
    text += key + " = \"" + writer.expression(static_cast<int>(random.below(4))) + "\"\n";
    text +=
        "[[stage]]\nname = \"t\"\nblock = \"conv\"\nchannels = \"if($t == 'big', 8, $n)\"\n"
        "kernel = \"if($mixed == 1, 1, $b.w)\"\nactivation = \"if($b.t == 'relu', 'relu', 'silu')\"\n";
    if (random.below(4) == 0) text = "constraints = [\"" + writer.expression(2) + "\"]\n" + text;
    CAPTURE(text);
    try {
      const Space space = Space::parse(text, "fuzz.toml");
      static_cast<void>(space.size());
      static_cast<void>(space.decode(space.sample(random)));
      ++built;
    } catch (const InputError& error) {
      ++refused;
      const std::string what = error.what();
      CHECK(what.find("fuzz.toml") != std::string::npos);
      CHECK(what.size() < 2000);
    }
  }
  CHECK(built > 300);
  CHECK(refused > 3000);
}

}  // namespace
