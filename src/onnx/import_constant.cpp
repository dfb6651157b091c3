#include "import_constant.hpp"

#include "assay/base/error.hpp"

#include "import_external.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

using Tensor = onnx::TensorProto;

[[noreturn]] void fail(const Tensor& tensor, const std::string& cause) {
  throw InputError(
      fmt::format("Tensor \"{}\": {}. The file is damaged; export the model again.", tensor.name(), cause));
}

// Bytes of an element in raw data; 0: holds no numbers.
int element_size(int type) {
  switch (type) {
    case Tensor::BOOL:
    case Tensor::INT8:
    case Tensor::UINT8:
      return 1;
    case Tensor::INT16:
    case Tensor::UINT16:
    case Tensor::FLOAT16:
    case Tensor::BFLOAT16:
      return 2;
    case Tensor::FLOAT:
    case Tensor::INT32:
    case Tensor::UINT32:
      return 4;
    case Tensor::DOUBLE:
    case Tensor::INT64:
    case Tensor::UINT64:
      return 8;
    default:
      return 0;
  }
}

Element element_of(int type) {
  switch (type) {
    case Tensor::FLOAT:
    case Tensor::DOUBLE:
    case Tensor::FLOAT16:
    case Tensor::BFLOAT16:
      return Element::real;
    case Tensor::BOOL:
      return Element::boolean;
    default:
      return Element::integer;
  }
}

float from_half(std::uint16_t bits) {
  const float sign = (bits & 0x8000) != 0 ? -1.f : 1.f;
  const int exponent = (bits >> 10) & 31;
  const auto mantissa = static_cast<float>(bits & 1023);
  if (exponent == 31) {
    return mantissa != 0 ? std::numeric_limits<float>::quiet_NaN()
                         : sign * std::numeric_limits<float>::infinity();
  }
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

float from_bfloat(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

template <class Stored, class Number>
void read_raw(const std::string& raw, std::vector<Number>& out) {
  if constexpr (std::is_same_v<Stored, Number>) {
    if (!out.empty()) std::memcpy(out.data(), raw.data(), out.size() * sizeof(Number));
  } else {
    for (std::size_t i = 0; i < out.size(); ++i) {
      Stored value;
      std::memcpy(&value, raw.data() + i * sizeof value, sizeof value);
      out[i] = static_cast<Number>(value);
    }
  }
}

template <class Number>
void read_raw_halves(const std::string& raw, std::vector<Number>& out, float (*convert)(std::uint16_t)) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, raw.data() + i * sizeof bits, sizeof bits);
    out[i] = static_cast<Number>(convert(bits));
  }
}

template <class Number>
void decode_raw(int type, const std::string& raw, std::vector<Number>& out) {
  switch (type) {
    case Tensor::FLOAT:
      return read_raw<float>(raw, out);
    case Tensor::DOUBLE:
      return read_raw<double>(raw, out);
    case Tensor::INT8:
      return read_raw<std::int8_t>(raw, out);
    case Tensor::BOOL:
    case Tensor::UINT8:
      return read_raw<std::uint8_t>(raw, out);
    case Tensor::INT16:
      return read_raw<std::int16_t>(raw, out);
    case Tensor::UINT16:
      return read_raw<std::uint16_t>(raw, out);
    case Tensor::INT32:
      return read_raw<std::int32_t>(raw, out);
    case Tensor::UINT32:
      return read_raw<std::uint32_t>(raw, out);
    case Tensor::INT64:
      return read_raw<std::int64_t>(raw, out);
    case Tensor::UINT64:
      return read_raw<std::uint64_t>(raw, out);
    case Tensor::FLOAT16:
      return read_raw_halves(raw, out, from_half);
    default:
      return read_raw_halves(raw, out, from_bfloat);
  }
}

// The list of typed values that an element type is kept in when there are no raw data.
std::int64_t typed_count(const Tensor& tensor) {
  switch (tensor.data_type()) {
    case Tensor::FLOAT:
      return tensor.float_data_size();
    case Tensor::DOUBLE:
      return tensor.double_data_size();
    case Tensor::INT64:
      return tensor.int64_data_size();
    case Tensor::UINT32:
    case Tensor::UINT64:
      return tensor.uint64_data_size();
    default:
      return tensor.int32_data_size();
  }
}

template <class Number>
void decode_typed(const Tensor& tensor, std::vector<Number>& out) {
  const auto copy = [&](const auto& list) {
    std::ranges::transform(list, out.begin(), [](auto value) { return static_cast<Number>(value); });
  };
  switch (tensor.data_type()) {
    case Tensor::FLOAT:
      return copy(tensor.float_data());
    case Tensor::DOUBLE:
      return copy(tensor.double_data());
    case Tensor::INT64:
      return copy(tensor.int64_data());
    case Tensor::UINT32:
    case Tensor::UINT64:
      return copy(tensor.uint64_data());
    case Tensor::FLOAT16:
    case Tensor::BFLOAT16: {
      const auto convert = tensor.data_type() == Tensor::FLOAT16 ? from_half : from_bfloat;
      std::ranges::transform(tensor.int32_data(), out.begin(), [&](std::int32_t bits) {
        return static_cast<Number>(convert(static_cast<std::uint16_t>(bits)));
      });
      return;
    }
    default:
      return copy(tensor.int32_data());
  }
}

bool is_external(const Tensor& tensor) {
  return tensor.data_location() == Tensor::EXTERNAL;
}

}  // namespace

std::int64_t count_of(const Dims& dims) {
  constexpr std::int64_t most = std::int64_t{1} << 40;
  if (dims.size() > most_dims) {
    throw InputError(fmt::format("A tensor has {} dimensions; at most {} are read. Simplify the model.",
                                 dims.size(), most_dims));
  }
  std::int64_t count = 1;
  for (const std::int64_t extent : dims) {
    if (extent < 0) throw InputError(fmt::format("A tensor has a dimension of {}. Correct it.", extent));
    if (extent == 0) return 0;
    if (count > most / extent)
      throw InputError("A tensor has more than 2^40 elements. Correct its dimensions.");
    count *= extent;
  }
  return count;
}

Constant::Constant(Element type, Dims dims, std::vector<double> values)
    : type_(type), dims_(std::move(dims)), count_(count_of(dims_)), values_(std::move(values)) {
  if (static_cast<std::int64_t>(values_.size()) != count_)
    throw InternalError("a computed constant has another number of values than its dimensions say");
}

Constant::Constant(const Tensor& tensor, const std::string& folder, bool check_files)
    : type_(element_of(tensor.data_type())),
      dims_(tensor.dims().begin(), tensor.dims().end()),
      name_(tensor.name()),
      tensor_(&tensor),
      folder_(folder) {
  if (std::ranges::any_of(dims_, [](std::int64_t extent) { return extent < 0; }))
    fail(tensor, "it has a negative dimension");
  count_ = count_of(dims_);
  const int size = element_size(tensor.data_type());
  if (size == 0) {
    fail(tensor, fmt::format("its element type {} holds no real or whole numbers", tensor.data_type()));
  }
  if (is_external(tensor)) {
    if (check_files) check_external(tensor, folder_, count_ * size);
    return;
  }
  if (tensor.has_raw_data()) {
    if (static_cast<std::int64_t>(tensor.raw_data().size()) != count_ * size) {
      fail(tensor, fmt::format("it holds {} bytes where its dimensions ask for {}", tensor.raw_data().size(),
                               count_ * size));
    }
  } else if (typed_count(tensor) != count_) {
    fail(tensor,
         fmt::format("it holds {} values where its dimensions ask for {}", typed_count(tensor), count_));
  }
}

template <class Number>
std::vector<Number> Constant::decode() const {
  std::vector<Number> out(static_cast<std::size_t>(count_));
  if (is_external(*tensor_)) {
    const int type = tensor_->data_type();
    decode_raw(type, read_external(*tensor_, folder_, count_ * element_size(type)), out);
  } else if (tensor_->has_raw_data()) {
    decode_raw(tensor_->data_type(), tensor_->raw_data(), out);
  } else {
    decode_typed(*tensor_, out);
  }
  return out;
}

std::vector<double> Constant::values() const {
  return tensor_ == nullptr ? values_ : decode<double>();
}

std::vector<float> Constant::floats() const {
  if (tensor_ != nullptr) return decode<float>();
  std::vector<float> out(values_.size());
  std::ranges::transform(values_, out.begin(), [](double value) { return static_cast<float>(value); });
  return out;
}

std::optional<double> Constant::uniform() const {
  if (count_ == 0) return std::nullopt;
  const std::vector<double> all = values();
  for (const double value : all) {
    if (value != all[0]) return std::nullopt;
  }
  return all[0];
}

std::int64_t to_integer(double value) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  if (std::isnan(value)) return 0;
  if (value >= 9.2e18) return most;
  if (value <= -9.2e18) return -most;
  return static_cast<std::int64_t>(value);
}

}  // namespace assay::onnx_import
