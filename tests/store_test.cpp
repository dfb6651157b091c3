#include "assay/base/file.hpp"

#include "store_fixture.hpp"

#include <chrono>
#include <thread>

#include <doctest/doctest.h>

using namespace assay;

TEST_CASE("a journal gives back what was written") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  RunIdentity identity = example_identity();
  SUBCASE("one byte a choice") {}
  SUBCASE("two bytes a choice") {
    for (int i = 0; i < 300; ++i) identity.decisions[3].options.push_back("o" + std::to_string(i));
  }
  SUBCASE("no scores, no accelerator") {
    identity.scores.clear();
    identity.accelerator_name.clear();
  }
  EvaluationRow unknown_latency = example_row(identity, 16);
  unknown_latency.latency_ms = unknown_latency.latency_low_ms = unknown_latency.latency_high_ms =
      std::nan("");
  const Rejections so_far = {{"latency", {2, 1.5}}, {"cannot be built", {1, std::nullopt}}};
  {
    RunJournal journal = RunJournal::create(path, identity);
    write_generation(journal);
    write_generation(journal);
    journal.commit_generation({unknown_latency}, {2, 60, 5, 17, 1, 1.75}, so_far,
                              std::vector<std::int64_t>{2, 16});
    journal.record_results(std::vector<ResultRow>{{3, -2.5}, {7, -0.1}}, std::vector<ResultRow>{{7, -0.1}});
    journal.record_results(std::vector<ResultRow>{{4, -1.5}, {7, -0.25}}, std::vector<ResultRow>{{7, -0.25}});
    journal.record_epoch(7, {0, 0.1, 2.3, 0.2, std::nan(""), std::nan(""), 3});
    journal.record_training(
        {4, "fashion-mnist", "", 0.91, 100, {{0, 0.1, 1, 0.5, 1, 0.6, 50}, {1, 0, 0.5, 0.8, 0.4, 0.91, 50}}});
    journal.set_state({"finished", "2000 evaluations"});
  }
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);  // one plain file

  const RunJournal journal = RunJournal::open_to_read(path);
  const RunIdentity& read = journal.identity();
  CHECK(read.assay_version == identity.assay_version);
  CHECK(read.seed == identity.seed);
  CHECK(read.settings_json == identity.settings_json);
  CHECK(read.space_name == identity.space_name);
  CHECK(read.space_text == identity.space_text);
  CHECK(read.space_fingerprint == identity.space_fingerprint);
  CHECK(read.decisions == identity.decisions);
  CHECK(read.accelerator_name == identity.accelerator_name);
  CHECK(read.accelerator_text == identity.accelerator_text);
  CHECK(read.accelerator_fingerprint == identity.accelerator_fingerprint);
  CHECK(read.scores == identity.scores);

  CHECK(journal.evaluation_count() == 17);
  int visited = 0;
  journal.for_each_evaluation([&](const EvaluationRow& row) {
    CHECK(same_row(row, visited < 16 ? example_row(identity, visited) : unknown_latency));
    ++visited;
    return true;
  });
  CHECK(visited == 17);
  REQUIRE(journal.evaluation(9).has_value());
  CHECK(same_row(*journal.evaluation(9), example_row(identity, 9)));
  CHECK_FALSE(journal.evaluation(17).has_value());

  const auto generations = journal.generations();
  REQUIRE(generations.size() == 3);
  CHECK(generations[1].proposed == 40);
  CHECK(generations[2].failed == 1);
  const Rejections rejections = journal.rejections();
  CHECK(rejections.at("latency").count == 2);
  CHECK(rejections.at("latency").smallest == 1.5);
  CHECK_FALSE(rejections.at("cannot be built").smallest.has_value());
  REQUIRE(journal.front().size() == 2);
  CHECK(journal.front()[0].evaluation == 4);
  CHECK(journal.front()[1].rank_score == -0.25);
  REQUIRE(journal.shortlist().size() == 1);
  const auto trainings = journal.trainings();
  REQUIRE(trainings.size() == 2);
  CHECK(trainings[0].test_accuracy == 0.91);
  REQUIRE(trainings[0].epochs.size() == 2);
  CHECK(trainings[0].epochs[1].test_accuracy == 0.91);
  CHECK(trainings[1].evaluation == 7);
  CHECK(trainings[1].status == "unfinished");
  CHECK(std::isnan(trainings[1].epochs.at(0).test_loss));
  CHECK(journal.state() == "finished");
  CHECK(journal.state_note() == "2000 evaluations");
  CHECK(journal.created_utc().size() == 20);
}

TEST_CASE("candidates are told in the words of the decisions") {
  const std::vector<JournalDecision> decisions = {{"a.kernel", {"3", "5"}}, {"b", {"x", "y", "z"}}};
  CHECK(candidate_text(decisions, std::vector<std::uint16_t>{1, 2}) == "a.kernel=5 b=z");
}

TEST_CASE("a resumed journal goes on where it stopped") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  const RunIdentity identity = example_identity();
  {
    RunJournal journal = RunJournal::create(path, identity);
    write_generation(journal);
    journal.set_state({"stopped", "Ctrl-C"});
  }
  RunJournal journal = RunJournal::resume(path, identity);
  CHECK(journal.state() == "running");
  CHECK(journal.earlier_state().state == "stopped");
  CHECK(journal.earlier_state().note == "Ctrl-C");
  CHECK(journal.search_seconds() == 0.5);
  const EvaluationRow row = example_row(identity, 3);
  REQUIRE(journal.recall(3, row.fingerprint).has_value());
  CHECK(same_row(*journal.recall(3, row.fingerprint), row));
  CHECK_FALSE(journal.recall(8, 1).has_value());
  CHECK(mentions(input_error_of([&] { journal.recall(3, row.fingerprint + 1); }), "evaluation 3"));
  write_generation(journal);
  CHECK(journal.evaluation_count() == 16);
  CHECK_THROWS_AS(journal.commit_generation({row}, {}, {}, {}), InternalError);  // out of order
  CHECK(journal.evaluation_count() == 16);
}

TEST_CASE("the journal of another run is refused, naming what differs") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  const RunIdentity identity = example_identity();
  { RunJournal::create(path, identity); }
  const auto refusal = [&](auto&& change) {
    RunIdentity other = identity;
    change(other);
    return input_error_of([&] { RunJournal::resume(path, other); });
  };
  CHECK(refusal([](RunIdentity&) {}).empty());
  CHECK(refusal([](RunIdentity& i) {
          i.settings_json = R"({"strategy":"evolution", "latency_ms":4.5, "evaluations":2000})";
        }).empty());

  const std::string seed = refusal([](RunIdentity& i) { i.seed = 7; });
  CHECK(mentions(seed, path));
  CHECK(mentions(seed, "the seed is 18446744073709551600 in the journal and 7 now"));
  CHECK(mentions(refusal([](RunIdentity& i) { i.assay_version = "2.0.0"; }), "version of assay is 1.2.3"));
  CHECK(
      mentions(refusal([](RunIdentity& i) { i.space_fingerprint = 1; }),
               "the space is \"toy\" (fedcba9876543210) in the journal and \"toy\" (0000000000000001) now"));
  CHECK(mentions(refusal([](RunIdentity& i) { i.accelerator_name = ""; }), "and none now"));
  CHECK(mentions(refusal([](RunIdentity& i) { i.scores.pop_back(); }), "list of scores"));
  const std::string settings =
      refusal([](RunIdentity& i) { i.settings_json = R"({"latency_ms":5,"strategy":"evolution"})"; });
  CHECK(mentions(settings, "latency_ms is 4.5 in the journal and 5 now"));
  CHECK(mentions(settings, "evaluations is 2000 in the journal and not set now"));
  CHECK_FALSE(mentions(settings, "strategy"));
  // The first journals did not tell how much memory a worker had.
  const auto with_memory = [](const char* bytes) {
    return [bytes](RunIdentity& i) {
      i.settings_json.insert(1, std::string(R"("max_memory_per_worker":)") + bytes + ",");
    };
  };
  CHECK(refusal(with_memory("1048576")).empty());
  const std::string limited = directory / "limited.assay";
  RunIdentity with_limit = identity;
  with_memory("1048576")(with_limit);
  { RunJournal::create(limited, with_limit); }
  with_limit = identity;
  with_memory("null")(with_limit);
  CHECK(mentions(input_error_of([&] { RunJournal::resume(limited, with_limit); }),
                 "max_memory_per_worker is 1048576 in the journal and null now"));

  CHECK(mentions(input_error_of([&] { RunJournal::create(path, identity); }), "exists already"));
  CHECK(mentions(input_error_of([&] { RunJournal::resume(directory / "none", identity); }),
                 "There is no run journal"));
  CHECK(mentions(input_error_of([&] { RunJournal::open_to_read(directory / "none"); }),
                 "There is no run journal"));
}

TEST_CASE("one process writes, others read meanwhile") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  const RunIdentity identity = example_identity();
  RunJournal journal = RunJournal::create(path, identity);
  write_generation(journal);
  journal.state();  // waits until it is committed

  const std::string here = input_error_of([&] { RunJournal::resume(path, identity); });
  CHECK(mentions(here, "process " + std::to_string(getpid())));
  CHECK(in_child([&] {
          return mentions(input_error_of([&] { RunJournal::resume(path, identity); }), "being written") ? 0
                                                                                                        : 1;
        }) == 0);
  CHECK(in_child([&] { return RunJournal::open_to_read(path).evaluation_count() == 8 ? 0 : 1; }) == 0);

  const RunJournal reader = RunJournal::open_to_read(path);
  write_generation(journal);
  CHECK(journal.evaluation_count() == 16);
  CHECK(journal.generations().size() == 2);
  CHECK(reader.evaluation_count() == 16);
  write_generation(journal);
  journal.set_state({"running", ""});
  CHECK(reader.evaluation_count() == 24);
  write_generation(journal);
  journal.close();  // with a reader at work
  CHECK(reader.evaluation_count() == 32);
  CHECK(input_error_of([&] { RunJournal::resume(path, identity); }).empty());
}

TEST_CASE("a candidate takes less than 300 bytes") {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.assay";
  constexpr int generations = 1000;
  {
    RunJournal journal = RunJournal::create(path, example_identity());
    for (int g = 0; g < generations; ++g) write_generation(journal);
  }
  const auto bytes = static_cast<double>(std::filesystem::file_size(path)) / (8.0 * generations);
  MESSAGE("bytes a candidate: ", bytes);
  CHECK(bytes < 200);
}
