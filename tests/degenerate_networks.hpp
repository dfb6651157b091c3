// Networks that nobody would train, for tests of what becomes of them.
#pragma once

#include "score_networks.hpp"

#include <functional>
#include <string>
#include <vector>

namespace assay::test {

struct Degenerate {
  std::string name;
  std::string status;  // what the status says, among other things
  Shape input;
  std::function<OpId(NetworkBuilder&)> build;  // gives the output

  Network network() const {
    NetworkBuilder b(input, name);
    const OpId output = build(b);
    return std::move(b).finish(output);
  }
};

inline OpId doubled(NetworkBuilder& b, OpId x, int times) {
  for (int i = 0; i < times; ++i) x = b.sum(x, x, "twice");
  return x;
}

inline OpId relu(NetworkBuilder& b, OpId x) {
  return b.activation(x, Activation::relu, "relu");
}

inline OpId block(NetworkBuilder& b, OpId x) {
  b.mark_block(x, "block");
  return x;
}

inline const std::vector<Degenerate> degenerate_networks = {
    {"its input",
     "no_weights: synflow grad_norm snip fisher grasp zico ntk_condition fisher_spectrum",
     {3, 4, 4},
     [](NetworkBuilder&) { return 0; }},
    {"one number",
     "singular: naswot; constant_output: jacob_cov",
     {1, 1, 1},
     [](NetworkBuilder& b) { return relu(b, 0); }},
    {"one number in and out, with a weight",
     "singular: naswot ntk_condition; constant_output: jacob_cov zico fisher_spectrum",
     {1, 1, 1},
     [](NetworkBuilder& b) { return b.linear(block(b, relu(b, 0)), 1, "linear"); }},
    {"one class",
     "constant_output: zico fisher_spectrum",
     {3, 6, 6},
     [](NetworkBuilder& b) {
       OpId x = block(b, relu(b, conv_bn(b, 0, 8, 3)));
       x = block(b, relu(b, conv_bn(b, x, 8, 3)));
       return classifier(b, x, 1);
     }},
    {"a softmax over nothing learned",
     "no_activation: naswot",
     {4, 1, 1},
     [](NetworkBuilder& b) { return b.add({.kind = OpKind::softmax}, {0}, "softmax"); }},
    {"maximum of the input",
     "too_few_blocks: progressivity trainability",
     {3, 6, 6},
     [](NetworkBuilder& b) { return block(b, b.max_pool(0, Window::square(3, 2), "max")); }},
    {"nothing but batch norm",
     "no_activation: naswot",
     {3, 6, 6},
     [](NetworkBuilder& b) { return classifier(b, block(b, b.batch_norm(0, "bn")), 4); }},
    {"batch norm of one pixel and channel",
     "constant_output: jacob_cov",
     {1, 1, 1},
     [](NetworkBuilder& b) {
       OpId x = block(b, relu(b, b.batch_norm(0, "bn")));
       x = block(b, relu(b, conv_bn(b, x, 1, 1)));
       return b.linear(x, 3, "linear");
     }},
    {"zeros",
     "constant_output: entropy gradient_correlation gradient_drift feature_similarity jacob_cov;",
     {3, 4, 4},
     [](NetworkBuilder& b) { return block(b, b.zero(0, 5, 1, "none")); }},
    {"zeros in front of everything",
     "constant_output: entropy gradient_correlation gradient_drift feature_similarity jacob_cov zico "
     "ntk_condition fisher_spectrum",
     {3, 4, 4},
     [](NetworkBuilder& b) {
       return classifier(b, block(b, relu(b, conv_bn(b, b.zero(0, 3, 1, "none"), 8, 3))), 4);
     }},
    {"saturated",
     "constant_output: gradient_correlation gradient_drift feature_similarity jacob_cov",
     {3, 4, 4},
     [](NetworkBuilder& b) {
       const OpId x = block(b, b.activation(doubled(b, 0, 60), Activation::tanh, "tanh"));
       return classifier(b, block(b, relu(b, conv_bn(b, x, 8, 3))), 4);
     }},
    {"a dead branch",
     "not_finite: gradient_drift trainability",
     {3, 4, 4},
     [](NetworkBuilder& b) {
       const OpId x = block(b, relu(b, conv_bn(b, 0, 8, 3)));
       OpId dead = block(b, doubled(b, x, 60));
       dead = block(b, b.convolution(dead, 8, Window::square(3), "conv"));
       return classifier(b, block(b, b.sum(x, b.activation(dead, Activation::sigmoid, "gate"), "sum")), 4);
     }},
    {"signals below the smallest float",
     "not_finite: synflow zen trainability",
     {3, 1, 1},
     [](NetworkBuilder& b) {
       OpId x = block(b, relu(b, b.convolution(0, 8, Window::square(1), "conv")));
       for (int i = 0; i < 40; ++i) x = b.average_pool(x, Window::square(7), "a 49th", true);
       return b.linear(block(b, x), 4, "linear");
     }},
    {"infinite from the first layer on",
     "not_finite: naswot swap linear_regions signal_propagation",
     {3, 4, 4},
     [](NetworkBuilder& b) {
       const OpId x = block(b, relu(b, conv_bn(b, doubled(b, 0, 140), 8, 3)));
       return classifier(b, block(b, relu(b, conv_bn(b, x, 8, 3))), 4);
     }},
    {"two hundred layers without batch norm",
     "not_finite: synflow zen",
     {3, 4, 4},
     [](NetworkBuilder& b) {
       OpId x = 0;
       for (int i = 0; i < 200; ++i) {
         x = relu(b, b.convolution(x, 8, Window::square(3), "conv"));
         if (i % 50 == 49) block(b, x);
       }
       return classifier(b, x, 4);
     }},
    {"windows far larger than the map",
     "ok",
     {3, 1, 1},
     [](NetworkBuilder& b) {
       OpId x = block(b, relu(b, conv_bn(b, 0, 24, 1)));
       x = block(b, relu(b, conv_bn(b, x, 24, 7, 1, 24)));
       return classifier(b, block(b, b.average_pool(x, Window::square(5), "average")), 4);
     }},
    {"more channels than a covariance is computed for",
     "too_large: expressivity progressivity trainability participation_ratio",
     {3, 2, 2},
     [](NetworkBuilder& b) {
       const OpId x = block(b, relu(b, conv_bn(b, 0, 4100, 1)));
       return classifier(b, block(b, relu(b, conv_bn(b, x, 8, 1))), 4);
     }},
    {"a gate that closes itself",
     "ok",
     {3, 4, 4},
     [](NetworkBuilder& b) {
       const OpId x = block(b, conv_bn(b, 0, 8, 3));
       const OpId gate = b.activation(b.global_average_pool(x, "squeeze"), Activation::h_sigmoid, "gate");
       return classifier(b, block(b, b.multiply(x, gate, "excite")), 4);
     }},
};

}  // namespace assay::test
