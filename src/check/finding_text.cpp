#include "finding_text.hpp"

#include "assay/base/text.hpp"

#include "metric_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>

#include <fmt/format.h>

namespace assay {
namespace {

// "1x1 conv 96→600 @14 (was 96→576)": of what was before, the words that differ.
std::string was(const std::string& now, const std::string& before) {
  if (before.empty()) return now;
  const std::vector<std::string_view> new_words = split(now, ' '), all_words = split(before, ' ');
  std::span<const std::string_view> words = all_words;
  std::span<const std::string_view> others = new_words;
  while (words.size() > 1 && others.size() > 1 && words.front() == others.front()) {
    words = words.subspan(1);
    others = others.subspan(1);
  }
  while (words.size() > 1 && others.size() > 1 && words.back() == others.back()) {
    words = words.first(words.size() - 1);
    others = others.first(others.size() - 1);
  }
  return fmt::format("{} (was {})", now, fmt::join(words, " "));
}

std::string lanes_text(const Cause& cause) {
  if (!cause.lane_efficiency) return "";
  const auto percent_text = [](double share) { return fmt::format("{:.0f}%", 100 * share); };
  const std::string now = percent_text(*cause.lane_efficiency);
  if (!cause.lane_efficiency_before) return now;
  const std::string before = percent_text(*cause.lane_efficiency_before);
  return before == now ? now : fmt::format("{} → {}", before, now);
}

// "7.8 %", whichever way.
std::string percent_text(double percent) {
  return percent_change_text(std::abs(percent)).substr(1);
}

std::string kind_text(Cause::Kind kind) {
  return kind == Cause::Kind::added ? "new" : kind == Cause::Kind::gone ? "gone" : "";
}

}  // namespace

std::string metric_text(const Limit& limit) {
  return std::string(metric_title(limit.metric)) + (limit.upper_bound ? " (upper bound)" : "");
}

std::string limit_text(const Limit& limit) {
  switch (limit.kind) {
    case Limit::Kind::most:
      return "≤ " + metric_text(limit.metric, limit.amount);
    case Limit::Kind::least:
      return "≥ " + metric_text(limit.metric, limit.amount);
    case Limit::Kind::regression:
      break;
  }
  return fmt::format("≤ +{:.4g} %", limit.amount);
}

std::string subject_text(const Finding& finding) {
  return finding.target.empty() ? finding.model : fmt::format("{} on {}", finding.model, finding.target);
}

std::string sentence(const Finding& f) {
  const std::string metric = metric_text(f.limit);
  if (!f.allowed)
    return fmt::format("{} {}, not compared: {}", metric, metric_text(f.limit.metric, f.value), f.reason);
  const bool regression = f.limit.kind == Limit::Kind::regression;
  const ComparedTexts texts = compared_texts(f.limit.metric, f.value, regression ? *f.baseline : *f.allowed);
  if (regression) {
    return fmt::format("{} {} is {}above the baseline's {}; {:.4g} % is allowed", metric, texts.value,
                       f.change_percent() ? percent_text(*f.change_percent()) + " " : "", texts.other,
                       f.limit.amount);
  }
  if (!is_violated(f)) return fmt::format("{} {}, limit {}", metric, texts.value, texts.other);
  if (f.limit.kind == Limit::Kind::least)
    return fmt::format("{} {} is below its limit of {}", metric, texts.value, texts.other);
  return fmt::format("{} {} is {}above its limit of {}", metric, texts.value,
                     f.headroom_percent() ? percent_text(*f.headroom_percent()) + " " : "", texts.other);
}

std::string verdict_text(LimitVerdict verdict) {
  constexpr std::array<std::string_view, 5> texts = {"ok", "not checked", "accepted", "warning", "EXCEEDED"};
  return std::string(texts[static_cast<std::size_t>(verdict)]);
}

std::string place_text(const std::string& file, const Finding& finding) {
  return fmt::format("{}:{}", file, finding.limit.place.line);
}

bool is_violated(const Finding& finding) {
  return finding.verdict == LimitVerdict::warn || finding.verdict == LimitVerdict::fail ||
         finding.verdict == LimitVerdict::accepted;
}

std::vector<Violation> violations_of(const CheckReport& report) {
  std::vector<Violation> violations;
  for (const Finding& finding : report.findings) {
    if (!is_violated(finding)) continue;
    const auto same = std::ranges::find_if(violations, [&](const Violation& violation) {
      const Finding& other = *violation.front();
      return other.model == finding.model && other.target == finding.target &&
             other.limit.metric == finding.limit.metric;
    });
    if (same != violations.end()) {
      same->push_back(&finding);
    } else {
      violations.push_back({&finding});
    }
  }
  return violations;
}

std::vector<std::string> unchecked_sentences(const CheckReport& report) {
  std::map<std::string, int> by_reason;
  for (const Finding& finding : report.findings)
    if (finding.verdict == LimitVerdict::unchecked) ++by_reason[finding.reason];
  std::vector<std::string> sentences;
  for (const auto& [reason, count] : by_reason)
    sentences.push_back(fmt::format("{} not checked: {}.",
                                    count == 1 ? "1 limit is" : fmt::format("{} limits are", count), reason));
  return sentences;
}

Table cause_table(const Finding& finding) {
  const bool memory = finding.limit.metric == CheckMetric::peak_memory_bytes;
  const bool latency = finding.limit.metric == CheckMetric::latency_ms;
  const bool change = std::ranges::any_of(
      finding.causes, [](const Cause& cause) { return cause.kind != Cause::Kind::present; });
  Table table{.columns = {{"amount", change ? "change" : "takes", Style::number},
                          {"share_percent", change ? "of the growth" : "share", Style::number},
                          {"kind", change ? " " : "", Style::text},
                          {"name", memory ? "tensor" : "operator", Style::text},
                          {"shape", latency ? "subgraph" : "shape", Style::text},
                          {"lanes", latency ? "lanes" : "", Style::text},
                          {"note",
                           memory    ? "why it is alive"
                           : latency ? "what would make it faster"
                                     : "",
                           Style::text}},
              .rows = {}};
  for (const Cause& cause : finding.causes) {
    table.rows.push_back({change ? change_text(finding.limit.metric, cause.amount)
                                 : metric_text(finding.limit.metric, cause.amount),
                          cause.share_percent > 0 ? fmt::format("{:.0f} %", cause.share_percent) : "",
                          kind_text(cause.kind), was(cause.name, cause.name_before),
                          was(cause.shape, cause.shape_before), lanes_text(cause), cause.note});
  }
  return table;
}

}  // namespace assay
