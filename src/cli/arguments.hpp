// What a command understands, declared once for parsing (Boost.Program_options), help and error messages.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay::cli {

struct OptionSpec {
  std::string name;
  std::string value;  // what stands behind it in the help, "MS" (see value_syntax.hpp); empty: a flag
  std::string help;
  std::string initial;                    // value when it is not given; empty: none
  std::vector<std::string> choices = {};  // what may stand there, where the help's text says it
};

struct OptionGroup {
  std::string title;
  std::vector<OptionSpec> options;
};

class Arguments;

struct Command {
  std::string name;
  std::string summary;      // one line
  std::string positionals;  // "SPACE"
  std::size_t max_positionals = 1;
  std::string description;
  std::vector<OptionGroup> groups;
  std::string example;
  int (*run)(const Arguments&) = nullptr;
};

std::string help_of(const Command& command);

// The parsed arguments of one command, shipped files by their paths. Getters check and throw InputError
// naming the option, what was given and what would do.
class Arguments {
 public:
  Arguments(const Command& command, std::span<const std::string> given);

  const std::vector<std::string>& positionals() const { return positionals_; }
  bool flag(const std::string& name) const { return values_.contains(name); }
  bool given(const std::string& name) const;  // on the command line, not by its initial value
  std::optional<std::string> text(const std::string& name) const;
  std::string required_text(const std::string& name) const;
  std::optional<double> number(const std::string& name, double low, double high) const;
  std::optional<std::int64_t> integer(const std::string& name, std::int64_t low, std::int64_t high) const;
  // A comma-separated list.
  std::vector<std::string> list(const std::string& name) const;
  const std::string& command_name() const { return command_name_; }
  // "assay search 'my space.toml' --seed 3": what was given, as a shell takes it.
  const std::string& command_line() const { return command_line_; }

 private:
  std::string command_name_, command_line_;
  std::vector<std::string> positionals_;
  std::map<std::string, std::string> values_;
  std::map<std::string, bool> defaulted_;
};

}  // namespace assay::cli
