// Text from anywhere in XML, Markdown and GitHub's workflow commands.
#include "assay/base/random.hpp"
#include "assay/report/escape.hpp"
#include "assay/report/junit.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

namespace {

const std::string kReplaced = "\xEF\xBF\xBD";

}  // namespace

TEST_CASE("utf8: what is text stays, what is none is replaced byte by byte") {
  CHECK(utf8_text("a→b ≤ 𝄞") == "a→b ≤ 𝄞");
  CHECK(utf8_text("a\xFFz") == "a" + kReplaced + "z");
  CHECK(utf8_text("\xC3") == kReplaced);                                                  // cut off
  CHECK(utf8_text("\xC0\x80") == kReplaced + kReplaced);                                  // overlong
  CHECK(utf8_text("\xED\xA0\x80") == kReplaced + kReplaced + kReplaced);                  // a surrogate
  CHECK(utf8_text("\xF4\x90\x80\x80") == kReplaced + kReplaced + kReplaced + kReplaced);  // beyond Unicode
  CHECK(utf8_text(std::string_view("a\0b", 3)) == std::string_view("a\0b", 3));
}

TEST_CASE("xml: markup, line ends and forbidden characters") {
  CHECK(xml_text("a<b> & \"c\" ]]>") == "a&lt;b&gt; &amp; \"c\" ]]&gt;");
  CHECK(xml_text("two\nlines\t") == "two\nlines\t");
  CHECK(xml_attribute("two\nlines\t\"") == "two&#10;lines&#9;&quot;");
  CHECK(xml_text(std::string_view("\x00\x1B\x0C", 3)) == kReplaced + kReplaced + kReplaced);
  CHECK(xml_text("\xEF\xBF\xBF") == kReplaced);
}

TEST_CASE("markdown: nothing begins or ends, nobody is notified") {
  CHECK(markdown_text("a|b`c*d_e[f]\\g~$") == "a\\|b\\`c\\*d\\_e\\[f\\]\\\\g\\~\\$");
  CHECK(markdown_text("<script>&amp;") == "&lt;script&gt;&amp;amp;");
  CHECK(markdown_text("@everyone #12\nnext") == "&#64;everyone &#35;12 next");
  CHECK(markdown_text("conv 3x3 s2 -> 1.5 ms (+3 %)") == "conv 3x3 s2 -&gt; 1.5 ms (+3 %)");
}

TEST_CASE("workflow commands: one line whatever the text") {
  CHECK(workflow_message("100 %\r\nnext: a,b") == "100 %25%0D%0Anext: a,b");
  CHECK(workflow_property("a,b:c%\n") == "a%2Cb%3Ac%25%0A");
}

TEST_CASE("junit: counts, outcomes, hostile names") {
  using Outcome = TestCase::Outcome;
  const std::vector<TestSuite> suites = {
      {"a\"<&", {{"g", "holds", Outcome::passed, "", ""}, {"g", "prints", Outcome::passed, "", "x<y"}}},
      {"b",
       {{"g", "fails", Outcome::failed, "m\n\"", "a\nb"},
        {"g", "waits", Outcome::skipped, "later", ""},
        {"g", "breaks", Outcome::error, "no file", "no file"}}}};
  const std::string text = to_junit("all", suites);
  for (const char* part :
       {"<testsuites name=\"all\" tests=\"5\" failures=\"1\" errors=\"1\">",
        "<testsuite name=\"a&quot;&lt;&amp;\" tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"0\">",
        "<testcase classname=\"g\" name=\"holds\"/>", "<system-out>x&lt;y</system-out>",
        "<failure message=\"m&#10;&quot;\" type=\"budget\">a\nb</failure>", "<skipped message=\"later\"/>",
        "<error message=\"no file\" type=\"input\">no file</error>", "</testsuites>\n"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("random bytes leave every format with what it allows") {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed, Purpose::sample);
    std::string text;
    for (std::uint64_t i = random.below(40); i > 0; --i) text += static_cast<char>(random.below(256));
    CAPTURE(seed);
    const std::string clean = utf8_text(text);
    REQUIRE(utf8_text(clean) == clean);
    const std::string attribute = xml_attribute(text);
    REQUIRE(attribute.find_first_of("<>\"\n\t\r") == std::string::npos);
    REQUIRE(utf8_text(attribute) == attribute);
    REQUIRE(workflow_property(text).find_first_of("\r\n:,") == std::string::npos);
    const std::string markdown = markdown_text(text);
    REQUIRE(markdown.find_first_of("<>\n\r@") == std::string::npos);
    for (std::size_t at = 0; (at = markdown.find('|', at)) != std::string::npos; ++at)
      REQUIRE((at > 0 && markdown[at - 1] == '\\'));
  }
}
