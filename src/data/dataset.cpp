#include "assay/data/dataset.hpp"

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"

#include "formats.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace assay {
namespace {

namespace fs = std::filesystem;

// A data set that has a name, where its files are installed, and how to get them.
struct Known {
  std::string_view name;
  int classes;
  int cifar_batches;  // 0: IDX files
  std::string_view how_to_get;
};
constexpr Known known_sets[] = {
    {"fashion-mnist", 10, 0,
     "Install it with: apt-get install dataset-fashion-mnist. Or put its four IDX files into a directory "
     "fashion-mnist and set ASSAY_DATA_DIR to the directory that holds it."},
    {"cifar-10", 10, 5,
     "Fetch cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html, unpack it into a "
     "directory cifar-10 and set ASSAY_DATA_DIR to the directory that holds it."},
};
constexpr std::string_view system_directory = "/usr/share/datasets";

constexpr std::string_view looked_for =
    "Looked for the IDX files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
    "t10k-labels-idx1-ubyte, and for the CIFAR-10 binary batches data_batch_1.bin and following and "
    "test_batch.bin, each also with .gz behind its name.";

std::optional<std::string> find_file(const fs::path& directory, std::span<const std::string> names) {
  std::error_code ignored;
  for (const std::string& name : names) {
    for (const char* suffix : {"", ".gz"}) {
      const fs::path path = directory / (name + suffix);
      if (fs::is_regular_file(path, ignored)) return path.string();
    }
  }
  return std::nullopt;
}

// content: "images-idx3" or "labels-idx1".
std::optional<std::string> find_idx(const fs::path& directory, bool training, std::string_view content) {
  std::string dotted(content);
  dotted[dotted.find('-')] = '.';
  std::vector<std::string> names;
  const auto prefixes =
      training ? std::vector<std::string_view>{"train"} : std::vector<std::string_view>{"t10k", "test"};
  for (const auto prefix : prefixes) {
    names.push_back(fmt::format("{}-{}-ubyte", prefix, content));
    names.push_back(fmt::format("{}-{}-ubyte", prefix, dotted));
  }
  return find_file(directory, names);
}

struct IdxFiles {
  std::optional<std::string> train_images, train_labels, test_images, test_labels;

  explicit IdxFiles(const fs::path& directory)
      : train_images(find_idx(directory, true, "images-idx3")),
        train_labels(find_idx(directory, true, "labels-idx1")),
        test_images(find_idx(directory, false, "images-idx3")),
        test_labels(find_idx(directory, false, "labels-idx1")) {}
  bool any() const { return train_images || train_labels || test_images || test_labels; }
};

Dataset load_idx(const fs::path& directory, const IdxFiles& files, int classes) {
  const auto require = [&](const std::optional<std::string>& file,
                           std::string_view name) -> const std::string& {
    if (file) return *file;
    throw InputError(
        fmt::format("{}: {} (or {}.gz) is missing, though other files of an IDX data set are there. "
                    "Add it.",
                    directory.string(), name, name));
  };
  const std::string& train_images = require(files.train_images, "train-images-idx3-ubyte");
  const std::string& train_labels = require(files.train_labels, "train-labels-idx1-ubyte");
  const std::string& test_images = require(files.test_images, "t10k-images-idx3-ubyte");
  const std::string& test_labels = require(files.test_labels, "t10k-labels-idx1-ubyte");

  Dataset set;
  IdxImages train = read_idx_images(train_images);
  IdxImages test = read_idx_images(test_images);
  if (train.image != test.image) {
    throw InputError(
        fmt::format("{} holds images of {} x {} pixels, but {} holds {} x {}. Take both files from one "
                    "data set.",
                    test_images, test.image.height, test.image.width, train_images, train.image.height,
                    train.image.width));
  }
  set.image = train.image;
  set.train.labels = read_idx_labels(train_labels, train.count, train_images, classes);
  set.train.pixels = std::move(train.pixels);
  set.classes =
      classes > 0 ? classes : *std::max_element(set.train.labels.begin(), set.train.labels.end()) + 1;
  set.test.labels = read_idx_labels(test_labels, test.count, test_images, set.classes);
  set.test.pixels = std::move(test.pixels);
  return set;
}

std::optional<std::string> find_cifar_batch(const fs::path& directory, int number) {
  const std::string names[] = {number == 0 ? "test_batch.bin" : fmt::format("data_batch_{}.bin", number)};
  return find_file(directory, names);
}

// The directory of the batches: as given, or the one that the downloaded archive unpacks to.
std::optional<fs::path> find_cifar(const fs::path& directory) {
  for (const fs::path& place : {directory, directory / "cifar-10-batches-bin"}) {
    for (int number = 0; number <= 5; ++number) {
      if (find_cifar_batch(place, number)) return place;
    }
  }
  return std::nullopt;
}

// `batches`: how many training batches there must be; 0: at least one, numbered from 1 without a gap.
Dataset load_cifar(const fs::path& directory, int batches) {
  Dataset set;
  set.image = cifar_image;
  set.classes = cifar_classes;
  const auto missing = [&](const std::string& name) {
    return InputError(
        fmt::format("{}: {} (or {}.gz) is missing, though other CIFAR-10 batches are there. Add it.",
                    directory.string(), name, name));
  };
  int last = std::max(batches, 1);
  for (int number = 1; number <= 5; ++number) {
    if (find_cifar_batch(directory, number)) last = std::max(last, number);
  }
  for (int number = 1; number <= last; ++number) {
    const auto file = find_cifar_batch(directory, number);
    if (!file) throw missing(fmt::format("data_batch_{}.bin", number));
    append_cifar_batch(*file, set.train);
  }
  const auto file = find_cifar_batch(directory, 0);
  if (!file) throw missing("test_batch.bin");
  append_cifar_batch(*file, set.test);
  return set;
}

// `known` is null for a directory of the user's.
Dataset load_directory(const fs::path& directory, const Known* known) {
  const bool may_be_idx = known == nullptr || known->cifar_batches == 0;
  const bool may_be_cifar = known == nullptr || known->cifar_batches > 0;
  const int classes = known != nullptr ? known->classes : 0;
  if (const IdxFiles files(directory); may_be_idx && files.any()) return load_idx(directory, files, classes);
  if (may_be_cifar) {
    if (const auto place = find_cifar(directory)) {
      return load_cifar(*place, known != nullptr ? known->cifar_batches : 0);
    }
  }
  throw InputError(fmt::format("{}: holds no data set. {}{}", directory.string(), looked_for,
                               known != nullptr ? fmt::format(" {}", known->how_to_get) : ""));
}

Dataset load_known(const Known& known) {
  std::vector<fs::path> places;
  if (const char* own = std::getenv("ASSAY_DATA_DIR"); own != nullptr && *own != '\0') {
    places.push_back(fs::path(own) / known.name);
  }
  places.push_back(fs::path(system_directory) / known.name);
  std::error_code ignored;
  for (const fs::path& place : places) {
    if (fs::is_directory(place, ignored)) return load_directory(place, &known);
  }
  std::vector<std::string> names;
  for (const fs::path& place : places) names.push_back(place.string());
  throw InputError(fmt::format("The data set {} is not there: no directory {}. {}", known.name,
                               fmt::join(names, " nor "), known.how_to_get));
}

}  // namespace

std::uint64_t Dataset::hash() const {
  std::uint64_t value =
      hash_combine(static_cast<std::uint64_t>(classes), static_cast<std::uint64_t>(image.width));
  for (const ImageSet* images : {&train, &test}) {
    value = hash_combine(value, hash_bytes(images->pixels.data(), images->pixels.size()));
    value = hash_combine(value, hash_bytes(images->labels.data(), images->labels.size()));
  }
  return value;
}

Dataset load_dataset(std::string_view source) {
  Dataset set;
  const auto known = std::find_if(std::begin(known_sets), std::end(known_sets),
                                  [&](const Known& candidate) { return candidate.name == source; });
  if (known != std::end(known_sets)) {
    set = load_known(*known);
  } else {
    const fs::path directory(source);
    std::error_code ignored;
    if (!fs::is_directory(directory, ignored)) {
      std::vector<std::string> names;
      for (const Known& candidate : known_sets) names.emplace_back(candidate.name);
      throw InputError(
          fmt::format("\"{}\" is neither a known data set nor a directory.{} A data set of your own is "
                      "named by its directory.",
                      source, suggestion(source, names)));
    }
    set = load_directory(directory, nullptr);
  }
  set.name = source;
  return set;
}

}  // namespace assay
