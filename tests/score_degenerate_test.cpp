// What becomes of networks that nobody would train: every score gives them a finite value or a documented
// reason why not.
#include "degenerate_networks.hpp"
#include "foreign_network.hpp"
#include "score_records.hpp"

using namespace assay;
using namespace assay::test;

TEST_CASE("degenerate networks, under all scores at once and under each alone") {
  Worker worker;
  for (const Degenerate& each : degenerate_networks) {
    CAPTURE(each.name);
    const Network network = each.network();
    for (const int batch : {2, 5}) score_all(network, batch);
    const std::string status = score_all(network, 4).status;
    CAPTURE(status);
    CHECK(mentions(status, each.status));
    for (const std::string& name : all_scores()) {
      const Scorer alone({.scores = {name}, .batch = 3, .repeats = 2, .resolution = 1});
      check_well_formed(alone.score(worker, network), {name});
    }
    const ScoreRecord ranked = Scorer(ScoreSettings{}).score(worker, network);
    check_well_formed(ranked, default_scores());
    const double rank = rank_scores({&ranked, 1}, rank_terms(default_scores()))[0];
    CHECK(std::isfinite(rank) == ranked.ok());
  }
}

TEST_CASE("operators that networks of others hold, under all scores") {
  const ScoreRecord whole = score_all(test::foreign_network());
  CAPTURE(whole.status);
  CHECK(whole.ok());

  // Each on its own, in an otherwise ordinary network.
  using Build = std::function<OpId(NetworkBuilder&, OpId)>;
  const std::pair<std::string, Build> builds[] = {
      {"up", [](auto& b, OpId x) { return test::transposed(b, x, 16, test::transposed_window(4, 2, 1)); }},
      {"grouped up",
       [](auto& b, OpId x) { return test::transposed(b, x, 16, test::transposed_window(3, 2, 1, 1), 2); }},
      {"shuffle", [](auto& b, OpId x) { return test::shuffle(b, x, 4); }},
      {"layer norm", [](auto& b, OpId x) { return test::layer_norm(b, x); }},
      {"floor", [](auto& b, OpId x) { return test::resized(b, x, ResizeMode::nearest_floor, 11, 5); }},
      {"corners",
       [](auto& b, OpId x) { return test::resized(b, x, ResizeMode::bilinear_align_corners, 3, 9); }},
      {"outputs",
       [](auto& b, OpId x) {
         const OpId all = b.add({.kind = OpKind::outputs}, {x, 0}, "outputs");
         return b.linear(all, 16, "mix");
       }},
  };
  for (const auto& [name, build] : builds) {
    CAPTURE(name);
    NetworkBuilder b({3, 8, 8}, name);
    OpId x = test::block(b, test::relu(b, test::conv_bn(b, 0, 16, 3)));
    x = test::block(b, test::relu(b, build(b, x)));
    x = test::block(b, test::relu(b, test::conv_bn(b, x, 16, 1)));
    const ScoreRecord record = score_all(std::move(b).finish(test::classifier(b, x, 10)));
    CAPTURE(record.status);
    CHECK(record.ok());
  }
}

TEST_CASE("zen gives back what layer norms divide by") {
  const auto zen = [](bool normed) {
    NetworkBuilder b({3, 8, 8}, "chain");
    OpId x = 0;
    for (int i = 0; i < 4; ++i) {
      x = b.convolution(x, 64, Window::square(3), "conv");
      if (normed) x = test::layer_norm(b, x);
      x = test::block(b, test::relu(b, x));
    }
    const Scorer scorer({.scores = {"zen"}, .batch = 8, .repeats = 4});
    Worker worker;
    return scorer.score(worker, std::move(b).finish(test::classifier(b, x, 10))).values[0];
  };
  // log of the deviation behind a convolution of 64 channels is about log sqrt(9 x 64 / 2) = 2.8, four times.
  CHECK(zen(true) == doctest::Approx(zen(false)).epsilon(0.03));
  CHECK(zen(false) > 8);
}

TEST_CASE("a network without nonlinearity") {
  NetworkBuilder b({3, 8, 8}, "linear");
  OpId x = test::conv_bn(b, 0, 8, 3);
  b.mark_block(x, "a");
  x = test::conv_bn(b, x, 8, 3);
  b.mark_block(x, "b");
  const ScoreRecord record = score_all(std::move(b).finish(test::classifier(b, x, 10)));
  CHECK(mentions(record.status, "no_activation: naswot"));
  CHECK(std::isfinite(value_of(record, "snip")));
  CHECK(std::isfinite(value_of(record, "trainability")));
}

TEST_CASE("a network whose output is constant") {
  NetworkBuilder b({3, 8, 8}, "zero");
  OpId x = test::conv_bn(b, 0, 8, 3);
  b.mark_block(x, "stem");
  x = b.zero(x, 8, 1, "none");
  b.mark_block(x, "cell");
  x = b.activation(x, Activation::relu, "relu");
  const ScoreRecord record = score_all(std::move(b).finish(test::classifier(b, x, 10)));
  CHECK(value_of(record, "params") > 0);
  CHECK_FALSE(record.ok());
  CHECK(mentions(record.status, "jacob_cov"));
}

TEST_CASE("one channel everywhere, and an input of one pixel") {
  NetworkBuilder narrow({1, 6, 6}, "narrow");
  OpId x = narrow.activation(test::conv_bn(narrow, 0, 1, 3), Activation::relu, "relu");
  narrow.mark_block(x, "a");
  x = narrow.activation(test::conv_bn(narrow, x, 1, 3), Activation::relu, "relu");
  narrow.mark_block(x, "b");
  const ScoreRecord thin = score_all(std::move(narrow).finish(test::classifier(narrow, x, 2)));
  CHECK(value_of(thin, "expressivity") == 0.0);

  NetworkBuilder point({5, 1, 1}, "point");
  x = point.activation(test::conv_bn(point, 0, 20, 1), Activation::silu, "silu");
  point.mark_block(x, "a");
  x = point.activation(test::conv_bn(point, x, 20, 1), Activation::silu, "silu");
  point.mark_block(x, "b");
  score_all(std::move(point).finish(point.linear(x, 3, "classifier")));
}

TEST_CASE("numbers that overflow are a status") {
  NetworkBuilder b({3, 8, 8}, "deep");
  OpId x = 0;
  for (int i = 0; i < 60; ++i) {
    x = b.activation(b.convolution(x, 64, Window::square(3), "conv"), Activation::relu, "relu");
    x = b.sum(x, x, "twice");
    x = b.sum(x, x, "twice");
    x = b.sum(x, x, "twice");
    if (i % 10 == 9) b.mark_block(x, "block");
  }
  const ScoreRecord record = score_all(std::move(b).finish(test::classifier(b, x, 10)), 2);
  CHECK(mentions(record.status, "not_finite:"));
  for (const char* score : {"synflow", "zen", "grad_norm"}) {
    CAPTURE(score);
    CHECK(std::isnan(value_of(record, score)));
  }
}

TEST_CASE("networks without blocks, without weights, with one block, with a softmax") {
  NetworkBuilder bare({3, 4, 4}, "bare");
  const OpId pooled = bare.global_average_pool(0, "pool");
  const ScoreRecord record = score_all(std::move(bare).finish(pooled));
  CHECK(mentions(record.status, "no_weights: synflow grad_norm snip"));

  NetworkBuilder one({3, 4, 4}, "one");
  OpId x = one.activation(test::conv_bn(one, 0, 8, 3), Activation::relu, "relu");
  one.mark_block(x, "only");
  one.mark_block(x, "identity");
  const ScoreRecord single = score_all(std::move(one).finish(test::classifier(one, x, 10)));
  CHECK(mentions(single.status, "too_few_blocks: progressivity trainability"));

  const auto with_softmax = [](bool softmax) {
    NetworkBuilder b({3, 6, 6}, "softmax");
    OpId y = b.activation(test::conv_bn(b, 0, 8, 3), Activation::relu, "relu");
    y = test::classifier(b, y, 10);
    if (softmax) y = b.add({.kind = OpKind::softmax}, {y}, "softmax");
    return std::move(b).finish(y);
  };
  Worker worker;
  // Weights are drawn per fingerprint, so compare what hardly depends on them.
  const Scorer scorer({.scores = {"grad_norm"}, .batch = 32});
  CHECK(scorer.score(worker, with_softmax(true)).values[0] ==
        doctest::Approx(scorer.score(worker, with_softmax(false)).values[0]).epsilon(0.5));
}
