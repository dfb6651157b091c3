#include "signature.hpp"

#include "assay/base/hash.hpp"

#include "shipped_texts.hpp"

#include <cmath>
#include <functional>

#include <fmt/format.h>

namespace assay::cli {

void Signature::add(std::string_view text) {
  hash_ = hash_text(text, hash_combine(hash_, text.size()));
}

// Many numbers here are short decimals that lie half-way between two rounded ones. A nudge far above the
// roundings of a sum and far below the last digit that counts sends them all the same way.
double rounded(double value) {
  if (!std::isfinite(value)) return value;
  return std::stod(fmt::format("{:.5e}", value * (1 + 1e-9)));
}

void Signature::add(double value) {
  add(std::isnan(value) ? std::string("nan") : fmt::format("{:.5e}", value * (1 + 1e-9)));
}

void Signature::add_bits(std::span<const float> values) {
  add(std::string_view(reinterpret_cast<const char*>(values.data()), values.size_bytes()));
}

std::vector<SignaturePart> signature_parts(WorkerPool& pool) {
  std::vector<SignaturePart> parts;
  const auto part = [&](std::string name, const auto& add) {
    Signature signature;
    add(signature);
    parts.push_back({std::move(name), signature.value()});
  };
  part("random", add_random);
  for (const auto& [name, toml] : shipped_spaces())
    part(fmt::format("space {}", name), [&](Signature& s) { add_space(s, name, toml); });
  for (const auto& [name, toml] : shipped_accelerators())
    part(fmt::format("accelerator {}", name), [&](Signature& s) { add_accelerator(s, name, toml); });
  part("fit", add_fit);
  for (const char* space : {"ibn_fashion", "mnasnet_accel", "nasbench201"})
    part(fmt::format("search {}", space), [&](Signature& s) { add_search(s, space, pool); });
  part("curate ibn_fashion", [](Signature& s) { add_curation(s, "ibn_fashion"); });
  part("advise ibn_detector", [&](Signature& s) { add_advice(s, "ibn_detector", pool); });
  return parts;
}

std::uint64_t signature_of(std::span<const SignaturePart> parts) {
  Signature signature;
  for (const SignaturePart& part : parts) {
    signature.add(part.name);
    signature.add(part.value);
  }
  return signature.value();
}

}  // namespace assay::cli
