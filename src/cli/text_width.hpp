// How much of a line text takes on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace assay::cli {

// Columns: two for East Asian wide characters and most emoji, none for what combines with its neighbour.
// `text` is UTF-8 without control characters, as line_text makes it.
int display_width(std::string_view text);

// The beginning of `text` that takes up to `width` columns; where something is cut off, an ellipsis stands at
// the end. Never cuts a character.
std::string cut_to_width(std::string_view text, int width);

}  // namespace assay::cli
