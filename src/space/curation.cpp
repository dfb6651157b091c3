#include "assay/space/curation.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include "plan.hpp"
#include "toml_text.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace assay {
namespace {

using toml_text::ArrayText;

// Every array of the file under the places that the loader may name its decision by: the array itself, the
// key of a shared decision, the table around an `each_block`.
void collect_arrays(const toml::node& node, const std::string& source,
                    std::map<std::string, const toml::array*>& arrays) {
  const auto place = [&](const toml::source_region& region) {
    return fmt::format("{}:{}:{}", source, region.begin.line, region.begin.column);
  };
  if (const toml::array* array = node.as_array()) {
    arrays.emplace(place(array->source()), array);
    for (const toml::node& element : *array) collect_arrays(element, source, arrays);
  } else if (const toml::table* table = node.as_table()) {
    for (const auto& [key, value] : *table) {
      const toml::array* options = value.as_array();
      if (const toml::table* inner = value.as_table(); inner != nullptr && inner->contains("each_block"))
        options = inner->get_as<toml::array>("each_block");
      if (options != nullptr) {
        arrays.emplace(place(key.source()), options);
        arrays.emplace(place(value.source()), options);
      }
      collect_arrays(value, source, arrays);
    }
  }
}

std::size_t begin_of(std::string_view text, const toml::node& node) {
  return toml_text::offset_of(text, node.source().begin.line, node.source().begin.column);
}

// The list with other options, laid out as it was.
std::string rewrite_array(std::string_view old, std::span<const std::string> old_options,
                          std::span<const std::string> options, bool quoted) {
  const bool lone = old[0] != '[';
  ArrayText array =
      lone ? ArrayText{.elements = {{"", std::string(old), ""}}, .rest = "]"} : toml_text::take_apart(old);
  if (array.elements.size() != old_options.size())
    throw InternalError("a list of options was taken apart into another number of elements");
  const ArrayText::Element first = array.elements.front();
  // What stands between two elements, without comments.
  std::string gap = array.elements.size() > 1 ? array.elements.back().before
                    : array.one_line()        ? " "
                                              : first.before;
  if (const std::size_t line = gap.rfind('\n'); line != std::string::npos)
    gap = (line > 0 && gap[line - 1] == '\r' ? "\r" : "") + gap.substr(line);
  std::vector<ArrayText::Element> elements;
  for (const std::string& option : options) {
    const auto known = std::ranges::find(old_options, option);
    if (known != old_options.end())
      elements.push_back(array.elements[static_cast<std::size_t>(known - old_options.begin())]);
    else
      elements.push_back({gap, quoted ? '"' + option + '"' : option, ""});
    ArrayText::Element& element = elements.back();
    if (elements.size() == 1 && element.before.find('\n') == std::string::npos) element.before = first.before;
    if (elements.size() > 1 && element.before.empty()) element.before = gap;
  }
  array.elements = std::move(elements);
  return array.text();
}

// What may be written where no number stands: a name, in quotes.
bool is_name(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

// Comment lines with the indentation of the line that they stand above.
std::string comment_lines(std::span<const std::string> comments, std::string_view indent,
                          std::string_view line_end) {
  std::string text;
  for (const std::string& comment : comments) {
    text += fmt::format("{}#{}{}{}", indent, comment.empty() ? "" : " ", comment, line_end);
  }
  return text;
}

// Texts to put in, in the order of the file.
class Patches {
 public:
  explicit Patches(const std::string& text) : text_(text) {
    line_end_ = text.find("\r\n") != std::string::npos ? "\r\n" : "\n";
  }
  const std::string& line_end() const { return line_end_; }

  void replace(std::size_t begin, std::size_t end, std::string with) {
    // Insertions at one place keep the order in which they were made.
    patches_.emplace(begin, std::pair{end, std::move(with)});
  }
  void comment_above(std::size_t at, std::span<const std::string> comments) {
    const std::size_t line = at == 0 ? 0 : text_.rfind('\n', at - 1) + 1;
    const std::size_t indent = std::min(text_.find_first_not_of(" \t", line), text_.size()) - line;
    replace(line, line, comment_lines(comments, std::string_view(text_).substr(line, indent), line_end_));
  }
  std::string result() const {
    std::string result;
    std::size_t at = 0;
    for (const auto& [begin, patch] : patches_) {
      result += text_.substr(at, begin - at) + patch.second;
      at = patch.first;
    }
    return result + text_.substr(at);
  }

 private:
  const std::string& text_;
  std::string line_end_;
  std::multimap<std::size_t, std::pair<std::size_t, std::string>> patches_;
};

}  // namespace

SpaceFile SpaceFile::load(const std::string& path) {
  return SpaceFile(read_file(path), path);
}

SpaceFile::SpaceFile(std::string text, std::string source)
    : text_(std::move(text)), space_(Space::parse(text_, source)) {
  find_lists();
}

void SpaceFile::find_lists() {
  const std::string& source = space_.source();
  const toml::table document = toml::parse(text_, source);
  std::map<std::string, const toml::array*> arrays;
  collect_arrays(document, source, arrays);

  const plan::Plan plan = plan::load_plan(text_, source);
  std::map<std::size_t, std::size_t> list_at;  // by the array's first byte
  for (std::size_t d = 0; d < plan.decisions.size(); ++d) {
    const auto found = arrays.find(plan.decision_places[d]);
    if (found == arrays.end()) continue;
    const toml::array& array = *found->second;
    const std::size_t begin = begin_of(text_, array);
    // [[decisions.NAME]]: a list of sections, which is not taken apart.
    if (text_.compare(begin, 1, "[") != 0 || text_.compare(begin, 2, "[[") == 0) continue;
    const auto [at, added] = list_at.try_emplace(begin, lists_.size());
    if (added) {
      lists_.push_back(
          {.name = plan.decisions[d].name,
           .decisions = {},
           .options = plan.decisions[d].options,
           .numbers = std::ranges::all_of(array, [](const toml::node& n) { return n.is_number(); })});
      extents_.push_back({begin, toml_text::value_end(text_, begin)});
    }
    lists_[at->second].decisions.push_back(d);
  }

  const auto add_lone = [&](std::string name, const toml::node& node, std::string option, bool number) {
    const std::size_t begin = begin_of(text_, node);
    lists_.push_back(
        {.name = std::move(name), .decisions = {}, .options = {std::move(option)}, .numbers = number});
    extents_.push_back({begin, toml_text::value_end(text_, begin)});
  };
  if (const toml::array* stages = document.get_as<toml::array>("stage")) {
    for (const toml::node& node : *stages) {
      const toml::table& stage = *node.as_table();
      const toml::node* block = stage.get("block");
      const std::string name = stage["name"].value_or(std::string());
      if (block != nullptr && block->is_string())
        add_lone(name + ".block", *block, block->value_or(std::string()), false);
      if (const toml::node* channels = stage.get("channels"); channels != nullptr && channels->is_integer())
        add_lone(name + ".channels", *channels, std::to_string(channels->value_or(std::int64_t{0})), true);
    }
  }
  if (const toml::node* multiplier = document.get("depth_multiplier")) {
    has_depth_multiplier_ = true;
    if (multiplier->is_number()) {
      const std::size_t begin = begin_of(text_, *multiplier);
      add_lone("depth_multiplier", *multiplier,
               text_.substr(begin, toml_text::value_end(text_, begin) - begin), true);
    }
  }
  channel_divisor_ = plan.channel_divisor;
  if (const toml::node* divisor = document.get("channel_divisor")) {
    const std::size_t begin = begin_of(text_, *divisor);
    divisor_ = Extent{begin, toml_text::value_end(text_, begin)};
  }
  // Below the name, which is a key of the space itself; those must stand before all tables.
  const std::size_t name = begin_of(text_, *document.get("name"));
  const std::size_t line_end = text_.find('\n', toml_text::value_end(text_, name));
  insertion_ = line_end == std::string::npos ? text_.size() : line_end + 1;
}

std::string SpaceFile::rewrite(const SpaceEdit& edit) const {
  Patches patches(text_);
  const std::string& line_end = patches.line_end();
  const std::size_t start = text_.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  if (!edit.header.empty()) patches.replace(start, start, comment_lines(edit.header, "", line_end));

  for (const OptionListEdit& change : edit.lists) {
    const OptionList& list = lists_.at(change.list);
    const Extent extent = extents_.at(change.list);
    if (change.options.empty()) throw InternalError("the decision " + list.name + " would have no option");
    if (change.options == list.options) continue;
    for (const std::string& option : change.options) {
      const bool known = std::ranges::find(list.options, option) != list.options.end();
      if (!known && !(list.numbers ? parse_number(option).has_value() : is_name(option)))
        throw InternalError(fmt::format("\"{}\" cannot be an option of {}", option, list.name));
    }
    if (!change.comments.empty()) patches.comment_above(extent.begin, change.comments);
    patches.replace(extent.begin, extent.end,
                    rewrite_array(std::string_view(text_).substr(extent.begin, extent.end - extent.begin),
                                  list.options, change.options, !list.numbers));
  }

  std::string added = insertion_ > 0 && text_[insertion_ - 1] != '\n' ? line_end : "";
  if (!edit.depth_multiplier.empty()) {
    if (has_depth_multiplier_) throw InternalError("the space has a depth multiplier already");
    added += fmt::format("depth_multiplier = [{}]{}", join(edit.depth_multiplier, ", "), line_end);
  }
  if (edit.channel_divisor && divisor_) {
    patches.comment_above(divisor_->begin, edit.divisor_comments);
    patches.replace(divisor_->begin, divisor_->end, std::to_string(*edit.channel_divisor));
  } else if (edit.channel_divisor) {
    added += comment_lines(edit.divisor_comments, "", line_end) +
             fmt::format("channel_divisor = {}{}", *edit.channel_divisor, line_end);
  }
  if (!edit.depth_multiplier.empty() || (edit.channel_divisor && !divisor_))
    patches.replace(insertion_, insertion_, std::move(added));
  return patches.result();
}

}  // namespace assay
