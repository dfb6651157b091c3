#include "network_rows.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"
#include "assay/space/codec.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::cli {
namespace {

Network decode(const Space& space, const Candidate& candidate, const std::string& place) {
  try {
    return canonical(space.decode(candidate));
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", place, error.what()));
  }
}

// Inactive decisions do not count. Networks that are equal although their decisions differ stay apart: what
// was measured may have run them as they were declared.
std::uint64_t key_of(const Space& space, const Candidate& candidate) {
  const Candidate normalised = space.normalised(candidate);
  return hash_bytes(normalised.choices.data(), normalised.choices.size() * sizeof normalised.choices[0]);
}

}  // namespace

NetworkRows read_network_rows(const Space& space, const std::string& path, const Accelerator* accelerator,
                              std::string_view target, bool skip_missing) {
  std::ifstream file = open_input(path);
  return read_network_rows(space, file, path, accelerator, target, skip_missing);
}

NetworkRows read_network_rows(const Space& space, std::istream& text, const std::string& path,
                              const Accelerator* accelerator, std::string_view target, bool skip_missing) {
  CandidateReader reader(space, text, path);
  const std::vector<std::string>& columns = reader.columns();
  if (std::ranges::find(columns, target) == columns.end()) {
    throw InputError(
        fmt::format("{}: the column \"{}\" is missing.{}", path, target, suggestion(target, columns)));
  }
  NetworkRows read;
  std::vector<NetworkRow> rows;
  std::vector<LatencyRow> latencies;
  CandidateRow row;
  while (reader.next(row)) {
    const std::string place = fmt::format("{}:{}", path, row.line);
    const auto field_of = [&](std::string_view column) {
      const auto found = static_cast<std::size_t>(std::ranges::find(columns, column) - columns.begin());
      // Rows of JSON lines may end before a key that others have.
      return found < row.fields.size() ? std::string_view(row.fields[found]) : std::string_view();
    };
    if (skip_missing && trim(field_of(target)).empty()) {
      ++read.skipped;
      continue;
    }
    const TimedRow timed = read_timed_row(field_of, target, place);
    if (rows.empty()) read.context = timed.context;
    if (timed.context != read.context) {
      throw InputError(fmt::format(
          "{}: device, batch, data_type, runtime, clock_mhz or threads differ from the first row's. "
          "Put measurements that were taken under different conditions into different files.",
          place));
    }
    Network network = decode(space, row.candidate, place);
    latencies.push_back({key_of(space, row.candidate), row.line, timed.latency_ms,
                         static_cast<double>(network.macs()) * timed.context.batch});
    rows.push_back({row.candidate, row.line, timed.latency_ms, timed.timing, std::move(network)});
  }
  if (rows.empty()) {
    throw InputError(
        fmt::format("{}: the file holds no measured network. Add a row below the header.", path));
  }
  check_unit(latencies, target, path, accelerator);
  const std::vector<MergedRow> merged = merge_duplicates(latencies, target, "network", path);
  read.merged = static_cast<int>(rows.size() - merged.size());
  for (const MergedRow& kept : merged) {
    read.rows.push_back(std::move(rows[kept.row]));
    read.rows.back().latency_ms = kept.latency_ms;
  }
  return read;
}

}  // namespace assay::cli
