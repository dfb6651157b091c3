// A report for programs: all of it. The page embeds the same text.
#include "assay/report/run_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

using nlohmann::ordered_json;

ordered_json number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}

ordered_json optional_number(const std::optional<double>& value) {
  return value ? number(*value) : ordered_json();
}

ordered_json optional_count(const std::optional<std::int64_t>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

// Of the thousands of candidates: as many digits as a plot or a table can use, in half the space.
ordered_json rounded(double value, int digits) {
  if (!std::isfinite(value)) return {};
  return std::strtod(fmt::format("{:.{}g}", value, digits).c_str(), nullptr);
}

ordered_json numbers(const std::vector<double>& values) {
  ordered_json json = ordered_json::array();
  for (const double value : values) json.push_back(number(value));
  return json;
}

template <class Values, class ToJson>
ordered_json list(const Values& values, ToJson&& to) {
  ordered_json json = ordered_json::array();
  for (const auto& value : values) json.push_back(to(value));
  return json;
}

ordered_json candidate_json(const ReportCandidate& c) {
  return {{"evaluation", c.evaluation},
          {"choices", c.choices},
          {"rank_score", number(c.rank_score)},
          {"latency_ms", number(c.latency_ms)},
          {"latency_low_ms", number(c.latency_low_ms)},
          {"latency_high_ms", number(c.latency_high_ms)},
          {"extrapolated", c.extrapolated},
          {"peak_memory_bytes", c.peak_memory_bytes},
          {"params", c.params},
          {"macs", c.macs},
          {"scores", numbers(c.scores)},
          {"status", c.status},
          {"seconds", number(c.seconds)}};
}

ordered_json training_json(const ReportTraining& training) {
  return {{"recipe", training.recipe},
          {"status", training.status},
          {"test_accuracy", number(training.test_accuracy)},
          {"seconds", number(training.seconds)},
          {"epochs", list(training.epochs, [](const ReportEpoch& epoch) -> ordered_json {
             return {{"epoch", epoch.epoch},
                     {"train_loss", number(epoch.train_loss)},
                     {"test_accuracy", number(epoch.test_accuracy)},
                     {"seconds", number(epoch.seconds)}};
           })}};
}

ordered_json explanation_json(const NetworkExplanation& e) {
  return {{"input_shape", e.input_shape},
          {"output_shape", e.output_shape},
          {"operators", e.operators},
          {"depth", e.depth},
          {"params", e.params},
          {"macs", e.macs},
          {"peak_memory_bytes", e.peak_memory_bytes},
          {"peak_name", e.peak_name},
          {"latency_ms", number(e.latency_ms)},
          {"latency_low_ms", number(e.latency_low_ms)},
          {"latency_high_ms", number(e.latency_high_ms)},
          {"lane_efficiency", number(e.lane_efficiency)},
          {"extrapolated", e.extrapolated},
          {"subgraphs", list(e.subgraphs,
                             [](const ExplainedSubgraph& s) -> ordered_json {
                               return {{"name", s.name},
                                       {"kind", s.kind},
                                       {"operators", s.operators},
                                       {"shape", s.shape},
                                       {"brief", s.brief},
                                       {"inputs", s.inputs},
                                       {"params", s.params},
                                       {"macs", s.macs},
                                       {"output_bytes", s.output_bytes},
                                       {"latency_ms", number(s.latency_ms)},
                                       {"share", number(s.share)},
                                       {"lane_efficiency", number(s.lane_efficiency)},
                                       {"bound", s.bound},
                                       {"advice", s.advice},
                                       {"extrapolated", s.extrapolated}};
                             })},
          {"memory", list(e.memory, [](const MemoryMoment& m) -> ordered_json {
             return {{"name", m.name}, {"last_name", m.last_name}, {"live_bytes", m.live_bytes}};
           })}};
}

ordered_json network_json(const ReportNetwork& network) {
  return {{"position", network.position},
          {"text", network.text},
          {"candidate", candidate_json(network.candidate)},
          {"training", network.training ? training_json(*network.training) : ordered_json()},
          {"explanation", explanation_json(network.explanation)}};
}

// Digits in base 36 that an option of any decision takes.
int choice_width(const RunReport& report) {
  std::size_t most = 1;
  for (const ReportDecision& decision : report.decisions) most = std::max(most, decision.options.size());
  for (const ReportCandidate& candidate : report.candidates)
    for (const std::uint16_t choice : candidate.choices) most = std::max<std::size_t>(most, choice + 1u);
  int width = 1;
  for (std::size_t range = 36; range < most; range *= 36) ++width;
  return width;
}

std::string choice_text(const std::vector<std::uint16_t>& choices, int width) {
  std::string text(choices.size() * static_cast<std::size_t>(width), '0');
  std::size_t end = 0;
  for (unsigned choice : choices) {
    end += static_cast<std::size_t>(width);
    for (std::size_t at = end; choice > 0; choice /= 36)
      text[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[choice % 36];
  }
  return text;
}

ordered_json candidates_json(const RunReport& report) {
  const int width = choice_width(report);
  const auto column = [&](auto&& value) { return list(report.candidates, value); };
  ordered_json scores = ordered_json::object();
  for (std::size_t i = 0; i < report.scores.size(); ++i) {
    scores[report.scores[i]] = column([&](const ReportCandidate& c) {
      return i < c.scores.size() ? rounded(c.scores[i], 6) : ordered_json();
    });
  }
  using C = const ReportCandidate&;
  return {{"count", report.candidates.size()},
          {"choice_width", width},
          {"evaluation", column([](C c) { return c.evaluation; })},
          {"choices", column([&](C c) { return choice_text(c.choices, width); })},
          {"rank_score", column([](C c) { return rounded(c.rank_score, 7); })},
          {"latency_ms", column([](C c) { return rounded(c.latency_ms, 7); })},
          {"latency_low_ms", column([](C c) { return rounded(c.latency_low_ms, 7); })},
          {"latency_high_ms", column([](C c) { return rounded(c.latency_high_ms, 7); })},
          {"extrapolated", column([](C c) { return c.extrapolated ? 1 : 0; })},
          {"peak_memory_bytes", column([](C c) { return c.peak_memory_bytes; })},
          {"params", column([](C c) { return c.params; })},
          {"macs", column([](C c) { return c.macs; })},
          {"scores", scores},
          {"status", column([](C c) -> const std::string& { return c.status; })},
          {"seconds", column([](C c) { return rounded(c.seconds, 3); })}};
}

// What the journal keeps as JSON stays JSON; what is none (of a damaged journal) is shown as it is.
ordered_json settings_json(const std::string& text) {
  ordered_json settings = ordered_json::parse(text, nullptr, false);
  return settings.is_discarded() ? ordered_json(text) : settings;
}

ordered_json session_json(const ReportSession& s) {
  return {{"started_utc", s.started_utc},     {"seconds", number(s.seconds)}, {"command", s.command},
          {"assay_version", s.assay_version}, {"libraries", s.libraries},     {"isa", s.isa},
          {"hardware", s.hardware},           {"workers", s.workers},         {"end", s.end}};
}

ordered_json slice_json(const ReportSlice& s) {
  return {{"title", s.title},
          {"unit", s.unit},
          {"row_decision", s.row_decision},
          {"column_decision", s.column_decision},
          {"row_options", s.row_options},
          {"column_options", s.column_options},
          {"values", list(s.values, numbers)},
          {"rising_share", number(s.rising_share)},
          {"flat_share", number(s.flat_share)}};
}

ordered_json report_json(const RunReport& r) {
  ordered_json budgets = ordered_json::object();
  for (const auto& [metric, limit] : r.budgets) budgets[metric] = number(limit);
  return {
      {"journal", r.journal},
      {"state", r.state},
      {"state_note", r.state_note},
      {"created_utc", r.created_utc},
      {"seed", r.seed},
      {"space_name", r.space_name},
      {"space_fingerprint", r.space_fingerprint},
      {"accelerator_name", r.accelerator_name},
      {"accelerator_fingerprint", r.accelerator_fingerprint},
      {"settings", settings_json(r.settings_json)},
      {"budgets", budgets},
      {"cost", r.cost},
      {"decisions", list(r.decisions,
                         [](const ReportDecision& d) -> ordered_json {
                           return {{"name", d.name}, {"options", d.options}};
                         })},
      {"scores", r.scores},
      {"sessions", list(r.sessions, session_json)},
      {"repeat", r.repeat},
      {"ranked", r.ranked},
      {"shortlist", list(r.shortlist, network_json)},
      {"winner", r.shortlist.empty() ? ordered_json() : ordered_json(r.winner)},
      {"baseline", r.baseline ? network_json(*r.baseline) : ordered_json()},
      {"evaluated", r.evaluated},
      {"proposed", r.proposed},
      {"duplicates", r.duplicates},
      {"failed", r.failed},
      {"rejections",
       list(r.rejections,
            [](const ReportRejection& x) -> ordered_json {
              return {{"reason", x.reason}, {"count", x.count}, {"smallest", optional_number(x.smallest)}};
            })},
      {"candidates", candidates_json(r)},
      {"front", r.front},
      {"generations", list(r.generations,
                           [](const ReportGeneration& g) -> ordered_json {
                             return {{"generation", g.generation}, {"evaluated", g.evaluated},
                                     {"proposed", g.proposed},     {"duplicates", g.duplicates},
                                     {"failed", g.failed},         {"seconds", number(g.seconds)},
                                     {"front_size", g.front_size}};
                           })},
      {"convergence", list(r.convergence,
                           [](const ReportConvergence& c) -> ordered_json {
                             return {{"evaluated", c.evaluated},
                                     {"best_rank_score", number(c.best_rank_score)},
                                     {"hypervolume_share", number(c.hypervolume_share)}};
                           })},
      {"reached_full", optional_count(r.reached_full)},
      {"reached_90", optional_count(r.reached_90)},
      {"reached_best", optional_count(r.reached_best)},
      {"slices", list(r.slices, slice_json)},
      {"no_slices", r.no_slices},
      {"importance", list(r.importance,
                          [](const ReportImportance& i) -> ordered_json {
                            return {{"decision", i.decision},
                                    {"score_share", number(i.score_share)},
                                    {"latency_share", number(i.latency_share)}};
                          })},
      {"no_importance", r.no_importance},
      {"importance_score_r2", number(r.importance_score_r2)},
      {"importance_latency_r2", number(r.importance_latency_r2)},
      {"notes", r.notes}};
}

}  // namespace

std::string to_json(const NetworkExplanation& explanation) {
  return explanation_json(explanation).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string to_json(const RunReport& report) {
  // One line per key: short enough to read, and nothing is spent on indenting numbers.
  const ordered_json json = report_json(report);
  std::string text;
  for (const auto& [key, value] : json.items()) {
    text += fmt::format("{}\"{}\": {}", text.empty() ? "{\n" : ",\n", key,
                        value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return text + "\n}\n";
}

}  // namespace assay
