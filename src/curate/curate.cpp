#include "assay/curate/curate.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "cost_model.hpp"
#include "dominance.hpp"
#include "fill.hpp"
#include "lanes.hpp"
#include "option_costs.hpp"
#include "widths.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace assay {
namespace {

using namespace curation;

constexpr int kLaneCandidates = 30;
// Dropping an option changes the contexts of the others; so often they are looked at again.
constexpr int kDominanceRounds = 3;
// A fused block is offered where it is faster in so many contexts; the plain one stays for the others.
constexpr double kFusedFaster = 0.25;

// A divisor that fills the lanes is worth fewer widths if the candidates do so much more work in a
// millisecond.
constexpr double kDivisorGain = 1.05;
constexpr int kDivisorCandidates = 200;

class Curator {
 public:
  Curator(const SpaceFile& file, const Estimator& estimator, const CurationSettings& settings)
      : original_(file),
        settings_(settings),
        estimator_(estimator),
        latencies_(estimator),
        current_(file.text(), file.space().source()) {
    check_settings();
  }

  Curation run(const std::vector<std::string>& title);

 private:
  struct Change {
    std::vector<std::string> options, reasons;
  };

  void check_settings() const;
  bool kept(const OptionList& list) const;
  void fill(bool ratios);
  void set_divisor();
  double work_rate_gain(const Space& from, const Space& to) const;
  void set_depth_multiplier();
  void offer_fused();
  void drop();
  // Takes the options over if the space still loads with them.
  bool change(const std::string& list, std::vector<std::string> options, std::vector<std::string> reasons);
  bool reload();
  SpaceEdit edit(const std::vector<std::string>& title) const;
  std::optional<std::size_t> index_of(const SpaceFile& file, const std::string& list) const;
  FillSettings fill_settings() const { return {result_.lanes.lanes, settings_.contexts, settings_.seed}; }

  const SpaceFile& original_;
  const CurationSettings& settings_;
  const Estimator& estimator_;
  SubgraphLatencies latencies_;
  SpaceFile current_;
  std::map<std::string, Change> changes_;  // by the list's name
  std::optional<int> divisor_;
  std::vector<std::string> multiplier_;  // where the space had none
  std::string failure_;                  // why the last reload did not work
  Curation result_;
};

void Curator::check_settings() const {
  std::vector<std::string> names;
  for (const Decision& decision : original_.space().decisions()) names.push_back(decision.name);
  for (const std::string& name : settings_.keep) {
    if (std::ranges::find(names, name) == names.end()) {
      throw InputError(fmt::format("{}: there is no decision \"{}\" to leave alone.{}",
                                   original_.space().source(), name, suggestion(name, names)));
    }
  }
  for (const double ratio : settings_.depth_multiplier) {
    if (!(ratio > 0 && ratio <= 100))
      throw InputError(
          fmt::format("{:g} is no depth multiplier. Give ratios above 0, such as 0.5,0.75,1.", ratio));
  }
}

bool Curator::kept(const OptionList& list) const {
  return std::ranges::any_of(list.decisions, [&](std::size_t d) {
    return std::ranges::find(settings_.keep, current_.space().decisions()[d].name) != settings_.keep.end();
  });
}

std::optional<std::size_t> Curator::index_of(const SpaceFile& file, const std::string& list) const {
  const auto found = std::ranges::find(file.option_lists(), list, &OptionList::name);
  if (found == file.option_lists().end()) return std::nullopt;
  return static_cast<std::size_t>(found - file.option_lists().begin());
}

SpaceEdit Curator::edit(const std::vector<std::string>& title) const {
  SpaceEdit edit;
  edit.header = title;
  for (const auto& [name, change] : changes_) {
    const std::size_t list = index_of(original_, name).value();
    OptionListEdit& item = edit.lists.emplace_back(OptionListEdit{list, change.options, {}});
    item.comments.push_back(
        fmt::format("Curated, was: {}", join(original_.option_lists()[list].options, ", ")));
    for (const std::string& reason : change.reasons) item.comments.push_back("  " + reason);
  }
  edit.channel_divisor = divisor_;
  if (divisor_) edit.divisor_comments = {fmt::format("Curated, was: {}", original_.channel_divisor())};
  edit.depth_multiplier = multiplier_;
  return edit;
}

bool Curator::reload() {
  try {
    current_ = SpaceFile(original_.rewrite(edit({})), original_.space().source());
    return true;
  } catch (const InputError& error) {
    failure_ = error.what();
    return false;
  }
}

bool Curator::change(const std::string& list, std::vector<std::string> options,
                     std::vector<std::string> reasons) {
  const auto before = changes_.find(list) != changes_.end() ? std::optional(changes_.at(list)) : std::nullopt;
  Change& change = changes_[list];
  change.options = std::move(options);
  change.reasons.insert(change.reasons.end(), reasons.begin(), reasons.end());
  if (reload()) return true;
  result_.notes.push_back(
      fmt::format("{}: left as it was, because the space does not load otherwise: {}", list, failure_));
  if (before)
    changes_[list] = *before;
  else
    changes_.erase(list);
  if (!reload()) throw InternalError("a space that was loaded before does not load again: " + failure_);
  return false;
}

void Curator::fill(bool ratios) {
  std::vector<std::string> names;
  for (const WidthList& width : find_widths(current_, settings_.seed)) {
    if (width.ratio == ratios) names.push_back(current_.option_lists()[width.list].name);
  }
  for (const std::string& name : names) {
    // Each change makes `current_` another file.
    const std::vector<WidthList> widths = find_widths(current_, settings_.seed);
    const auto width = std::ranges::find_if(
        widths, [&](const WidthList& w) { return current_.option_lists()[w.list].name == name; });
    if (width == widths.end() || kept(current_.option_lists()[width->list])) continue;
    NewOptions filled = fill_lanes(current_, *width, latencies_, fill_settings());
    result_.notes.insert(result_.notes.end(), filled.notes.begin(), filled.notes.end());
    if (filled.options != current_.option_lists()[width->list].options)
      change(name, std::move(filled.options), std::move(filled.reasons));
  }
}

void Curator::set_divisor() {
  const auto multiplier = index_of(current_, "depth_multiplier");
  if (!multiplier && multiplier_.empty()) return;
  const int lanes = result_.lanes.lanes, divisor = current_.channel_divisor();
  const bool scales =
      !multiplier_.empty() || std::ranges::any_of(current_.option_lists()[*multiplier].options,
                                                  [](const std::string& o) { return parse_number(o) != 1; });
  if (lanes == 0 || divisor % lanes == 0 || !scales) return;
  const SpaceFile before = std::move(current_);
  divisor_ = (divisor + lanes - 1) / lanes * lanes;
  const bool loads = reload();
  if (loads && work_rate_gain(before.space(), current_.space()) >= kDivisorGain) return;
  result_.notes.push_back(
      loads ? fmt::format("channel_divisor: {} stays: scaled widths that fill the lanes would not do more "
                          "work in a millisecond",
                          divisor)
            : "channel_divisor: left as it was, because the space does not load otherwise: " + failure_);
  divisor_.reset();
  if (!reload()) throw InternalError("a space that was loaded before does not load again: " + failure_);
}

// How much more work in a millisecond the candidates do in another space of the same decisions, where they
// differ: median.
double Curator::work_rate_gain(const Space& from, const Space& to) const {
  CostModel before(from, estimator_), after(to, estimator_);
  std::vector<double> gains;
  for (int i = 0; i < kDivisorCandidates; ++i) {
    const Candidate candidate = draw(from, settings_.seed, static_cast<std::uint64_t>(i));
    const auto &b = before.costs(candidate), &a = after.costs(candidate);
    if (!a || !b || a->fingerprint == b->fingerprint) continue;
    gains.push_back(static_cast<double>(a->macs) / a->latency_ms /
                    (static_cast<double>(b->macs) / b->latency_ms));
  }
  return median(std::move(gains));
}

// The widths that the multiplier would scale are those whose channels double with a multiplier of 2.
void Curator::set_depth_multiplier() {
  if (settings_.depth_multiplier.empty()) return;
  std::vector<std::string> ratios;
  for (const double ratio : settings_.depth_multiplier) {
    std::string text = exact_number(ratio);
    if (std::ranges::find(ratios, text) == ratios.end()) ratios.push_back(std::move(text));
  }
  const auto own = index_of(current_, "depth_multiplier");
  SpaceEdit doubled;
  doubled.channel_divisor = 1;
  if (own)
    doubled.lists.push_back({*own, {"2"}, {}});
  else
    doubled.depth_multiplier = {"2"};
  const SpaceFile twice(current_.rewrite(doubled), original_.space().source());
  std::set<std::string> scaled;
  for (const WidthList& width : find_widths(twice, settings_.seed)) {
    if (!width.ratio && width.channels_per_unit == 2) scaled.insert(twice.option_lists()[width.list].name);
  }

  if (own)
    change("depth_multiplier", ratios, {"the ratios that were asked for"});
  else
    multiplier_ = ratios;
  for (const std::string& name : scaled) {
    const OptionList& list = current_.option_lists()[index_of(current_, name).value()];
    if (kept(list) || list.options.size() < 2) continue;
    const std::string middle = list.options[list.options.size() / 2];
    change(name, {middle}, {fmt::format("the depth multiplier scales {} instead", middle)});
  }
  if (scaled.empty())
    result_.notes.push_back("depth multiplier: the space has no width decision that it would replace");
  if (!reload())
    throw InputError(fmt::format("{}: does not load with the depth multipliers {}: {}",
                                 original_.space().source(), join(ratios, ", "), failure_));
}

void Curator::offer_fused() {
  if (!settings_.fuse) return;
  std::vector<std::string> names;
  for (const OptionList& list : current_.option_lists()) names.push_back(list.name);
  for (const std::string& name : names) {
    const OptionList list = current_.option_lists()[index_of(current_, name).value()];
    const auto plain = std::ranges::find(list.options, "ibn");
    const bool has_fused = std::ranges::find(list.options, "fused_ibn") != list.options.end();
    if (plain == list.options.end() || has_fused || kept(list)) continue;
    std::vector<std::string> options = list.options;
    options.push_back("fused_ibn");
    SpaceEdit trial;
    trial.lists.push_back({index_of(current_, list.name).value(), options, {}});
    std::optional<SpaceFile> offered;
    try {
      offered.emplace(current_.rewrite(trial), original_.space().source());
    } catch (const InputError&) {
      continue;  // an attribute of the plain block that the fused one has not
    }
    const auto index = index_of(*offered, list.name);
    if (!index) continue;
    const OptionTable table =
        compare_options(*offered, *index, latencies_, settings_.contexts, settings_.seed, false);
    const auto ibn = static_cast<std::size_t>(plain - list.options.begin());
    const std::size_t fused = options.size() - 1;
    const auto faster = std::ranges::count_if(table, [&](const std::vector<OptionCosts>& row) {
      return row[fused].touched_ms < row[ibn].touched_ms && row[fused].params >= row[ibn].params;
    });
    if (table.empty() || static_cast<double>(faster) < kFusedFaster * static_cast<double>(table.size()))
      continue;
    change(
        list.name, std::move(options),
        {fmt::format("fused_ibn added: faster than ibn with no fewer parameters in {:.0f} % of {} candidates",
                     100 * static_cast<double>(faster) / static_cast<double>(table.size()), table.size())});
  }
}

void Curator::drop() {
  const DominanceSettings settings{settings_.contexts, settings_.agreement, settings_.seed};
  for (int round = 0; round < kDominanceRounds; ++round) {
    bool changed = false;
    std::vector<std::string> names;
    for (const OptionList& list : current_.option_lists()) names.push_back(list.name);
    for (const std::string& name : names) {
      const auto index = index_of(current_, name);
      // A list may be gone: of a block that no option leads to any more.
      if (!index || kept(current_.option_lists()[*index]) || !index_of(original_, name)) continue;
      Remaining remaining = drop_hopeless(current_, *index, latencies_, settings);
      if (remaining.options != current_.option_lists()[*index].options)
        changed = change(name, std::move(remaining.options), std::move(remaining.reasons)) || changed;
    }
    if (!changed) break;
  }
}

Curation Curator::run(const std::vector<std::string>& title) {
  result_.lanes = find_lanes(original_.space(), latencies_, kLaneCandidates, settings_.seed);
  if (result_.lanes.lanes > 0) fill(false);
  set_depth_multiplier();
  set_divisor();
  if (result_.lanes.lanes > 0) fill(true);
  offer_fused();
  drop();

  for (const OptionList& list : original_.option_lists()) {
    const auto change = changes_.find(list.name);
    if (change == changes_.end() || change->second.options == list.options) continue;
    CuratedDecision& decision = result_.decisions.emplace_back();
    decision.name = list.name;
    for (const std::size_t d : list.decisions)
      decision.decisions.push_back(original_.space().decisions()[d].name);
    decision.before = list.options;
    decision.after = change->second.options;
    decision.reasons = change->second.reasons;
  }
  if (!multiplier_.empty())
    result_.decisions.push_back(
        {"depth_multiplier", {}, {}, multiplier_, {"the ratios that were asked for"}});
  if (divisor_) {
    result_.decisions.push_back({"channel_divisor",
                                 {},
                                 {std::to_string(original_.channel_divisor())},
                                 {std::to_string(*divisor_)},
                                 {"widths that the depth multiplier scales fill the lanes"}});
  }
  result_.toml = result_.changed() ? original_.rewrite(edit(title)) : original_.text();
  return std::move(result_);
}

}  // namespace

Curation curate(const SpaceFile& file, const Estimator& estimator, const CurationSettings& settings,
                const std::vector<std::string>& title) {
  return Curator(file, estimator, settings).run(title);
}

}  // namespace assay
