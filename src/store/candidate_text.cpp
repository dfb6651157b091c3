#include "assay/base/error.hpp"
#include "assay/store/run_journal.hpp"

namespace assay {

std::string candidate_text(std::span<const JournalDecision> decisions,
                           std::span<const std::uint16_t> choices) {
  if (decisions.size() != choices.size())
    throw InternalError("A candidate does not fit its journal's decisions.");
  std::string text;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (i > 0) text += ' ';
    text += decisions[i].name + '=' + decisions[i].options.at(choices[i]);
  }
  return text;
}

}  // namespace assay
