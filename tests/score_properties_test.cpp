#include "assay/base/error.hpp"

#include "score_records.hpp"

#include <bit>
#include <chrono>
#include <thread>

using namespace assay;
using namespace assay::test;

namespace {

std::vector<std::uint64_t> bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> result;
  for (const double value : values) result.push_back(std::bit_cast<std::uint64_t>(value));
  return result;
}

std::string message_of(auto&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("the registry says of every score what it is and under which conditions") {
  const auto registry = score_registry();
  for (const ScoreInfo& info : registry) {
    CAPTURE(info.name);
    // The first of its name, so names are distinct.
    CHECK(find_score(info.name) == &info);
    CHECK_FALSE(info.summary.empty());
    CHECK_FALSE(info.formula.empty());
    CHECK_FALSE(info.source.empty());
    CHECK_FALSE(info.range.empty());
    CHECK((info.direction == 1 || info.direction == -1));
    CHECK(info.conditions.has_value() == (info.cost != ScoreCost::none));
    if (info.conditions) CHECK(mentions(describe(*info.conditions), "weights "));
  }
  CHECK(find_score("none") == nullptr);
  CHECK_NOTHROW(validate({.scores = default_scores()}));
}

TEST_CASE("settings that mean nothing are refused with the remedy") {
  CHECK(mentions(message_of([] { validate({.scores = {"synflw"}}); }), "Did you mean \"synflow\"?"));
  CHECK(mentions(message_of([] { validate({.scores = {}}); }), "Name at least one"));
  CHECK(mentions(message_of([] { validate({.scores = {"zen", "snip", "zen"}}); }), "\"zen\" is named twice"));
  CHECK(mentions(message_of([] { validate({.batch = 1}); }), "The batch of scores is 1. Choose 2"));
  CHECK(mentions(message_of([] { validate({.repeats = 0}); }), "The number of repeats is 0"));
  CHECK(mentions(message_of([] { Scorer({.scores = {"nothing"}}); }), "Known are: params"));
  CHECK(mentions(message_of([] { rank_terms(std::vector<std::string>{"x"}); }), "no score \"x\""));
}

TEST_CASE("records do not depend on the run, the worker, or what was scored before") {
  const Scorer scorer({.scores = all_scores(), .batch = 4, .seed = 5});
  std::vector<Network> networks;
  for (std::uint64_t i = 0; i < 6; ++i)
    networks.push_back(i % 2 == 0 ? test::cell_network(i) : test::bottleneck_network(i));
  const auto run = [&](int workers, bool reversed) {
    std::vector<ScoreRecord> records(networks.size());
    WorkerPool pool(workers);
    pool.run(static_cast<std::int64_t>(networks.size()), [&](Worker& worker, std::int64_t i) {
      const auto index =
          static_cast<std::size_t>(reversed ? static_cast<std::int64_t>(networks.size()) - 1 - i : i);
      records[index] = scorer.score(worker, networks[index]);
    });
    return records;
  };
  const auto expected = run(1, false);
  for (const auto& records : {run(1, true), run(2, false), run(3, true)})
    for (std::size_t i = 0; i < networks.size(); ++i) {
      CHECK(records[i].fingerprint == expected[i].fingerprint);
      CHECK(bits(records[i].values) == bits(expected[i].values));
      CHECK(records[i].status == expected[i].status);
    }
  const Scorer other({.scores = all_scores(), .batch = 4, .seed = 6});
  Worker worker;
  CHECK(bits(other.score(worker, networks[0]).values) != bits(expected[0].values));
}

TEST_CASE("a score has the same value alone and in the pass that all share") {
  Worker worker;
  for (const Network& network : {test::cell_network(3), test::bottleneck_network(4)}) {
    const Scorer together({.scores = all_scores(), .batch = 4});
    const auto expected = together.score(worker, network).values;
    const auto names = all_scores();
    for (std::size_t k = 0; k < names.size(); ++k) {
      CAPTURE(names[k]);
      const Scorer alone({.scores = {names[k]}, .batch = 4});
      CHECK(alone.score(worker, network).values[0] == doctest::Approx(expected[k]).epsilon(1e-4));
    }
  }
}

TEST_CASE("networks of one fingerprint have one value") {
  // The same function, declared in another order with a dead branch and another title.
  const auto declare = [](bool other) {
    NetworkBuilder b({3, 8, 8}, other ? "other" : "one");
    if (other) test::conv_bn(b, 0, 99, 3);
    const OpId stem = test::conv_bn(b, 0, 16, 3);
    b.mark_block(stem, "stem");
    OpId left, right;
    if (other) {
      right = test::conv_bn(b, b.activation(stem, Activation::relu, "r"), 16, 1);
      left = test::conv_bn(b, b.activation(stem, Activation::relu, "l"), 16, 3);
    } else {
      left = test::conv_bn(b, b.activation(stem, Activation::relu, "a"), 16, 3);
      right = test::conv_bn(b, b.activation(stem, Activation::relu, "b"), 16, 1);
    }
    const OpId sum = other ? b.sum(right, left, "+") : b.sum(left, right, "+");
    b.mark_block(sum, "cell");
    return std::move(b).finish(test::classifier(b, sum, 10));
  };
  const ScoreRecord one = score_all(declare(false)), other = score_all(declare(true));
  REQUIRE(one.fingerprint == other.fingerprint);
  // Behind a batch norm the outputs of all images add up to a constant: their gradients are dependent.
  CHECK(one.status == "singular: ntk_condition");
  CHECK(other.status == one.status);
  // Size is that of the network as given, everything else that of the function.
  CHECK(value_of(other, "params") == static_cast<double>(declare(true).parameters()));
  CHECK(value_of(other, "macs") == static_cast<double>(declare(true).macs()));
  CHECK(declare(false).parameters() < declare(true).parameters());
  CHECK(bits(one.values) == bits(score_all(canonical(declare(true))).values));
}

TEST_CASE("a network beyond the worker's memory is not executable, and the worker goes on") {
  Worker worker;
  worker.set_memory_limit(std::int64_t{64} << 20);
  const Scorer scorer({.scores = all_scores(), .batch = 16});
  NetworkBuilder b({1 << 18, 128, 128}, "huge");  // 16 GiB an image
  const Network huge = std::move(b).finish(test::classifier(b, test::conv_bn(b, 0, 1 << 13, 3), 10));
  const ScoreRecord refused = scorer.score(worker, huge);
  CHECK(mentions(refused.status, "not_executable: The network needs "));
  CHECK(mentions(refused.status, ", but a worker may use 64"));
  CHECK(value_of(refused, "params") == static_cast<double>(huge.parameters()));
  CHECK(std::isnan(value_of(refused, "zen")));
  CHECK(scorer.score(worker, test::cell_network(2)).ok());
}

TEST_CASE("a stop ends scoring with the status cancelled, and the worker goes on") {
  Worker worker;
  const Network network = test::cell_network(2);
  const Scorer scorer({.scores = all_scores(), .batch = 4, .seed = 3});
  std::stop_source before;
  CHECK(bits(scorer.score(worker, network, before.get_token()).values) ==
        bits(scorer.score(worker, network).values));
  before.request_stop();
  const ScoreRecord none = scorer.score(worker, network, before.get_token());
  CHECK(none.status == "cancelled");
  CHECK_FALSE(none.ok());
  CHECK(none.fingerprint == fingerprint(network));
  CHECK(none.values.size() == all_scores().size());
  CHECK(std::ranges::all_of(none.values, [](double value) { return std::isnan(value); }));

  // Ten minutes of work and more, stopped in the middle.
  const Scorer endless({.scores = {"grad_norm"}, .batch = 64, .repeats = 1000});
  NetworkBuilder b({3, 64, 64}, "slow");
  OpId x = test::conv_bn(b, 0, 128, 3);
  for (int i = 0; i < 10; ++i) x = test::conv_bn(b, x, 128, 3);
  const Network slow = std::move(b).finish(test::classifier(b, x, 10));
  std::stop_source during;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    during.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  CHECK(endless.score(worker, slow, during.get_token()).status == "cancelled");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  CHECK(scorer.score(worker, network).ok());
}

TEST_CASE("repeats are the mean over seeds") {
  Worker worker;
  const Network network = test::cell_network(2);
  const Scorer once({.scores = {"zen"}, .batch = 4}), often({.scores = {"zen"}, .batch = 4, .repeats = 3});
  const double mean = often.score(worker, network).values[0], first = once.score(worker, network).values[0];
  CHECK(mean != first);
  CHECK(mean == doctest::Approx(first).epsilon(0.2));
}

TEST_CASE("trainability prefers gradients that keep their size") {
  // x + f(x) with a batch-normalised f has a Jacobian of norm above 1; pooling blocks shrink gradients.
  const auto network = [](bool pools) {
    NetworkBuilder b({3, 12, 12}, "chain");
    OpId x = test::conv_bn(b, 0, 16, 3);
    b.mark_block(x, "stem");
    for (int i = 0; i < 3; ++i) {
      x = pools ? b.average_pool(x, Window::square(3), "pool")
                : test::conv_bn(b, b.activation(x, Activation::leaky_relu, "a", 0.9f), 16, 1);
      b.mark_block(x, "block");
    }
    return std::move(b).finish(test::classifier(b, x, 10));
  };
  CHECK(value_of(score_all(network(false), 16), "trainability") >
        value_of(score_all(network(true), 16), "trainability"));
}
