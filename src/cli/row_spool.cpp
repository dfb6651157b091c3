#include "row_spool.hpp"

#include "assay/base/error.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>
#include <unistd.h>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t chunk = 1 << 20;

// A row is its length in bytes and its cells; a cell is the index of its alternative and the value.
template <class T>
void put(std::string& bytes, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& bytes, const std::string& text) {
  put(bytes, text.size());
  bytes += text;
}

void put_cell(std::string& bytes, const Cell& cell) {
  put(bytes, static_cast<char>(cell.index()));
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string>)
          put_text(bytes, value);
        else if constexpr (std::is_same_v<T, RawJson>)
          put_text(bytes, value.text);
        else if constexpr (!std::is_same_v<T, std::monostate>)
          put(bytes, value);
      },
      cell);
}

template <class T>
T take(std::string_view& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

std::string take_text(std::string_view& bytes) {
  const auto size = take<std::size_t>(bytes);
  std::string text(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return text;
}

Cell take_cell(std::string_view& bytes) {
  switch (take<char>(bytes)) {
    case 0:
      return {};
    case 1:
      return take_text(bytes);
    case 2:
      return take<double>(bytes);
    case 3:
      return take<std::int64_t>(bytes);
    case 4:
      return take<bool>(bytes);
    case 5:
      return RawJson{take_text(bytes)};
    default:
      throw InternalError("A spooled row cannot be read back.");
  }
}
static_assert(std::variant_size_v<Cell> == 6, "take_cell knows the alternatives by their index");

}  // namespace

RowSpool::RowSpool(std::string folder) : folder_(std::move(folder)) {}

void RowSpool::fail(int error) const {
  throw InputError(fmt::format(
      "{}: results cannot be kept in a temporary file there: {}. Free some space, or name another "
      "folder in the environment variable TMPDIR or with --out.",
      folder_, std::strerror(error)));
}

void RowSpool::append(std::span<const Cell> row) {
  const std::size_t begin = buffer_.size();
  put(buffer_, std::size_t{0});
  for (const Cell& cell : row) put_cell(buffer_, cell);
  const std::size_t length = buffer_.size() - begin - sizeof length;
  std::memcpy(buffer_.data() + begin, &length, sizeof length);
  ++rows_;
  if (buffer_.size() >= chunk) write_buffer();
}

void RowSpool::write_buffer() {
  if (file_ == nullptr) {
    std::string name = (fs::path(folder_) / "assay-rows.XXXXXX").string();
    const int descriptor = ::mkstemp(name.data());
    if (descriptor < 0) fail(errno);
    ::unlink(name.c_str());
    file_.reset(::fdopen(descriptor, "w+b"));
    if (file_ == nullptr) fail(errno);
  }
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_.get()) != buffer_.size()) fail(errno);
  buffer_.clear();
}

void RowSpool::replay(const std::function<void(std::vector<Cell> row)>& visit) {
  std::string bytes;
  std::string_view memory = buffer_;
  if (file_ != nullptr) {
    write_buffer();
    if (std::fflush(file_.get()) != 0) fail(errno);
    std::rewind(file_.get());
  }
  // The next bytes, of the file or of what never left memory.
  const auto read = [&](std::size_t size) {
    if (file_ == nullptr) {
      bytes = memory.substr(0, size);
      memory.remove_prefix(size);
      return;
    }
    bytes.resize(size);
    if (std::fread(bytes.data(), 1, size, file_.get()) != size) fail(errno);
  };
  for (std::int64_t i = 0; i < rows_; ++i) {
    std::size_t length = 0;
    read(sizeof length);
    std::memcpy(&length, bytes.data(), sizeof length);
    read(length);
    std::vector<Cell> row;
    for (std::string_view rest = bytes; !rest.empty();) row.push_back(take_cell(rest));
    visit(std::move(row));
  }
}

std::string spool_folder(const std::string& path) {
  std::error_code ignored;
  const fs::path out(path);
  const bool to_file = path != "-" && (!fs::exists(out, ignored) || fs::is_regular_file(out, ignored));
  if (!to_file) {
    const fs::path folder = fs::temp_directory_path(ignored);
    return folder.empty() ? "/tmp" : folder.string();  // TMPDIR may name what is no folder
  }
  return out.has_parent_path() ? out.parent_path().string() : ".";
}

}  // namespace assay::cli
