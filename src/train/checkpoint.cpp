#include "checkpoint.hpp"

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"

#include <bit>
#include <cstring>
#include <type_traits>

#include <fmt/format.h>

namespace assay {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints are written as they lie in memory");

constexpr std::string_view magic = "ASSAYCKP";
constexpr std::uint32_t version = 1;
constexpr std::size_t header_bytes = magic.size() + sizeof version + 2 * sizeof(std::uint64_t);

template <class T>
void put(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T>);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  out += text;
}

void put_tensors(std::string& out, const std::vector<std::vector<float>>& tensors) {
  put<std::uint64_t>(out, tensors.size());
  for (const auto& tensor : tensors) {
    put<std::uint64_t>(out, tensor.size());
    const std::size_t begin = out.size();
    out.resize(begin + tensor.size() * sizeof(float));
    if (!tensor.empty()) std::memcpy(out.data() + begin, tensor.data(), tensor.size() * sizeof(float));
  }
}

class Reader {
 public:
  Reader(std::string_view rest, const std::string& path) : rest_(rest), path_(path) {}

  template <class T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text() { return take(get<std::uint64_t>()); }

  // The number of items that follow, each of at least `item_bytes`.
  std::size_t count(std::size_t item_bytes) {
    const auto number = get<std::uint64_t>();
    if (number > rest_.size() / item_bytes) damaged();
    return number;
  }

  std::vector<std::vector<float>> tensors() {
    std::vector<std::vector<float>> tensors(count(sizeof(std::uint64_t)));
    for (auto& tensor : tensors) {
      tensor.resize(count(sizeof(float)));
      const std::string_view bytes = take(tensor.size() * sizeof(float));
      if (!bytes.empty()) std::memcpy(tensor.data(), bytes.data(), bytes.size());
    }
    return tensors;
  }

  void expect_end() const {
    if (!rest_.empty()) damaged();
  }

 private:
  [[noreturn]] void damaged() const {
    throw InputError(
        fmt::format("{}: the checkpoint is damaged: its parts do not fit its length. Delete it to "
                    "train from the start.",
                    path_));
  }
  std::string_view take(std::uint64_t bytes) {
    if (bytes > rest_.size()) damaged();
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }

  std::string_view rest_;
  const std::string& path_;
};

void check_identity(Reader& reader, const std::string& path, const TrainIdentity& identity, Match match) {
  const auto refuse = [&](std::string_view name, std::string_view then, std::string_view now) {
    throw InputError(
        fmt::format("{}: this checkpoint belongs to another training: its {} is {}, but {} is asked for. "
                    "Train with what it was made with, or delete it to train from the start.",
                    path, name, then, now));
  };
  const std::size_t count = reader.count(2 * sizeof(std::uint64_t));
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view name = reader.text();
    const std::string_view value = reader.text();
    if (match == Match::network && i > 0) continue;
    if (i >= identity.size() || identity[i].first != name) refuse(name, value, "nothing of that name");
    if (identity[i].second != value) refuse(name, value, identity[i].second);
  }
  if (count < identity.size()) refuse(identity[count].first, "not recorded", identity[count].second);
}

}  // namespace

std::pair<std::string, std::string> network_identity(std::uint64_t fingerprint) {
  return {"network", fmt::format("{:016x}", fingerprint)};
}

TrainIdentity identity_of(std::uint64_t network, const Dataset& dataset, const TrainOptions& options) {
  return {
      network_identity(network),
      {"data set", fmt::format("{:016x}", dataset.hash())},
      {"number of epochs", fmt::format("{}", options.epochs)},
      {"batch", fmt::format("{}", options.batch)},
      {"learning rate", exact_number(options.learning_rate)},
      {"warm-up in epochs", exact_number(options.warm_up_epochs)},
      {"momentum", exact_number(options.momentum)},
      {"weight decay", exact_number(options.weight_decay)},
      {"label smoothing", exact_number(options.label_smoothing)},
      {"gradient clip", exact_number(options.gradient_clip)},
      {"crop padding", fmt::format("{}", options.augmentation.crop_padding)},
      {"flip", options.augmentation.flip ? "on" : "off"},
      {"initialisation", std::string(to_string(options.initialisation))},
      {"seed", fmt::format("{}", options.seed)},
  };
}

std::string encode_checkpoint(const TrainIdentity& identity, const TrainState& state) {
  std::string payload;
  put<std::uint64_t>(payload, identity.size());
  for (const auto& [name, value] : identity) {
    put_text(payload, name);
    put_text(payload, value);
  }
  put(payload, state.step);
  put(payload, state.loss_sum);
  put(payload, state.seconds);
  put<std::uint64_t>(payload, state.history.size());
  for (const EpochRecord& epoch : state.history) {
    put(payload, epoch.train_loss);
    put(payload, epoch.test_accuracy);
    put(payload, epoch.seconds);
  }
  put_tensors(payload, state.parameters);
  put_tensors(payload, state.velocities);

  std::string content(magic);
  put(content, version);
  put<std::uint64_t>(content, payload.size());
  put(content, hash_text(payload));
  return content + payload;
}

TrainState decode_checkpoint(std::string_view content, const std::string& path, const TrainIdentity& identity,
                             Match match) {
  if (!content.starts_with(magic.substr(0, content.size())) || content.empty()) {
    throw InputError(
        fmt::format("{}, byte 0: expected \"{}\", with which a checkpoint begins. This is another kind "
                    "of file: name the checkpoint, or leave --resume out.",
                    path, magic));
  }
  const auto truncated = [&](std::size_t expected) {
    return InputError(
        fmt::format("{}: the checkpoint should have {} bytes but has {}: it is truncated. Delete it to "
                    "train from the start.",
                    path, expected, content.size()));
  };
  if (content.size() < header_bytes) throw truncated(header_bytes);
  Reader header(content.substr(magic.size(), header_bytes - magic.size()), path);
  if (const auto found = header.get<std::uint32_t>(); found != version) {
    throw InputError(
        fmt::format("{}: the checkpoint has version {}, this assay reads version {}. Use the assay that "
                    "wrote it, or delete it to train from the start.",
                    path, found, version));
  }
  const auto payload_bytes = header.get<std::uint64_t>();
  const std::string_view payload = content.substr(header_bytes);
  if (payload.size() < payload_bytes) throw truncated(header_bytes + payload_bytes);
  if (payload.size() > payload_bytes || hash_text(payload) != header.get<std::uint64_t>()) {
    throw InputError(
        fmt::format("{}: the checkpoint is damaged: its content does not have the checksum in its header. "
                    "Delete it to train from the start.",
                    path));
  }

  Reader reader(payload, path);
  check_identity(reader, path, identity, match);
  TrainState state;
  state.step = reader.get<std::int64_t>();
  state.loss_sum = reader.get<double>();
  state.seconds = reader.get<double>();
  state.history.resize(reader.count(3 * sizeof(double)));
  for (EpochRecord& epoch : state.history) {
    epoch.train_loss = reader.get<double>();
    epoch.test_accuracy = reader.get<double>();
    epoch.seconds = reader.get<double>();
  }
  state.parameters = reader.tensors();
  state.velocities = reader.tensors();
  reader.expect_end();
  return state;
}

}  // namespace assay
