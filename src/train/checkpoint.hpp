// Checkpoint files: everything that a training needs to go on as if nothing had happened.
//
// Layout, little-endian: "ASSAYCKP", version (u32), size of the payload (u64), XXH3 of the payload (u64),
// payload. Tensors are in plain layout: the file does not depend on what the runtime chose on this machine.
#pragma once

#include "assay/train/train.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

// What a training is: name and value of the network's fingerprint, the data set's hash, and each part of the
// recipe.
using TrainIdentity = std::vector<std::pair<std::string, std::string>>;
std::pair<std::string, std::string> network_identity(std::uint64_t fingerprint);
TrainIdentity identity_of(std::uint64_t network, const Dataset& dataset, const TrainOptions& options);

struct TrainState {
  std::int64_t step = 0;  // steps done
  double loss_sum = 0;    // over the steps of the current epoch
  double seconds = 0;
  std::vector<EpochRecord> history;
  std::vector<std::vector<float>> parameters;  // in the order of Executable::parameters()
  std::vector<std::vector<float>> velocities;  // the same; empty for running statistics
};

std::string encode_checkpoint(const TrainIdentity& identity, const TrainState& state);

// What has to be the same as in the file.
enum class Match : std::uint8_t {
  training,  // all of it
  network,   // the first entry, the network's fingerprint: its weights are wanted, whatever made them
};

// Throws InputError naming `path` when `content` is no whole checkpoint of this version and this training.
TrainState decode_checkpoint(std::string_view content, const std::string& path, const TrainIdentity& identity,
                             Match match = Match::training);

}  // namespace assay
