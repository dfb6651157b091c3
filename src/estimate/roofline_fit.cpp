#include "roofline_fit.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace assay {
namespace {

constexpr std::size_t fewest_kind_rows = 12;  // of a kind fitted to its own rows: twice the roofline's terms
constexpr double worth_it = 0.95;             // a softer lane must pay: without evidence lanes are hard
constexpr double exact = 1e-10;

struct Part {
  const Unit* unit = nullptr;
  double count = 1;
};
// A row of the regression: parts of unknown times that add up to `latency`.
struct Equation {
  std::vector<Part> parts;
  double latency = 0;
};

// Subgraph rows are fitted kind by kind, with both faces.
struct KindRows {
  std::vector<const Unit*> units;
  std::vector<double> latencies;

  void add(const Unit& unit, double latency) {
    units.push_back(&unit);
    latencies.push_back(latency);
  }
  std::vector<Terms> terms(const Accelerator& accelerator,
                           const std::function<LaneModel(const Subgraph&)>& lanes) const {
    std::vector<Terms> out;
    for (const Unit* unit : units)
      out.push_back(terms_of(accelerator, lanes(unit->subgraph), unit->subgraph, unit->work));
    return out;
  }
};

LaneModel usable_lanes(const Accelerator& accelerator, const Subgraph& subgraph) {
  LaneModel lanes = lanes_from_file(accelerator, subgraph);
  for (LaneDimension& dimension : lanes) dimension.lanes = std::max(dimension.lanes, 1);
  return lanes;
}

std::array<bool, lane_dimension_count> open_lanes(const Accelerator& accelerator, const Subgraph& subgraph) {
  const LaneModel lanes = lanes_from_file(accelerator, subgraph);
  std::array<bool, lane_dimension_count> open{};
  for (std::size_t d = 0; d < lanes.size(); ++d) open[d] = lanes[d].lanes == 0;
  return open;
}

// Coordinate descent over each dimension's lanes (where open) and softness, starting from model.lanes.
void select_lanes(KindModel& model, const std::array<bool, lane_dimension_count>& open,
                  const std::function<double()>& loss_of_model) {
  double best = loss_of_model();
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t d = 0; d < model.lanes.size(); ++d) {
      std::vector<int> counts = {model.lanes[d].lanes};
      if (open[d]) counts = {1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256};
      LaneDimension chosen = model.lanes[d];
      std::vector<double> losses;  // per count, with its best softness
      for (const int count : counts) {
        double least = std::numeric_limits<double>::infinity();
        for (const double softness : {1.0, 0.75, 0.5, 0.25, 0.0}) {
          // One lane wastes nothing, whatever its softness, and neither do lanes without softness.
          if (softness < 1 && (count == 1 || best < exact)) continue;
          if (softness == 0 && open[d]) continue;
          model.lanes[d] = {count, softness};
          const double loss = loss_of_model();
          least = std::min(least, loss);
          if (loss >= worth_it * best) continue;
          best = loss;
          chosen = model.lanes[d];
        }
        losses.push_back(least);
      }
      model.lanes[d] = chosen;
      if (!open[d]) continue;
      model.evidence[d] = {.rival = 0, .rival_error = std::numeric_limits<double>::infinity()};
      for (std::size_t c = 0; c < counts.size(); ++c) {
        if (counts[c] == chosen.lanes) continue;
        const double ratio = std::sqrt(std::max(losses[c], exact) / std::max(best, exact));
        if (ratio < model.evidence[d].rival_error) model.evidence[d] = {counts[c], ratio};
      }
    }
  }
}

class Fitter {
 public:
  Fitter(Rooflines& rooflines, const Accelerator& accelerator, std::span<const Unit> units,
         std::span<const Observation> rows)
      : rooflines_(rooflines), accelerator_(accelerator) {
    for (const Observation& row : rows) {
      if (row.contradicted()) continue;  // least squares would follow it
      if (!row.network) {
        const Unit& unit = units[static_cast<std::size_t>(row.parts[0].point)];
        by_kind_[static_cast<std::size_t>(unit.kind)].add(unit, row.latency_ms);
        all_.add(unit, row.latency_ms);
        continue;
      }
      Equation equation{.parts = {}, .latency = row.latency_ms};
      for (const Observation::Part& part : row.parts) {
        const Unit& unit = units[static_cast<std::size_t>(part.point)];
        equation.parts.push_back({&unit, part.count});
        examples_[static_cast<std::size_t>(unit.kind)] = &unit.subgraph;
      }
      networks_.push_back(std::move(equation));
    }
  }

  void fit(bool choose_lanes) {
    set_least();
    std::vector<std::size_t> unknown;
    for (std::size_t k = 0; k < by_kind_.size(); ++k) {
      KindModel& model = rooflines_.kinds[k];
      model.rows = static_cast<int>(by_kind_[k].units.size());
      model.fitted = by_kind_[k].units.size() >= fewest_kind_rows;
      if (model.fitted) {
        fit_kind(model, by_kind_[k], choose_lanes);
      } else if (examples_[k] != nullptr) {
        unknown.push_back(k);
      }
    }
    fit_fallback();
    if (!unknown.empty()) fit_from_networks(unknown, choose_lanes);
  }

 private:
  // A hundredth of what a subgraph takes in the fastest row: room for the correction, which multiplies.
  void set_least() {
    double least = std::numeric_limits<double>::infinity();
    for (const double latency : all_.latencies) least = std::min(least, latency);
    for (const Equation& network : networks_) {
      double count = 0;
      for (const Part& part : network.parts) count += part.count;
      least = std::min(least, network.latency / count);
    }
    rooflines_.least_ms = least / 100;
  }

  void fit_kind(KindModel& model, const KindRows& rows, bool choose_lanes) {
    const auto fit = [&] {
      const std::vector<Terms> terms = rows.terms(accelerator_, [&](const Subgraph&) { return model.lanes; });
      model.roofline = fit_roofline(terms, rows.latencies);
      return log_loss(model.roofline, terms, rows.latencies);
    };
    if (choose_lanes) {
      const Subgraph& example = rows.units[0]->subgraph;
      model.lanes = usable_lanes(accelerator_, example);
      select_lanes(model, open_lanes(accelerator_, example), fit);
    }
    fit();
  }

  void fit_fallback() {
    KindModel& fallback = rooflines_.fallback;
    fallback.fitted = true;
    fallback.rows = static_cast<int>(all_.units.size());
    if (!all_.units.empty()) {
      const auto terms = all_.terms(
          accelerator_, [&](const Subgraph& subgraph) { return usable_lanes(accelerator_, subgraph); });
      fallback.roofline = fit_roofline(terms, all_.latencies);
      return;
    }
    std::vector<KindModel*> columns(subgraph_kind_count, &fallback);
    solve(columns);
  }

  void fit_from_networks(const std::vector<std::size_t>& unknown, bool choose_lanes) {
    std::vector<KindModel*> columns(subgraph_kind_count, nullptr);
    for (const std::size_t k : unknown) {
      columns[k] = &rooflines_.kinds[k];
      rooflines_.kinds[k].fitted = true;
      if (choose_lanes) rooflines_.kinds[k].lanes = usable_lanes(accelerator_, *examples_[k]);
    }
    if (choose_lanes) {
      for (const std::size_t k : unknown)
        select_lanes(rooflines_.kinds[k], open_lanes(accelerator_, *examples_[k]),
                     [&] { return solve(columns); });
    }
    solve(columns);
  }

  // Fits the roofline (one face) that stands for each kind in `columns`, all together; kinds without one have
  // theirs. Returns the mean squared logarithm of the error.
  double solve(const std::vector<KindModel*>& columns) {
    std::vector<KindModel*> models;  // each once
    for (KindModel* model : columns)
      if (model != nullptr && std::ranges::find(models, model) == models.end()) models.push_back(model);
    std::vector<std::vector<double>> matrix;
    std::vector<double> known, targets;
    for (const Equation& network : networks_) {
      std::vector<double>& row = matrix.emplace_back(models.size() * term_count, 0.0);
      double rest = 0;
      for (const auto& [unit, count] : network.parts) {
        KindModel* const model = columns[static_cast<std::size_t>(unit->kind)];
        if (model == nullptr) {
          rest += count * rooflines_.latency_ms(accelerator_, unit->subgraph, unit->work);
          continue;
        }
        const LaneModel lanes =
            model == &rooflines_.fallback ? usable_lanes(accelerator_, unit->subgraph) : model->lanes;
        const Terms terms = terms_of(accelerator_, lanes, unit->subgraph, unit->work);
        const auto first = static_cast<std::size_t>(std::ranges::find(models, model) - models.begin());
        for (std::size_t t = 0; t < terms.size(); ++t) row[first * term_count + t] += count * terms[t];
      }
      for (double& x : row) x /= network.latency;
      known.push_back(rest / network.latency);
      targets.push_back(std::max(0.0, 1 - known.back()));
    }
    const std::vector<double> solution = nonnegative_least_squares(matrix, targets);
    for (std::size_t m = 0; m < models.size(); ++m) {
      std::copy_n(solution.begin() + static_cast<std::ptrdiff_t>(m * term_count), term_count,
                  models[m]->roofline.a.begin());
      models[m]->roofline.b = models[m]->roofline.a;
    }
    double loss = 0;
    for (std::size_t i = 0; i < matrix.size(); ++i) {
      double sum = known[i];
      for (std::size_t c = 0; c < solution.size(); ++c) sum += matrix[i][c] * solution[c];
      const double error = std::log(std::max(sum, smallest_latency));
      loss += error * error;
    }
    return loss / static_cast<double>(matrix.size());
  }

  Rooflines& rooflines_;
  const Accelerator& accelerator_;
  std::array<KindRows, subgraph_kind_count> by_kind_;
  KindRows all_;
  std::vector<Equation> networks_;
  std::array<const Subgraph*, subgraph_kind_count> examples_{};  // of the kinds in networks
};

}  // namespace

bool KindModel::covers(const Extents& extents) const {
  for (std::size_t e = 0; e < extents.size(); ++e) {
    if (extents[e] < range_low[e] || extents[e] > range_high[e]) return false;
  }
  return true;
}

const KindModel& Rooflines::model_of(SubgraphKind kind) const {
  const KindModel& own = kinds[static_cast<std::size_t>(kind)];
  return own.fitted ? own : fallback;
}

LaneModel Rooflines::lanes_of(const Accelerator& accelerator, const Subgraph& subgraph) const {
  const KindModel& model = model_of(kind_of(subgraph));
  return &model == &fallback ? usable_lanes(accelerator, subgraph) : model.lanes;
}

Terms Rooflines::terms(const Accelerator& accelerator, const Subgraph& subgraph, const Work& work) const {
  return terms_of(accelerator, lanes_of(accelerator, subgraph), subgraph, work);
}

double Rooflines::latency_ms(const Accelerator& accelerator, const Subgraph& subgraph,
                             const Work& work) const {
  const KindModel& model = model_of(kind_of(subgraph));
  if (model.flat_ms > 0) return model.flat_ms;
  return std::max(model.roofline(terms(accelerator, subgraph, work)), least_ms);
}

void fit_rooflines(Rooflines& rooflines, const Accelerator& accelerator, std::span<const Unit> units,
                   std::span<const Observation> rows) {
  Fitter(rooflines, accelerator, units, rows).fit(true);
}

void refit_rooflines(Rooflines& rooflines, const Accelerator& accelerator, std::span<const Unit> units,
                     std::span<const Observation> rows) {
  Fitter(rooflines, accelerator, units, rows).fit(false);
}

}  // namespace assay
