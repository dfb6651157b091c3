// The page of a report in a browser: it draws what the report says, whatever the run was.
#include "report_page.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

using namespace assay;
using namespace report_test;

TEST_CASE("a whole report: every plot is there, on every screen, in either theme") {
  if (no_browser()) return;
  const Page page(sample_report());
  const std::vector<Screen> screens = {
      {}, {1440, 900, true}, {390, 844, false, true}, {360, 740, true, true}};
  for (const Screen& screen : screens) {
    CAPTURE(screen.width);
    CAPTURE(screen.dark);
    page.open(screen);
    CHECK(plots() == Json({"front-plot", "slice-plot-0", "slice-plot-1", "slice-plot-2", "best-plot",
                           "volume-plot", "archive-plot", "accuracy-plot", "curves-plot", "drawing-plot",
                           "bars-plot", "memory-plot", "importance-plot"}));
    CHECK(browser().evaluate("document.querySelectorAll('.left-out').length") == 0);
    const std::string background = browser().evaluate("getComputedStyle(document.body).backgroundColor");
    CHECK((background == "rgb(16, 20, 25)") == screen.dark);
  }
}

TEST_CASE("the page holds the report's JSON, and its charts hold the JSON's values") {
  if (no_browser()) return;
  const RunReport report = sample_report();
  const Page page(report);
  page.open();
  const Json json = Json::parse(page.json());
  CHECK(browser().evaluate("JSON.parse(document.getElementById('report-data').textContent)") == json);

  // Every candidate is where its latency and score say, once.
  std::map<std::int64_t, std::pair<Json, Json>> points;
  for (const char* series : {"evaluated", "front", "failed"}) {
    for (const Json& point : series_of("front-plot", series)) {
      const bool is_new = points.try_emplace(point[2], point[0], point[1]).second;
      CHECK(is_new);
    }
  }
  const Json& columns = json["candidates"];
  REQUIRE(points.size() == columns["count"]);
  for (std::size_t row = 0; row < columns["count"]; ++row) {
    const auto& [x, y] = points.at(columns["evaluation"][row]);
    CHECK(x == columns["latency_ms"][row]);
    if (!columns["rank_score"][row].is_null()) CHECK(y == columns["rank_score"][row]);
  }
  std::vector<std::int64_t> front;
  for (const Json& point : series_of("front-plot", "front")) front.push_back(point[2]);
  CHECK(front == report.front);
  CHECK(series_of("front-plot", "shortlist").size() == report.shortlist.size());
  CHECK(series_of("front-plot", "baseline")[0][2] == -1);

  const Json bars = browser().evaluate(
      "assayReport.plots.get('bars-plot').chart.getOption().series[0].data.map((d) => d.value)");
  const std::int64_t shown = browser().evaluate("Number(document.getElementById('network-choice').value)");
  const Json& subgraphs = json["shortlist"][static_cast<std::size_t>(shown)]["explanation"]["subgraphs"];
  REQUIRE(bars.size() == subgraphs.size());
  for (std::size_t i = 0; i < bars.size(); ++i) CHECK(bars[i] == subgraphs[i]["latency_ms"]);
  CHECK(
      browser().evaluate("assayReport.plots.get('drawing-plot').chart.getOption().series[0].edges.length") >=
      subgraphs.size());
  const Json convergence =
      browser().evaluate("assayReport.plots.get('volume-plot').chart.getOption().series[0].data");
  REQUIRE(convergence.size() == report.convergence.size());
  for (std::size_t i = 0; i < convergence.size(); ++i) {
    CHECK(convergence[i][0] == report.convergence[i].evaluated);
    CHECK(convergence[i][1] == report.convergence[i].hypervolume_share);
  }
  for (std::size_t i = 0; i < report.slices.size(); ++i) {
    const Json cells = browser().evaluate("assayReport.plots.get('slice-plot-" + std::to_string(i) +
                                          "').chart.getOption().series[0].data.map((d) => d.value)");
    std::size_t known = 0;
    for (const auto& row : report.slices[i].values)
      known +=
          static_cast<std::size_t>(std::ranges::count_if(row, [](double v) { return std::isfinite(v); }));
    CHECK(cells.size() == known);
    for (const Json& cell : cells)
      CHECK(cell[2] == json["slices"][i]["values"][cell[1].get<std::size_t>()][cell[0].get<std::size_t>()]);
  }
}

TEST_CASE("a click on a point opens its network, and the keyboard closes it") {
  if (no_browser()) return;
  const RunReport report = sample_report();
  const Page page(report);
  page.open();
  browser().evaluate("document.getElementById('front').scrollIntoView()");
  const ReportCandidate& first = report.shortlist[0].candidate;
  const Json place = browser().evaluate(R"((() => {
      const {chart} = assayReport.plots.get("front-plot"), at = chart.getOption().series.find((s) => s.name === "shortlist").data[0];
      const [x, y] = chart.convertToPixel({gridIndex: 0}, [at[0], at[1]]), box = chart.getDom().getBoundingClientRect();
      return [x + box.x, y + box.y]; })())");
  browser().click(place[0], place[1]);
  const std::string panel = text_of("#drawer");
  CHECK(contains(panel, "Network #1"));
  CHECK(contains(panel, "evaluation " + std::to_string(first.evaluation)));
  CHECK(contains(panel, "on the front"));
  CHECK(browser().evaluate("assayReport.plots.has('drawer-plot')") == true);
  CHECK(browser().evaluate("document.querySelectorAll('#drawer .decisions > div').length") ==
        report.decisions.size());
  for (std::size_t i = 0; i < report.decisions.size(); ++i)
    CHECK(contains(browser().evaluate("document.querySelectorAll('#drawer .decisions b')[" +
                                      std::to_string(i) + "].innerText"),
                   report.decisions[i].options[first.choices[i]]));
  browser().key("Escape");
  CHECK(browser().evaluate("document.getElementById('drawer').hidden") == true);

  // An ordinary candidate, by its number.
  browser().evaluate(
      "document.getElementById('find-number').value = '3'; document.getElementById('find').requestSubmit()");
  CHECK(contains(text_of("#drawer"), "Evaluation 3"));
  CHECK(browser().evaluate("document.activeElement.className") == "close");
  // Copied is what the report says.
  browser().evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }");
  browser().evaluate("document.querySelector('#drawer .copies button').click()");
  std::string text;
  for (std::size_t i = 0; i < report.decisions.size(); ++i)
    text += (i == 0 ? "" : " ") + report.decisions[i].name + "=" +
            report.decisions[i].options[report.candidates[3].choices[i]];
  CHECK(browser().evaluate("window.copied") == text);
}

TEST_CASE("the page is about the winner that the report names") {
  if (no_browser()) return;
  RunReport report = sample_report({.candidates = 64, .training = false});
  report.winner = 1;
  report.reached_90 = 17;
  report.reached_full = 41;
  const Page page(report);
  page.open();
  const ReportCandidate& winner = report.shortlist[1].candidate;
  CHECK(contains(text_of("#lead"), fmt::format("rank score is {:.3f}", winner.rank_score)));
  CHECK(contains(text_of("#shortlist .is-winner"), "#2"));
  CHECK(contains(text_of("#landscape-reading"), "Around #2"));
  CHECK(browser().evaluate("document.getElementById('network-choice').value") == "1");
  CHECK(contains(text_of("#convergence-reading"), "after 17 of 64 evaluations, and all of it after 41."));
  browser().evaluate("assayReport.openNetwork(assayReport.candidateByEvaluation(" +
                     std::to_string(winner.evaluation) + "))");
  CHECK(contains(text_of("#drawer"), "What differs from the baseline"));
}

TEST_CASE("more candidates than a call takes arguments") {
  if (no_browser()) return;
  const Page page(sample_report({.candidates = 64}));
  page.open();
  // The page's own bound on its size keeps them out of it; the code must not depend on it.
  CHECK(browser().evaluate("(() => { const c = assayReport.report.candidates, more = 300000;"
                           "for (const key of Object.keys(c)) if (Array.isArray(c[key]))"
                           "  for (let i = 0; i < more; ++i) c[key].push(c[key][0]);"
                           "assayReport.plots.get('front-plot').build();"
                           "return c.evaluation.length; })()") == 300064);
}

TEST_CASE("networks, axes, order and theme can be chosen") {
  if (no_browser()) return;
  const RunReport report = sample_report();
  const Page page(report);
  page.open();
  const auto choose = [](const std::string& id, const std::string& value) {
    browser().evaluate("(() => { const e = document.getElementById('" + id + "'); e.value = '" + value +
                       "'; e.dispatchEvent(new Event('change')); })()");
  };
  choose("network-choice", "2");
  CHECK(browser().evaluate("assayReport.plots.get('bars-plot').chart.getOption().series[0].data.length") ==
        report.shortlist[2].explanation.subgraphs.size());
  choose("network-order", "cost");
  const Json bars = browser().evaluate(
      "assayReport.plots.get('bars-plot').chart.getOption().series[0].data.map((d) => d.value)");
  CHECK(std::is_sorted(bars.rbegin(), bars.rend()));
  choose("front-x", "params");
  CHECK(series_of("front-plot", "shortlist")[0][0] == report.shortlist[0].candidate.params);
  choose("front-y", "score:capacity");
  CHECK(series_of("front-plot", "shortlist")[0][1] == report.shortlist[0].candidate.scores[0]);
  browser().evaluate("document.getElementById('front-log').click()");
  CHECK(browser().evaluate("assayReport.plots.get('front-plot').chart.getOption().xAxis[0].type") == "log");
  CHECK(browser().evaluate(pale_plots) == Json::array());
  browser().evaluate("document.getElementById('theme').click()");
  CHECK(browser().evaluate("document.documentElement.dataset.theme") == "dark");
  browser().evaluate("document.querySelectorAll('#landscape-form button')[1].click()");
  CHECK(browser().evaluate("assayReport.plots.get('slice-plot-1').chart.getOption().series[0].type") ==
        "line");
  CHECK(browser().complaints.empty());
}

TEST_CASE("what a run does not have is left out with a sentence") {
  if (no_browser()) return;
  SUBCASE("nothing evaluated") {
    RunReport report = sample_report({.candidates = 0, .state = "running"});
    const Page page(report);
    page.open();
    CHECK(text_of("#headline") == "No network has been evaluated yet.");
    CHECK(contains(text_of("#state"), "still going"));
    CHECK(plots() == Json::array());
    CHECK(browser().evaluate("document.querySelectorAll('.left-out').length") == 7);
  }
  SUBCASE("an empty report") {
    const Page page(RunReport{});
    page.open();
  }
  SUBCASE("one network, killed") {
    const Page page(sample_report({.candidates = 1, .state = "killed"}));
    page.open({390, 844, false, true});
    CHECK(contains(text_of("#state"), "was killed"));
  }
  SUBCASE("no accelerator: MACs instead of latency") {
    const Page page(sample_report({.candidates = 64, .accelerator = false}));
    page.open();
    CHECK(contains(text_of("#headline"), "MACs"));
    CHECK(browser().evaluate("document.getElementById('front-x').value") == "macs");
    CHECK_FALSE(contains(text_of("#shortlist"), "latency"));
  }
  SUBCASE("neither baseline nor training") {
    const Page page(sample_report({.candidates = 64, .baseline = false, .training = false}));
    page.open();
    CHECK(contains(text_of("#training"), "--train"));
    CHECK_FALSE(contains(text_of("#headline"), "baseline"));
  }
  SUBCASE("neither landscape nor importance") {
    RunReport report = sample_report({.candidates = 64});
    report.slices.clear();
    report.importance.clear();
    report.no_slices = "No two decisions are numbers.";
    report.no_importance = "The space has 2000 options, which is too many.";
    const Page page(report);
    page.open();
    CHECK(contains(text_of("#landscape"), report.no_slices));
    CHECK(contains(text_of("#importance"), report.no_importance));
  }
  SUBCASE("all failed") {
    RunReport report = sample_report({.candidates = 40, .shortlist = 0, .baseline = false});
    for (ReportCandidate& c : report.candidates) {
      c.rank_score = std::nan("");
      c.scores.clear();
      c.status = "not finite";
    }
    report.failed = report.evaluated;
    report.front.clear();
    report.convergence.clear();
    const Page page(report);
    page.open();
    CHECK(contains(text_of("#headline"), "None of the 40"));
  }
  SUBCASE("training that broke off") {
    RunReport report = sample_report({.candidates = 64});
    report.shortlist[0].training->status = "unfinished";
    report.shortlist[0].training->test_accuracy = std::nan("");
    report.shortlist[1].training->epochs.clear();
    report.shortlist[2].training.reset();
    const Page page(report);
    page.open();
    CHECK(contains(text_of("#training"), "unfinished"));
  }
  SUBCASE("no estimator: subgraphs without latencies") {
    RunReport report = sample_report({.candidates = 64});
    for (ReportNetwork& network : report.shortlist)
      for (ExplainedSubgraph& s : network.explanation.subgraphs)
        s.latency_ms = s.share = s.lane_efficiency = std::nan("");
    const Page page(report);
    page.open();
    CHECK(contains(text_of("#bars-title"), "MACs"));
  }
}

TEST_CASE("hostile names change nothing but themselves") {
  if (no_browser()) return;
  const std::string hostile =
      "</script><script>window.hurt = 1</script><img src=x onerror='window.hurt = 2'>{{data}} \xE2\x80\xA8 "
      "\xE2\x80\xAE \xFF <!-- "
      "${alert(1)} `'\"\\ {b|c} %s";
  RunReport report = sample_report({.candidates = 64});
  for (std::string* text :
       {&report.journal, &report.state, &report.state_note, &report.space_name, &report.accelerator_name,
        &report.settings_json, &report.sessions[0].command, &report.sessions[0].end,
        &report.rejections[0].reason, &report.slices[0].title, &report.slices[0].row_options[0],
        &report.importance[0].decision, &report.shortlist[0].text, &report.shortlist[0].training->recipe,
        &report.shortlist[0].training->status, &report.scores[0], &report.candidates[0].status})
    *text = hostile;
  for (ReportDecision& decision : report.decisions) {
    decision.name = hostile + decision.name;
    decision.options[0] = hostile;
  }
  for (ExplainedSubgraph& s : report.shortlist[0].explanation.subgraphs)
    s.name = s.kind = s.brief = s.bound = s.advice = s.shape = s.operators = hostile;
  report.shortlist[0].explanation.memory[0].name = hostile;
  report.notes.push_back(hostile);
  report.seed = 18446744073709551615u;
  const Page page(report);
  page.open({360, 740, false, true});
  browser().evaluate("assayReport.openNetwork(assayReport.report.shortlist[0].candidate)");
  for (const char* plot :
       {"front-plot", "drawing-plot", "bars-plot", "slice-plot-0", "importance-plot", "memory-plot"})
    browser().evaluate(std::string("assayReport.plots.get('") + plot +
                       "').chart.dispatchAction({type: 'showTip', seriesIndex: 0, dataIndex: 0})");
  CHECK(browser().evaluate("window.hurt") == Json());
  CHECK(browser().evaluate("document.images.length") == 0);
  CHECK(browser().complaints.empty());
  CHECK(browser().evaluate("JSON.parse(document.getElementById('report-data').textContent)") ==
        Json::parse(page.json()));
  CHECK(contains(text_of("#run-facts"), "18446744073709551615"));
}

TEST_CASE("ten thousand candidates: a small file that opens at once") {
  if (no_browser()) return;
  RunReport report = sample_report({.candidates = 2500});
  const std::vector<ReportCandidate> some = report.candidates;
  for (int copy = 1; copy < 4; ++copy) {
    for (ReportCandidate c : some) {
      c.evaluation += copy * 2500;
      c.rank_score -= 0.01 * copy;
      c.latency_ms *= 1 + 0.01 * copy;
      report.candidates.push_back(c);
    }
  }
  report.evaluated = 1'000'000;
  const Page page(report);
  MESSAGE(page.size(), " bytes");
  CHECK(page.size() < 3'000'000);
  const double seconds = page.open();
  // Of the page's thread, not of the clock: the machine may have other work.
  const double busy = browser().seconds_of_page();
  MESSAGE("opened in ", seconds, " s, ", busy, " s of the page's own");
  CHECK(busy < 3);
  CHECK(contains(text_of("#front-reading"), "an even sample"));
}

// Pictures for people, of the page in $ASSAY_REPORT_PAGE or of a made-up one: tools/report_screenshots.sh.
TEST_CASE("pictures of the page") {
  const char* folder_name = std::getenv("ASSAY_SCREENSHOTS");
  if (folder_name == nullptr || no_browser()) return;
  const std::string folder = folder_name;
  fs::create_directories(folder);
  const char* given = std::getenv("ASSAY_REPORT_PAGE");
  const Page page(sample_report());
  const std::string file = given != nullptr ? given : page.file();
  const std::vector<std::pair<std::string, Screen>> screens = {{"laptop_light", {}},
                                                               {"laptop_dark", {1440, 900, true}},
                                                               {"phone_light", {390, 844, false, true}},
                                                               {"phone_dark", {390, 844, true, true}},
                                                               {"narrow_light", {360, 740, false, true}}};
  for (const auto& [name, screen] : screens) {
    browser().open(file, screen);
    CHECK(browser().complaints.empty());
    browser().screenshot(folder + "/" + name + ".png");
    for (const char* section : {"answer", "front", "landscape", "convergence", "training", "network",
                                "importance", "rejections", "facts"})
      browser().screenshot(folder + "/" + name + "_" + section + ".png", std::string("#") + section);
    browser().evaluate(
        "assayReport.report.shortlist.length && "
        "assayReport.openNetwork(assayReport.report.shortlist[0].candidate)");
    browser().screenshot(folder + "/" + name + "_panel.png");
  }
  browser().print(folder + "/print.pdf");
}
