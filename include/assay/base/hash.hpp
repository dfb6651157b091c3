// 64-bit hashing (xxHash XXH3). Values are stable across machines and runs: they are written into journals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace assay {

// Hash of a byte range.
std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed = 0);

inline std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0) {
  return hash_bytes(text.data(), text.size(), seed);
}

// Hash of a value without padding bytes, such as an array of integers.
template <class T>
std::uint64_t hash_value(const T& value, std::uint64_t seed = 0) {
  static_assert(std::has_unique_object_representations_v<T>, "padding bytes would make the hash unstable");
  return hash_bytes(&value, sizeof value, seed);
}

// Order-dependent combination of two hashes (the finaliser of SplitMix64 over both), cheap enough for inner
// loops.
constexpr std::uint64_t hash_combine(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a * 0x9e3779b97f4a7c15ULL + b + 0x632be59bd9b4e019ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace assay
