// assay check as a CI pipeline runs it.
#include "cli_process.hpp"

#include <initializer_list>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace cli_test;
using nlohmann::json;

namespace {

// A small network; `width` is that of its middle convolution.
std::string network(int width) {
  const auto conv = [](const std::string& name, const std::string& input, int channels) {
    return R"({"name":")" + name + R"(","kind":"convolution","inputs":[")" + input + R"("],"channels":)" +
           std::to_string(channels) + R"(,"kernel":[3,3],"padding":[1,1,1,1]})";
  };
  return R"({"format":"assay-network","version":1,"title":"t","input":{"name":"input","channels":3,"height":32,)"
         R"("width":32},"operators":[)" +
         conv("first", "input", 16) + "," + conv("middle", "first", width) + "," +
         conv("last", "middle", 16) +
         R"(,{"name":"pool","kind":"global_average_pool","inputs":["last"]},)"
         R"({"name":"fc","kind":"linear","inputs":["pool"],"channels":10}],"output":"fc"})";
}

// A folder with two models, an accelerator and a budget.
struct Project {
  explicit Project(const std::string& latency_limit = "{ max = 10, max_regression_percent = 1 }") {
    fs::create_directories(folder / "models");
    fs::copy_file(accelerator_file("edge_npu_16.toml"), folder / "npu.toml");
    folder.write("models/a.json", network(32));
    folder.write("models/b.json", network(48));
    budget("accelerator = \"npu.toml\"\n[[check]]\nmodel = \"models/*\"\nlatency_ms = " + latency_limit +
           "\nparams = { max = 1e6, level = \"warn\" }\n");
  }
  void budget(const std::string& text) const { folder.write("budget.toml", text); }
  Outcome check(const std::string& arguments) const {
    return shell(folder, "assay check --budget budget.toml " + arguments);
  }
  Folder folder;
};

void expect(const Outcome& outcome, int exit_code, std::initializer_list<const char*> printed) {
  CAPTURE(outcome.out);
  CAPTURE(outcome.err);
  CHECK(outcome.exit_code == exit_code);
  for (const char* part : printed) {
    CAPTURE(part);
    CHECK((mentions(outcome.out, part) || mentions(outcome.err, part)));
  }
}

}  // namespace

TEST_CASE("check: exit codes are 0 within the budget, 1 beyond it, 2 for what is invalid") {
  const Project project;
  expect(project.check("models/a.json models/b.json"), 0, {"ok", "models/a.json", "(2 models)"});
  project.budget("accelerator = \"npu.toml\"\n[[check]]\nlatency_ms = 0.001\n");
  expect(project.check("models/a.json"), 1, {"EXCEEDED", "budget.toml:3", "middle", "1 limit exceeded"});
  project.budget("accelerator = \"npu.toml\"\n[[check]]\nlatency_ms = { max = 0.001, level = \"warn\" }\n");
  expect(project.check("models/a.json"), 0, {"warning", "middle"});
  // The others are checked all the same, and 2 says more than 1.
  project.folder.write("models/broken.json", "{");
  project.budget("accelerator = \"npu.toml\"\n[[check]]\nlatency_ms = 0.001\n");
  expect(project.check("models/broken.json models/none.json models/a.json"), 2,
         {"models/broken.json", "models/none.json", "models/a.json on npu"});
}

TEST_CASE("check: wrong usage names the remedy") {
  const Project project;
  expect(project.check(""), 2, {"name the models"});
  expect(shell(project.folder, "assay check models/a.json"), 2, {"--budget"});
  expect(project.check("models/a.json --baseline none.json"), 2, {"none.json", "--update-baseline"});
  expect(project.check("models/a.json --update-baseline"), 2, {"--baseline FILE"});
  expect(project.check("models/a.json --github --format csv"), 2, {"--github", "--out"});
  expect(project.check("models/a.json --junit budget.toml"), 2, {"--junit", "overwrite"});
  expect(project.check("models/a.json --junit r --markdown r"), 2, {"overwrite"});
  // Not even what only the budget names, whatever the path to it.
  const std::string accelerator = project.folder.read("npu.toml");
  for (const char* option :
       {"--junit", "--markdown", "--json", "--benchmark-json", "--out", "--update-baseline --baseline"})
    expect(project.check(std::string("models/a.json ") + option + " models/../npu.toml"), 2,
           {"would overwrite what budget.toml names, npu.toml"});
  CHECK(project.folder.read("npu.toml") == accelerator);
  expect(project.check("models/a.json --update-baseline --baseline models/a.json"), 2, {"would overwrite"});
  project.budget("[[check]]\nlatency_ms = 4\n");
  expect(project.check("models/a.json"), 2, {"budget.toml:2:", "--accelerator"});
  expect(project.check("models/a.json --accelerator npu.toml"), 0, {"npu  ", "ok"});
  project.budget("accelerator = \"missing.toml\"\n[[check]]\nlatency_ms = 4\n");
  expect(project.check("models/a.json"), 2, {"missing.toml"});
}

TEST_CASE("check: nothing goes unchecked in silence") {
  const Project project;
  expect(project.check("models/a.json"), 0, {"1 limit is not checked: no --baseline is given"});
  project.budget(
      "[[check]]\nmodel = \"models/a.json\"\nparams = 1e6\n[[check]]\nmodel = \"models/z*\"\nparams = 1\n");
  expect(project.check("models/a.json"), 0, {"budget.toml:4: no model was given that \"models/z*\" matches"});
  expect(project.check("models/a.json models/b.json"), 2,
         {"models/b.json: no limit applies to it", "\"models/a.json\"", "\"models/z*\"", "1 limit holds"});
  expect(project.check("models/a.json --accelerator npu.toml"), 0, {});
  project.budget("accelerator = \"npu.toml\"\n[[check]]\nlatency_ms = 4\n");
  expect(project.check("models/a.json --accelerator other.toml"), 0, {"--accelerator", "not used"});
}

TEST_CASE("check: a regression against the baseline names the layer, until the baseline is updated") {
  const Project project("{ max = 10, max_regression_percent = 1 }");
  expect(project.check("models/*.json --baseline base.json --update-baseline"), 0, {"base.json: 2 new"});
  const std::string first = project.folder.read("base.json");
  expect(project.check("models/*.json --baseline base.json"), 0, {"+0.0 %"});
  CHECK(project.folder.read("base.json") == first);

  project.folder.write("models/a.json", network(40));
  const Outcome slower = project.check("models/*.json --baseline base.json --format json");
  CHECK(slower.exit_code == 1);
  const json report = json::parse(slower.out);
  CHECK(report.at("exit_code") == 1);
  int failed = 0;
  for (const json& finding : report.at("findings")) {
    if (finding.at("verdict") != "fail") continue;
    ++failed;
    CHECK(finding.at("model") == "models/a.json");
    CHECK(finding.at("limit_kind") == "max_regression_percent");
    CHECK(finding.at("causes")[0].at("kind") == "grown");
    CHECK(finding.at("causes")[0].at("name") == "middle");
    CHECK(finding.at("causes")[1].at("name") == "last");
  }
  CHECK(failed == 1);

  // Accepted, and only what was given is updated.
  expect(project.check("models/a.json --baseline base.json --update-baseline"), 0,
         {"accepted", "0 new, 1 updated, 1 kept"});
  expect(project.check("models/*.json --baseline base.json"), 0, {"limits hold"});
  // An absolute limit is not to be accepted, but the baseline is written.
  project.budget("accelerator = \"npu.toml\"\n[[check]]\nlatency_ms = 0.001\n");
  project.folder.write("models/a.json", network(64));
  const std::string before = project.folder.read("base.json");
  expect(project.check("models/a.json --baseline base.json --update-baseline"), 1, {"EXCEEDED"});
  CHECK(project.folder.read("base.json") != before);
  // A model that the baseline does not know is new, no error.
  project.budget("accelerator = \"npu.toml\"\n[[check]]\nlatency_ms = { max_regression_percent = 0 }\n");
  project.folder.write("models/c.json", network(64));
  expect(project.check("models/c.json --baseline base.json"), 0, {"models/c.json is not in the baseline"});
}

TEST_CASE("check: a baseline made with another accelerator is not compared with") {
  const Project project;
  CHECK(project.check("models/a.json --baseline base.json --update-baseline").exit_code == 0);
  std::string text = project.folder.read("npu.toml");
  text.replace(text.find("clock_mhz = 1000"), 16, "clock_mhz = 500 ");
  project.folder.write("npu.toml", text);
  expect(project.check("models/a.json --baseline base.json"), 0, {"made with another npu", "not checked"});
}

TEST_CASE("check: a baseline holds what models cost on all accelerators that it was updated with") {
  const Project project;
  project.budget("[[check]]\nlatency_ms = { max_regression_percent = 0 }\n");
  fs::copy_file(project.folder / "npu.toml", project.folder / "other.toml");
  const std::string update = "models/a.json --baseline base.json --update-baseline --accelerator ";
  expect(project.check(update + "npu.toml"), 0, {"1 new, 0 updated, 0 kept. Updated on npu.\n"});
  expect(project.check(update + "other.toml"), 0, {"1 updated, 0 kept. Updated on other. Kept on npu.\n"});
  expect(project.check("models/a.json --baseline base.json --accelerator npu.toml,other.toml"), 0,
         {"2 limits hold"});
}

TEST_CASE("check: one thing at most goes to standard output") {
  const Project project;
  const auto printed = [&](const std::string& option) {
    return project.check("models/a.json " + option).out;
  };
  CHECK(json::accept(printed("--json -")));
  CHECK(json::accept(printed("--benchmark-json -")));
  CHECK(printed("--junit -").starts_with("<?xml"));
  CHECK(printed("--markdown -").starts_with("<!-- assay check -->"));
  // The table has another place, then.
  CHECK(json::accept(printed("--json - --out t.txt")));
  CHECK(mentions(project.folder.read("t.txt"), "latency"));
  for (const char* both : {"--json - --markdown -", "--json - --github", "--json - --format csv"})
    expect(project.check(std::string("models/a.json ") + both), 2, {"--json", "all go to standard output"});
}

TEST_CASE("check: two files whose names are the same text are refused, none is passed over") {
  const Project project;
  project.folder.write("models/x\xFE.json", network(32));
  project.folder.write("models/x\xFF.json", network(32));
  expect(project.check("models/x*.json"), 2, {"both be called models/x", "Rename"});
}

TEST_CASE("check: no name begins a line of a log that would be a command") {
  const Project project("0.001");
  std::string text = network(32);
  for (std::size_t at; (at = text.find("\"middle\"")) != std::string::npos;)
    text.replace(at, 8, R"("mid\n::error::\u001b[31m\u007f")");
  project.folder.write("models/x\n::error::x.json", text);
  for (const Outcome& outcome : {project.check("models/x* $'nofile\\n::error::x.json' ::error::y.json"),
                                 project.check("models/a.json --baseline $'none\\n ::error::x.json'")}) {
    CAPTURE(outcome.out);
    CAPTURE(outcome.err);
    CHECK(outcome.exit_code == 2);
    for (const std::string& printed : {"\n" + outcome.out, "\n" + outcome.err}) {
      CHECK_FALSE(mentions(printed, "\n::"));
      CHECK_FALSE(mentions(printed, "\n ::"));
      CHECK_FALSE(mentions(printed, "\x1b"));
      CHECK_FALSE(mentions(printed, "\x7f"));
    }
  }
}

TEST_CASE("check: one reference file is of one space") {
  const Project project;
  project.budget(
      "[[check]]\nscore_percentile = [{ min = 1, space = \"a.toml\" }, { min = 1, space = "
      "\"b.toml\" }]\n");
  expect(project.check("models/a.json --reference-file r.csv"), 2, {"names 2: a.toml, b.toml", "Leave the"});
}

TEST_CASE("check: models of one name in two folders are two models") {
  const Project project;
  fs::create_directories(project.folder / "more");
  project.folder.write("more/a.json", network(64));
  project.budget("accelerator = \"npu.toml\"\n[[check]]\nlatency_ms = { max_regression_percent = 0 }\n");
  CHECK(project.check("models/a.json more/a.json --baseline base.json --update-baseline").exit_code == 0);
  const json baseline = json::parse(project.folder.read("base.json"));
  CHECK(baseline.at("models").contains("models/a.json"));
  CHECK(baseline.at("models").contains("more/a.json"));
  // A model that is named twice is one.
  expect(project.check("models/a.json ./more/../models/a.json --baseline base.json"), 0, {"(1 model)"});
}

TEST_CASE("check: the same bytes again, and from another folder") {
  const Project project("{ max = 0.001, max_regression_percent = 0 }");
  fs::create_directories(project.folder / "elsewhere");
  const std::string files =
      " --junit j.xml --markdown m.md --json r.json --benchmark-json b.json --baseline base.json ";
  const auto outputs = [&](const std::string& folder) {
    std::string all;
    for (const char* name : {"j.xml", "m.md", "r.json", "b.json", "base.json"})
      all += project.folder.read(folder + name) + "\n---\n";
    return all;
  };
  const Outcome first =
      shell(project.folder,
            "assay check models/a.json models/b.json --budget budget.toml --update-baseline" + files);
  CHECK(first.exit_code == 1);
  const std::string expected = outputs("");
  const Outcome second =
      shell(project.folder,
            "rm base.json; cd elsewhere && assay check ../models/a.json \"$PWD/../models/b.json\" "
            "--budget ../budget.toml --update-baseline" +
                files);
  CHECK(second.exit_code == 1);
  CHECK(outputs("elsewhere/") == expected);
  CHECK(second.out == first.out);
  CHECK(expected.find(project.folder / "") == std::string::npos);
}

TEST_CASE("check: what is checked beside a model does not change its numbers, and estimate says the same") {
  const Project project;
  const auto latency = [&](const std::string& models) {
    return json::parse(project.check(models + " --format json").out).at("findings")[0].at("value");
  };
  CHECK(latency("models/a.json") == latency("models/a.json models/b.json"));
  const Outcome estimate =
      shell(project.folder, "assay estimate models/a.json --accelerator npu.toml --format json");
  CHECK(json::parse(estimate.out)[0].at("latency_ms") == latency("models/a.json"));
}

TEST_CASE("check: annotations, JUnit and Markdown survive hostile names") {
  const Project project("0.001");
  const std::string name = "a%0A::error::x|`<b>,:\" #1 @me.json";
  std::string text = network(32);
  const std::string hostile = R"(mid|dle`<script>\n::error::]]>&\"@all)";
  for (std::size_t at; (at = text.find("\"middle\"")) != std::string::npos;)
    text.replace(at, 8, "\"" + hostile + "\"");
  project.folder.write("models/" + name, text);
  const Outcome outcome =
      project.check("models/* --github --junit j.xml --markdown m.md --json r.json --benchmark-json b.json");
  CAPTURE(outcome.out);
  CHECK(outcome.exit_code == 1);
  CHECK(mentions(outcome.out,
                 "::error file=budget.toml,line=4,col=14,title=latency of models/a%250A%3A%3Aerror"));
  std::size_t commands = 0;
  for (std::size_t at = 0; (at = outcome.out.find("\n::", at)) != std::string::npos; ++at) ++commands;
  CHECK(commands == 3);  // a line each, whatever the names hold
  const std::string junit = project.folder.read("j.xml");
  CHECK_FALSE(mentions(junit, "<script>"));
  CHECK(mentions(junit, "&lt;script&gt;"));
  const std::string markdown = project.folder.read("m.md");
  CHECK_FALSE(mentions(markdown, "<script>"));
  CHECK_FALSE(mentions(markdown, "@"));
  CHECK_NOTHROW(json::parse(project.folder.read("r.json")));
  const json benchmark = json::parse(project.folder.read("b.json"));
  CHECK(benchmark.size() == 3 * 5);
  for (const json& entry : benchmark) {
    CHECK(entry.at("name").is_string());
    CHECK(entry.at("unit").is_string());
    CHECK(entry.at("value").is_number());
  }
}

TEST_CASE("check: a fitted estimator's interval can be what is judged") {
  const Project project;
  const std::string estimator = space_file("accelerators/host_cpu.estimator.json");
  project.budget("estimator = \"" + estimator +
                 "\"\n[[check]]\nlatency_ms = [{ max = 1000 }, { max = 1000, bound = " + "\"high\" }]\n");
  const json report = json::parse(project.check("models/a.json --format json").out);
  const json& findings = report.at("findings");
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].at("accelerator") == "host_cpu.estimator");
  CHECK(findings[1].at("bound") == "high");
  CHECK(findings[1].at("value").get<double>() > findings[0].at("value").get<double>());
}

TEST_CASE("check: the score percentile is a floor among a space's random candidates") {
  const Project project;
  const std::string space = space_file("nasbench201.toml");
  const auto with = [&](int least) {
    project.budget("[[check]]\nscore_percentile = { min = " + std::to_string(least) + ", space = \"" + space +
                   "\" }\n");
    return project.check("models/a.json --format json --quiet");
  };
  const Outcome kept = with(0);
  CAPTURE(kept.err);
  CHECK(kept.exit_code == 0);
  const double percentile = json::parse(kept.out).at("findings")[0].at("value").get<double>();
  CHECK(percentile >= 0);
  CHECK(percentile < 100);
  const Outcome missed = with(100);
  CHECK(missed.exit_code == 1);
  CHECK(json::parse(missed.out).at("findings")[0].at("value").get<double>() == percentile);
}
