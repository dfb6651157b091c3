// Sequential reading of a file that may be gzipped, and the ways in which that fails.
//
// Not zlib's own gzread: that one takes a file whose checksum was cut off for a whole one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <zlib.h>

namespace assay {

class ByteSource {
 public:
  explicit ByteSource(std::string path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Reads until `out` is full or the data end; returns the bytes read. Throws InputError when the file cannot
  // be read or its compressed data are damaged. Compressed data that break off count as an end.
  std::size_t read(std::span<std::uint8_t> out);
  // Appends up to `count` bytes to `out`, whose memory grows with what the file really holds: a header that
  // announces too much costs nothing. Returns the bytes read.
  std::size_t append_to(std::vector<std::uint8_t>& out, std::size_t count);
  // Nothing follows, and compressed data are whole, their checksum included.
  bool ends_here();

  const std::string& path() const { return path_; }
  // What was read so far, for messages: "9 bytes", "9 bytes of decompressed data before its gzip stream
  // breaks off".
  std::string amount_read() const;

 private:
  std::size_t read_file(std::span<std::uint8_t> out);
  std::size_t inflate_some(std::span<std::uint8_t> out);

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::array<std::uint8_t, 1 << 16> buffer_;  // compressed input
  z_stream stream_{};
  bool compressed_ = false;
  bool in_member_ = false;  // between a gzip header and its checksum
  std::size_t position_ = 0;
};

}  // namespace assay
