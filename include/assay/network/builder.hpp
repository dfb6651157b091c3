// Builds a Network operator by operator, inferring and checking shapes as it goes. Fast enough to decode tens
// of thousands of candidates a second: no allocation per operator beyond the growth of flat vectors, which
// `reset` keeps.
#pragma once

#include "assay/network/network.hpp"

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace assay {

class NetworkBuilder {
 public:
  explicit NetworkBuilder(Shape input, std::string_view title = {});

  // Appends an operator; returns its id. Throws InputError naming the operator when its attributes or input
  // shapes do not fit (channels 0, kernel larger than the padded input, groups not dividing the channels,
  // shapes that differ in an add, ...).
  OpId add(const Operator& op, std::span<const OpId> inputs, std::string_view name);
  OpId add(const Operator& op, std::initializer_list<OpId> inputs, std::string_view name) {
    return add(op, std::span<const OpId>(inputs.begin(), inputs.size()), name);
  }

  // The common ones.
  OpId convolution(OpId x, int channels, const Window& window, std::string_view name, int groups = 1,
                   bool bias = false);
  OpId batch_norm(OpId x, std::string_view name);
  OpId activation(OpId x, Activation function, std::string_view name, float parameter = 0);
  OpId max_pool(OpId x, const Window& window, std::string_view name);
  OpId average_pool(OpId x, const Window& window, std::string_view name, bool count_include_pad = false);
  OpId global_average_pool(OpId x, std::string_view name);
  OpId linear(OpId x, int features, std::string_view name, bool bias = true);
  OpId sum(std::span<const OpId> inputs, std::string_view name);  // one input: returned as it is
  OpId sum(OpId a, OpId b, std::string_view name);
  OpId multiply(OpId a, OpId b, std::string_view name);
  OpId concat(std::span<const OpId> inputs, std::string_view name);  // one input: returned as it is
  OpId zero(OpId like, int channels, int stride, std::string_view name);

  // Prefix of the names that follow: "stage2.block1" makes "stage2.block1.expand".
  void set_scope(std::string_view scope) { scope_.assign(scope); }
  const std::string& scope() const { return scope_; }

  void mark_block(OpId output, std::string_view name);
  Shape shape(OpId id) const { return network_.shapes_[id]; }
  int size() const { return network_.size(); }

  // Ends the construction. Throws InputError when `output` is not an operator.
  Network finish(OpId output) &&;

 private:
  Network network_;
  std::string scope_;
};

}  // namespace assay
