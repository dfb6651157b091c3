#include "assay/train/train.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

using namespace assay;

namespace {

namespace fs = std::filesystem;

// Stripes: class 0 horizontal, 1 vertical, 2 none, under noise and at a random phase.
ImageSet stripes(std::size_t count, std::uint64_t seed) {
  ImageSet set;
  for (std::size_t i = 0; i < count; ++i) {
    Random random(seed, Purpose::noise, 0, i);
    const auto label = static_cast<std::uint8_t>(i % 3);
    const std::uint64_t phase = random.below(4);
    for (std::uint64_t y = 0; y < 10; ++y) {
      for (std::uint64_t x = 0; x < 10; ++x) {
        const std::uint64_t along = label == 0 ? y : x;
        const bool bright = label == 2 ? random.below(2) == 1 : (along + phase) % 4 < 2;
        set.pixels.push_back(static_cast<std::uint8_t>((bright ? 150 : 40) + random.below(60)));
      }
    }
    set.labels.push_back(label);
  }
  return set;
}

Dataset small_set() {
  Dataset set;
  set.name = "stripes";
  set.image = {1, 10, 10};
  set.classes = 3;
  set.train = stripes(250, 1);
  set.test = stripes(300, 2);  // two test batches and a part of a third
  return set;
}

Network small_network(int channels = 8, int classes = 3) {
  NetworkBuilder builder({1, 10, 10}, "small");
  OpId x = builder.convolution(0, channels, Window::square(3), "stem");
  x = builder.activation(builder.batch_norm(x, "stem_bn"), Activation::relu, "stem_relu");
  OpId y = builder.convolution(x, channels, Window::square(3), "conv");
  y = builder.activation(builder.batch_norm(y, "conv_bn"), Activation::relu, "conv_relu");
  x = builder.sum(x, y, "sum");
  x = builder.global_average_pool(x, "pool");
  x = builder.linear(x, classes, "classifier");
  return std::move(builder).finish(x);
}

TrainOptions small_options() {
  TrainOptions options;
  options.epochs = 4;
  options.batch = 50;
  options.learning_rate = 0.1;
  options.augmentation = {.crop_padding = 1, .flip = true};
  options.label_smoothing = 0.05;
  options.gradient_clip = 5;
  options.checkpoint_seconds = 0;
  options.seed = 5;
  return options;
}

class TemporaryFile {
 public:
  TemporaryFile() {
    static int number = 0;
    path_ =
        (fs::temp_directory_path() / fmt::format("assay_train_test.{}.{}", ::getpid(), number++)).string();
  }
  ~TemporaryFile() { fs::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Everything but the times.
void check_same(const TrainResult& a, const TrainResult& b) {
  CHECK(a.status == b.status);
  CHECK(a.weights_hash == b.weights_hash);
  CHECK(a.test_accuracy == b.test_accuracy);
  REQUIRE(a.history.size() == b.history.size());
  for (std::size_t i = 0; i < a.history.size(); ++i) {
    CHECK(a.history[i].train_loss == b.history[i].train_loss);
    CHECK(a.history[i].test_accuracy == b.history[i].test_accuracy);
  }
}

std::string message_of(auto&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

void check_mentions(const std::string& text, std::initializer_list<std::string_view> parts) {
  CAPTURE(text);
  for (const std::string_view part : parts) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("a separable problem is learned completely") {
  const Dataset set = small_set();
  TrainOptions options = small_options();
  options.epochs = 12;
  int calls = 0;
  double first_loss = 0, last_loss = 0;
  TrainCallbacks callbacks;
  callbacks.progress = [&](const TrainProgress& progress) {
    if (calls == 0) first_loss = progress.loss;
    last_loss = progress.loss;
    ++calls;
    CHECK(progress.step == calls);
    CHECK(progress.steps == 60);
    CHECK(progress.epoch == (calls - 1) / 5);
    CHECK((progress.last != nullptr) == (calls >= 5));
  };
  const TrainResult result = train(small_network(), set, options, callbacks);
  CHECK(result.status == TrainStatus::finished);
  CHECK(result.test_accuracy == 1.0);
  CHECK(result.history.size() == 12);
  CHECK(result.steps == 60);
  CHECK(calls == 60);
  CHECK(first_loss > 0.9);
  CHECK(last_loss < 0.35);
  for (std::size_t i = 1; i < result.history.size(); ++i) {
    CHECK(result.history[i].seconds >= result.history[i - 1].seconds);
  }
}

TEST_CASE("one worker and two give the same bits, another seed gives others") {
  const Dataset set = small_set();
  TrainOptions options = small_options();
  options.workers = 1;
  const TrainResult one = train(small_network(), set, options);
  options.workers = 2;
  const TrainResult two = train(small_network(), set, options);
  check_same(one, two);
  options.seed = 6;
  CHECK(train(small_network(), set, options).weights_hash != one.weights_hash);
}

TEST_CASE("an interrupted training ends as an uninterrupted one, wherever it was interrupted") {
  const Dataset set = small_set();
  const Network network = small_network();
  TrainOptions options = small_options();
  const TrainResult reference = train(network, set, options);
  const std::int64_t steps = reference.steps;
  CHECK(steps == 20);
  const TemporaryFile file;
  options.checkpoint = file.path();

  SUBCASE("cancelled before any step") {
    for (std::int64_t stop = 0; stop < steps; ++stop) {
      options.resume = false;
      std::int64_t asked = 0;
      TrainCallbacks callbacks;
      callbacks.cancelled = [&] { return asked++ == stop; };
      const TrainResult part = train(network, set, options, callbacks);
      CHECK(part.status == TrainStatus::cancelled);
      CHECK(part.steps == stop);
      CHECK_FALSE(part.test_accuracy.has_value());
      options.resume = true;
      options.workers = 1 + static_cast<int>(stop % 2);
      check_same(reference, train(network, set, options));
    }
  }
  SUBCASE("killed: what the file holds after any step is enough") {
    std::map<std::int64_t, std::string> left;
    TrainCallbacks callbacks;
    callbacks.progress = [&](const TrainProgress& progress) { left[progress.step] = read_file(file.path()); };
    check_same(reference, train(network, set, options, callbacks));
    CHECK(left.size() == 20);
    options.resume = true;
    for (const auto& [step, content] : left) {
      write_file(file.path(), content);
      std::int64_t first = 0;
      TrainCallbacks resumed;
      resumed.progress = [&](const TrainProgress& progress) {
        if (first == 0) first = progress.step;
      };
      const TrainResult result = train(network, set, options, resumed);
      check_same(reference, result);
      CHECK(first == (step == steps ? 0 : step + 1));
      CHECK(result.seconds >= result.history.back().seconds);
    }
  }
  SUBCASE("resuming without a file starts afresh") {
    options.resume = true;
    check_same(reference, train(network, set, options));
  }
}

TEST_CASE("epochs are told of as they end, and those of a checkpoint when a training goes on from it") {
  const Dataset set = small_set();
  const Network network = small_network();
  const TemporaryFile file;
  TrainOptions options = small_options();
  options.checkpoint = file.path();
  std::vector<int> epochs;
  std::vector<double> losses;
  std::int64_t asked = 0;
  TrainCallbacks callbacks;
  callbacks.epoch = [&](int epoch, const EpochRecord& record) {
    epochs.push_back(epoch);
    losses.push_back(record.train_loss);
  };
  callbacks.cancelled = [&] { return asked++ == 12; };  // in the third of four epochs
  CHECK(train(network, set, options, callbacks).status == TrainStatus::cancelled);
  CHECK(epochs == std::vector<int>{0, 1});
  epochs.clear();
  losses.clear();
  options.resume = true;
  const TrainResult result = train(network, set, options, callbacks);
  CHECK(epochs == std::vector<int>{0, 1, 2, 3});
  REQUIRE(result.history.size() == losses.size());
  for (std::size_t i = 0; i < losses.size(); ++i) CHECK(result.history[i].train_loss == losses[i]);

  // A write error within a training ends it, and what the checkpoint holds is enough.
  fs::remove(file.path());
  options.resume = false;
  callbacks.cancelled = nullptr;
  callbacks.epoch = [](int epoch, const EpochRecord&) {
    if (epoch == 2) throw InputError("the disk is full");
  };
  CHECK(message_of([&] { train(network, set, options, callbacks); }) == "the disk is full");
  options.resume = true;
  check_same(train(network, set, options), result);
}

TEST_CASE("a checkpoint of something else, or a damaged one, is refused") {
  const Dataset set = small_set();
  const Network network = small_network();
  const TemporaryFile file;
  TrainOptions options = small_options();
  options.epochs = 1;
  options.warm_up_epochs = 0.25;
  options.checkpoint = file.path();
  const TrainResult reference = train(network, set, options);
  const std::string whole = read_file(file.path());
  options.resume = true;
  check_same(reference, train(network, set, options));
  const auto message = [&] { return message_of([&] { train(network, set, options); }); };

  SUBCASE("another recipe, network, or data set") {
    options.learning_rate = 0.2;
    check_mentions(message(), {file.path(), "learning rate is 0.1, but 0.2"});
    options.learning_rate = 0.1;
    check_mentions(message_of([&] { train(small_network(16), set, options); }),
                   {file.path(), "its network is"});
    Dataset other = set;
    other.train.labels[0] = 1;
    check_mentions(message_of([&] { train(network, other, options); }), {file.path(), "its data set is"});
  }
  SUBCASE("another kind of file, another version") {
    write_file(file.path(), "PNG or whatever");
    check_mentions(message(), {file.path(), "byte 0", "ASSAYCKP"});
    write_file(file.path(), "");
    check_mentions(message(), {file.path(), "byte 0"});
    std::string other = whole;
    other[8] = 7;
    write_file(file.path(), other);
    check_mentions(message(), {file.path(), "version 7", "version 1"});
  }
  SUBCASE("truncated or longer, at any length") {
    for (std::size_t size = 1; size < whole.size(); size += 1 + size / 7) {
      write_file(file.path(), whole.substr(0, size));
      check_mentions(message(), {file.path(), "truncated"});
    }
    write_file(file.path(), whole + "x");
    check_mentions(message(), {file.path(), "damaged"});
  }
  SUBCASE("a flipped bit") {
    for (std::size_t at = 28; at < whole.size(); at += whole.size() / 50) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 4);
      write_file(file.path(), damaged);
      check_mentions(message(), {file.path(), "damaged"});
    }
  }
  SUBCASE("content that contradicts itself under a right checksum never crashes") {
    constexpr std::size_t header = 28;
    int refused = 0;
    for (std::uint64_t round = 0; round < 150; ++round) {
      Random random(3, Purpose::noise, 0, round);
      std::string payload = whole.substr(header);
      // Mostly at the front, where the structure is: the tensors behind it may hold any value.
      payload[random.below(round % 3 == 0 ? payload.size() : 700)] = static_cast<char>(random());
      if (random.below(3) == 0) payload.resize(random.below(payload.size()));
      const std::uint64_t fields[] = {payload.size(), hash_text(payload)};
      std::string damaged = whole.substr(0, header) + payload;
      std::memcpy(damaged.data() + 12, fields, sizeof fields);
      write_file(file.path(), damaged);
      try {
        const TrainResult result = train(network, set, options);
        CHECK(result.steps <= 5);
      } catch (const InputError&) {
        ++refused;
      }
    }
    CHECK(refused > 50);
  }
  SUBCASE("a place that cannot be written is told before the training") {
    options.resume = false;
    options.checkpoint = "/nowhere/checkpoint";
    check_mentions(message(), {"/nowhere/checkpoint", "cannot be written"});
    options.checkpoint = "/dev/full";
    check_mentions(message(), {"/dev/full", "space"});
  }
}

TEST_CASE("a training that diverges ends with a status") {
  const Dataset set = small_set();
  TrainOptions options = small_options();
  options.learning_rate = 1e5;
  options.gradient_clip = 0;
  options.weight_decay = 1;
  options.epochs = 40;
  const TrainResult result = train(small_network(), set, options);
  CHECK(result.status == TrainStatus::diverged);
  check_mentions(result.reason, {"not finite", "step", "epoch"});
  CHECK_FALSE(result.test_accuracy.has_value());
}

TEST_CASE("clipping bounds the step") {
  const Dataset set = small_set();
  TrainOptions options = small_options();
  options.epochs = 1;
  options.warm_up_epochs = 0;
  const TrainResult loose = train(small_network(), set, options);
  options.gradient_clip = 1e5;
  CHECK(train(small_network(), set, options).weights_hash == loose.weights_hash);
  options.gradient_clip = 1e-9;  // nothing is learned but the running statistics
  const TrainResult tight = train(small_network(), set, options);
  CHECK(tight.weights_hash != loose.weights_hash);
  CHECK(tight.history[0].train_loss > loose.history[0].train_loss);
}

TEST_CASE("a test set smaller than one test batch is counted whole") {
  Dataset set = small_set();
  set.test = stripes(7, 4);
  TrainOptions options = small_options();
  options.epochs = 12;
  CHECK(train(small_network(), set, options).test_accuracy == 1.0);
  // A wrong label costs exactly its share.
  set.test.labels[3] = 1;
  CHECK(train(small_network(), set, options).test_accuracy == doctest::Approx(6.0 / 7));
}

TEST_CASE("what does not fit together is refused before anything runs") {
  const Dataset set = small_set();
  const Network network = small_network();
  const auto message = [&](auto&& change) {
    TrainOptions options = small_options();
    change(options);
    return message_of([&] { train(network, set, options); });
  };
  check_mentions(message([](TrainOptions& o) { o.epochs = 0; }), {"at least 1 epoch"});
  check_mentions(message([](TrainOptions& o) { o.batch = 7; }), {"even", "7"});
  check_mentions(message([](TrainOptions& o) { o.batch = 252; }), {"250 images", "252"});
  check_mentions(message([](TrainOptions& o) { o.learning_rate = 0; }), {"learning rate"});
  check_mentions(message([](TrainOptions& o) { o.learning_rate = std::nan(""); }), {"learning rate"});
  check_mentions(message([](TrainOptions& o) { o.warm_up_epochs = 4; }), {"warm-up", "4"});
  check_mentions(message([](TrainOptions& o) { o.momentum = 1; }), {"momentum"});
  check_mentions(message([](TrainOptions& o) { o.weight_decay = -1; }), {"weight decay"});
  check_mentions(message([](TrainOptions& o) { o.label_smoothing = 1; }), {"label smoothing"});
  check_mentions(message([](TrainOptions& o) { o.gradient_clip = -1; }), {"gradient clip"});
  check_mentions(message([](TrainOptions& o) { o.augmentation.crop_padding = 10; }), {"crop padding", "10"});
  check_mentions(message([](TrainOptions& o) { o.workers = -1; }), {"workers"});
  check_mentions(message([](TrainOptions& o) { o.resume = true; }), {"checkpoint"});

  const TrainOptions options = small_options();
  check_mentions(message_of([&] { train(small_network(8, 2), set, options); }), {"2 x 1 x 1", "3 classes"});
  Dataset coloured = set;
  coloured.image = {3, 10, 10};
  check_mentions(message_of([&] { train(network, coloured, options); }),
                 {"1 x 10 x 10", "3 x 10 x 10", "stripes"});
  NetworkBuilder builder({1, 10, 10}, "soft");
  const OpId logits = builder.linear(builder.global_average_pool(0, "pool"), 3, "linear");
  Operator softmax;
  softmax.kind = OpKind::softmax;
  const OpId output = builder.add(softmax, {logits}, "softmax");
  const Network soft = std::move(builder).finish(output);
  check_mentions(message_of([&] { train(soft, set, options); }), {"soft", "softmax", "remove it"});
  NetworkBuilder two({1, 10, 10}, "two");
  const OpId classes = two.linear(two.global_average_pool(0, "pool"), 3, "linear");
  const OpId all = two.add({.kind = OpKind::outputs}, {classes, classes}, "outputs");
  const Network several = std::move(two).finish(all);
  check_mentions(message_of([&] { train(several, set, options); }), {"two", "several outputs", "Leave"});
}
