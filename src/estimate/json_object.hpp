// Strict reading of one JSON object: a missing or unknown key, a wrong type or a number out of range is an
// InputError that names the source and the key.
#pragma once

#include "assay/base/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {

class JsonObject {
 public:
  using Json = nlohmann::ordered_json;

  JsonObject(const Json& json, std::string source, std::string name)
      : json_(json), source_(std::move(source)), name_(std::move(name)) {
    if (!json_.is_object()) fail("", "must be an object");
  }

  std::size_t size() const { return json_.size(); }

  void expect_keys(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, value] : json_.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) fail(key, "is not known");
    }
    for (const std::string_view key : keys) at(key);
  }

  bool is_null(std::string_view key) const { return at(key).is_null(); }

  bool boolean(std::string_view key) const {
    if (!at(key).is_boolean()) fail(key, "must be true or false");
    return at(key).get<bool>();
  }

  std::string text(std::string_view key) const {
    if (!at(key).is_string()) fail(key, "must be a text");
    return at(key).get<std::string>();
  }

  double number(std::string_view key, double low, double high) const {
    return checked(key, at(key), low, high);
  }

  int integer(std::string_view key, int low, int high) const {
    const double value = number(key, low, high);
    if (value != std::floor(value)) fail(key, "must be an integer");
    return static_cast<int>(value);
  }

  template <std::size_t n>
  std::array<double, n> numbers(std::string_view key, double low, double high) const {
    const Json& json = at(key);
    if (!json.is_array() || json.size() != n) fail(key, fmt::format("must be an array of {} numbers", n));
    std::array<double, n> values{};
    for (std::size_t i = 0; i < n; ++i) values[i] = checked(key, json[i], low, high);
    return values;
  }

  template <std::size_t n>
  std::array<int, n> integers(std::string_view key, int low, int high) const {
    std::array<int, n> values{};
    const std::array<double, n> read = numbers<n>(key, low, high);
    for (std::size_t i = 0; i < n; ++i) {
      if (read[i] != std::floor(read[i])) fail(key, fmt::format("holds {}, but must be integers", read[i]));
      values[i] = static_cast<int>(read[i]);
    }
    return values;
  }

  // An array of arrays of `columns` numbers, none larger than `largest`.
  std::vector<std::vector<double>> rows(std::string_view key, std::size_t columns, double largest) const {
    const Json& json = at(key);
    if (!json.is_array()) fail(key, "must be an array");
    std::vector<std::vector<double>> out;
    for (const Json& row : json) {
      if (!row.is_array() || row.size() != columns)
        fail(key, fmt::format("must hold arrays of {} numbers", columns));
      auto& values = out.emplace_back();
      for (const Json& value : row) values.push_back(checked(key, value, -largest, largest));
    }
    return out;
  }

  std::vector<std::uint64_t> hex_numbers(std::string_view key) const {
    const Json& json = at(key);
    if (!json.is_array()) fail(key, "must be an array");
    std::vector<std::uint64_t> out;
    for (const Json& value : json) {
      if (!value.is_string()) fail(key, "must hold texts");
      const std::string& digits = value.get_ref<const std::string&>();
      std::uint64_t& number = out.emplace_back();
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
      if (error != std::errc() || end != digits.data() + digits.size())
        fail(key, "must hold hexadecimal numbers");
    }
    return out;
  }

  // For messages about what a key holds.
  std::string place(std::string_view key) const { return fmt::format("{}: \"{}\"", source_, full_name(key)); }

  JsonObject object(std::string_view key) const { return JsonObject(at(key), source_, full_name(key)); }

  std::vector<JsonObject> objects(std::string_view key) const {
    if (!at(key).is_array()) fail(key, "must be an array");
    std::vector<JsonObject> out;
    for (const Json& element : at(key)) out.emplace_back(element, source_, full_name(key));
    return out;
  }

  [[noreturn]] void fail(std::string_view key, const std::string& cause) const {
    throw InputError(fmt::format("{}: \"{}\" {}. Give an estimator file that assay wrote.", source_,
                                 full_name(key), cause));
  }

 private:
  const Json& at(std::string_view key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(key, "is missing");
    return *found;
  }

  double checked(std::string_view key, const Json& json, double low, double high) const {
    if (!json.is_number()) fail(key, "must be a number");
    const double value = json.get<double>();
    if (!(value >= low && value <= high)) {
      fail(key, fmt::format("is {}, which does not lie between {} and {}", value, low, high));
    }
    return value;
  }

  std::string full_name(std::string_view key) const {
    if (name_.empty()) return std::string(key);
    return key.empty() ? name_ : fmt::format("{}.{}", name_, key);
  }

  const Json& json_;
  std::string source_;
  std::string name_;
};

}  // namespace assay
