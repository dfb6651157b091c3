// Numbers in sentences for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace assay::cli {

// "1,160".
std::string grouped(std::int64_t count);
// "1 network", "1,160 networks".
std::string number_of(std::int64_t count, std::string_view noun);
// As calm as it can be: "12 s", "3 min 20 s", from ten minutes on "21 min", "2 h 5 min".
std::string calm_duration(double seconds);

}  // namespace assay::cli
