// A report as JSON and as the text of a page. What a browser makes of the page: report_page_test.cpp.
#include "run_report_fixture.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace assay;
using namespace report_test;
using Json = nlohmann::json;

namespace {

// Between the tags of the page's data.
std::string embedded(const std::string& html) {
  const std::string open = R"(<script type="application/json" id="report-data">)";
  const std::size_t begin = html.find(open) + open.size();
  return html.substr(begin, html.find("</script>", begin) - begin);
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

}  // namespace

TEST_CASE("JSON holds the whole report") {
  const RunReport report = sample_report({.candidates = 200});
  const Json json = Json::parse(to_json(report));
  CHECK(json["seed"] == report.seed);
  CHECK(json["settings"]["population"] == 64);
  CHECK(json["budgets"]["latency_ms"] == 0.5);
  CHECK(json["front"] == report.front);
  CHECK(json["winner"] == report.winner);
  CHECK(json["reached_full"] == *report.reached_full);
  CHECK(json["reached_90"] == *report.reached_90);
  CHECK(json["sessions"][1]["command"] == report.sessions[1].command);
  CHECK(json["rejections"][2]["smallest"].is_null());
  CHECK(json["importance"].size() == report.importance.size());
  CHECK(json["slices"][1]["values"][0][0] == report.slices[1].values[0][0]);

  // In full, where it is the answer.
  REQUIRE(json["shortlist"].size() == report.shortlist.size());
  for (std::size_t i = 0; i < report.shortlist.size(); ++i) {
    const Json& network = json["shortlist"][i];
    const ReportNetwork& expected = report.shortlist[i];
    CHECK(network["text"] == expected.text);
    CHECK(network["candidate"]["latency_ms"] == expected.candidate.latency_ms);
    CHECK(network["candidate"]["choices"] == expected.candidate.choices);
    CHECK(network["training"]["epochs"][4]["test_accuracy"] == expected.training->epochs[4].test_accuracy);
    CHECK(network["explanation"]["subgraphs"].size() == expected.explanation.subgraphs.size());
    CHECK(network["explanation"]["memory"].back()["live_bytes"] ==
          expected.explanation.memory.back().live_bytes);
  }
  CHECK(json["baseline"]["position"] == 0);
  CHECK(Json::parse(to_json(report.shortlist[0].explanation)) == json["shortlist"][0]["explanation"]);
}

TEST_CASE("candidates are columns, and their choices digits in base 36") {
  RunReport report = sample_report({.candidates = 60});
  report.decisions[1].options.resize(3000, "one of many");
  report.candidates[7].choices[1] = 2999;
  const Json columns = Json::parse(to_json(report))["candidates"];
  REQUIRE(columns["count"] == report.candidates.size());
  const std::size_t width = columns["choice_width"];
  CHECK(width == 3);  // 36^2 are too few
  for (std::size_t row = 0; row < report.candidates.size(); ++row) {
    const ReportCandidate& c = report.candidates[row];
    CHECK(columns["evaluation"][row] == c.evaluation);
    CHECK(columns["macs"][row] == c.macs);
    CHECK(columns["status"][row] == c.status);
    CHECK(columns["latency_ms"][row].get<double>() == doctest::Approx(c.latency_ms).epsilon(1e-6));
    CHECK(columns["rank_score"][row].is_null() == std::isnan(c.rank_score));
    CHECK(columns["scores"]["capacity"][row].is_null() == c.scores.empty());
    const std::string choices = columns["choices"][row];
    REQUIRE(choices.size() == width * c.choices.size());
    for (std::size_t i = 0; i < c.choices.size(); ++i)
      CHECK(std::stoul(choices.substr(i * width, width), nullptr, 36) == c.choices[i]);
  }
}

TEST_CASE("what has no value is null, and no text breaks the JSON") {
  RunReport report;
  ReportNetwork network;
  network.candidate.latency_ms = std::numeric_limits<double>::infinity();
  network.text = "\xFF\x01\"\\\n";
  report.shortlist.push_back(network);
  report.settings_json = "no JSON";
  report.slices.push_back({"MACs", "MACs", "a", "b", {"1"}, {"2"}, {{std::nan("")}}, std::nan("")});
  const Json json = Json::parse(to_json(report));
  CHECK(json["shortlist"][0]["candidate"]["latency_ms"].is_null());
  CHECK(json["shortlist"][0]["training"].is_null());
  CHECK(json["shortlist"][0]["text"] == "\xEF\xBF\xBD\x01\"\\\n");
  CHECK(json["settings"] == "no JSON");
  CHECK(json["baseline"].is_null());
  CHECK(json["slices"][0]["values"][0][0].is_null());
  CHECK(json["importance_score_r2"].is_null());
  CHECK(json["reached_full"].is_null());
  CHECK(Json::parse(to_json(RunReport{}))["winner"].is_null());
}

TEST_CASE("the page embeds the JSON, whatever it holds") {
  RunReport report = sample_report({.candidates = 40});
  report.space_name = "</script><!-- \xE2\x80\xA8\xE2\x80\xA9 {{data}} </SCRIPT >";
  report.notes.push_back(report.space_name);
  const std::string html = to_html(report), data = embedded(html);
  CHECK(Json::parse(data) == Json::parse(to_json(report)));
  CHECK(data.find('<') == std::string::npos);
  CHECK(data.find("\xE2\x80\xA8") == std::string::npos);
  CHECK(data.find("\xE2\x80\xA9") == std::string::npos);
  CHECK(count_of(html, "</script>") == 3);
  CHECK(html.find("{{title}}") == std::string::npos);
  CHECK(html.find("<title>&lt;/script&gt;") != std::string::npos);
  CHECK(to_html(report) == html);
}

TEST_CASE("a page is small, whatever its candidates hold") {
  RunReport report = sample_report({.candidates = 500});
  SUBCASE("thirty scores") {
    for (int i = 2; i < 30; ++i) report.scores.push_back(fmt::format("score{}", i));
    for (ReportCandidate& c : report.candidates)
      if (!c.scores.empty())
        for (int i = 2; i < 30; ++i) c.scores.push_back(std::sin(i * c.rank_score) * 123.4567);
  }
  SUBCASE("two hundred decisions") {
    for (int i = static_cast<int>(report.decisions.size()); i < 200; ++i)
      report.decisions.push_back({fmt::format("decision{}", i), {"0", "1", "2"}});
    for (ReportCandidate& c : report.candidates) c.choices.resize(200, 2);
  }
  SUBCASE("more than a plot can show") {}
  const std::vector<ReportCandidate> some = report.candidates;
  for (int copy = 1; copy < 60; ++copy) {
    for (ReportCandidate c : some) {
      c.evaluation += copy * 500;
      c.rank_score -= 0.01 * copy;
      report.candidates.push_back(c);
    }
  }
  const std::string html = to_html(report);
  CHECK(html.size() <= 3'000'000);
  CHECK(html.size() > 2'900'000);  // not for want of trying
  const Json data = Json::parse(embedded(html)), &evaluations = data["candidates"]["evaluation"];
  CHECK(data["candidates"]["count"] == evaluations.size());
  CHECK(std::ranges::is_sorted(evaluations));
  const auto held = [&](std::int64_t evaluation) {
    return std::ranges::binary_search(evaluations, Json(evaluation));
  };
  CHECK(std::ranges::all_of(report.front, held));
  for (const ReportNetwork& network : report.shortlist) CHECK(held(network.candidate.evaluation));
  // Evenly: half of them lie in the run's first half.
  const auto middle = std::ranges::lower_bound(evaluations, Json(15000)) - evaluations.begin();
  CHECK(static_cast<double>(middle) / static_cast<double>(evaluations.size()) ==
        doctest::Approx(0.5).epsilon(0.05));
  CHECK(std::string(data["notes"].back()).find(fmt::format("holds {} of 30000", evaluations.size())) !=
        std::string::npos);
  CHECK(Json::parse(to_json(report))["candidates"]["count"] == 30'000);
}

TEST_CASE("the page refers to nothing outside of it") {
  std::string html = to_html(RunReport{});
  // The charts' library knows of pictures and gradients; what it asks for is seen in the browser.
  const std::size_t library = html.find("<script nonce"), end = html.find("</script>", library);
  REQUIRE(end - library > 1'000'000);
  html.erase(library, end - library);
  CHECK(html.find(" src=") == std::string::npos);
  CHECK(html.find("@import") == std::string::npos);
  CHECK(html.find("url(") == std::string::npos);
  CHECK(html.find("default-src 'none'") != std::string::npos);
}

TEST_CASE("the licences of what the page contains travel with it, in a comment") {
  const std::string html = to_html(RunReport{});
  const std::size_t library = html.find("<script nonce"), end = html.rfind("-->", library);
  const std::size_t begin = html.rfind("<!--", end) + 4;
  REQUIRE(begin < end);
  const std::string comment = html.substr(begin, end - begin);
  CHECK(comment.find("--") == std::string::npos);  // ends a comment
  for (const char* text : {"developed at\nThe Apache Software Foundation", "Apache License\n",
                           "Copyright 2010-2016 Mike Bostock", "Copyright (c) 2017, Baidu Inc.",
                           "Copyright (c) Microsoft Corporation"})
    CHECK_MESSAGE(comment.find(text) != std::string::npos, text);
}
