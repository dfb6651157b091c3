#include "fill.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "cost_model.hpp"
#include "option_costs.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace assay::curation {
namespace {

// Up to this much more time counts as none.
constexpr double kFree = 1.02;
// Work per millisecond must rise by this much for a move to be worth a changed option; where one option of a
// decision moves, the others follow unless they lose by it.
constexpr double kGain = 1.05;
constexpr double kNoLoss = 1;
// A ratio whose widths fill so much of their lanes stays.
constexpr double kFilled = 0.9;
// How far a ratio may move.
constexpr double kRatioReach = 1.0 / 3;

std::string percent_change(double ratio) {
  const double percent = 100 * (ratio - 1);
  if (std::abs(percent) < 0.5) return "no more time";
  return fmt::format("{:.0f} % {} time", std::abs(percent), percent > 0 ? "more" : "less");
}

// The list with further options, so that they can be compared with the author's.
std::optional<SpaceFile> with_options(const SpaceFile& file, std::size_t list,
                                      const std::vector<std::string>& options) {
  SpaceEdit edit;
  edit.lists.push_back({list, options, {}});
  // Widths as they are written, not as the divisor rounds them.
  if (file.has_depth_multiplier()) edit.channel_divisor = 1;
  try {
    SpaceFile wide(file.rewrite(edit), file.space().source());
    if (wide.option_lists()[list].options != options) return std::nullopt;
    return wide;
  } catch (const InputError&) {
    return std::nullopt;  // groups that do not divide, or an expression that names the options
  }
}

struct Move {
  std::string to;
  double gain = 1;  // work per millisecond
  std::string reason;
};

class Filler {
 public:
  Filler(const SpaceFile& file, const WidthList& width, SubgraphLatencies& latencies,
         const FillSettings& settings)
      : file_(file),
        list_(file.option_lists()[width.list]),
        width_(width),
        latencies_(latencies),
        settings_(settings),
        unit_(std::max(1, settings.lanes / width.channels_per_unit)) {}

  NewOptions run();

 private:
  std::vector<std::string> targets(const std::string& option) const;
  bool fills(std::size_t option) const;
  double filled_share(std::size_t option) const;
  std::vector<std::string> options_and_targets() const;
  std::optional<Move> best_move(std::size_t option) const;
  void take(const std::vector<std::optional<Move>>& moves, NewOptions& result) const;
  std::size_t column(const std::string& option) const {
    return static_cast<std::size_t>(std::ranges::find(options_, option) - options_.begin());
  }

  const SpaceFile& file_;
  const OptionList& list_;
  const WidthList& width_;
  SubgraphLatencies& latencies_;
  const FillSettings& settings_;
  int unit_;                          // options per lane group
  std::vector<std::string> options_;  // the author's, then where they may move
  std::optional<SpaceFile> wide_;
  OptionTable table_;
};

// Where an option may go, the nearest first, up before down.
std::vector<std::string> Filler::targets(const std::string& option) const {
  std::vector<std::string> found;
  if (!width_.ratio) {
    const int value = static_cast<int>(parse_integer(option).value());
    const int below = value / unit_ * unit_, above = below + unit_;
    if (above - value <= value - below || below == 0) found.push_back(std::to_string(above));
    if (below > 0) found.push_back(std::to_string(below));
    if (found.front() != std::to_string(above)) found.push_back(std::to_string(above));
    return found;
  }
  const double value = parse_number(option).value();
  const bool whole =
      std::ranges::all_of(list_.options, [](const std::string& o) { return parse_integer(o).has_value(); });
  const double step = whole ? 1 : 0.25;
  double least = value, most = value;  // ratios beyond the author's would be another space
  for (const std::string& other : list_.options) {
    least = std::min(least, parse_number(other).value());
    most = std::max(most, parse_number(other).value());
  }
  for (double distance = step / 2; distance <= kRatioReach * value + step; distance += step / 2) {
    for (const double target : {value + distance, value - distance}) {
      if (target >= least && target <= most && std::abs(target - value) <= kRatioReach * value &&
          std::fmod(target, step) == 0)
        found.push_back(exact_number(target));
    }
  }
  return found;
}

// How full the lanes are, over contexts and the operators whose channels the option sets.
double Filler::filled_share(std::size_t option) const {
  const OptionList& list = wide_->option_lists()[width_.list];
  double useful = 0, occupied = 0;
  for (int i = 0; i < settings_.contexts; ++i) {
    const auto context = draw_context(wide_->space(), list, settings_.seed, static_cast<std::uint64_t>(i));
    if (!context) continue;
    const Candidate base = with_neutral_multiplier(wide_->space(), context->candidate);
    try {
      const auto network = [&](std::size_t o) {
        return wide_->space().decode(with_option(wide_->space(), base, context->decision, o));
      };
      const Network here = network(option);
      for (std::size_t other = 0; other < list.options.size(); ++other) {
        const std::vector<int> channels = changed_channels(here, network(other));
        for (const int c : channels) {
          useful += c;
          occupied += (c + settings_.lanes - 1) / settings_.lanes * settings_.lanes;
        }
        if (!channels.empty()) break;
      }
    } catch (const InputError&) {
      continue;
    }
  }
  return occupied > 0 ? useful / occupied : 1;
}

bool Filler::fills(std::size_t option) const {
  if (width_.ratio) return filled_share(option) >= kFilled;
  return parse_integer(options_[option]).value() % unit_ == 0;
}

// The nearest target that is allowed and does not lose.
std::optional<Move> Filler::best_move(std::size_t option) const {
  const std::string& from = options_[option];
  const auto time_of = [&](std::size_t to) {
    return median_ratio(table_, to, option, &OptionCosts::touched_ms);
  };
  const std::vector<std::string> places = targets(from);
  for (const std::string& target : places) {
    const std::size_t to = column(target);
    if (to == options_.size() || (width_.ratio && !fills(to))) continue;
    const double time = time_of(to);
    const double work = median_ratio(table_, to, option, &OptionCosts::touched_macs);
    const double distance = std::abs(parse_number(target).value() - parse_number(from).value());
    const bool near = width_.ratio || 2 * distance <= unit_;
    const bool free = work >= 1 && time <= kFree;
    if ((!near && !free) || work / time < kNoLoss) continue;
    const double share =
        width_.ratio ? filled_share(option) : lane_efficiency(parse_integer(from).value(), unit_);
    std::string reason =
        fmt::format("{} -> {}: {} fills {:.0f} % of its lanes; {} does {:.2f} times the work in {}", from,
                    target, from, 100 * share, target, work, percent_change(time));
    // The other side of the step, for the reader who sees it otherwise.
    for (const std::string& other : places) {
      if (other != target && !width_.ratio && column(other) < options_.size())
        reason += fmt::format("; {} would take {}", other, percent_change(time_of(column(other))));
    }
    return Move{target, work / time, std::move(reason)};
  }
  return std::nullopt;
}

// The author's options, then where those that do not fill the lanes may go.
std::vector<std::string> Filler::options_and_targets() const {
  std::vector<std::string> options = list_.options;
  for (const std::string& option : list_.options) {
    if (!width_.ratio && parse_integer(option).value() % unit_ == 0) continue;
    for (const std::string& target : targets(option)) {
      const auto value = parse_number(target);
      if (std::ranges::none_of(options, [&](const std::string& o) { return parse_number(o) == value; }))
        options.push_back(target);
    }
  }
  return options;
}

void Filler::take(const std::vector<std::optional<Move>>& moves, NewOptions& result) const {
  result.options.clear();
  for (std::size_t option = 0; option < moves.size(); ++option) {
    std::string chosen = options_[option];
    if (moves[option]) {
      // As the author wrote the number, where it is an option already.
      const auto known = std::ranges::find_if(list_.options, [&](const std::string& o) {
        return parse_number(o) == parse_number(moves[option]->to);
      });
      chosen = known != list_.options.end() ? *known : moves[option]->to;
      result.reasons.push_back(moves[option]->reason);
    }
    if (std::ranges::find(result.options, chosen) == result.options.end())
      result.options.push_back(std::move(chosen));
  }
  const auto number = [](const std::string& option) { return parse_number(option).value(); };
  if (std::ranges::is_sorted(list_.options, {}, number)) std::ranges::sort(result.options, {}, number);
}

NewOptions Filler::run() {
  NewOptions result{.options = list_.options, .reasons = {}, .notes = {}};
  if (!width_.ratio && settings_.lanes % width_.channels_per_unit != 0) return result;
  options_ = options_and_targets();
  wide_ = with_options(file_, width_.list, options_);
  if (!wide_) {
    result.notes.push_back(
        fmt::format("{}: other widths cannot be built here, or an expression names these", list_.name));
    return result;
  }
  table_ = compare_options(*wide_, width_.list, latencies_, settings_.contexts, settings_.seed, true);
  if (table_.empty()) return result;
  std::vector<std::optional<Move>> moves(list_.options.size());
  std::vector<std::string> beside, staying;
  double best_gain = 1;
  for (std::size_t option = 0; option < moves.size(); ++option) {
    if (fills(option)) continue;
    beside.push_back(options_[option]);
    moves[option] = best_move(option);
    if (moves[option])
      best_gain = std::max(best_gain, moves[option]->gain);
    else
      staying.push_back(options_[option]);
  }
  if (best_gain >= kGain) take(moves, result);
  if (!beside.empty() && best_gain < kGain) {
    result.notes.push_back(fmt::format(
        "{}: {} stay beside the lanes: filling them would do at most {:.0f} % more work in a millisecond",
        list_.name, join(beside, ", "), 100 * (best_gain - 1)));
  } else if (!staying.empty()) {
    result.notes.push_back(
        fmt::format("{}: {} stay beside the lanes: no multiple close by does more work in a millisecond",
                    list_.name, join(staying, ", ")));
  }
  return result;
}

}  // namespace

NewOptions fill_lanes(const SpaceFile& file, const WidthList& width, SubgraphLatencies& latencies,
                      const FillSettings& settings) {
  return Filler(file, width, latencies, settings).run();
}

}  // namespace assay::curation
