// What all rewrites ask about a network: who reads an operator, at which stride it works, to which block it
// belongs, and which widths hang together.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/network/network.hpp"
#include "assay/rewrite/rewrite.hpp"

#include "width_groups.hpp"

#include <string>
#include <vector>

namespace assay {

class Structure {
 public:
  explicit Structure(const Network& network);

  const Network& network() const { return network_; }
  const WidthGroups& widths() const { return widths_; }
  const std::string& name(OpId id) const { return names_[id]; }
  const std::string& block(OpId id) const { return blocks_[block_of_[id]]; }
  // What people call the place: the block where the network says what it is made of, else the operator.
  const std::string& site(OpId id) const { return network_.blocks().empty() ? name(id) : block(id); }
  // Pixels of the image per pixel of the operator's output, along the height; 0: behind the last global
  // pooling. What lies between a pooling and the multiplication with its gate counts to the latter.
  int stride(OpId id) const { return strides_[id]; }
  // The strides of all live operators, ascending, 0 last.
  std::vector<int> strides() const;

  bool live(OpId id) const { return readers_[id] > 0; }
  // Nothing but one operator reads it.
  bool read_once(OpId id) const { return readers_[id] == 1 && id != network_.output(); }
  // That operator.
  OpId reader(OpId id) const { return last_reader_[id]; }

 private:
  void find_strides();
  void find_blocks();

  const Network& network_;
  WidthGroups widths_;
  std::vector<std::string> names_;
  std::vector<int> readers_;  // live ones; the network's end counts as one
  std::vector<OpId> last_reader_;
  std::vector<int> strides_;
  std::vector<BlockMark> marks_;
  std::vector<std::string> blocks_;
  std::vector<std::size_t> block_of_;
};

std::string stage_name(int stride);

// Each adds the steps that it finds.
using Steps = std::vector<RewriteStep>;
void find_fusable_ibns(const Structure& structure, Steps& steps);
void find_dense_convolutions(const Structure& structure, Steps& steps);
void find_channel_alignments(const Structure& structure, int lanes, Steps& steps);
void find_even_channels(const Structure& structure, int lanes, Steps& steps);
void find_depth_multipliers(const Structure& structure, int lanes, Steps& steps);
void find_squeeze_excites(const Structure& structure, const Estimator& estimator, Steps& steps);
void find_activations(const Structure& structure, const FusionRules& fusion, Steps& steps);
void find_removable_blocks(const Structure& structure, Steps& steps);
void find_resolutions(const Structure& structure, Steps& steps);

}  // namespace assay
