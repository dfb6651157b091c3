#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"
#include "assay/network/schedule.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <doctest/doctest.h>

using namespace assay;

namespace {

// Branches that split, join, skip and overwrite, of many sizes; every operator reaches the output.
Network random_branches(std::uint64_t seed, int operators) {
  Random random(seed, Purpose::sample);
  NetworkBuilder b({4, 4, 4});
  std::vector<OpId> open = {0};  // not read yet
  while (b.size() < operators) {
    const auto any = [&] { return static_cast<OpId>(random.below(static_cast<std::uint64_t>(b.size()))); };
    const OpId x = random.below(2) == 0 ? open[random.below(open.size())] : any();
    const OpId y = any();
    OpId made = 0;
    switch (random.below(5)) {
      case 0:
        made = b.activation(x, Activation::relu, "relu");
        break;
      case 1:
        if (b.shape(x) == b.shape(y)) {
          made = b.sum(x, y, "add");
          std::erase(open, y);
          break;
        }
        [[fallthrough]];
      case 2:
        if (b.shape(x).channels + b.shape(y).channels > 24) continue;
        made = b.concat(std::vector<OpId>{x, y}, "concat");
        std::erase(open, y);
        break;
      default:
        made = b.convolution(x, static_cast<int>(1 + random.below(12)), Window{}, "conv");
    }
    std::erase(open, x);
    open.push_back(made);
  }
  for (OpId& x : open) x = b.convolution(x, 1, Window{}, "close");
  return std::move(b).finish(b.sum(open, "out"));
}

// What is alive, worked out from the definition: sets of tensors, one step at a time.
class Simulation {
 public:
  Simulation(const Network& network, const MemoryPolicy& policy, bool concat_in_place)
      : network_(network), policy_(policy), concat_in_place_(concat_in_place) {}

  std::int64_t peak(const std::vector<OpId>& order) const {
    std::int64_t peak = 0;
    std::set<OpId> done;
    for (const OpId id : order) {
      std::int64_t live = 0;
      for (const OpId made : done) live += needed(made, done) ? bytes(made) : 0;
      std::int64_t result = bytes(id);
      std::set<OpId> after = done;
      after.insert(id);
      const auto inputs = network_.inputs(id);
      const bool joins = concat_in_place_ && network_.op(id).kind == OpKind::concat;
      const bool elementwise = policy_.in_place && (network_.op(id).kind == OpKind::activation ||
                                                    network_.op(id).kind == OpKind::add);
      for (const OpId input : std::set<OpId>(inputs.begin(), inputs.end())) {
        if (needed(input, after)) continue;
        if (joins) result -= bytes(input);
        if (elementwise && network_.shape(input) == network_.shape(id)) result = 0;
      }
      peak = std::max(peak, live + result);
      done = after;
    }
    return peak;
  }

  // Over every order.
  std::int64_t least_peak() const {
    std::vector<OpId> order;
    std::int64_t least = INT64_MAX;
    extend(order, least);
    return least;
  }

 private:
  std::int64_t bytes(OpId id) const { return network_.shape(id).elements() * policy_.bytes_per_element; }

  bool needed(OpId made, const std::set<OpId>& done) const {
    if (made == network_.output()) return true;
    for (OpId id = made + 1; id < network_.size(); ++id) {
      const auto inputs = network_.inputs(id);
      if (!done.contains(id) && std::find(inputs.begin(), inputs.end(), made) != inputs.end()) return true;
    }
    return false;
  }

  void extend(std::vector<OpId>& order, std::int64_t& least) const {
    if (static_cast<int>(order.size()) == network_.size()) {
      least = std::min(least, peak(order));
      return;
    }
    const auto is_done = [&](OpId id) { return std::find(order.begin(), order.end(), id) != order.end(); };
    for (OpId id = 0; id < network_.size(); ++id) {
      const auto inputs = network_.inputs(id);
      if (is_done(id) || !std::all_of(inputs.begin(), inputs.end(), is_done)) continue;
      order.push_back(id);
      extend(order, least);
      order.pop_back();
    }
  }

  const Network& network_;
  MemoryPolicy policy_;
  bool concat_in_place_;
};

// Every operator after what it reads, each once; its profile is that of the order.
void check_order(const Network& network, const Schedule& schedule, const Simulation& simulation) {
  std::vector<OpId> order;
  std::set<OpId> done;
  for (const MemoryStep& step : schedule.memory.steps) {
    for (const OpId input : network.inputs(step.op)) REQUIRE(done.contains(input));
    REQUIRE(done.insert(step.op).second);
    order.push_back(step.op);
  }
  REQUIRE(static_cast<int>(order.size()) == network.size());
  REQUIRE(simulation.peak(order) == schedule.memory.peak_bytes);
}

// Two convolutions of one tensor side by side, `wide` channels inside, joined: `count` such blocks.
Network blocks(int count, int branches, int wide) {
  NetworkBuilder b({8, 8, 8});
  OpId x = 0;
  for (int i = 0; i < count; ++i) {
    std::vector<OpId> opened, closed;
    for (int branch = 0; branch < branches; ++branch)
      opened.push_back(b.convolution(x, wide, Window{}, "open"));
    for (const OpId o : opened) closed.push_back(b.convolution(o, 8, Window{}, "close"));
    x = b.sum(closed, "join");
  }
  return std::move(b).finish(x);
}

}  // namespace

TEST_CASE("the order found is the best of all orders") {
  int improved = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Network network = random_branches(seed, 4 + static_cast<int>(seed % 5));
    const bool concat = seed % 3 == 0;
    const MemoryPolicy policy{.bytes_per_element = 1, .in_place = seed % 2 == 0};
    const Simulation simulation(network, policy, concat);
    CAPTURE(seed);
    const Schedule schedule = memory_schedule(network, policy, {.last = {}, .concat = concat});
    REQUIRE(schedule.optimal);
    REQUIRE(schedule.memory.peak_bytes == simulation.least_peak());
    REQUIRE(schedule.declared_peak_bytes ==
            peak_activation_bytes(network, policy, {.last = {}, .concat = concat}));
    check_order(network, schedule, simulation);
    improved += schedule.memory.peak_bytes < schedule.declared_peak_bytes;
  }
  CHECK(improved > 40);
}

TEST_CASE("large networks: never worse than declared, and a valid order") {
  int improved = 0, proven = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Network network = random_branches(seed, 40 + static_cast<int>(4 * seed));
    const MemoryPolicy policy{.bytes_per_element = 1};
    const Schedule schedule = memory_schedule(network, policy);
    CAPTURE(seed);
    REQUIRE(schedule.memory.peak_bytes <= schedule.declared_peak_bytes);
    check_order(network, schedule, Simulation(network, policy, false));
    improved += schedule.memory.peak_bytes < schedule.declared_peak_bytes;
    proven += schedule.optimal;
    // The same again: nothing depends on what a search before left behind.
    REQUIRE(memory_schedule(network, policy).memory.peak_bytes == schedule.memory.peak_bytes);
  }
  MESSAGE(improved, " of 30 improved, ", proven, " proven optimal");
  CHECK(improved > 10);
  CHECK(proven > 0);
}

TEST_CASE("branches run one after the other when their insides are wide") {
  // Declared breadth first: input and both insides alive. Depth first: input, one inside, one closed.
  const Schedule one = memory_schedule(blocks(1, 2, 64), {.bytes_per_element = 1});
  CHECK(one.declared_peak_bytes == (8 + 64 + 64) * 64);
  CHECK(one.memory.peak_bytes == (8 + 64 + 8) * 64);
  // Cut at every join, so that a hundred blocks, 2^400 sets of steps, are a hundred small problems.
  const Schedule many = memory_schedule(blocks(100, 4, 64), {.bytes_per_element = 1});
  CHECK(many.declared_peak_bytes == (8 + 4 * 64) * 64);
  CHECK(many.memory.peak_bytes == (8 + 64 + 3 * 8) * 64);
  CHECK(many.optimal);
}

TEST_CASE("a search that had to drop sets says that its order is not proven") {
  // 40 tensors, of which 40 operators read three each.
  NetworkBuilder b({8, 8, 8});
  Random random(7, Purpose::sample);
  std::vector<OpId> made, joined;
  for (int i = 0; i < 40; ++i) {
    made.push_back(b.convolution(0, static_cast<int>(4 + random.below(8)), Window{}, "make"));
  }
  for (int i = 0; i < 40; ++i) {
    std::vector<OpId> parts;
    for (int k = 0; k < 3; ++k) parts.push_back(made[random.below(made.size())]);
    joined.push_back(b.convolution(b.concat(parts, "join"), 1, Window{}, "close"));
  }
  const Network network = std::move(b).finish(b.sum(joined, "out"));
  const Schedule schedule = memory_schedule(network, {.bytes_per_element = 1});
  CHECK_FALSE(schedule.optimal);
  CHECK(schedule.memory.peak_bytes < schedule.declared_peak_bytes);
  check_order(network, schedule, Simulation(network, {.bytes_per_element = 1}, false));
}

TEST_CASE("networks without branches keep their order, and reorder makes the schedule the profile") {
  NetworkBuilder b({3, 8, 8});
  OpId x = b.convolution(0, 16, Window::square(3), "a");
  x = b.activation(b.batch_norm(x, "bn"), Activation::relu, "relu");
  const Network chain = std::move(b).finish(b.linear(b.global_average_pool(x, "pool"), 10, "fc"));
  const Schedule schedule = memory_schedule(chain, {});
  CHECK(schedule.optimal);
  CHECK(schedule.memory.peak_bytes == memory_profile(chain, {}).peak_bytes);
  for (OpId id = 0; id < chain.size(); ++id)
    CHECK(schedule.memory.steps[static_cast<std::size_t>(id)].op == id);

  const Network wide = blocks(2, 2, 64);
  const MemoryPolicy reorder{.bytes_per_element = 1, .reorder = true};
  const std::int64_t best = memory_schedule(wide, {.bytes_per_element = 1}).memory.peak_bytes;
  CHECK(peak_activation_bytes(wide, reorder) == best);
  CHECK(memory_profile(wide, reorder).peak_bytes == best);
  CHECK(peak_activation_bytes(wide, {.bytes_per_element = 1}) > best);
}
