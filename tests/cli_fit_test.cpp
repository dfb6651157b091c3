// assay fit, then validate and estimate with what it wrote: on measurements of the cycle model.
#include "assay/base/random.hpp"

#include "cli_process.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <sstream>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace cli_test;

namespace {

// Inverted bottlenecks with few distinct subgraphs, so that a fit takes little time.
constexpr const char* space_text = R"(name = "small"
classes = 10
[input]
channels = 3
height = 64
width = 64
[[stage]]
name = "stem"
block = "conv"
kernel = 3
channels = 16
stride = 2
[[stage]]
name = "stage1"
block = "ibn"
depth = [1, 2]
channels = [24, 40]
stride = 2
kernel = [3, 5]
expansion = [3, 6]
[[stage]]
name = "stage2"
block = "ibn"
depth = [1, 2, 3]
channels = [64, 96]
stride = 2
kernel = [3, 5]
expansion = [3, 6]
[[stage]]
name = "head"
block = "classifier"
)";

using Rows = std::vector<std::vector<std::string>>;

// Without quoted fields, which no measurement of the cycle model has.
Rows parse(const std::string& text) {
  Rows rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto& row = rows.emplace_back();
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, ',');) row.push_back(field);
  }
  return rows;
}

std::string unparse(const Rows& rows) {
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + row[i];
    text += '\n';
  }
  return text;
}

std::size_t column(const Rows& rows, const std::string& name) {
  const auto found = std::ranges::find(rows[0], name);
  REQUIRE(found != rows[0].end());
  return static_cast<std::size_t>(found - rows[0].begin());
}

double number(const Rows& rows, std::size_t row, const std::string& name) {
  return std::stod(rows[row][column(rows, name)]);
}

// All 89 subgraphs, and 60 networks, measured once for all tests.
struct Measured {
  Folder folder;
  std::string subgraphs, networks;

  Measured() {
    folder.write("space.toml", space_text);
    REQUIRE(shell(folder, "assay measure space.toml --device '" + accelerator_file("edge_npu_16.toml") +
                              "' --noise 0.02 --subgraphs 120 --networks 60 --quiet --out s.csv "
                              "--networks-out n.csv")
                .exit_code == 0);
    subgraphs = folder.read("s.csv");
    networks = folder.read("n.csv");
  }
};
const Measured& measured() {
  static const Measured once;
  return once;
}

struct Fit {
  Folder folder;
  std::string space = " space.toml ";
  std::string npu = " --accelerator '" + accelerator_file("edge_npu_16.toml") + "' ";

  Fit() {
    folder.write("space.toml", space_text);
    folder.write("s.csv", measured().subgraphs);
    folder.write("n.csv", measured().networks);
  }
  Outcome run(const std::string& arguments) const { return shell(folder, "assay " + arguments); }
  Outcome fit(const std::string& arguments) const { return run("fit" + space + npu + arguments); }
  Outcome validate(const std::string& arguments) const { return run("validate" + space + arguments); }

  // Cells of the latency column of `rows`, and the header's, replaced by `change(row, cell)`.
  static std::string with_latencies(
      const std::string& rows, const std::function<std::string(std::size_t, const std::string&)>& change) {
    Rows parsed = parse(rows);
    const std::size_t at = column(parsed, "latency_ms");
    for (std::size_t r = 0; r < parsed.size(); ++r) parsed[r][at] = change(r, parsed[r][at]);
    return unparse(parsed);
  }
  static std::string scaled(const std::string& rows, const std::string& name, double factor) {
    return with_latencies(rows, [&](std::size_t r, const std::string& cell) {
      std::ostringstream text;
      text.precision(17);
      text << factor * (r == 0 ? 0 : std::stod(cell));
      return r == 0 ? name : text.str();
    });
  }
  void refuses(const Outcome& outcome, std::initializer_list<std::string> parts) const {
    CAPTURE(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.out.empty());
    for (const std::string& part : parts) {
      CAPTURE(part);
      CHECK(mentions(outcome.err, part));
    }
  }
};

}  // namespace

TEST_CASE("fit: networks alone, and validate judges by those that were left out") {
  const Fit f;
  const Outcome fit = f.fit("--measurements n.csv --rows 40 --out e.json");
  CAPTURE(fit.err);
  REQUIRE(fit.exit_code == 0);
  CHECK(mentions(fit.out, "Cross-validated on 40 networks, 5 folds: MAPE "));
  CHECK(mentions(fit.out, "Measuring these would make estimates surer"));
  const Outcome validated =
      f.validate("--measurements n.csv --estimator e.json --predictions p.csv --format csv");
  REQUIRE(validated.exit_code == 0);
  CHECK(mentions(validated.err, "40 rows that the estimator was fitted to are left out"));
  const Rows summary = parse(validated.out);
  REQUIRE(summary.size() == 2);
  CHECK(summary[1][0] == "networks");
  CHECK(number(summary, 1, "rows") == 20);
  CHECK(number(summary, 1, "mape_percent") < 4);
  CHECK(number(summary, 1, "within_10_percent") == 100);
  CHECK(number(summary, 1, "spearman") > 0.97);
  CHECK(std::abs(number(summary, 1, "bias_percent")) < 3);

  // The same seed leaves the same rows out, and what estimate says is what was judged.
  REQUIRE(f.fit("--measurements n.csv --rows 40 --quiet --out again.json").exit_code == 0);
  CHECK(f.folder.read("again.json") == f.folder.read("e.json"));
  const Outcome estimated =
      f.run("estimate" + f.space + "--candidates n.csv --estimator e.json --format csv --quiet");
  REQUIRE(estimated.exit_code == 0);
  const Rows estimates = parse(estimated.out);
  REQUIRE(estimates.size() == 61);
  const Rows predictions = parse(f.folder.read("p.csv"));
  REQUIRE(predictions.size() == 21);
  // n.csv has latencies of its own, which pass through; the estimates stand behind them, with fewer digits.
  const auto last = std::ranges::find(estimates[0].rbegin(), estimates[0].rend(), "latency_ms");
  const auto latency = static_cast<std::size_t>(estimates[0].rend() - last) - 1;
  for (std::size_t r = 1; r < predictions.size(); ++r) {
    const auto line = static_cast<std::size_t>(number(predictions, r, "line"));
    CHECK(std::stod(estimates[line - 1][latency]) ==
          doctest::Approx(number(predictions, r, "latency_ms")).epsilon(1e-4));
  }
}

TEST_CASE("fit: subgraphs, and subgraphs with networks") {
  const Fit f;
  REQUIRE(f.fit("--measurements s.csv --rows 70 --out s.json --quiet").exit_code == 0);
  const Outcome validated = f.validate("--measurements s.csv,n.csv --estimator s.json --format csv");
  CAPTURE(validated.err);
  REQUIRE(validated.exit_code == 0);
  const Rows summary = parse(validated.out);
  REQUIRE(summary.size() == 3);
  CHECK(number(summary, 1, "rows") == 60);
  CHECK(number(summary, 1, "mape_percent") < 6);
  CHECK(number(summary, 2, "rows") == 19);

  const Outcome both = f.fit("--measurements s.csv,n.csv --out b.json --coverage 0.8");
  REQUIRE(both.exit_code == 0);
  CHECK(mentions(both.err, "Fitting to 89 subgraphs and 60 networks"));
  f.refuses(f.validate("--measurements s.csv,n.csv --estimator b.json"),
            {"fitted to all 149 measurements", "--rows"});
}

TEST_CASE("fit: columns of other units, and rows without a latency") {
  const Fit f;
  f.folder.write("us.csv", f.scaled(measured().networks, "npu_us", 1e3));
  f.folder.write("s_.csv", f.scaled(measured().networks, "npu_s", 1e-3));
  f.folder.write("ps.csv", f.with_latencies(measured().networks, [](std::size_t r, const std::string& cell) {
    std::ostringstream text;
    text.precision(17);
    text << (r == 0 ? 0 : 1000 / std::stod(cell));
    return r == 0 ? "npu_per_s" : text.str();
  }));
  const auto latency = [&](const std::string& estimator) {
    const Outcome outcome =
        f.run("estimate" + f.space + "--sample 1 --estimator " + estimator + " --format csv --quiet");
    REQUIRE(outcome.exit_code == 0);
    return number(parse(outcome.out), 1, "latency_ms");
  };
  REQUIRE(f.fit("--measurements n.csv --out ms.json --quiet").exit_code == 0);
  const double expected = latency("ms.json");
  for (const char* options : {"--measurements us.csv --target npu_us", "--measurements s_.csv --target npu_s",
                              "--measurements ps.csv --target npu_per_s"}) {
    CAPTURE(std::string(options));
    REQUIRE(f.fit(std::string(options) + " --out other.json --quiet").exit_code == 0);
    CHECK(latency("other.json") == doctest::Approx(expected).epsilon(1e-3));
  }

  f.folder.write("blank.csv",
                 f.with_latencies(measured().networks, [](std::size_t r, const std::string& cell) {
                   return r == 4 || r == 9 ? "" : cell;
                 }));
  f.refuses(f.fit("--measurements blank.csv --out x.json"), {"blank.csv:5: latency_ms is missing"});
  const Outcome skipped = f.fit("--measurements blank.csv --skip-missing --out x.json");
  CHECK(skipped.exit_code == 0);
  CHECK(mentions(skipped.err, "2 rows without a latency were left out"));
  CHECK(mentions(skipped.err, "Fitting to 58 networks"));
}

TEST_CASE("fit: measurements that cannot be are refused with file, line and remedy") {
  const Fit f;
  for (const auto& [rows, name] :
       {std::pair(measured().networks, "network"), std::pair(measured().subgraphs, "subgraph")}) {
    const auto refused = [&](const std::string& changed, std::initializer_list<std::string> parts) {
      f.folder.write("t.csv", changed);
      f.refuses(f.fit("--measurements t.csv --out x.json"), parts);
      CHECK_FALSE(fs::exists(f.folder / "x.json"));
    };
    for (const char* bad : {"0", "-1", "nan", "inf", "1e999", "fast", "0x10"}) {
      refused(f.with_latencies(rows, [&](std::size_t r, const std::string& c) { return r == 6 ? bad : c; }),
              {std::string("t.csv:7: latency_ms is \"") + bad + "\". Give a positive number"});
    }
    refused(f.with_latencies(rows, [&](std::size_t r, const std::string& c) { return r == 6 ? "" : c; }),
            {"t.csv:7: latency_ms is missing"});
    refused(f.scaled(rows, "latency_ms", 1e-3),
            {"t.csv: ", "If the column holds seconds, multiply it by 1000"});
    refused(f.scaled(rows, "latency_ms", 1e6), {"t.csv: ", "nanoseconds, by 1000000"});
    const Rows parsed = parse(rows);
    refused(
        rows + f.scaled(unparse({parsed[0], parsed[3]}), "latency_ms", 2).substr(unparse({parsed[0]}).size()),
        {"for the same " + std::string(name) + ". Remove the wrong row", "but line 4 says"});
    refused(unparse(Rows(parsed.begin(), parsed.begin() + 9)), {"A fit needs at least", "Measure more"});
    refused(unparse({parsed[0]}), {"t.csv: ", "Add"});
    refused("", {"t.csv: the file is empty"});
    std::string phone = rows;
    for (std::size_t at = 0; (at = phone.find("edge_npu_16", at)) != std::string::npos;)
      phone.replace(at, 11, "phone");
    refused(phone, {"t.csv: the rows were measured on \"phone\"", "\"edge_npu_16\""});
    std::string mixed = rows;
    refused(mixed.replace(mixed.rfind("edge_npu_16"), 11, "phone"),
            {"differ from the first row's", "different files"});
  }
}

TEST_CASE("fit: names that are unknown, and places that cannot be written") {
  const Fit f;
  f.refuses(f.fit("--measurements n.csv --target latency --out x.json"), {"Did you mean \"latency_ms\"?"});
  f.refuses(f.fit("--measurements s.csv --target latency --out x.json"), {"Did you mean \"latency_ms\"?"});
  std::string typo = measured().networks;
  f.folder.write("t.csv", typo.replace(typo.find("stage2.kernel"), 13, "stage2.kern"));
  f.refuses(f.fit("--measurements t.csv --out x.json"),
            {"t.csv: ", "\"stage2.kernel\" is no column", "Did you mean \"stage2.kern\"?"});
  typo = measured().subgraphs;
  f.folder.write("t.csv", typo.replace(typo.find("in_channels"), 11, "in_chanels"));
  f.refuses(f.fit("--measurements t.csv --out x.json"),
            {"t.csv:1: the column \"in_channels\" is missing. Did you mean \"in_chanels\"?"});
  f.folder.write("t.csv", "a,b\n1,2\n");
  f.refuses(f.fit("--measurements t.csv --out x.json"), {"neither subgraphs", "nor networks of"});
  f.refuses(f.run("fit" + f.npu + "--measurements n.csv --out x.json"), {"Name the space"});
  f.refuses(f.fit("--out x.json"), {"--measurements"});
  f.refuses(f.fit("--measurements n.csv"), {"--out is missing"});
  f.refuses(f.fit("--measurements none.csv --out x.json"), {"none.csv: cannot be read"});
  f.refuses(f.fit("--measurements n.csv --out missing/x.json"), {"missing/x.json: cannot be written"});
  f.refuses(f.fit("--measurements n.csv --out ."), {"cannot be written"});
  f.refuses(f.fit("--measurements n.csv --rows 61 --out x.json"), {"--rows is 61, but there are 60"});
  f.refuses(f.fit("--measurements n.csv --rows 3 --out x.json"), {"--rows is \"3\""});
  f.refuses(f.fit("--measurements n.csv --coverage 2 --out x.json"), {"--coverage is \"2\""});
}

TEST_CASE("fit and validate: no result overwrites what is read") {
  const Fit f;
  f.refuses(f.fit("--measurements s.csv,n.csv --out n.csv"),
            {"--out n.csv would overwrite --measurements n.csv"});
  f.refuses(f.fit("--measurements s.csv --out space.toml"), {"would overwrite the file space.toml"});
  f.folder.write("e.json", "{}");
  for (const std::string option : {"--out", "--predictions"}) {
    f.refuses(f.validate("--estimator e.json --measurements n.csv " + option + " n.csv"),
              {option + " n.csv would overwrite --measurements n.csv"});
    f.refuses(f.validate("--estimator e.json --measurements n.csv " + option + " e.json"),
              {option + " e.json would overwrite --estimator e.json"});
  }
  f.refuses(f.validate("--estimator e.json --measurements n.csv --out p.csv --predictions p.csv"),
            {"--predictions p.csv would overwrite --out p.csv"});
  CHECK(f.folder.read("n.csv") == measured().networks);
  CHECK(f.folder.read("space.toml") == space_text);
  CHECK(f.folder.read("e.json") == "{}");
}

TEST_CASE("fit: rows of two files that contradict each other") {
  const Fit f;
  f.folder.write("s2.csv", f.scaled(measured().subgraphs, "latency_ms", 1.8));
  f.refuses(f.fit("--measurements s.csv,s2.csv --out x.json"),
            {"s2.csv: ", "s.csv", "for the same", "Remove"});
  f.folder.write("n2.csv", f.scaled(measured().networks, "latency_ms", 1.8));
  f.refuses(f.fit("--measurements n.csv,n2.csv --out x.json"),
            {"n2.csv: ", "n.csv", "for the same", "Remove"});
}

TEST_CASE("fit: kinds of subgraphs that were never measured are flagged") {
  const Fit f;
  // Convolutions alone.
  Rows rows = parse(measured().subgraphs);
  std::erase_if(rows, [&](const auto& row) {
    return row[0] != "operator" && (row[0] != "convolution" || row[column(rows, "groups")] != "1");
  });
  f.folder.write("c.csv", unparse(rows));
  REQUIRE(f.fit("--measurements c.csv --out c.json --quiet").exit_code == 0);
  const Outcome layers =
      f.run("estimate" + f.space + "--sample 1 --estimator c.json --layers --format csv --quiet");
  REQUIRE(layers.exit_code == 0);
  const Rows table = parse(layers.out);
  int flagged = 0;
  for (std::size_t r = 1; r < table.size(); ++r) {
    if (!mentions(table[r][column(table, "subgraph")], "depthwise")) continue;
    ++flagged;
    CHECK(table[r][column(table, "extrapolated")] == "true");
    CHECK(number(table, r, "latency_ms") > 0);
  }
  CHECK(flagged >= 2);
}

TEST_CASE("fit: estimator files that are none") {
  const Fit f;
  REQUIRE(f.fit("--measurements n.csv --rows 30 --out e.json --quiet").exit_code == 0);
  const std::string good = f.folder.read("e.json");
  const auto refused = [&](const std::string& text, const std::string& part) {
    f.folder.write("t.json", text);
    f.refuses(f.validate("--measurements n.csv --estimator t.json"), {"t.json: ", part});
    f.refuses(f.run("estimate" + f.space + "--sample 1 --estimator t.json"), {"t.json: ", part});
  };
  std::string other = good;
  refused(other.replace(other.find("\"version\": "), 12, "\"version\": 1"), "fit the estimator again");
  refused(good.substr(0, good.size() / 2), "this is not JSON");
  refused("", "this is not JSON");
  refused("garbage", "this is not JSON");
  refused("{}", "\"format\" is missing");
  refused("[1, 2]", "must be an object");
  f.refuses(f.validate("--measurements n.csv --estimator none.json"), {"none.json: cannot be read"});
  f.refuses(f.validate("--estimator e.json"), {"--measurements"});
  // Another accelerator's rows.
  std::string phone = measured().networks;
  for (std::size_t at = 0; (at = phone.find("edge_npu_16", at)) != std::string::npos;)
    phone.replace(at, 11, "phone");
  f.folder.write("p.csv", phone);
  f.refuses(f.validate("--measurements p.csv --estimator e.json"), {"measured on \"phone\""});
}

TEST_CASE("fit: garbled files end in a message or in an estimator") {
  const Fit f;
  assay::Random random(5, assay::Purpose::sample);
  const std::string alphabet = "0123456789-.eE,\"\n\r nai;\t\xff";
  REQUIRE(f.fit("--measurements n.csv --rows 20 --out good.json --quiet").exit_code == 0);
  const std::string estimator = f.folder.read("good.json");
  int refused = 0;
  for (int round = 0; round < 45; ++round) {
    const std::array<const std::string*, 3> sources = {&measured().subgraphs, &measured().networks,
                                                       &estimator};
    std::string text = *sources[static_cast<std::size_t>(round % 3)];
    if (round % 9 < 3) text.resize(random.below(text.size()));
    for (int change = 0; change < 1 + round % 5 && !text.empty(); ++change)
      text[random.below(text.size())] = alphabet[random.below(alphabet.size())];
    f.folder.write("t.txt", text);
    const Outcome outcome = round % 3 == 2 ? f.validate("--measurements n.csv --estimator t.txt --quiet")
                                           : f.fit("--measurements t.txt --out x.json --quiet");
    CAPTURE(round);
    CAPTURE(outcome.err);
    CHECK((outcome.exit_code == 0 || outcome.exit_code == 2));
    CHECK((outcome.exit_code == 0) == outcome.err.empty());
    refused += outcome.exit_code == 2;
  }
  CHECK(refused > 10);
}
