#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/random.hpp"
#include "assay/data/dataset.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

using namespace assay;

namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    static int number = 0;
    path_ = fs::temp_directory_path() / fmt::format("assay_data_test.{}.{}", ::getpid(), number++);
    fs::create_directories(path_);
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string string() const { return path_.string(); }

 private:
  fs::path path_;
};

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

std::string big_endian(std::initializer_list<std::uint32_t> words) {
  std::string text;
  for (const std::uint32_t word : words) {
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(word >> shift & 0xff);
  }
  return text;
}

std::string gzip(const std::string& plain) {
  const std::string path = fs::temp_directory_path() / fmt::format("assay_data_test.{}.gz", ::getpid());
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(gzwrite(file, plain.data(), static_cast<unsigned>(plain.size())) == static_cast<int>(plain.size()));
  REQUIRE(gzclose(file) == Z_OK);
  std::string packed = read_file(path);
  fs::remove(path);
  return packed;
}

// Pixel p of image i is 7 i + p; label i % 3.
std::string idx_images(std::uint32_t count, std::uint32_t height = 2, std::uint32_t width = 3) {
  std::string text = big_endian({0x803, count, height, width});
  for (std::uint32_t i = 0; i < count; ++i) {
    for (std::uint32_t p = 0; p < height * width; ++p) text += static_cast<char>(7 * i + p);
  }
  return text;
}
std::string idx_labels(std::uint32_t count) {
  std::string text = big_endian({0x801, count});
  for (std::uint32_t i = 0; i < count; ++i) text += static_cast<char>(i % 3);
  return text;
}
std::string cifar_records(int count, int first_label = 0) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += static_cast<char>((first_label + i) % 10);
    text += std::string(1024, static_cast<char>(i)) + std::string(1024, 'g') + std::string(1024, 'b');
  }
  return text;
}

void write_idx_set(const TemporaryDirectory& directory) {
  write_file(directory / "train-images-idx3-ubyte", idx_images(5));
  write_file(directory / "train-labels-idx1-ubyte.gz", gzip(idx_labels(5)));
  write_file(directory / "t10k-images.idx3-ubyte.gz", gzip(idx_images(3)));
  write_file(directory / "test-labels-idx1-ubyte", idx_labels(3));
}

}  // namespace

TEST_CASE("an IDX directory loads, plain or gzipped, under the usual names") {
  const TemporaryDirectory directory;
  write_idx_set(directory);
  const Dataset set = load_dataset(directory.string());
  CHECK(set.name == directory.string());
  CHECK(set.image == Shape{1, 2, 3});
  CHECK(set.classes == 3);
  CHECK(set.train.size() == 5);
  CHECK(set.test.size() == 3);
  CHECK(set.train.labels == std::vector<std::uint8_t>{0, 1, 2, 0, 1});
  CHECK(set.train.image(4)[0] == 28);
  CHECK(set.test.image(2)[5] == 19);

  Dataset other = set;
  CHECK(other.hash() == set.hash());
  other.test.labels[1] = 0;
  CHECK(other.hash() != set.hash());
}

TEST_CASE("CIFAR-10 batches load, also from the directory that the archive unpacks to") {
  const TemporaryDirectory directory;
  fs::create_directories(directory / "cifar-10-batches-bin");
  write_file(directory / "cifar-10-batches-bin/data_batch_1.bin", cifar_records(4));
  write_file(directory / "cifar-10-batches-bin/data_batch_2.bin.gz", gzip(cifar_records(2, 8)));
  write_file(directory / "cifar-10-batches-bin/test_batch.bin", cifar_records(3));
  const Dataset set = load_dataset(directory.string());
  CHECK(set.image == Shape{3, 32, 32});
  CHECK(set.classes == 10);
  CHECK(set.train.labels == std::vector<std::uint8_t>{0, 1, 2, 3, 8, 9});
  CHECK(set.train.pixels.size() == 6 * 3072);
  CHECK(set.train.image(3)[0] == 3);
  CHECK(set.train.image(5)[1024] == 'g');
  CHECK(set.train.image(5)[3071] == 'b');

  SUBCASE("a gap in the numbers is an error") {
    fs::rename(directory / "cifar-10-batches-bin/data_batch_2.bin.gz",
               directory / "cifar-10-batches-bin/data_batch_3.bin.gz");
    check_mentions(message_of([&] { load_dataset(directory.string()); }), {"data_batch_2.bin", "is missing"});
  }
  SUBCASE("so is a missing test batch") {
    fs::remove(directory / "cifar-10-batches-bin/test_batch.bin");
    check_mentions(message_of([&] { load_dataset(directory.string()); }), {"test_batch.bin", "is missing"});
  }
}

TEST_CASE("a known name is looked for where ASSAY_DATA_DIR says") {
  const TemporaryDirectory directory;
  fs::create_directories(directory / "cifar-10");
  REQUIRE(::setenv("ASSAY_DATA_DIR", directory.string().c_str(), 1) == 0);
  check_mentions(message_of([] { load_dataset("cifar-10"); }), {directory / "cifar-10", "holds no data set"});
  for (int number = 1; number <= 4; ++number) {
    write_file(directory / fmt::format("cifar-10/data_batch_{}.bin", number), cifar_records(1));
  }
  write_file(directory / "cifar-10/test_batch.bin", cifar_records(1));
  check_mentions(message_of([] { load_dataset("cifar-10"); }), {"data_batch_5.bin", "is missing"});
  write_file(directory / "cifar-10/data_batch_5.bin", cifar_records(1));
  const Dataset set = load_dataset("cifar-10");
  CHECK(set.name == "cifar-10");
  CHECK(set.train.size() == 5);

  // Fashion-MNIST has ten classes whatever the labels present, and no label may exceed them.
  fs::create_directories(directory / "fashion-mnist");
  write_file(directory / "fashion-mnist/train-images-idx3-ubyte", idx_images(2));
  write_file(directory / "fashion-mnist/train-labels-idx1-ubyte", idx_labels(2));
  write_file(directory / "fashion-mnist/t10k-images-idx3-ubyte", idx_images(2));
  write_file(directory / "fashion-mnist/t10k-labels-idx1-ubyte", idx_labels(2));
  CHECK(load_dataset("fashion-mnist").classes == 10);
  write_file(directory / "fashion-mnist/train-labels-idx1-ubyte", big_endian({0x801, 2}) + '\1' + '\12');
  check_mentions(message_of([] { load_dataset("fashion-mnist"); }),
                 {"byte 9", "image 1", "label 10", "0 to 9"});
  REQUIRE(::unsetenv("ASSAY_DATA_DIR") == 0);
}

TEST_CASE("a source that is not there says what was looked for and what to do") {
  check_mentions(message_of([] { load_dataset("fashion-mnits"); }),
                 {"fashion-mnits", "Did you mean", "fashion-mnist"});
  check_mentions(message_of([] { load_dataset("/nowhere"); }), {"/nowhere", "neither"});
  const TemporaryDirectory directory;
  check_mentions(message_of([&] { load_dataset(directory.string()); }),
                 {directory.string(), "train-images-idx3-ubyte", "data_batch_1.bin", ".gz"});
}

TEST_CASE("a damaged or foreign IDX file is refused with its place") {
  const TemporaryDirectory directory;
  write_idx_set(directory);
  const auto message = [&] { return message_of([&] { load_dataset(directory.string()); }); };
  const std::string images = directory / "train-images-idx3-ubyte";
  CHECK(message().empty());

  SUBCASE("missing part") {
    fs::remove(directory / "train-labels-idx1-ubyte.gz");
    check_mentions(message(), {"train-labels-idx1-ubyte", "is missing"});
  }
  SUBCASE("empty") {
    write_file(images, "");
    check_mentions(message(), {images, "16-byte header", "found 0 bytes"});
  }
  SUBCASE("truncated header") {
    write_file(images, idx_images(5).substr(0, 9));
    check_mentions(message(), {images, "16-byte header", "found 9 bytes"});
  }
  SUBCASE("truncated body") {
    write_file(images, idx_images(5).substr(0, 30));
    check_mentions(message(), {images, "5 images of 2 x 3", "46 bytes", "holds 30 bytes"});
  }
  SUBCASE("too long") {
    write_file(images, idx_images(5) + "x");
    check_mentions(message(), {images, "46 bytes in all", "holds 47 bytes"});
  }
  SUBCASE("wrong magic") {
    write_file(images, "\x89PNG and so on, long enough for a header");
    check_mentions(message(), {images, "byte 0", "0x00000803", "0x89504e47"});
  }
  SUBCASE("labels where images should be") {
    write_file(images, idx_labels(5));
    check_mentions(message(), {images, "0x00000803", "0x00000801"});
  }
  SUBCASE("no images, no pixels, too many") {
    for (const auto& header :
         {big_endian({0x803, 0, 2, 3}), big_endian({0x803, 5, 0, 3}), big_endian({0x803, 5, 2, 5000}),
          big_endian({0x803, 0xffffffff, 4096, 4096})}) {
      write_file(images, header);
      check_mentions(message(), {images, "byte 4", "the header announces"});
    }
  }
  SUBCASE("a header that announces far more than there is costs no memory") {
    write_file(images, big_endian({0x803, 4000, 1000, 1000}) + "few");
    check_mentions(message(), {images, "4000 images", "truncated"});
  }
  SUBCASE("counts of images and labels differ") {
    write_file(directory / "train-labels-idx1-ubyte.gz", gzip(idx_labels(4)));
    check_mentions(message(), {"train-labels-idx1-ubyte.gz", "4 labels", images, "5 images"});
  }
  SUBCASE("the test set has a label that the training set lacks") {
    write_file(directory / "test-labels-idx1-ubyte", big_endian({0x801, 3}) + '\0' + '\1' + '\7');
    check_mentions(message(), {"test-labels-idx1-ubyte", "byte 10", "image 2", "label 7", "0 to 2"});
  }
  SUBCASE("training and test images of different sizes") {
    write_file(directory / "t10k-images.idx3-ubyte.gz", gzip(idx_images(3, 3, 2)));
    check_mentions(message(), {"t10k-images.idx3-ubyte.gz", "3 x 2", "2 x 3"});
  }
  SUBCASE("truncated gzip stream") {
    const std::string packed = gzip(idx_images(3));
    write_file(directory / "t10k-images.idx3-ubyte.gz", packed.substr(0, packed.size() - 12));
    check_mentions(message(), {"t10k-images.idx3-ubyte.gz", "breaks off"});
  }
  SUBCASE("gzip stream that lost its checksum only") {
    const std::string packed = gzip(idx_images(3));
    write_file(directory / "t10k-images.idx3-ubyte.gz", packed.substr(0, packed.size() - 4));
    check_mentions(message(), {"t10k-images.idx3-ubyte.gz", "breaks off"});
  }
  SUBCASE("bytes behind the gzip stream") {
    write_file(directory / "t10k-images.idx3-ubyte.gz",
               gzip(idx_images(3)) + "garbage that is no gzip member");
    check_mentions(message(), {"t10k-images.idx3-ubyte.gz", "damaged"});
  }
  SUBCASE("damaged gzip stream") {
    std::string packed = gzip(idx_images(3));
    packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 0x55);  // in its checksum
    write_file(directory / "t10k-images.idx3-ubyte.gz", packed);
    check_mentions(message(), {"t10k-images.idx3-ubyte.gz", "damaged"});
  }
}

TEST_CASE("a damaged or foreign CIFAR-10 batch is refused with its place") {
  const TemporaryDirectory directory;
  const std::string batch = directory / "data_batch_1.bin";
  write_file(directory / "test_batch.bin", cifar_records(1));
  const auto message = [&] { return message_of([&] { load_dataset(directory.string()); }); };
  write_file(batch, cifar_records(2));
  CHECK(message().empty());
  write_file(batch, "");
  check_mentions(message(), {batch, "3073", "found 0 bytes"});
  write_file(batch, cifar_records(2).substr(0, 4000));
  check_mentions(message(), {batch, "3073", "found 4000 bytes", "record 1", "only 927"});
  std::string foreign = cifar_records(3);
  foreign[3073] = 'G';
  write_file(batch, foreign);
  check_mentions(message(), {batch, "byte 3073", "record 1", "label 71", "0 to 9"});
}

TEST_CASE("whatever the bytes, loading ends in a data set or an InputError") {
  const TemporaryDirectory directory;
  write_idx_set(directory);
  const std::string names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz",
                               "t10k-images.idx3-ubyte.gz", "test-labels-idx1-ubyte"};
  int refused = 0;
  for (std::uint64_t round = 0; round < 400; ++round) {
    Random random(1, Purpose::noise, 0, round);
    const std::string& name = names[random.below(4)];
    const std::string whole = read_file(directory / name);
    std::string damaged = whole;
    for (std::uint64_t change = 1 + random.below(3); change > 0; --change) {
      damaged[random.below(damaged.size())] = static_cast<char>(random());
    }
    if (random.below(2) == 1) damaged.resize(random.below(damaged.size()));
    write_file(directory / name, damaged);
    try {
      const Dataset set = load_dataset(directory.string());
      CHECK(set.train.pixels.size() == set.train.size() * static_cast<std::size_t>(set.image.elements()));
    } catch (const InputError&) {
      ++refused;
    }
    write_file(directory / name, whole);
  }
  CHECK(refused > 200);
}

TEST_CASE("the installed Fashion-MNIST loads" *
          doctest::skip(!fs::exists("/usr/share/datasets/fashion-mnist"))) {
  const Dataset set = load_dataset("fashion-mnist");
  CHECK(set.image == Shape{1, 28, 28});
  CHECK(set.classes == 10);
  CHECK(set.train.size() == 60'000);
  CHECK(set.test.size() == 10'000);
  int per_class[10] = {};
  for (const std::uint8_t label : set.train.labels) ++per_class[label];
  for (const int count : per_class) CHECK(count == 6000);
}
