// Fitting: per kind of subgraph lanes, roofline and residual; cross-validated errors; interval of sums.
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"

#include "model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::size_t fewest_rows = 10;       // of a fit
constexpr std::size_t fewest_kind_rows = 12;  // of a kind with a model of its own: twice the roofline's terms
constexpr std::size_t fewest_networks = 20;   // for a 90 % interval from order statistics
constexpr double smallest_deviation = 1e-9;   // an exact fit still has a scale to divide by

struct Row {
  const Subgraph* subgraph = nullptr;
  Work work;
  Extents extents{};
  double latency = 0;
  int fold = 0;
  double unseen = 0;  // predicted by the model of the other folds
};
using Rows = std::vector<Row*>;

double relative_error(const Row& row) {
  return row.latency / row.unseen - 1;
}

double root_mean_square_error(const Rows& rows) {
  double sum = 0;
  for (const Row* row : rows) sum += relative_error(*row) * relative_error(*row);
  return std::sqrt(sum / static_cast<double>(rows.size()));
}

double mape_percent(const Rows& rows) {
  double sum = 0;
  for (const Row* row : rows) sum += std::abs(row->unseen / row->latency - 1);
  return rows.empty() ? 0 : 100 * sum / static_cast<double>(rows.size());
}

// Terms and latencies of some rows, as the regressions take them.
struct Table {
  std::vector<Terms> terms;
  std::vector<Extents> extents;
  std::vector<double> latencies;

  template <class LanesOf>
  Table(const Accelerator& accelerator, const Rows& rows, LanesOf&& lanes_of) {
    for (const Row* row : rows) {
      terms.push_back(terms_of(accelerator, lanes_of(*row->subgraph), *row->subgraph, row->work));
      extents.push_back(row->extents);
      latencies.push_back(row->latency);
    }
  }
  Roofline roofline() const { return fit_roofline(terms, latencies); }
  Residual residual(const Roofline& roofline, double penalty) const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      ratios.push_back(std::log(latencies[i] / std::max(roofline(terms[i]), smallest_latency)));
    }
    return fit_residual(extents, ratios, penalty);
  }
};

// Coordinate descent over each dimension's lanes (where the file leaves them open) and softness. A change
// must pay: without evidence lanes are hard.
LaneModel select_lanes(const Accelerator& accelerator, const Rows& rows) {
  constexpr double worth_it = 0.95;
  constexpr double exact = 1e-10;
  LaneModel lanes = lanes_from_file(accelerator, *rows[0]->subgraph);
  std::array<bool, lane_dimension_count> open{};
  for (std::size_t d = 0; d < lanes.size(); ++d) {
    open[d] = lanes[d].lanes == 0;
    lanes[d].lanes = std::max(lanes[d].lanes, 1);
  }
  const auto loss_of = [&](const LaneModel& candidate) {
    const Table table(accelerator, rows, [&](const Subgraph&) { return candidate; });
    return log_loss(table.roofline(), table.terms, table.latencies);
  };
  double best = loss_of(lanes);
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t d = 0; d < lanes.size(); ++d) {
      std::vector<int> counts = {lanes[d].lanes};
      if (open[d]) counts = {2, 4, 8, 16, 32, 64, 128, 256};
      for (const int count : counts) {
        for (const double softness : {1.0, 0.75, 0.5, 0.25, 0.0}) {
          // One lane wastes nothing, whatever its softness.
          if (best < exact || count == 1) continue;
          LaneModel candidate = lanes;
          candidate[d] = {count, softness};
          const double loss = loss_of(candidate);
          if (loss >= worth_it * best) continue;
          best = loss;
          lanes = candidate;
        }
      }
    }
  }
  return lanes;
}

// Fits `model` to `rows`, with a residual if it lowers the cross-validated error; leaves the rows' unseen
// predictions behind.
template <class LanesOf>
void fit_model(const Accelerator& accelerator, const Rows& rows, int folds, const LanesOf& lanes_of,
               KindModel& model) {
  constexpr std::array<double, 5> penalties = {0, 0.001, 0.01, 0.1, 1};  // 0: no residual
  constexpr double worth_it = 0.95;
  std::array<double, penalties.size()> losses{};
  std::vector<std::array<double, penalties.size()>> unseen(rows.size());
  for (int fold = 0; fold < folds; ++fold) {
    Rows seen;
    for (Row* row : rows) {
      if (row->fold != fold) seen.push_back(row);
    }
    // A kind so small that one fold holds all of it is judged on itself.
    const Table table(accelerator, seen.empty() ? rows : seen, lanes_of);
    const Roofline roofline = table.roofline();
    std::array<Residual, penalties.size()> residuals;
    for (std::size_t p = 1; p < penalties.size(); ++p) residuals[p] = table.residual(roofline, penalties[p]);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Row& row = *rows[i];
      if (row.fold != fold) continue;
      const double base =
          std::max(roofline(terms_of(accelerator, lanes_of(*row.subgraph), *row.subgraph, row.work)),
                   smallest_latency);
      for (std::size_t p = 0; p < penalties.size(); ++p) {
        unseen[i][p] = p == 0 ? base : base * residuals[p].factor(row.extents);
        const double error = std::log(row.latency / unseen[i][p]);
        losses[p] += error * error;
      }
    }
  }
  std::size_t best = 0;
  for (std::size_t p = 1; p < penalties.size(); ++p) {
    if (losses[p] < losses[best] * (best == 0 ? worth_it * worth_it : 1)) best = p;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i]->unseen = unseen[i][best];

  const Table table(accelerator, rows, lanes_of);
  model.fitted = true;
  model.rows = static_cast<int>(rows.size());
  model.roofline = table.roofline();
  if (best != 0) model.residual = table.residual(model.roofline, penalties[best]);
  model.deviation = std::max(root_mean_square_error(rows), smallest_deviation);
  model.range_low = model.range_high = rows[0]->extents;
  for (const Row* row : rows) {
    for (int e = 0; e < extent_count; ++e) {
      model.range_low[e] = std::min(model.range_low[e], row->extents[e]);
      model.range_high[e] = std::max(model.range_high[e], row->extents[e]);
    }
  }
}

// Split-conformal quantiles (Lei et al. 2018, "Distribution-free predictive inference for regression"): the
// order statistics that cover a new value of the same kind with the asked probability.
void set_interval(Estimator::Model& model, std::vector<double> scores) {
  std::sort(scores.begin(), scores.end());
  const auto n = static_cast<double>(scores.size());
  const double tail = (1 - model.coverage) / 2;
  const double rank = std::min(std::ceil((n + 1) * (1 - tail)), n);
  const auto high = static_cast<std::size_t>(rank) - 1;
  model.interval_high = std::max(0.0, scores[high]);
  model.interval_low = std::min(0.0, scores[scores.size() - 1 - high]);
}

std::vector<double> scores_of_networks(const Estimator::Model& model,
                                       std::span<const NetworkMeasurement> networks) {
  SubgraphSplitter splitter(model.accelerator.fusion);
  std::vector<double> scores;
  for (const NetworkMeasurement& measured : networks) {
    double latency = 0;
    double variance = 0;
    for (const SubgraphInstance& instance : splitter.split(*measured.network)) {
      const SubgraphValue value = model.value_of(instance.subgraph);
      latency += value.latency_ms;
      variance += value.variance;
    }
    if (variance > 0) scores.push_back((measured.latency_ms - latency) / std::sqrt(variance));
  }
  return scores;
}

// Sums of as many random rows as a network has subgraphs stand in for networks that nobody measured.
std::vector<double> scores_of_sums(const Estimator::Model& model, std::span<const Row> rows,
                                   std::uint64_t seed) {
  constexpr int sums = 400;
  constexpr int subgraphs_per_network = 40;
  std::vector<double> scores;
  for (std::uint64_t i = 0; i < sums; ++i) {
    Random random(seed, Purpose::bootstrap, 0, i);
    double error = 0;
    double variance = 0;
    for (int draw = 0; draw < subgraphs_per_network; ++draw) {
      const Row& row = rows[random.below(rows.size())];
      const double deviation = row.unseen * model.model_of(*row.subgraph).deviation;
      error += row.latency - row.unseen;
      variance += deviation * deviation;
    }
    scores.push_back(error / std::sqrt(variance));
  }
  return scores;
}

void check_rows(const Accelerator& accelerator, std::span<const SubgraphMeasurement> rows) {
  if (rows.size() < fewest_rows) {
    throw InputError(fmt::format(
        "There are {} measured subgraphs, but a fit needs at least {}, better hundreds. Measure more.",
        rows.size(), fewest_rows));
  }
  int judged = 0;
  int impossible = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Subgraph& subgraph = rows[i].subgraph;
    check(subgraph, fmt::format("Measurement {}", i + 1));
    const double latency = rows[i].latency_ms;
    if (!(latency > 0) || !std::isfinite(latency)) {
      throw InputError(fmt::format(
          "Measurement {} ({}) took {} ms. Latencies are positive numbers: remove or repeat the measurement.",
          i + 1, describe(subgraph), latency));
    }
    if (accelerator.macs_per_cycle() == 0 || on_vector_unit(accelerator, subgraph)) continue;
    const double fastest = static_cast<double>(work_of(subgraph).macs) /
                           (accelerator.macs_per_cycle() * accelerator.clock_mhz * 1e3);
    ++judged;
    impossible += latency < fastest / 2;
  }
  if (2 * impossible > judged) {
    throw InputError(fmt::format(
        "{} of {} measurements are faster than the peak rate of \"{}\" allows. Latencies are read as "
        "milliseconds: if these are seconds, multiply them by 1000; else correct the accelerator file.",
        impossible, judged, accelerator.name));
  }
}

CrossValidation summarise(const Estimator::Model& model, std::vector<Row>& rows, int folds) {
  CrossValidation out;
  out.rows = static_cast<int>(rows.size());
  out.folds = folds;
  std::array<Rows, subgraph_kind_count> by_kind;
  Rows all;
  int within = 0;
  for (Row& row : rows) {
    by_kind[static_cast<std::size_t>(kind_of(*row.subgraph))].push_back(&row);
    all.push_back(&row);
    within += std::abs(row.unseen / row.latency - 1) <= 0.1;
  }
  out.mape_percent = mape_percent(all);
  out.within_10_percent = 100.0 * within / static_cast<double>(rows.size());
  for (std::size_t k = 0; k < by_kind.size(); ++k) {
    if (by_kind[k].empty()) continue;
    out.kinds.push_back({.kind = static_cast<SubgraphKind>(k),
                         .rows = static_cast<int>(by_kind[k].size()),
                         .mape_percent = mape_percent(by_kind[k]),
                         .fallback = !model.kinds[k].fitted});
  }
  return out;
}

}  // namespace

Estimator Estimator::fit(const Accelerator& accelerator, std::span<const SubgraphMeasurement> measured,
                         std::span<const NetworkMeasurement> networks, const FitOptions& options) {
  if (options.folds < 2 || !(options.coverage > 0 && options.coverage < 1)) {
    throw InputError("A fit needs at least 2 folds and a coverage between 0 and 1.");
  }
  if (!networks.empty() && networks.size() < fewest_networks) {
    throw InputError(
        fmt::format("There are {} measured networks, but calibrating the interval needs at least "
                    "{}. Measure more networks, or fit to subgraphs alone.",
                    networks.size(), fewest_networks));
  }
  check_rows(accelerator, measured);

  std::vector<Row> rows;
  for (const SubgraphMeasurement& m : measured) {
    Row row{.subgraph = &m.subgraph, .work = work_of(m.subgraph), .latency = m.latency_ms};
    row.extents = extents_of(m.subgraph, row.work);
    // By key: repeats of one subgraph stay in one fold, or the fold's model would have seen it.
    row.fold = static_cast<int>(Random(options.seed, Purpose::split, m.subgraph.key())
                                    .below(static_cast<std::uint64_t>(options.folds)));
    rows.push_back(row);
  }

  auto model = std::make_shared<Model>();
  model->accelerator = accelerator;
  model->coverage = options.coverage;
  Rows all;
  std::array<Rows, subgraph_kind_count> by_kind;
  for (Row& row : rows) {
    all.push_back(&row);
    by_kind[static_cast<std::size_t>(kind_of(*row.subgraph))].push_back(&row);
  }
  fit_model(
      accelerator, all, options.folds,
      [&](const Subgraph& subgraph) {
        LaneModel lanes = lanes_from_file(accelerator, subgraph);
        for (LaneDimension& d : lanes) d.lanes = std::max(d.lanes, 1);
        return lanes;
      },
      model->fallback);
  for (std::size_t k = 0; k < by_kind.size(); ++k) {
    model->kinds[k].rows = static_cast<int>(by_kind[k].size());
    if (by_kind[k].size() < fewest_kind_rows) continue;
    const LaneModel lanes = select_lanes(accelerator, by_kind[k]);
    model->kinds[k].lanes = lanes;
    fit_model(
        accelerator, by_kind[k], options.folds, [&](const Subgraph&) { return lanes; }, model->kinds[k]);
  }
  set_interval(*model, networks.empty() ? scores_of_sums(*model, rows, options.seed)
                                        : scores_of_networks(*model, networks));
  model->cross_validation = summarise(*model, rows, options.folds);
  return Estimator(std::move(model));
}

}  // namespace assay
