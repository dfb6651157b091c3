// Latency without hardware in the loop: a regression over subgraphs, fitted to measurements; a network's
// latency is the sum over its subgraphs.
//
// Subgraph s takes  latency = max(A x, B x) exp(g(s)).
// The first factor is a roofline with two faces per kind of subgraph: x holds lane cycles (work divided by
// softened lane efficiency, the unroll efficiency of ANNETTE, Wess et al. 2021), changes of weights, off-chip
// and on-chip bytes, and 1 for the launch; A and B are not negative, so that it never falls when work grows.
// g is a Gaussian process over the shapes, for what the roofline does not explain; kinds that it does not
// improve under cross-validation go without. Measurements are of subgraphs, of whole networks (whose sums
// are fitted without knowing their parts), or of both; then g also holds how times inside of a network
// differ from times alone. Relative errors are minimised, and rows that contradict all others count less.
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

// Errors on rows that the fold's model has not seen (its lanes and kernel are those of all rows). Where
// networks were measured they are of networks, else of subgraphs.
struct CrossValidation {
  struct Kind {
    SubgraphKind kind = SubgraphKind::convolution;
    int rows = 0;                      // measured subgraphs
    double mape_percent = 0;           // of them
    double roofline_mape_percent = 0;  // of the roofline alone
    bool corrected = false;            // the Gaussian process lowers the error
    bool fallback = false;             // too few rows: the roofline of all kinds together is used
  };
  int rows = 0;
  int networks = 0;  // of the rows
  int folds = 0;
  double mape_percent = 0;
  double roofline_mape_percent = 0;  // of the roofline alone
  double within_10_percent = 0;      // percentage of rows
  std::vector<Kind> kinds;
};

// What the measurements say about a unit's lanes.
struct LaneFinding {
  SubgraphKind kind = SubgraphKind::convolution;
  std::string_view dimension;  // "input channels", "output channels", "pixels", "vector"
  int lanes = 1;
  double softness = 1;  // 1: a lane that is not filled is lost; 0: nothing is lost
  bool from_file = false;
  int rival = 0;           // the best other count; 0: none was tried
  double rival_error = 1;  // how many times larger the error is with it: near 1, the data do not tell
};

// A measurement that the others contradict.
struct Outlier {
  bool network = false;
  std::size_t row = 0;  // index into the measurements given
  double measured_ms = 0, expected_ms = 0;
};

// Where a subgraph runs. Inside of a network its inputs lie in other caches than in a loop over itself alone.
enum class Setting { in_network, alone };

struct FitOptions {
  int folds = 5;
  double coverage = 0.9;  // of the prediction interval, in (0, 1)
  std::uint64_t seed = 1;
  // What the reference workload took at the machine speed that the latencies stand for (see Timing); 0: not
  // known. Kept, so that later measurements can be brought to the same speed.
  double reference_ms = 0;
};

// A measured whole network, as it is executed: pass canonical(network) where a space has zero operators.
struct NetworkMeasurement {
  const Network* network = nullptr;
  double latency_ms = 0;
};

class Estimator {
 public:
  struct Model;

  // From at least 10 rows, or at least 20 networks, or 10 rows and 5 networks. Throws InputError for fewer,
  // for latencies that are not positive, or that the accelerator's peak rate makes impossible (seconds
  // instead of milliseconds). Deterministic. `outliers`, where given, receives the contradicted rows.
  static Estimator fit(const Accelerator& accelerator, std::span<const SubgraphMeasurement> rows,
                       std::span<const NetworkMeasurement> networks, const FitOptions& options = {},
                       std::vector<Outlier>* outliers = nullptr);

  // The accelerator's cycle model itself: nothing is fitted, intervals are points, nothing is extrapolated, so
  // that estimates of one network depend on no other. Throws InputError as require_cycle_model.
  static Estimator of_cycle_model(const Accelerator& accelerator);

  static Estimator load(const std::string& path);
  // Throws InputError naming `source` for anything that to_json does not write.
  static Estimator from_json(std::string_view text, const std::string& source);
  // Versioned; from_json(to_json()).to_json() gives the same bytes.
  std::string to_json() const;

  // As declared, dead operators left out; pass canonical(network) where a space has zero operators. For many
  // networks use a Session.
  Prediction predict(const Network& network) const;
  Prediction predict(const Subgraph& subgraph, Setting setting = Setting::in_network) const;
  // In execution order; the latencies sum to predict(network).latency_ms.
  std::vector<SubgraphPrediction> explain(const Network& network) const;

  const Accelerator& accelerator() const;
  const CrossValidation& cross_validation() const;
  // Whether it was among the measurements: judging the estimator by it would flatter.
  bool fitted_to(const Subgraph& subgraph) const;
  bool fitted_to(const Network& network) const;
  std::vector<LaneFinding> lanes() const;
  double coverage() const;
  double reference_ms() const;

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
// under a second on spaces whose roofline is exact; seconds where a correction has to be fitted.
Estimator fit_from_networks(const Accelerator& accelerator, std::span<const Network> networks,
                            const SampleOptions& options = {});

}  // namespace assay
