#include "assay/base/error.hpp"

#include "byte_source.hpp"
#include "formats.hpp"

#include <array>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::uint32_t images_magic = 0x00000803;
constexpr std::uint32_t labels_magic = 0x00000801;
constexpr std::uint32_t largest_side = 4096;
constexpr std::uint64_t largest_set = std::uint64_t{4} << 30;

// The sizes of the dimensions, after checking the magic number.
template <std::size_t dimensions>
std::array<std::uint32_t, dimensions> read_header(ByteSource& source, std::uint32_t magic,
                                                  const char* content) {
  std::array<std::uint8_t, 4 * (dimensions + 1)> bytes{};
  const std::size_t got = source.read(bytes);
  const auto word = [&](std::size_t i) {
    return std::uint32_t{bytes[4 * i]} << 24 | std::uint32_t{bytes[4 * i + 1]} << 16 |
           std::uint32_t{bytes[4 * i + 2]} << 8 | std::uint32_t{bytes[4 * i + 3]};
  };
  if (got >= 4 && word(0) != magic) {
    throw InputError(
        fmt::format("{}, byte 0: expected the magic number 0x{:08x} of an IDX file of {}, found "
                    "0x{:08x}. This is another kind of file: put the right one in its place.",
                    source.path(), magic, content, word(0)));
  }
  if (got < bytes.size()) {
    throw InputError(
        fmt::format("{}: expected the {}-byte header of an IDX file of {}, found {}. The file is "
                    "truncated: fetch it again.",
                    source.path(), bytes.size(), content, source.amount_read()));
  }
  std::array<std::uint32_t, dimensions> sizes{};
  for (std::size_t i = 0; i < dimensions; ++i) sizes[i] = word(i + 1);
  return sizes;
}

std::vector<std::uint8_t> read_body(ByteSource& source, std::uint64_t size, std::size_t header,
                                    const std::string& announced) {
  std::vector<std::uint8_t> body;
  if (source.append_to(body, size) < size) {
    throw InputError(
        fmt::format("{}: the header announces {}, {} bytes in all, but the file holds {}. It is "
                    "truncated: fetch it again.",
                    source.path(), announced, size + header, source.amount_read()));
  }
  if (!source.ends_here()) {
    throw InputError(
        fmt::format("{}: the header announces {}, {} bytes in all, but the file holds {} without ending "
                    "there. It is damaged: fetch it again.",
                    source.path(), announced, size + header, source.amount_read()));
  }
  return body;
}

}  // namespace

IdxImages read_idx_images(const std::string& path) {
  ByteSource source(path);
  const auto [count, height, width] = read_header<3>(source, images_magic, "unsigned-byte images");
  const std::string announced = fmt::format("{} images of {} x {} pixels", count, height, width);
  const bool sides_fit = height >= 1 && width >= 1 && height <= largest_side && width <= largest_side;
  if (!sides_fit || count == 0 || std::uint64_t{count} * height * width > largest_set) {
    throw InputError(
        fmt::format("{}, byte 4: the header announces {}. assay takes 1 to {} pixels a side, at "
                    "least one image and at most {} GiB: this file is damaged or unsuited.",
                    path, announced, largest_side, largest_set >> 30));
  }
  IdxImages images;
  images.count = count;
  images.image = {1, static_cast<std::int32_t>(height), static_cast<std::int32_t>(width)};
  images.pixels = read_body(source, std::uint64_t{count} * height * width, 16, announced);
  return images;
}

std::vector<std::uint8_t> read_idx_labels(const std::string& path, std::size_t count,
                                          const std::string& images_path, int classes) {
  ByteSource source(path);
  const auto [announced] = read_header<1>(source, labels_magic, "unsigned-byte labels");
  if (announced != count) {
    throw InputError(
        fmt::format("{}, byte 4: the header announces {} labels, but {} holds {} images. Take both "
                    "files from one data set.",
                    path, announced, images_path, count));
  }
  std::vector<std::uint8_t> labels = read_body(source, count, 8, fmt::format("{} labels", count));
  for (std::size_t i = 0; classes > 0 && i < labels.size(); ++i) {
    if (labels[i] >= classes) {
      throw InputError(
          fmt::format("{}, byte {}: image {} has label {}, but the labels of this data set are 0 to "
                      "{}. The file is damaged or belongs to another data set.",
                      path, i + 8, i, labels[i], classes - 1));
    }
  }
  return labels;
}

}  // namespace assay
