#include "difference.hpp"

#include "assay/base/text.hpp"

#include <functional>
#include <unordered_map>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::size_t none = static_cast<std::size_t>(-1);

class Matching {
 public:
  Matching(std::span<const CostPart> before, std::span<const CostPart> after)
      : before_(before),
        after_(after),
        match_of_before_(before.size(), none),
        match_of_after_(after.size(), none) {}

  // Pairs parts without a partner whose keys are equal, in order. `key` sees the part, its index and the
  // matches of its list.
  using Key = std::function<std::string(const CostPart&, std::size_t gap)>;
  void pair(const Key& key) {
    std::unordered_map<std::string, std::vector<std::size_t>> waiting;
    const std::vector<std::size_t> gaps_before = gaps(match_of_before_, true);
    const std::vector<std::size_t> gaps_after = gaps(match_of_after_, false);
    for (std::size_t i = before_.size(); i-- > 0;)
      if (match_of_before_[i] == none) waiting[key(before_[i], gaps_before[i])].push_back(i);
    for (std::size_t j = 0; j < after_.size(); ++j) {
      if (match_of_after_[j] != none) continue;
      const auto found = waiting.find(key(after_[j], gaps_after[j]));
      if (found == waiting.end() || found->second.empty()) continue;
      match_of_after_[j] = found->second.back();
      match_of_before_[found->second.back()] = j;
      found->second.pop_back();
    }
  }

  std::vector<CostChange> changes() const {
    std::vector<CostChange> out;
    for (std::size_t j = 0; j < after_.size(); ++j) {
      CostChange& change = out.emplace_back();
      change.after = j;
      if (match_of_after_[j] != none) change.before = match_of_after_[j];
    }
    for (std::size_t i = 0; i < before_.size(); ++i)
      if (match_of_before_[i] == none) out.push_back({.before = i, .after = std::nullopt});
    return out;
  }

 private:
  // For each part, the nearest one before it that has a partner, as an index of the later list.
  static std::vector<std::size_t> gaps(const std::vector<std::size_t>& matches, bool of_before) {
    std::vector<std::size_t> out;
    std::size_t last = none;
    for (std::size_t i = 0; i < matches.size(); ++i) {
      if (matches[i] != none) last = of_before ? matches[i] : i;
      out.push_back(last);
    }
    return out;
  }

  std::span<const CostPart> before_, after_;
  std::vector<std::size_t> match_of_before_, match_of_after_;
};

// With the lengths, so that no two lists of texts give one key.
std::string joined(std::initializer_list<std::string_view> texts) {
  std::string key;
  for (const std::string_view text : texts) key += fmt::format("{}:{},", text.size(), text);
  return key;
}

}  // namespace

std::vector<CostChange> match_parts(std::span<const CostPart> before, std::span<const CostPart> after) {
  Matching matching(before, after);
  matching.pair([](const CostPart& p, std::size_t) {
    return joined({p.name, p.operation, p.sizes, exact_number(p.amount)});
  });
  matching.pair([](const CostPart& p, std::size_t) {
    return joined({p.operation, p.sizes, exact_number(p.amount)});
  });
  matching.pair([](const CostPart& p, std::size_t) { return joined({p.name, p.operation}); });
  matching.pair([](const CostPart& p, std::size_t gap) {
    return joined({p.operation, std::to_string(gap)});
  });
  matching.pair([](const CostPart& p, std::size_t) { return p.name; });
  return matching.changes();
}

}  // namespace assay
