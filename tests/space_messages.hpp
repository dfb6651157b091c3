// What broken spaces are answered with.
#pragma once

#include "assay/base/error.hpp"
#include "assay/space/space.hpp"

#include <initializer_list>
#include <string>

#include <doctest/doctest.h>

namespace assay {

// The message of the InputError that `action` throws; "" when it does not.
template <class Action>
std::string message(Action&& action) {
  try {
    action();
  } catch (const InputError& error) {
    CHECK(error.exit_code() == 2);
    return error.what();
  }
  return "";
}

inline void check_mentions(const std::string& text, std::initializer_list<const char*> parts) {
  CAPTURE(text);
  for (const char* part : parts) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

inline const std::string kTop = "name = \"t\"\nclasses = 10\n[input]\nchannels = 3\nresolution = 8\n";
inline const std::string kStage =
    "[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = 8\n";  // lines 6 to 9

inline std::string load(const std::string& text) {
  return message([&] { Space::parse(text, "bad.toml"); });
}
inline std::string stage(const std::string& attributes) {
  return load(kTop + "[[stage]]\nname = \"s\"\n" + attributes + "\n");
}

}  // namespace assay
