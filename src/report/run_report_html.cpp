// A report as one page that needs nothing else: template, style, scripts and data in one file. The page
// (assets/) makes everything that it shows from the data, the JSON of the report.
#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/report/escape.hpp"
#include "assay/report/run_report.hpp"

#include "assets.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace assay {
namespace {

using Place = std::pair<std::string_view, std::string_view>;  // name, content

// JSON that no HTML parser takes for the end of the script, or for a comment, and no JavaScript parser for
// several lines. All three stand in strings only, where JSON has escapes for them.
std::string script_data(std::string_view json) {
  constexpr std::array<Place, 3> escapes = {
      Place{"<", "\\u003c"}, {"\xE2\x80\xA8", "\\u2028"}, {"\xE2\x80\xA9", "\\u2029"}};
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const std::size_t plain = std::min(json.find_first_of("<\xE2"), json.size());
    out += json.substr(0, plain);
    json.remove_prefix(plain);
    if (json.empty()) break;
    std::string_view text = json.substr(0, 1), escape = text;
    for (const auto& [from, to] : escapes) {
      if (json.starts_with(from)) std::tie(text, escape) = std::tie(from, to);
    }
    out += escape;
    json.remove_prefix(text.size());
  }
  return out;
}

// The template with every {{name}} replaced. Contents are not looked at, whatever they hold.
template <std::size_t N>
std::string filled(std::string_view text, const std::array<Place, N>& places) {
  std::string out;
  for (std::size_t open; (open = text.find("{{")) != std::string_view::npos;) {
    const std::size_t close = text.find("}}", open);
    const std::string_view name = text.substr(open + 2, close - open - 2);
    const auto place = std::ranges::find(places, name, &Place::first);
    if (close == std::string_view::npos || place == places.end())
      throw InternalError(fmt::format("The page's template has an unknown place \"{}\".", name));
    out += text.substr(0, open);
    out += place->second;
    text.remove_prefix(close + 2);
  }
  return out += text;
}

}  // namespace

std::string to_html(const RunReport& report) {
  const std::string data = script_data(to_json(report));
  const std::string title = xml_text(
      report.accelerator_name.empty() ? report.space_name
                                      : fmt::format("{} on {}", report.space_name, report.accelerator_name));
  // Only the page's own scripts run: what a name in the data would smuggle in cannot know the data's hash.
  const std::string nonce = fmt::format("{:016x}", hash_text(data));
  return filled<6>(page_template(), {Place{"title", title},
                                     {"nonce", nonce},
                                     {"style", page_style()},
                                     {"charts", charts_library()},
                                     {"script", page_script()},
                                     {"data", data}});
}

}  // namespace assay
