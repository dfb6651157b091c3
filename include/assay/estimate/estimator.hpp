// Latency without hardware in the loop: a regression over subgraphs, fitted to measurements; a network's
// latency is the sum over its subgraphs.
//
// Per kind of subgraph the model is
//   latency = max(A x, B x) * r,
// a roofline with two faces. x holds lane cycles (work divided by softened lane efficiency, the unroll
// efficiency of ANNETTE, Wess et al. 2021), changes of weights, off-chip and on-chip bytes, and 1 for the
// launch. A and B are not negative: the roofline never falls when work grows. r is a ridge regression of what
// is left on the logarithms of the shape, and 1 unless cross-validation favours it. Relative errors are
// minimised.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/accelerator/cycle_model.hpp"
#include "assay/accelerator/measurement.hpp"
#include "assay/accelerator/subgraph.hpp"
#include "assay/network/network.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct Prediction {
  double latency_ms = 0;
  double latency_low_ms = 0, latency_high_ms = 0;  // the estimator's coverage() interval (90 % unless asked)
  bool extrapolated =
      false;  // some subgraph lies outside the range of the measurements, or its kind was never measured
};

struct SubgraphPrediction {
  Subgraph subgraph;
  OpId first = 0, last = 0;  // operators of the network, see SubgraphInstance
  double latency_ms = 0;
  double share = 0;            // of the network's latency
  double lane_efficiency = 0;  // with the fitted lanes and softness
  Bound bound = Bound::compute;
  bool extrapolated = false;
};

// Errors on rows that the fold's model has not seen.
struct CrossValidation {
  struct Kind {
    SubgraphKind kind = SubgraphKind::convolution;
    int rows = 0;
    double mape_percent = 0;
    bool fallback = false;  // too few rows: the model of all kinds together is used
  };
  int rows = 0;
  int folds = 0;
  double mape_percent = 0;
  double within_10_percent = 0;  // percentage of rows
  std::vector<Kind> kinds;
};

struct FitOptions {
  int folds = 5;
  double coverage = 0.9;  // of the prediction interval, in (0, 1)
  std::uint64_t seed = 1;
};

// A measured whole network: calibrates the prediction interval of sums.
struct NetworkMeasurement {
  const Network* network = nullptr;
  double latency_ms = 0;
};

class Estimator {
 public:
  struct Model;

  // Throws InputError for too few rows, or latencies that the accelerator's peak rate makes impossible
  // (seconds instead of milliseconds). Deterministic. `networks` (none, or at least 20 not used for `rows`)
  // calibrate the interval of sums; without them it is calibrated on sums of random cross-validated rows.
  static Estimator fit(const Accelerator& accelerator, std::span<const SubgraphMeasurement> rows,
                       std::span<const NetworkMeasurement> networks, const FitOptions& options = {});

  static Estimator load(const std::string& path);
  // Throws InputError naming `source` for anything that to_json does not write.
  static Estimator from_json(std::string_view text, const std::string& source);
  // Versioned; from_json(to_json()).to_json() gives the same bytes.
  std::string to_json() const;

  // As declared, dead operators left out; pass canonical(network) where a space has zero operators. For many
  // networks use a Session.
  Prediction predict(const Network& network) const;
  Prediction predict(const Subgraph& subgraph) const;
  // In execution order; the latencies sum to predict(network).latency_ms.
  std::vector<SubgraphPrediction> explain(const Network& network) const;

  const Accelerator& accelerator() const;
  const CrossValidation& cross_validation() const;
  double coverage() const;

  // Predicts many networks: splits into reused buffers and looks subgraphs up by key, so that a network costs
  // a few microseconds and no allocation. One per thread. Same results as
  // predict.
  class Session {
   public:
    explicit Session(const Estimator& estimator);
    Prediction predict(const Network& network);

   private:
    struct Entry {
      std::uint64_t key = 0;  // 0: empty
      double latency_ms = 0;
      double variance = 0;
      bool extrapolated = false;
    };
    const Entry& look_up(const Subgraph& subgraph);
    void grow();

    std::shared_ptr<const Model> model_;
    SubgraphSplitter splitter_;
    std::vector<Entry> table_;
    std::size_t used_ = 0;
  };

 private:
  explicit Estimator(std::shared_ptr<const Model> model) : model_(std::move(model)) {}
  std::shared_ptr<const Model> model_;
};

struct SampleOptions : FitOptions {
  int subgraphs = 500;  // measured ones
  double noise = 0;     // of the cycle model, see measure_on_model
};

// An estimator for an accelerator that exists as a file only: samples subgraphs of `networks` by kind (and,
// when those are few, variations of their channels and sizes), measures them on the cycle model, fits. At
// least one network; two to five hundred of a space serve well, so that few others leave their range. Well
// under a second.
Estimator fit_from_networks(const Accelerator& accelerator, std::span<const Network> networks,
                            const SampleOptions& options = {});

}  // namespace assay
