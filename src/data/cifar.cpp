#include "assay/base/error.hpp"

#include "byte_source.hpp"
#include "formats.hpp"

#include <fmt/format.h>

namespace assay {

void append_cifar_batch(const std::string& path, ImageSet& images) {
  constexpr std::size_t image_bytes = 3 * 32 * 32;
  constexpr std::size_t record_bytes = 1 + image_bytes;
  ByteSource source(path);
  std::vector<std::uint8_t> record(record_bytes);
  for (std::size_t index = 0;; ++index) {
    const std::size_t got = source.read(record);
    if (got < record_bytes) {
      if (got == 0 && index > 0 && source.ends_here()) return;
      throw InputError(
          fmt::format("{}: expected CIFAR-10 records of {} bytes, found {}, so that record {} has "
                      "only {}. The file is truncated or of another kind: fetch it again.",
                      path, record_bytes, source.amount_read(), index, got));
    }
    if (record[0] >= cifar_classes) {
      throw InputError(
          fmt::format("{}, byte {}: record {} has label {}, but CIFAR-10 labels are 0 to {}. The file "
                      "is damaged or no CIFAR-10 binary batch.",
                      path, index * record_bytes, index, record[0], cifar_classes - 1));
    }
    images.labels.push_back(record[0]);
    images.pixels.insert(images.pixels.end(), record.begin() + 1, record.end());
  }
}

}  // namespace assay
