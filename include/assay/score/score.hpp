// Zero-shot scores: numbers read off a randomly initialised network that stand in for its trained accuracy.
//
// What they mean for a user (all: one number per network, comparable between networks of one task and one
// set of conditions only; higher is better unless the registry says otherwise):
//
//   params, macs    size and work. The baseline that every other score has to beat.
//   capacity        width of all layers at their resolution: size between params and macs.
//   signal_propagation
//                   whether signals pass the random network undisturbed, in units of capacity. Made of:
//   gradient_correlation, gradient_drift, feature_similarity
//                   whether images are told apart, gradients keep their size, features keep what they share.
//   depth, blocks   how long the network is, in layers and in blocks.
//   nn_mass         how densely skip links join the layers.
//   nn_degree       how many channels the average channel is joined to.
//   entropy         how much information its features can hold, in closed form: size, depth and resolution.
//   naswot          how differently the network's activation pattern codes different inputs.
//   swap            how many different ways single units have to sort inputs: much the number of units.
//   linear_regions  how many linear pieces the network has along a curve of inputs.
//   jacob_cov       how differently the output reacts to small changes of different inputs.
//   synflow         how much signal all paths together carry, weights taken by magnitude: size, depth and
//                   connectivity in one number.
//   grad_norm       how strongly the loss pulls at the weights of the untrained network.
//   snip            how much of the loss hangs on the weights: |weight x gradient|.
//   zen             how fast the features grow with a perturbation of the input, the growth hidden by batch
//                   normalisation included: expressivity of the plain (residual-free) network.
//   expressivity    how evenly the blocks' features fill their channel space (entropy of the PCA spectrum).
//   progressivity   whether that grows from every block to the next.
//   trainability    whether gradients keep their size through every block.
//   participation_ratio
//                   how many dimensions the blocks' features fill.
//   meco            how little the channels of feature maps repeat each other.
//   fisher          how much of the loss hangs on whole channels.
//   grasp           how the weights hold up the flow of gradients.
//   zico            how large gradients are against their variation between batches.
//   ntk_condition   how unevenly gradient descent would learn the directions of the data (lower is better).
//   fisher_spectrum whether the data would determine all weights equally well.
//
// A score states the conditions it is taken under (input, initialisation, batch-norm mode, ...). Scores with
// equal conditions share one compiled network, one forward and one backward pass.
//
// Values are functions of the network's fingerprint, the settings and the machine's instruction set: the same
// bits for every worker and every order. Which other scores are asked for moves rounding only (a shared pass
// keeps tensors apart that a pass of its own would fuse): relative differences below 1e-4. Inputs, labels and
// gradient seeds are the same for all networks of a seed (common random numbers make ranks more stable);
// weights are drawn per fingerprint.
#pragma once

#include "assay/network/network.hpp"
#include "assay/runtime/runtime.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// What a score costs, in units of one forward pass of the batch.
enum class ScoreCost {
  none,              // read off the network, nothing is executed
  single_image,      // passes of one image: cheap
  tiny_images,       // one of many images of a few pixels: cheap
  forward,           // 1 (zen: 2)
  backward,          // about 2: forward, and gradients of activations
  weight_gradients,  // about 3: and gradients of weights
  two_gradients,     // about 6: that twice
  many_backwards,    // about 10: backward passes for several draws of labels
  image_gradients,   // about 2 an image: gradients of weights for each image by itself
};

enum class ScoreInput {
  gaussian,  // N(0, 1), `batch` images
  ones,      // one image, all ones
  // Evenly spaced on a great circle: a cos t + b sin t, a and b the first two images of N(0, 1).
  circle,
};

enum class BackwardSeed {
  none,
  ones,            // gradient of the sum of all outputs
  uneven,          // of the sum of the outputs, even images 5/4 times and odd ones 3/4 times
  cross_entropy,   // mean cross-entropy against uniformly random labels
  rademacher,      // a fresh random -1/+1 tensor at the output of every block (AZ-NAS)
  each_image,      // one backward pass per image, from the sum of its outputs
  sampled_labels,  // 8 backward passes, from log p(label) with labels drawn from the network's own softmax p
};

// How a network is executed for a score.
struct ScoreConditions {
  ScoreInput input = ScoreInput::gaussian;
  Initialisation initialisation = Initialisation::kaiming_normal_fan_in;
  BatchNormMode batch_norm = BatchNormMode::batch_statistics;
  bool residuals = true;  // false: every add keeps its deepest input only
  // The linear network of the magnitudes: |weights|, without batch norm; activations are the identity and
  // gates are 1.
  bool linearised = false;
  bool perturbed = false;  // a second forward pass, of the input plus 0.01 N(0, 1)
  int input_batches = 1;   // so many independent inputs (and labels) are run, one after the other
  int most_images = 0;     // the batch is cut to so many images; 0: it is not
  // All is run twice, all weights of convolutions and linear operators times 1 + 2^-10, then times 1 - 2^-10;
  // piecewise linear activations stay on the pieces on which the weights as they are put them.
  bool rescaled = false;
  int images = 0;  // exactly so many, whatever the batch; 0: the batch
  // At most so many pixels a side, twice as many (and so on) where the network does not work at that; 0: as
  // ScoreSettings says.
  int resolution = 0;
  BackwardSeed backward = BackwardSeed::none;
  bool weight_gradients = false;
  bool input_gradient = false;

  friend bool operator==(const ScoreConditions&, const ScoreConditions&) = default;
};

// "input N(0,1); kaiming_normal_fan_in; batch-norm statistics of the batch; residuals kept; ...".
std::string describe(const ScoreConditions& conditions);

struct ScoreInfo {
  std::string_view name;
  std::string_view summary;  // one line for people
  std::string_view formula;  // plain text
  std::string_view source;   // paper
  std::string_view range;    // of the values
  int direction = +1;        // +1: higher is better, -1: lower is better
  ScoreCost cost = ScoreCost::none;
  std::optional<ScoreConditions> conditions = {};  // absent when nothing is executed
  // Whether it is the rank alone that tells something. Otherwise the score is in units of log(capacity): a
  // difference of 0.1 means the same in every cohort.
  bool by_rank = true;
};

// How a score enters a rank score.
struct RankTerm {
  int direction = +1;
  bool by_rank = true;  // log(rank / n); otherwise the value itself
};

// All scores, in the order of the table above.
std::span<const ScoreInfo> score_registry();
// Null when there is none of that name.
const ScoreInfo* find_score(std::string_view name);

// The scores that `search` and `score` combine when none are named: capacity and signal_propagation, both in
// units of log(capacity) and added as they are, so that the rank score is a number of the network alone,
// whatever it is compared with. Spearman correlation with trained accuracy (batch 16, at most 64 pixels):
// 0.936 on NAS-Bench-201 (1,500 networks), 0.930 on the ImageNet space of Accel-NASBench (1,000 networks),
// where the three scores of AZ-NAS with macs have 0.91 and 0.44. Evidence: bench/scores.md.
std::vector<std::string> default_scores();

struct ScoreSettings {
  std::vector<std::string> scores = default_scores();
  int batch = 16;   // images per pass; at least 2
  int repeats = 1;  // independent initialisations and inputs, averaged
  // Networks are executed at no more than this many pixels a side (the longer one; the other in proportion);
  // 0: at their own resolution. Scores that execute nothing see the network as it is. Networks that reduce
  // their input 32-fold keep 2 x 2 features at 64 pixels; with one pixel left, scores break down.
  int resolution = 64;
  std::uint64_t seed = 1;
};

// Throws InputError naming the setting and the remedy: an unknown score (with the nearest known name), one
// that stands twice, none at all, a batch or number of repeats out of range.
void validate(const ScoreSettings& settings);

// Of each named score: by value where all of them can be, by rank otherwise, since values and ranks do not
// add up without weights (score/rank_fit.hpp). Throws InputError for unknown names.
std::vector<RankTerm> rank_terms(std::span<const std::string> scores);

// What became of one network.
struct ScoreRecord {
  std::uint64_t fingerprint = 0;
  // In the order of ScoreSettings::scores; NaN where a score has no value (then `status` says why).
  std::vector<double> values;
  // "ok", or what went wrong and where: "not_finite: snip zen; no_activation: naswot". The reasons:
  //   not_finite        the passes or the score overflowed, or the logarithm of zero was needed
  //   no_activation     the network has no activation
  //   too_few_blocks    it has fewer blocks than the score compares
  //   too_large         a block has more channels than a covariance is computed for (4096), or the network
  //                     more weights than ntk_condition keeps gradients of (2^27 over all images)
  //   singular          two inputs cannot be told apart (equal activation codes, dependent gradients)
  //   constant_output   the output does not depend on the input, or on no weight
  //   no_weights        nothing can be trained
  //   not_executable    the runtime cannot run the network, or not within the worker's memory limit; its
  //                     message follows
  // or "cancelled" alone: a stop was requested meanwhile, and there are no values.
  std::string status = "ok";

  bool ok() const { return status == "ok"; }
};

// Whether every score has a value.
bool complete(std::span<const double> values);

// Scores networks. One Scorer serves all threads; each calls it with its own Worker:
//
//   Scorer scorer(settings);
//   pool.run(count, [&](Worker& worker, std::int64_t i) { records[i] = scorer.score(worker, networks[i]); });
class Scorer {
 public:
  // Throws InputError as `validate` does.
  explicit Scorer(ScoreSettings settings);
  ~Scorer();
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  const ScoreSettings& settings() const;

  // params and macs are those of the network as given, dead branches included, as published tables count
  // them; everything else is computed on its canonical form and is a function of the fingerprint. Where dead
  // branches must gain nothing (in a search), give canonical(network). Numerical trouble and networks that
  // cannot be executed end in the record's status, never in an exception. So does a stop, within about a
  // second: it is heeded between operators (not within the eigenvalues of a block of thousands of channels).
  // The worker's own stop token is cleared. Thread-safe.
  ScoreRecord score(Worker& worker, const Network& network, std::stop_token stop = {}) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// One number out of several scores. By rank it is that of AZ-NAS (Lee and Ham, CVPR 2024), with a weight per
// score: over a cohort of n networks,
//   sum over scores of weight x log(rank / n),   rank n for the best, average ranks for ties;
//   the value itself in place of log(rank / n) for scores that do not enter by rank.
// Higher is better. One bad rank costs more than several good ones gain. For scores that enter by rank only
// their order matters: any increasing function leaves it unchanged. Weights are finite and not negative,
// one per score; without any, each is 1.
//
// Records that miss any of the scores get NaN and are not part of the cohort. In a cohort of one every rank
// term is 0; equal networks get equal scores.
std::vector<double> rank_scores(std::span<const ScoreRecord> records, std::span<const RankTerm> terms,
                                std::span<const double> weights = {});

// One score's part of rank_scores over rows that all have it, added to `sums`: what a cohort too large for its
// records is ranked with, score by score. Values as in ScoreRecord, one per row.
void add_rank_term(const RankTerm& term, double weight, std::vector<double> values, std::span<double> sums);

// The same over a growing archive, and for newcomers that are to be compared with it.
class RankArchive {
 public:
  explicit RankArchive(std::vector<RankTerm> terms, std::vector<double> weights = {});

  // `values` as in ScoreRecord. Records with a missing value are kept, outside the cohort.
  void add(std::span<const double> values);
  std::size_t size() const { return size_; }
  // Rank score of every record added so far, in that order: as rank_scores. O(n log n) per score.
  std::vector<double> scores() const;
  // The rank score that a network with these values would get if it joined the archive; NaN when one is
  // missing. O(log n) per score after the first call since the last add.
  double score_of(std::span<const double> values) const;
  // Per score, the share of the archive that is worse (ties count half), 0 .. 1; NaN where a value is missing
  // or the archive is empty.
  std::vector<double> percentiles_of(std::span<const double> values) const;

 private:
  void sort() const;

  std::vector<RankTerm> terms_;
  std::vector<double> weights_;
  std::vector<double> values_;  // size_ rows, one column per score, direction applied
  std::size_t size_ = 0;
  mutable std::vector<std::vector<double>> sorted_;  // per score, the cohort's values in ascending order
  mutable std::size_t sorted_rows_ = 0;
};

}  // namespace assay
