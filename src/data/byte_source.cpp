#include "byte_source.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace assay {

ByteSource::ByteSource(std::string path) : path_(std::move(path)), file_(std::fopen(path_.c_str(), "rbe")) {
  if (file_ == nullptr) {
    throw InputError(fmt::format("{}: cannot be read: {}. Check the path.", path_, std::strerror(errno)));
  }
  // Told by content, not by name: both kinds are found under both names.
  const std::size_t count = read_file(std::span(buffer_).first(2));
  compressed_ = count == 2 && buffer_[0] == 0x1f && buffer_[1] == 0x8b;
  std::rewind(file_.get());
  constexpr int gzip_format = 16 + MAX_WBITS;
  if (compressed_ && inflateInit2(&stream_, gzip_format) != Z_OK) {
    throw InternalError("zlib cannot be initialised.");
  }
}

ByteSource::~ByteSource() {
  if (compressed_) inflateEnd(&stream_);
}

std::size_t ByteSource::read_file(std::span<std::uint8_t> out) {
  const std::size_t count = std::fread(out.data(), 1, out.size(), file_.get());
  if (std::ferror(file_.get()) != 0) {
    throw InputError(fmt::format("{}: cannot be read: {}. Check the path.", path_, std::strerror(errno)));
  }
  return count;
}

// At least one byte, unless the input ends.
std::size_t ByteSource::inflate_some(std::span<std::uint8_t> out) {
  const auto space = static_cast<uInt>(std::min<std::size_t>(out.size(), 1 << 30));
  stream_.next_out = out.data();
  stream_.avail_out = space;
  while (stream_.avail_out == space) {
    if (stream_.avail_in == 0) {
      stream_.next_in = buffer_.data();
      stream_.avail_in = static_cast<uInt>(read_file(buffer_));
      if (stream_.avail_in == 0) break;
    }
    in_member_ = true;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      in_member_ = false;
      inflateReset(&stream_);  // another member may follow
    } else if (code != Z_OK) {
      throw InputError(fmt::format("{}: its gzip stream is damaged ({}) after {}. Fetch the file again.",
                                   path_, stream_.msg != nullptr ? stream_.msg : zError(code),
                                   amount_read()));
    }
  }
  return space - stream_.avail_out;
}

std::size_t ByteSource::read(std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const auto rest = out.subspan(filled);
    const std::size_t count = compressed_ ? inflate_some(rest) : read_file(rest);
    if (count == 0) break;
    filled += count;
    position_ += count;
  }
  return filled;
}

std::size_t ByteSource::append_to(std::vector<std::uint8_t>& out, std::size_t count) {
  constexpr std::size_t step = 1 << 24;
  out.reserve(out.size() + std::min(count, 16 * step));
  std::size_t total = 0;
  while (total < count) {
    const std::size_t begin = out.size();
    const std::size_t wanted = std::min(count - total, step);
    out.resize(begin + wanted);
    const std::size_t got = read(std::span(out).subspan(begin));
    total += got;
    if (got < wanted) {
      out.resize(begin + got);
      break;
    }
  }
  return total;
}

bool ByteSource::ends_here() {
  std::uint8_t next = 0;
  return read({&next, 1}) == 0 && !in_member_;
}

std::string ByteSource::amount_read() const {
  return fmt::format("{} bytes{}{}", position_, compressed_ ? " of decompressed data" : "",
                     in_member_ ? " before its gzip stream breaks off" : "");
}

}  // namespace assay
