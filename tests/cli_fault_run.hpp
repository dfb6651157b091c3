// A search with training that takes a second or two, for tests of what may happen to it, and all that it
// leaves as text.
#pragma once

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/store/run_journal.hpp"

#include "cli_image_data.hpp"

#include <cmath>
#include <csignal>
#include <string>

namespace cli_test {

// A space of small networks for the images of write_image_data.
inline constexpr const char* fault_space = R"(name = "fault"
classes = 2
[input]
channels = 1
height = 28
width = 28
[[stage]]
name = "a"
block = "conv"
kernel = [1, 3, 5]
channels = [4, 6, 8, 12, 16, 20, 24, 32]
stride = [2, 4]
activation = ["relu", "none"]
[[stage]]
name = "b"
block = "conv"
kernel = [1, 3]
channels = [8, 12, 16, 24, 32]
stride = [1, 2]
[[stage]]
name = "head"
block = "classifier"
)";

inline std::string number_text(double value) {
  return std::isnan(value) ? "none" : assay::exact_number(value);
}

// Everything in a journal that is a result: no times, nothing of the machine.
inline std::string results_of_journal(const std::string& path) {
  const assay::RunJournal journal = assay::RunJournal::open_to_read(path);
  std::string text = "state " + journal.state();
  const auto add = [&](const auto&... values) { ((text += ' ', text += values), ...); };
  const auto count = [](std::int64_t value) { return std::to_string(value); };
  journal.for_each_evaluation([&](const assay::EvaluationRow& row) {
    text += "\nevaluation";
    add(count(row.evaluation), count(row.generation), std::to_string(row.fingerprint), count(row.params),
        count(row.macs), count(row.peak_memory_bytes), number_text(row.latency_ms),
        number_text(row.latency_low_ms), number_text(row.latency_high_ms), row.status,
        row.extrapolated ? "extrapolated" : "");
    for (const std::uint16_t choice : row.choices) add(count(choice));
    for (const double score : row.scores) add(number_text(score));
    return true;
  });
  for (const assay::GenerationRow& row : journal.generations()) {
    text += "\ngeneration";
    add(count(row.generation), count(row.proposed), count(row.duplicates), count(row.evaluated),
        count(row.failed));
  }
  for (const assay::ArchiveRow& row : journal.archive()) {
    text += "\narchive";
    add(count(row.evaluation), count(row.since), row.before ? count(*row.before) : "stays");
  }
  for (const auto& [reason, rejection] : journal.rejections()) {
    text += "\nrejection";
    add(reason, count(rejection.count), number_text(rejection.smallest.value_or(std::nan(""))));
  }
  for (const auto& rows : {journal.front(), journal.shortlist()}) {
    text += "\nresults";
    for (const assay::ResultRow& row : rows) add(count(row.evaluation), number_text(row.rank_score));
  }
  for (const assay::TrainingRow& row : journal.trainings()) {
    text += "\ntraining";
    add(count(row.evaluation), row.dataset, row.status, number_text(row.test_accuracy));
    for (const assay::EpochRow& epoch : row.epochs)
      add(count(epoch.epoch), number_text(epoch.train_loss), number_text(epoch.test_accuracy));
  }
  return text;
}

// Space, data, the command, and the folder that it runs in.
struct FaultRun {
  Folder folder;

  FaultRun() {
    folder.write("space.toml", fault_space);
    write_image_data(folder);
  }
  // Without "assay", so that something else may start it.
  std::string arguments(const std::string& journal, const std::string& more = "") const {
    return "search space.toml --accelerator '" + accelerator_file("edge_npu_16.toml") +
           "' --evaluations 640 --batch 8 --shortlist 2 --train data --epochs 3 --train-batch 16 --workers 2 "
           "--no-cache "
           "--quiet --format csv --run " +
           journal + (more.empty() ? "" : " " + more);
  }
  std::string command(const std::string& journal, const std::string& more = "") const {
    return "assay " + arguments(journal, more);
  }
  std::string program(const std::string& journal, const std::string& more = "") const {
    return "'" ASSAY_PROGRAM "' " + arguments(journal, more);
  }
};

// A program that runs beside the test, in the folder, its output in .out and .err there.
class Running {
 public:
  Running(const Folder& folder, const std::string& command) : folder_(folder) {
    const std::string text = "cd '" + (folder / "") + "' && export XDG_CACHE_HOME=\"$PWD/.cache\" && exec " +
                             command + " >.out 2>.err";
    process_ = ::fork();
    if (process_ == 0) {
      ::execl("/bin/sh", "sh", "-c", text.c_str(), nullptr);
      ::_exit(127);
    }
  }
  ~Running() {
    if (process_ > 0) wait_after(SIGKILL);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  bool ended() {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
  }
  void signal(int number) const { ::kill(process_, number); }
  // Waits, at most a minute, until the condition holds or the program has ended.
  template <class Condition>
  void wait_until(Condition&& holds) {
    for (int i = 0; i < 12'000 && !ended() && !holds(); ++i) ::usleep(5'000);
  }
  // 128 + N where signal N ended the program.
  Outcome wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    by_signal = WIFSIGNALED(status);
    return {by_signal ? 128 + WTERMSIG(status) : WEXITSTATUS(status), folder_.read(".out"),
            folder_.read(".err")};
  }
  Outcome wait_after(int number) {
    signal(number);
    return wait();
  }

  bool by_signal = false;

 private:
  const Folder& folder_;
  pid_t process_ = -1;
};

// What a reader finds in the journal of a program at work; 0 while there is none.
template <class Count>
std::size_t count_in_journal(const std::string& path, Count&& count) {
  try {
    if (!fs::exists(path)) return 0;
    return static_cast<std::size_t>(count(assay::RunJournal::open_to_read(path)));
  } catch (const assay::InputError&) {  // it is being closed just now
    return 0;
  }
}
inline std::size_t evaluations_in(const std::string& path) {
  return count_in_journal(path, [](const auto& journal) { return journal.evaluation_count(); });
}
inline std::size_t trainings_in(const std::string& path) {
  return count_in_journal(path, [](const auto& journal) { return journal.trainings().size(); });
}

}  // namespace cli_test
