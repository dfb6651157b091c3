// The two file formats. Both readers check everything that can be checked and throw InputError naming the
// file, the place, what was expected and what was found.
#pragma once

#include "assay/data/dataset.hpp"

#include <string>
#include <vector>

namespace assay {

// IDX (http://yann.lecun.com/exdb/mnist, "FILE FORMATS"): big-endian magic number {0, 0, type, dimensions},
// one 32-bit size per dimension, then the data. Type 8 is the unsigned byte.
struct IdxImages {
  std::size_t count = 0;
  Shape image;
  std::vector<std::uint8_t> pixels;
};
IdxImages read_idx_images(const std::string& path);
// `count` labels, those of the images in `images_path`, each below `classes` (0: any).
std::vector<std::uint8_t> read_idx_labels(const std::string& path, std::size_t count,
                                          const std::string& images_path, int classes);

// CIFAR-10 binary batches: records of one label byte and 3 x 32 x 32 pixels, planes in the order red, green,
// blue. There is no header.
inline constexpr Shape cifar_image{3, 32, 32};
inline constexpr int cifar_classes = 10;
void append_cifar_batch(const std::string& path, ImageSet& images);

}  // namespace assay
