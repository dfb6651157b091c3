// Fitting: rooflines, the correction where it helps, cross-validated errors, the interval of sums.
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"

#include "interval.hpp"
#include "kernel_fit.hpp"
#include "model.hpp"
#include "problem.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::size_t fewest_tile_rows = 300;      // for the kernel's many coordinates
constexpr std::size_t always_tile_rows = 600;      // where they have won every time
constexpr std::size_t most_corrected_rows = 3000;  // time grows with their cube
constexpr double smallest_deviation = 1e-9;        // an exact fit still has a scale to divide by

std::vector<ProcessPoint> points_of(const Problem& problem, const Rooflines& rooflines) {
  std::vector<ProcessPoint> points;
  for (const Unit& unit : problem.units)
    points.push_back(point_of(problem.accelerator, unit.subgraph,
                              rooflines.latency_ms(problem.accelerator, unit.subgraph, unit.work)));
  return points;
}

// Which kinds the correction sees. Rows of others, and points that occur in none, are left out.
using Kinds = std::array<bool, subgraph_kind_count>;

struct Corrected {
  std::vector<ProcessPoint> points;
  std::vector<Observation> rows;
  std::vector<std::size_t> origin;  // of each row in the problem
};

template <class Keep>
Corrected select(const std::vector<ProcessPoint>& points, const std::vector<Observation>& rows,
                 const Kinds& kinds, Keep&& keep) {
  Corrected out;
  std::vector<int> place(points.size(), -1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!keep(i)) continue;
    Observation row = rows[i];
    const auto kind = points[static_cast<std::size_t>(row.parts[0].point)].kind;
    if (!row.network && !kinds[static_cast<std::size_t>(kind)]) continue;
    for (Observation::Part& part : row.parts) {
      int& at = place[static_cast<std::size_t>(part.point)];
      if (at < 0) {
        at = static_cast<int>(out.points.size());
        out.points.push_back(points[static_cast<std::size_t>(part.point)]);
      }
      part.point = at;
    }
    out.rows.push_back(std::move(row));
    out.origin.push_back(i);
  }
  return out;
}

// What the models of the other folds say about each row.
struct Unseen {
  std::vector<double> roofline, corrected;
};

double log_error(double predicted, double measured) {
  return std::log(std::max(predicted, smallest_latency) / measured);
}

// Kernels, too, are fitted to the other folds where that is quick; with more rows it would take long, and the
// kernel hangs less on each.
constexpr std::size_t most_kernels_by_fold_rows = 150;

// Rooflines of the rows outside of each fold, and with a kernel the correction too.
Unseen cross_validate(const Problem& problem, const Rooflines& fitted, const std::vector<Observation>& rows,
                      const FitOptions& options, const ProcessKernel* kernel, const Kinds& kinds) {
  Unseen unseen{std::vector<double>(rows.size()), std::vector<double>(rows.size())};
  for (int fold = 0; fold < options.folds; ++fold) {
    const auto seen = [&](std::size_t row) { return problem.folds[row] != fold; };
    std::vector<Observation> others;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (seen(i)) others.push_back(rows[i]);
    // So few rows that one fold holds them all are judged on themselves.
    const bool alone = others.empty();
    Rooflines rooflines = fitted;
    refit_rooflines(rooflines, problem.accelerator, problem.units, alone ? rows : others);
    const std::vector<ProcessPoint> points = points_of(problem, rooflines);
    GaussianProcess process;
    if (kernel != nullptr) {
      Corrected part = select(points, rows, kinds, [&](std::size_t i) { return alone || seen(i); });
      if (!part.rows.empty()) {
        const ProcessKernel used = part.rows.size() > most_kernels_by_fold_rows
                                       ? *kernel
                                       : fit_kernel(part.points, part.rows, kernel->components.size() > 1);
        process = condition(used, part.points, part.rows, false);
      }
    }
    std::vector<double> alone_ms(points.size(), -1), network_ms(points.size(), -1);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (seen(i)) continue;
      for (const Observation::Part& part : rows[i].parts) {
        const auto p = static_cast<std::size_t>(part.point);
        const double roofline = std::exp(points[p].log_roofline);
        double& corrected = (rows[i].network ? network_ms : alone_ms)[p];
        if (corrected < 0)
          corrected = process.empty() ? roofline
                                      : roofline * std::exp(process.log_factor(points[p], rows[i].network));
        unseen.roofline[i] += part.count * roofline;
        unseen.corrected[i] += part.count * corrected;
      }
    }
  }
  return unseen;
}

struct Loss {
  double sum = 0;
  int rows = 0;
};
using Losses = std::array<Loss, subgraph_kind_count + 1>;  // per kind of subgraph rows, and of networks

// Of absolute relative errors: what the tables judge, and a few outliers do not decide.
Losses losses_of(const Problem& problem, const std::vector<double>& predicted) {
  Losses losses{};
  for (std::size_t i = 0; i < problem.rows.size(); ++i) {
    const std::size_t k = problem.rows[i].network ? static_cast<std::size_t>(subgraph_kind_count)
                                                  : static_cast<std::size_t>(problem.kind_of_row(i));
    losses[k].sum += std::abs(predicted[i] / problem.rows[i].latency_ms - 1);
    ++losses[k].rows;
  }
  return losses;
}

double total(const Losses& losses) {
  return std::accumulate(losses.begin(), losses.end(), 0.0,
                         [](double sum, const Loss& loss) { return sum + loss.sum; });
}

// The correction with the kernel that cross-validates best, for the kinds that it improves.
struct Choice {
  GaussianProcess process;
  Kinds corrected{};
  std::vector<double> unseen;
};

Choice choose_correction(const Problem& problem, const Rooflines& rooflines, const Unseen& plain,
                         const FitOptions& options, std::vector<Observation>& rows) {
  constexpr double good_enough = 0.002;  // mean relative error that needs no correction
  constexpr double worth_it = 0.95;
  Choice choice{{}, {}, plain.roofline};
  const Losses before = losses_of(problem, plain.roofline);
  Kinds candidates{};
  const auto needs_it = [&](const Loss& loss) { return loss.sum > good_enough * loss.rows; };
  // Where networks were measured they decide: the kinds that are off may hardly matter to them.
  if (problem.networks > 0 ? !needs_it(before[subgraph_kind_count]) : std::ranges::none_of(before, needs_it))
    return choice;
  for (std::size_t k = 0; k < candidates.size(); ++k)
    candidates[k] = problem.networks > 0 || needs_it(before[k]);

  const std::vector<ProcessPoint> points = points_of(problem, rooflines);
  std::size_t step = (rows.size() + most_corrected_rows - 1) / most_corrected_rows;
  const auto taken = [&](std::size_t i) { return rows[i].network || i % step == 0; };
  double best = total(before);
  for (const bool tiles : {false, true}) {
    if (tiles && problem.subgraph_rows() < fewest_tile_rows) continue;
    if (!tiles && problem.networks == 0 && problem.subgraph_rows() >= always_tile_rows) continue;
    std::vector<Observation> weighed = rows;
    Corrected part = select(points, weighed, candidates, taken);
    const ProcessKernel kernel = fit_kernel(part.points, part.rows, tiles);
    for (std::size_t i = 0; i < part.rows.size(); ++i) weighed[part.origin[i]].weight = part.rows[i].weight;
    const Unseen unseen = cross_validate(problem, rooflines, weighed, options, &kernel, candidates);
    const Losses after = losses_of(problem, unseen.corrected);
    // Networks hold all kinds: then it is all or nothing.
    Kinds kinds = candidates;
    if (problem.networks == 0) {
      for (std::size_t k = 0; k < kinds.size(); ++k) kinds[k] = after[k].sum < worth_it * before[k].sum;
    }
    std::vector<double> predicted = unseen.corrected;
    for (std::size_t i = 0; i < predicted.size(); ++i) {
      if (problem.networks == 0 && !kinds[static_cast<std::size_t>(problem.kind_of_row(i))])
        predicted[i] = plain.roofline[i];
    }
    const double loss = total(losses_of(problem, predicted));
    if (loss >= worth_it * best && (choice.process.empty() || loss >= best)) continue;
    best = loss;
    const Corrected kept = select(points, weighed, kinds, taken);
    if (kept.rows.empty()) continue;
    choice = {condition(kernel, kept.points, kept.rows, true), kinds, std::move(predicted)};
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].weight = weighed[i].weight;
  }
  return choice;
}

// Where hundreds of rows show that the roofline is far off, as on a GPU whose library switches algorithms.
void flatten(Rooflines& rooflines, const Problem& problem, const Unseen& plain) {
  constexpr double far_off = 0.3;
  constexpr int fewest = 100;
  const Losses losses = losses_of(problem, plain.roofline);
  for (std::size_t k = 0; k < rooflines.kinds.size(); ++k) {
    if (losses[k].rows < fewest || losses[k].sum < far_off * losses[k].rows) continue;
    double sum = 0;
    for (std::size_t i = 0; i < problem.subgraph_rows(); ++i)
      if (static_cast<std::size_t>(problem.kind_of_row(i)) == k) sum += std::log(problem.rows[i].latency_ms);
    rooflines.kinds[k].flat_ms = std::exp(sum / losses[k].rows);
  }
}

void set_ranges(Rooflines& rooflines, const Problem& problem) {
  const auto widen = [](KindModel& model, const Extents& extents, bool first) {
    for (std::size_t e = 0; e < extents.size(); ++e) {
      model.range_low[e] = first ? extents[e] : std::min(model.range_low[e], extents[e]);
      model.range_high[e] = first ? extents[e] : std::max(model.range_high[e], extents[e]);
    }
  };
  Kinds met{};
  bool any = false;
  for (const Unit& unit : problem.units) {
    const auto k = static_cast<std::size_t>(unit.kind);
    widen(rooflines.kinds[k], unit.extents, !met[k]);
    widen(rooflines.fallback, unit.extents, !any);
    met[k] = any = true;
  }
}

void set_deviations(Rooflines& rooflines, const Problem& problem, const std::vector<double>& unseen) {
  std::array<Loss, subgraph_kind_count + 1> squares{};  // and of all rows
  for (std::size_t i = 0; i < problem.rows.size(); ++i) {
    const double error = problem.rows[i].latency_ms / unseen[i] - 1;
    std::array<std::size_t, 2> of = {static_cast<std::size_t>(problem.kind_of_row(i)), subgraph_kind_count};
    for (const std::size_t k : of) {
      if (problem.rows[i].network && k != subgraph_kind_count) continue;
      squares[k].sum += error * error;
      ++squares[k].rows;
    }
  }
  const auto deviation = [&](std::size_t k) {
    const Loss& loss = squares[k].rows > 0 ? squares[k] : squares[subgraph_kind_count];
    return std::max(std::sqrt(loss.sum / loss.rows), smallest_deviation);
  };
  for (std::size_t k = 0; k < rooflines.kinds.size(); ++k) rooflines.kinds[k].deviation = deviation(k);
  rooflines.fallback.deviation = deviation(subgraph_kind_count);
}

CrossValidation summarise(const Problem& problem, const Rooflines& rooflines, const Unseen& plain,
                          const Choice& choice, int folds) {
  CrossValidation out;
  out.rows = static_cast<int>(problem.rows.size());
  out.networks = static_cast<int>(problem.networks);
  out.folds = folds;
  const Losses roofline = losses_of(problem, plain.roofline);
  const Losses chosen = losses_of(problem, choice.unseen);
  const auto percent = [](const Loss& loss) { return loss.rows > 0 ? 100 * loss.sum / loss.rows : 0; };
  int judged = 0, within = 0;
  Loss all_roofline, all_chosen;
  for (std::size_t i = 0; i < problem.rows.size(); ++i) {
    if (problem.networks > 0 && !problem.rows[i].network) continue;
    const auto error = [&](double predicted) { return std::abs(predicted / problem.rows[i].latency_ms - 1); };
    ++judged;
    within += error(choice.unseen[i]) <= 0.1;
    all_chosen.sum += error(choice.unseen[i]);
    all_roofline.sum += error(plain.roofline[i]);
  }
  out.mape_percent = 100 * all_chosen.sum / judged;
  out.roofline_mape_percent = 100 * all_roofline.sum / judged;
  out.within_10_percent = 100.0 * within / judged;
  Kinds met{};
  for (const Unit& unit : problem.units) met[static_cast<std::size_t>(unit.kind)] = true;
  for (std::size_t k = 0; k < met.size(); ++k) {
    if (!met[k]) continue;
    out.kinds.push_back({.kind = static_cast<SubgraphKind>(k),
                         .rows = chosen[k].rows,
                         .mape_percent = percent(chosen[k]),
                         .roofline_mape_percent = percent(roofline[k]),
                         .corrected = choice.corrected[k],
                         .fallback = !rooflines.kinds[k].fitted});
  }
  return out;
}

std::vector<Outlier> outliers_of(const Problem& problem, const std::vector<Observation>& rows,
                                 const std::vector<double>& unseen) {
  constexpr double noteworthy = 0.1;
  std::vector<Outlier> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].contradicted() || std::abs(log_error(unseen[i], rows[i].latency_ms)) < noteworthy) continue;
    out.push_back({.network = rows[i].network,
                   .row = problem.origin[i],
                   .measured_ms = rows[i].latency_ms,
                   .expected_ms = unseen[i]});
  }
  return out;
}

// Full weight again to all rows but the contradicted ones that are off by half. Returns whether there are
// any.
bool keep_gross(const Problem& problem, const Rooflines& rooflines, std::vector<Observation>& rows,
                const std::vector<double>& unseen) {
  constexpr double gross = 0.4;  // a factor of 1.5
  bool any = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].contradicted() && std::abs(log_error(unseen[i], rows[i].latency_ms)) > gross) {
      // A kind that goes without a roofline has none that they could have bent.
      any |= rows[i].network || rooflines.model_of(problem.kind_of_row(i)).flat_ms == 0;
    } else {
      rows[i].weight = 1;
    }
  }
  return any;
}

}  // namespace

Estimator Estimator::fit(const Accelerator& accelerator, std::span<const SubgraphMeasurement> measured,
                         std::span<const NetworkMeasurement> networks, const FitOptions& options,
                         std::vector<Outlier>* outliers) {
  if (options.folds < 2 || !(options.coverage > 0 && options.coverage < 1)) {
    throw InputError("A fit needs at least 2 folds and a coverage between 0 and 1.");
  }
  const Problem problem = gather(accelerator, measured, networks, options);

  auto model = std::make_shared<Model>();
  model->accelerator = accelerator;
  model->coverage = options.coverage;
  model->reference_ms = options.reference_ms;
  std::vector<Observation> weighed = problem.rows;
  Unseen plain;
  Choice choice;
  // Grossly wrong rows, which the correction finds, have drawn the rooflines to them: then all over again.
  for (bool again = true, second = false; again; second = true) {
    model->rooflines = {};
    fit_rooflines(model->rooflines, accelerator, problem.units, weighed);
    set_ranges(model->rooflines, problem);
    plain = cross_validate(problem, model->rooflines, weighed, options, nullptr, {});
    flatten(model->rooflines, problem, plain);
    choice = choose_correction(problem, model->rooflines, plain, options, weighed);
    // Without a correction the roofline is all there is.
    for (std::size_t k = 0; k < choice.corrected.size(); ++k)
      if (!choice.corrected[k]) model->rooflines.kinds[k].flat_ms = 0;
    again = !second && keep_gross(problem, model->rooflines, weighed, choice.unseen);
  }
  model->correction = std::move(choice.process);
  set_deviations(model->rooflines, problem, choice.unseen);
  set_intervals(*model, problem, choice.unseen, options.seed);
  model->cross_validation = summarise(problem, model->rooflines, plain, choice, options.folds);
  model->fitted_to = problem.keys;
  std::ranges::sort(model->fitted_to);
  const auto repeated = std::ranges::unique(model->fitted_to);
  model->fitted_to.erase(repeated.begin(), repeated.end());
  if (outliers != nullptr) *outliers = outliers_of(problem, weighed, choice.unseen);
  return Estimator(std::move(model));
}

}  // namespace assay
