// Network JSON: {"format": "assay-network", "version": 1, "title": ..., "input": {"channels", "height",
// "width"}, "operators": [{"name", "kind", "inputs": [names], attributes...}], "output": name, "blocks":
// [{"name", "output"}]}. Attributes that have their default value may be left out; unknown ones are errors.
#pragma once

#include "assay/network/network.hpp"

#include <string>
#include <string_view>

namespace assay {

// Operator names are made unique ("conv", "conv_2") on the way out; to_json(from_json(x)) == x for its own
// output.
std::string to_json(const Network& network);

// Throws InputError naming `source`, the operator and the remedy.
Network network_from_json(std::string_view text, const std::string& source);

}  // namespace assay
