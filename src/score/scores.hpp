// The registry's rows, each defined in the file of its score.
#pragma once

#include "probe.hpp"

namespace assay {

ScoreEntry params_score();
ScoreEntry macs_score();
ScoreEntry capacity_score();
ScoreEntry signal_propagation_score();
ScoreEntry gradient_correlation_score();
ScoreEntry gradient_drift_score();
ScoreEntry feature_similarity_score();
ScoreEntry naswot_score();
ScoreEntry jacob_cov_score();
ScoreEntry synflow_score();
ScoreEntry grad_norm_score();
ScoreEntry snip_score();
ScoreEntry zen_score();
ScoreEntry expressivity_score();
ScoreEntry progressivity_score();
ScoreEntry trainability_score();
ScoreEntry linear_regions_score();
ScoreEntry swap_score();
ScoreEntry meco_score();
ScoreEntry participation_ratio_score();
ScoreEntry entropy_score();
ScoreEntry nn_mass_score();
ScoreEntry nn_degree_score();
ScoreEntry depth_score();
ScoreEntry blocks_score();
ScoreEntry fisher_score();
ScoreEntry grasp_score();
ScoreEntry zico_score();
ScoreEntry ntk_condition_score();
ScoreEntry fisher_spectrum_score();

}  // namespace assay
