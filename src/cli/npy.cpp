#include "npy.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace assay::cli {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

[[noreturn]] void fail(const std::string& path, const std::string& cause) {
  throw InputError(fmt::format(
      "{}: {}. Write it with numpy.save(path, numpy.ascontiguousarray(x, \"float32\")).", path, cause));
}

// What stands behind 'key': in the header, a Python dictionary.
std::string_view entry(std::string_view header, std::string_view key) {
  const auto found = header.find(fmt::format("'{}':", key));
  return found == std::string_view::npos ? std::string_view() : trim(header.substr(found + key.size() + 3));
}

}  // namespace

NpyArray read_npy(const std::string& path) {
  const std::string bytes = read_file(path);
  const std::string_view all = bytes;
  if (!all.starts_with(magic) || all.size() < 12) fail(path, "this is no .npy file");
  const bool short_header = all[6] == 1;
  const std::size_t length_bytes = short_header ? 2 : 4;
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i)
    length |= std::size_t{static_cast<unsigned char>(all[8 + i])} << (8 * i);
  const std::size_t begin = 8 + length_bytes;
  if (length > all.size() - begin) fail(path, "its header is cut off");
  const std::string_view header = all.substr(begin, length);
  if (!entry(header, "descr").starts_with("'<f4'")) fail(path, "its elements are not float32");
  if (!entry(header, "fortran_order").starts_with("False")) fail(path, "it is not in C order");
  std::string_view shape = entry(header, "shape");
  if (!shape.starts_with("(") || shape.find(')') == std::string_view::npos)
    fail(path, "its shape is missing");
  shape = shape.substr(1, shape.find(')') - 1);

  NpyArray array;
  const std::string_view data = all.substr(begin + length);
  std::size_t count = 1;
  for (const std::string_view part : split(shape, ',')) {
    if (trim(part).empty()) continue;
    const auto extent = parse_integer(trim(part));
    if (!extent || *extent < 0 || (*extent > 0 && count > data.size() / static_cast<std::size_t>(*extent)))
      fail(path, "its shape does not fit its size");
    array.dims.push_back(*extent);
    count *= static_cast<std::size_t>(*extent);
  }
  if (data.size() != count * sizeof(float)) fail(path, "its shape does not fit its size");
  array.values.resize(count);
  if (count > 0) std::memcpy(array.values.data(), data.data(), data.size());
  return array;
}

void write_npy(const std::string& path, const NpyArray& array) {
  std::string shape = fmt::format("{}", fmt::join(array.dims, ", "));
  if (array.dims.size() == 1) shape += ",";
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape);
  // The data begin at a multiple of 64.
  constexpr std::size_t prefix = 10;
  header.resize((header.size() + 1 + prefix + 63) / 64 * 64 - prefix - 1, ' ');
  header += '\n';
  OutputFile out(path);
  std::string front(magic);
  front += {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  out.write(front + header);
  out.write({reinterpret_cast<const char*>(array.values.data()), array.values.size() * sizeof(float)});
  out.close();
}

}  // namespace assay::cli
