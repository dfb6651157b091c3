#include "text_width.hpp"

#include <algorithm>
#include <cwchar>

#include <locale.h>

namespace assay::cli {
namespace {

// The C library's tables belong to a locale. This one is built into it, and only this thread's work here sees
// it.
class Utf8Locale {
 public:
  Utf8Locale() : before_(::uselocale(utf8())) {}
  ~Utf8Locale() { ::uselocale(before_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  static locale_t utf8() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{});
    return locale;  // null where there is none: then bytes count one by one
  }
  locale_t before_;
};

struct Character {
  std::size_t bytes = 1;
  int columns = 1;
};

Character first_character(std::string_view text) {
  if (static_cast<unsigned char>(text[0]) < 0x80) return {};
  std::mbstate_t state{};
  wchar_t wide = 0;
  const std::size_t bytes = std::mbrtowc(&wide, text.data(), text.size(), &state);
  if (bytes == 0 || bytes > text.size()) return {};
  return {bytes, std::max(0, ::wcwidth(wide))};
}

// Bytes and columns of the longest beginning that takes up to `width` columns.
Character longest_beginning(std::string_view text, int width) {
  Character taken{0, 0};
  while (taken.bytes < text.size()) {
    const Character next = first_character(text.substr(taken.bytes));
    if (taken.columns + next.columns > width) break;
    taken = {taken.bytes + next.bytes, taken.columns + next.columns};
  }
  return taken;
}

}  // namespace

int display_width(std::string_view text) {
  const Utf8Locale locale;
  int columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Character next = first_character(text.substr(at));
    at += next.bytes;
    columns += next.columns;
  }
  return columns;
}

std::string cut_to_width(std::string_view text, int width) {
  const Utf8Locale locale;
  if (longest_beginning(text, width).bytes == text.size()) return std::string(text);
  if (width < 1) return "";
  return std::string(text.substr(0, longest_beginning(text, width - 1).bytes)) + "…";
}

}  // namespace assay::cli
