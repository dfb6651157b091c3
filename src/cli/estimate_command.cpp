#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/network/executed.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "layer_report.hpp"
#include "model_file.hpp"
#include "progress_display.hpp"
#include "result_writer.hpp"
#include "terminal.hpp"
#include "wording.hpp"
#include "workload.hpp"

#include <functional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace assay::cli {
namespace {

const std::vector<Column>& estimate_columns(bool people) {
  static std::vector<Column> columns = {{"latency_ms", "latency (ms)", Style::latency},
                                        {"latency_low_ms", "low", Style::latency},
                                        {"latency_high_ms", "high", Style::latency},
                                        {"peak_memory_bytes", "memory", Style::bytes},
                                        {"weight_bytes", "weights", Style::bytes},
                                        {"params", "params", Style::count},
                                        {"macs", "MACs", Style::count},
                                        {"extrapolated", "extrapolated", Style::text},
                                        {"status", "", Style::text}};
  columns.back().heading = people ? "status" : "";
  return columns;
}

// What stands beside the row of each network.
struct Details {
  bool layers = false;
  bool memory = false;
};

Details wanted_details(const Arguments& arguments, bool people, bool single) {
  const Details given{arguments.flag("layers"), arguments.flag("memory-profile")};
  if (!people) {
    if (given.layers && given.memory) {
      throw InputError(
          "assay estimate: --layers and --memory-profile have different columns, so CSV and JSON hold only "
          "one of them. Give one, or --format table.");
    }
    return given;
  }
  // A single network is looked at closely anyway.
  return {.layers = given.layers || (single && !given.memory), .memory = given.layers || given.memory};
}

std::string details_text(const Details& details, const LayerReport& layers, const MemoryReport& memory) {
  std::string text;
  if (details.layers) {
    text += layers.table().to_text(terminal_width(), use_colour());
    text +=
        "in, out, ch N: with N channels instead, and what that does to the subgraph's latency; dense: a "
        "dense "
        "conv\ninstead; ?: outside of what was measured\n\n";
  }
  if (details.memory) text += memory.text(terminal_width(), use_colour()) + "\n";
  return text;
}

int run(const Arguments& arguments) {
  const Output output(arguments);
  Workload workload(arguments);
  // So many rows are read and written at a time.
  constexpr std::size_t window = 512;
  std::vector<Item> items = workload.next(window);
  // A single network has no others that it should be comparable with: the cycle model says it directly.
  std::function<std::vector<Network>()> networks;
  if (workload.space() != nullptr) networks = [&] { return sample_networks(*workload.space(), 300); };
  const auto estimator = make_estimator(arguments, networks);
  if (!estimator) {
    throw InputError(
        "assay estimate: say for which hardware, with --accelerator FILE or --estimator FILE. "
        "Accelerator files are in spaces/accelerators.");
  }

  if (const auto path = arguments.text("save-estimator")) write_file(*path, estimator->to_json());

  Accelerator accelerator = estimator->accelerator();
  if (const auto type = arguments.text("data-type")) {
    accelerator.memory.bytes_per_element = bytes_per_element(number_format_from(*type));
  }

  const bool people = output.format() == Format::table;
  const Details details = wanted_details(arguments, people, items.size() == 1);
  RowWriter writer(output, result_columns(workload, output, estimate_columns(people)));
  LayerReport layers(*estimator, people, items.size() > 1);
  MemoryReport memory(accelerator, people, items.size() > 1);

  std::int64_t rows = 0;
  std::int64_t failed = 0;
  std::string failure;
  ProgressDisplay display({.phase = "estimate",
                           .title = "estimating",
                           .counted = "estimated",
                           .unit = "networks",
                           .total = workload.total()},
                          people ? Results::later : streamed_results(output.path()));
  for (; !items.empty(); items = workload.next(window)) {
    for (Item& item : items) {
      display.advance(++rows);
      std::vector<Cell> cells;
      try {
        const Network declared = workload.network(item);
        // As a search does: the declared order counts, unless something vanishes.
        const Network network = executed(declared);
        const Prediction p = estimator->predict(network);
        cells = {significant(p.latency_ms),
                 significant(p.latency_low_ms),
                 significant(p.latency_high_ms),
                 peak_memory_bytes(accelerator, network),
                 weight_bytes(accelerator, network),
                 declared.parameters(),
                 declared.macs(),
                 p.extrapolated || !workload.gaps().empty(),
                 workload.gaps().empty() ? std::string("ok") : "without " + workload.gaps()};
        if (details.layers) layers.add(network, rows);
        if (details.memory) memory.add(network, rows);
      } catch (const InputError& error) {
        failure = error.what();
        ++failed;
        cells.resize(8);
        cells.emplace_back("not_buildable: " + failure);
      }
      if (!people && (details.layers || details.memory)) continue;
      writer.add(result_row(workload, output, own_cells(workload, output, item), std::move(cells)));
    }
    // A reader at the other end of a pipe sees rows as they are made.
    if (failed < rows) writer.flush();
  }
  display.close();
  if (failed == rows) throw InputError(failure);
  if (failed > 0 && !output.quiet())
    note(failed == 1
             ? "1 candidate cannot be built; its status says why."
             : fmt::format("{} cannot be built; their status says why.", number_of(failed, "candidate")));

  if (people) {
    writer.close(details_text(details, layers, memory));
  } else if (details.layers || details.memory) {
    output.write(details.layers ? layers.table() : memory.table());
  } else {
    writer.close();
  }
  return 0;
}

}  // namespace

Command estimate_command() {
  return {.name = "estimate",
          .summary = "latency, memory, parameters and MACs on an accelerator, subgraph by subgraph",
          .positionals = "SPACE.toml | MODEL.onnx | NETWORK.json",
          .max_positionals = 1,
          .description =
              "Predicts latency by regression over the subgraphs that the accelerator runs as one. The 90 % "
              "interval\n"
              "covers the regression's error on what it was fitted to. With --accelerator that is the file's "
              "cycle\n"
              "model (a network file gets that model's own figures), so the interval says nothing about how "
              "well\n"
              "the file describes real hardware. \"extrapolated\"\n"
              "says that a subgraph lies outside of what was measured. Peak memory follows the accelerator "
              "file.\n"
              "params and macs count what is declared, dead branches included. With --allow-gaps, operators "
              "without\n"
              "counterpart cost nothing, and the status names them.",
          .groups =
              {input_options(),
               model_options(),
               estimator_options(),
               {"Details",
                {{"layers", "",
                  "a row per subgraph: its share of the latency, how well it fills the lanes, what bounds it "
                  "and what would make it faster; as a table also --memory-profile",
                  ""},
                 {"memory-profile", "",
                  "what is alive at every step, and the order of operators that lowers the peak", ""},
                 {"data-type", "int8|int16|fp16|bf16|fp32",
                  "count memory for it instead of the accelerator's number format", ""},
                 {"save-estimator", "FILE.json", "keep the fitted estimator, for --estimator", ""}}},
               output_options()},
          .example =
              "  assay estimate spaces/mobilenetv2.toml --sample 10 --accelerator "
              "spaces/accelerators/edge_npu_16.toml\n"
              "  assay estimate network.json --accelerator spaces/accelerators/edge_npu_16.toml --layers",
          .run = run};
}

}  // namespace assay::cli
