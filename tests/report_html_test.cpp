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
  CHECK(html.find("Apache License") != std::string::npos);
}
