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
#include <unordered_set>
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

// A page opens at once and passes as an attachment. Its size is that of its candidates: of ten thousand with
// two scores 1.3 MB, with thirty 4 MB.
constexpr std::size_t most_bytes = 3'000'000;
constexpr std::size_t most_candidates = 20'000;  // however small they are

// The report with `kept` of the candidates at even distances, beside those of the front and the shortlist.
RunReport thinned(const RunReport& report, std::size_t kept) {
  std::unordered_set<std::int64_t> always(report.front.begin(), report.front.end());
  for (const ReportNetwork& network : report.shortlist) always.insert(network.candidate.evaluation);
  std::size_t others = 0, place = 0;
  for (const ReportCandidate& candidate : report.candidates) others += !always.contains(candidate.evaluation);
  if (kept >= others) return report;

  RunReport page = report;
  std::erase_if(page.candidates, [&](const ReportCandidate& candidate) {
    if (always.contains(candidate.evaluation)) return false;
    ++place;
    return place * kept / others == (place - 1) * kept / others;
  });
  page.notes.push_back(
      fmt::format("The page holds {} of {} candidates, so that it stays below {} MB; --format json writes "
                  "all of them.",
                  page.candidates.size(), report.candidates.size(), most_bytes / 1'000'000));
  return page;
}

// The page's data in about `most` bytes, where front and shortlist need no more by themselves.
std::string page_data(const RunReport& report, std::size_t most) {
  const auto data_of = [&](std::size_t kept) { return script_data(to_json(thinned(report, kept))); };
  std::size_t kept = std::min(report.candidates.size(), most_candidates);
  std::string data = data_of(kept);
  if (data.size() <= most) return data;
  // Size grows with the number almost evenly: the share that fits, and a little less.
  const std::size_t fixed = data_of(0).size();
  while (data.size() > most && kept > 0) {
    const double share =
        fixed < most ? static_cast<double>(most - fixed) / static_cast<double>(data.size() - fixed) : 0;
    kept = static_cast<std::size_t>(0.98 * share * static_cast<double>(kept));
    data = data_of(kept);
  }
  return data;
}

}  // namespace

std::string to_html(const RunReport& report) {
  const std::string title = xml_text(
      report.accelerator_name.empty() ? report.space_name
                                      : fmt::format("{} on {}", report.space_name, report.accelerator_name));
  const auto page = [&](std::string_view data) {
    // Only the page's own scripts run: what a name in the data would smuggle in cannot know the data's hash.
    const std::string nonce = fmt::format("{:016x}", hash_text(data));
    return filled<7>(page_template(), {Place{"title", title},
                                       {"nonce", nonce},
                                       {"style", page_style()},
                                       {"licences", charts_licences()},
                                       {"charts", charts_library()},
                                       {"script", page_script()},
                                       {"data", data}});
  };
  const std::size_t without_data = std::min(page("").size(), most_bytes);
  return page(page_data(report, most_bytes - without_data));
}

}  // namespace assay
