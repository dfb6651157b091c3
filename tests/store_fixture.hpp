// A run for the store tests whose rows are a function of their number, so that any part of a journal can be
// checked.
#pragma once

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/store/run_journal.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace assay {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "assay-store-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline RunIdentity example_identity(int decisions = 30) {
  RunIdentity identity;
  identity.assay_version = "1.2.3";
  identity.seed = 0xffff'ffff'ffff'fff0u;
  identity.settings_json = R"({"evaluations":2000,"latency_ms":4.5,"strategy":"evolution"})";
  identity.space_name = "toy";
  identity.space_text = "# größer\n[input]\n";
  identity.space_fingerprint = 0xfedc'ba98'7654'3210u;
  for (int i = 0; i < decisions; ++i) {
    identity.decisions.push_back({"stage" + std::to_string(i) + ".kernel", {"3", "5", "7"}});
  }
  identity.accelerator_name = "npu";
  identity.accelerator_text = "lanes = 16\n";
  identity.accelerator_fingerprint = 42;
  identity.scores = {"params", "zen", "odd \"name\""};
  return identity;
}

inline EvaluationRow example_row(const RunIdentity& identity, std::int64_t evaluation) {
  const std::uint64_t bits = hash_value(evaluation);
  EvaluationRow row;
  row.evaluation = evaluation;
  row.generation = evaluation / 8;
  row.fingerprint = bits;
  for (std::size_t i = 0; i < identity.decisions.size(); ++i) {
    row.choices.push_back(
        static_cast<std::uint16_t>(hash_combine(bits, i) % identity.decisions[i].options.size()));
  }
  row.params = static_cast<std::int64_t>(bits % 5'000'000);
  row.macs = static_cast<std::int64_t>(bits % 900'000'000);
  row.peak_memory_bytes = static_cast<std::int64_t>(bits % 3'000'000);
  row.latency_ms = static_cast<double>(bits % 1000) / 7;
  row.latency_low_ms = row.latency_ms * 0.9;
  row.latency_high_ms = row.latency_ms * 1.1;
  row.extrapolated = bits % 3 == 0;
  row.seconds = static_cast<double>(bits % 97) / 31;
  if (bits % 11 == 0) {
    row.status = "score zen is not finite";
    row.scores.assign(identity.scores.size(), std::nan(""));
  } else {
    for (std::size_t i = 0; i < identity.scores.size(); ++i)
      row.scores.push_back(std::sqrt(bits % (1000 + i)));
  }
  return row;
}

inline bool same_number(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

inline bool same_row(const EvaluationRow& a, const EvaluationRow& b) {
  bool same = a.evaluation == b.evaluation && a.generation == b.generation &&
              a.fingerprint == b.fingerprint && a.choices == b.choices && a.params == b.params &&
              a.macs == b.macs && a.peak_memory_bytes == b.peak_memory_bytes &&
              same_number(a.latency_ms, b.latency_ms) && same_number(a.latency_low_ms, b.latency_low_ms) &&
              same_number(a.latency_high_ms, b.latency_high_ms) && a.extrapolated == b.extrapolated &&
              a.status == b.status && a.seconds == b.seconds && a.scores.size() == b.scores.size();
  for (std::size_t i = 0; same && i < a.scores.size(); ++i) same = same_number(a.scores[i], b.scores[i]);
  return same;
}

// Evaluation 2 all the time, and the last two generations' firsts.
inline std::vector<std::int64_t> example_front(std::int64_t generation) {
  std::set<std::int64_t> front = {8 * generation, 2};
  if (generation > 0) front.insert(8 * generation - 8);
  return {front.begin(), front.end()};
}

// Commits the generation that follows, eight evaluations.
inline void write_generation(RunJournal& journal) {
  const std::int64_t first = journal.evaluation_count();
  std::vector<EvaluationRow> rows;
  for (std::int64_t e = first; e < first + 8; ++e) rows.push_back(example_row(journal.identity(), e));
  const std::int64_t generation = first / 8;
  journal.commit_generation(rows,
                            {generation, 20 * (generation + 1), generation, first + 8, 0,
                             0.5 * static_cast<double>(generation + 1)},
                            {{"latency", {generation + 1, 1.5}}, {"cannot be built", {1, std::nullopt}}},
                            example_front(generation));
}

// Empty when nothing was thrown. Anything but an InputError passes on and fails the test.
template <class Action>
std::string input_error_of(Action&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

// Runs the action in a child process; its exit status (action's value), or -signal.
template <class Action>
int in_child(Action&& action) {
  const pid_t child = fork();
  if (child == 0) {
    int status = 99;
    try {
      status = action();
    } catch (const std::exception&) {
    }
    _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace assay
