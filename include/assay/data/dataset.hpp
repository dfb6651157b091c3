// Image classification data sets, held in memory as bytes (Fashion-MNIST takes 55 MB, CIFAR-10 184 MB).
#pragma once

#include "assay/network/operator.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct ImageSet {
  std::vector<std::uint8_t> pixels;  // {size, channels, height, width}
  std::vector<std::uint8_t> labels;  // {size}, each below Dataset::classes

  std::size_t size() const { return labels.size(); }
  std::span<const std::uint8_t> image(std::size_t index) const {
    const std::size_t bytes = pixels.size() / labels.size();
    return {pixels.data() + index * bytes, bytes};
  }
};

struct Dataset {
  std::string name;  // "fashion-mnist", "cifar-10" or the directory it came from
  Shape image;
  int classes = 0;
  ImageSet train, test;

  // Identity of the content, whatever it is called: checkpoints refuse to continue on other data.
  std::uint64_t hash() const;
};

// `source` is a known name or the path of a directory.
//
//   "fashion-mnist"  $ASSAY_DATA_DIR/fashion-mnist if that directory exists, else where Debian's package
//                    dataset-fashion-mnist puts it, /usr/share/datasets/fashion-mnist
//   "cifar-10"       $ASSAY_DATA_DIR/cifar-10, else /usr/share/datasets/cifar-10
//   a directory      with the four IDX files under their usual names (train-images-idx3-ubyte,
//                    train-labels-idx1-ubyte and t10k-... or test-..., also with a dot instead of the first
//                    "-idx"), or with CIFAR-10 binary batches (data_batch_1.bin and following,
//                    test_batch.bin, also in a sub-directory cifar-10-batches-bin)
//
// Every file may be gzipped (".gz" behind its name). The number of classes is 10 for the known names and for
// CIFAR batches, else the largest training label + 1.
//
// Throws InputError naming the file, what was expected there and what was found, when a file is missing,
// truncated, too long, of another format, or holds a label that is out of range.
Dataset load_dataset(std::string_view source);

}  // namespace assay
