#include "arguments.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "shipped_files.hpp"
#include "value_syntax.hpp"

#include <sstream>

#include <boost/program_options.hpp>
#include <fmt/format.h>

namespace assay::cli {
namespace {

namespace po = boost::program_options;

constexpr unsigned help_width = 110;

po::options_description description_of(const OptionGroup& group) {
  po::options_description description(group.title, help_width, help_width / 2);
  for (const OptionSpec& option : group.options) {
    if (option.value.empty()) {
      description.add_options()(option.name.c_str(), option.help.c_str());
      continue;
    }
    auto* value = po::value<std::string>()->value_name(option.value);
    if (!option.initial.empty()) value->default_value(option.initial);
    description.add_options()(option.name.c_str(), value, option.help.c_str());
  }
  return description;
}

std::vector<std::string> option_names(const Command& command) {
  std::vector<std::string> names;
  for (const OptionGroup& group : command.groups) {
    for (const OptionSpec& option : group.options) names.push_back("--" + option.name);
  }
  return names;
}

}  // namespace

std::string help_of(const Command& command) {
  std::ostringstream text;
  text << "usage: assay " << command.name << " " << command.positionals << " [options]\n\n"
       << command.description << "\n";
  for (const OptionGroup& group : command.groups) text << "\n" << description_of(group);
  text << "\nExample:\n" << command.example << "\n";
  return text.str();
}

Arguments::Arguments(const Command& command, std::span<const std::string> given)
    : command_name_(command.name), command_line_("assay " + command.name) {
  for (const std::string& argument : given) command_line_ += " " + shell_quoted(argument);
  po::options_description visible;
  for (const OptionGroup& group : command.groups) visible.add(description_of(group));
  po::options_description all;
  all.add(visible);
  all.add_options()("positional", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("positional", -1);
  const std::string place = "assay " + command.name;
  po::variables_map map;
  try {
    // Abbreviated options would change their meaning when a new option comes: names are written out.
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(std::vector<std::string>(given.begin(), given.end()))
                  .options(all)
                  .positional(positional)
                  .style(style)
                  .run(),
              map);
  } catch (const po::unknown_option& error) {
    throw InputError(fmt::format("{}: the option {} is unknown.{} See: assay {} --help", place,
                                 error.get_option_name(),
                                 suggestion(error.get_option_name(), option_names(command)), command.name));
  } catch (const po::multiple_occurrences& error) {
    throw InputError(fmt::format("{}: the option {} stands more than once. Give it once.", place,
                                 error.get_option_name()));
  } catch (const po::error_with_option_name& error) {
    throw InputError(fmt::format("{}: {}. See: assay {} --help", place, error.what(), command.name));
  } catch (const po::error& error) {
    throw InputError(fmt::format("{}: {}. See: assay {} --help", place, error.what(), command.name));
  }
  for (const auto& [name, value] : map) {
    if (name == "positional") {
      positionals_ = value.as<std::vector<std::string>>();
      continue;
    }
    const auto* text = boost::any_cast<std::string>(&value.value());
    values_[name] = text != nullptr ? *text : "";
    defaulted_[name] = value.defaulted();
  }
  if (positionals_.size() > command.max_positionals) {
    throw InputError(fmt::format("{}: \"{}\" is one argument too many. Usage: assay {} {} [options]", place,
                                 positionals_[command.max_positionals], command.name, command.positionals));
  }
  const ValueSyntax positionals = value_syntax(command.positionals, {});
  for (std::string& text : positionals_) text = shipped_path(positionals, text, place);
  for (const OptionGroup& group : command.groups) {
    for (const OptionSpec& option : group.options) {
      const auto value = values_.find(option.name);
      if (value == values_.end() || option.value.empty()) continue;
      value->second = shipped_path(value_syntax(option.value, option.choices), value->second,
                                   fmt::format("{}: --{}", place, option.name));
    }
  }
}

bool Arguments::given(const std::string& name) const {
  const auto found = defaulted_.find(name);
  return found != defaulted_.end() && !found->second;
}

std::optional<std::string> Arguments::text(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::string Arguments::required_text(const std::string& name) const {
  const auto value = text(name);
  if (!value || value->empty()) {
    throw InputError(
        fmt::format("assay {}: --{} is missing. See: assay {} --help", command_name_, name, command_name_));
  }
  return *value;
}

std::optional<double> Arguments::number(const std::string& name, double low, double high) const {
  const auto value = text(name);
  if (!value) return std::nullopt;
  const auto number = parse_number(*value);
  if (!number || *number < low || *number > high) {
    throw InputError(fmt::format("assay {}: --{} is \"{}\". Give a number from {:g} to {:g}.", command_name_,
                                 name, *value, low, high));
  }
  return number;
}

std::optional<std::int64_t> Arguments::integer(const std::string& name, std::int64_t low,
                                               std::int64_t high) const {
  const auto value = text(name);
  if (!value) return std::nullopt;
  auto number = parse_integer(*value);
  if (!number) {  // "2e6" is a whole number too
    const auto real = parse_number(*value);
    if (real && *real == static_cast<double>(static_cast<std::int64_t>(*real)))
      number = static_cast<std::int64_t>(*real);
  }
  if (!number || *number < low || *number > high) {
    throw InputError(fmt::format("assay {}: --{} is \"{}\". Give a whole number from {} to {}.",
                                 command_name_, name, *value, low, high));
  }
  return number;
}

std::vector<std::string> Arguments::list(const std::string& name) const {
  std::vector<std::string> parts;
  const auto value = text(name);
  if (!value) return parts;
  for (const std::string_view part : split(*value, ',')) {
    if (!trim(part).empty()) parts.emplace_back(trim(part));
  }
  return parts;
}

}  // namespace assay::cli
