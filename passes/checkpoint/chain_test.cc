#include "passes/checkpoint/chain.h"

#include <map>
#include <optional>
#include <queue>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "passes/checkpoint/exact.h"
#include "passes/checkpoint/families.h"
#include "passes/checkpoint/random.h"
#include "passes/checkpoint/solver.h"
#include "passes/checkpoint/validator.h"

namespace plimsoll::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// A chain of `length` nodes, then one node a level that reads one or both of its two nodes of the chain, and some side
// nodes that nobody reads.
Problem RandomTraining(int length, uint32_t seed) {
  Random random(seed);
  Problem problem;
  if (seed % 3 == 0) problem.nodes.push_back({random.Below(4), 0, {}, 0, true});
  const int first = static_cast<int>(problem.nodes.size());
  for (int i = 0; i < length; ++i) {
    Node node{
        1 + random.Below(6), static_cast<double>(random.Below(9)), {}, random.Below(4) == 0 ? random.Below(5) : 0};
    if (i > 0) node.inputs.push_back(first + i - 1);
    if (i == 0 && first > 0) node.inputs.push_back(0);
    problem.nodes.push_back(node);
  }
  int previous = -1;
  for (int t = length - 1; t >= 0; --t) {
    for (int k = random.Below(4) == 0 ? 2 : 1; k > 0; --k) {
      Node node{random.Below(5), static_cast<double>(random.Below(9)), {}};
      if (previous >= 0) node.inputs.push_back(previous);
      const int reads = t == length - 1 && k == 1 ? 2 : random.Below(3);
      if (reads != 0) node.inputs.push_back(first + t);
      if (reads != 1 && t > 0) node.inputs.push_back(first + t - 1);
      problem.nodes.push_back(node);
      if (k == 1) previous = static_cast<int>(problem.nodes.size()) - 1;
    }
  }
  problem.outputs = {previous};
  for (size_t v = 0; v < problem.nodes.size(); ++v) problem.order.push_back(static_cast<int>(v));
  return problem;
}

// Dijkstra's algorithm over (what is kept, the node last computed, the next level, whether the chain's end was
// reached), where what is kept stays until the level above its own is done, and nothing is computed below what is kept
// for later.
std::optional<double> BestPersistent(const Problem& problem, const TrainingChain& chain, int64_t budget) {
  const int n = static_cast<int>(problem.nodes.size()), length = chain.length, end = chain.first + length;
  for (int v = 0; v < chain.first; ++v) budget -= problem.nodes[v].size;
  std::vector<int> last(n);
  for (int v = 0; v < n; ++v) {
    last[v] = v;
    for (int user = 0; user < n; ++user) {
      for (int u : problem.nodes[user].inputs) {
        if (u == v) last[v] = std::max(last[v], user);
      }
    }
  }
  for (int v : problem.outputs) last[v] = n;
  // Outputs of levels that are there when node v of a level is computed, or before it.
  auto alive = [&](int v, bool with_own) {
    int64_t bytes = 0;
    for (int b = end; b < (with_own ? v + 1 : v); ++b) bytes += last[b] >= v || b == v ? problem.nodes[b].size : 0;
    return bytes;
  };
  using State = std::tuple<unsigned, int, int, bool>;
  std::map<State, double> best;
  std::priority_queue<std::pair<double, State>, std::vector<std::pair<double, State>>, std::greater<>> queue;
  auto push = [&](State state, double cost) {
    const auto [it, fresh] = best.emplace(state, cost);
    if (!fresh && it->second <= cost) return;
    it->second = cost;
    queue.push({cost, state});
  };
  auto kept_bytes = [&](unsigned kept) {
    int64_t bytes = 0;
    for (int i = 0; i < length; ++i) bytes += kept >> i & 1 ? problem.nodes[chain.first + i].size : 0;
    return bytes;
  };
  push({0, -1, length - 1, false}, 0);
  while (!queue.empty()) {
    const auto [cost, state] = queue.top();
    queue.pop();
    if (best[state] < cost) continue;
    const auto [kept, tip, level, reached] = state;
    if (level < 0) return cost;
    const auto has = [&, kept = kept, tip = tip](int i) { return i < 0 || (kept >> i & 1) || tip == i; };
    const int64_t held = kept_bytes(kept) + (tip >= 0 ? problem.nodes[chain.first + tip].size : 0);
    const auto [from, to] = chain.levels[level];
    const int64_t left = from < n ? alive(from, false) : 0;
    push({kept & ~(1u << level), tip, level, reached}, cost);  // what is kept for its own level only
    if (tip >= 0) {
      push({kept, -1, level, reached}, cost);
      push({kept | 1u << tip, -1, level, reached}, cost);
    }
    for (int i = 0; i <= level; ++i) {
      if (has(i) || !has(i - 1)) continue;
      if (tip >= 0 && tip != i - 1) continue;
      if ((kept & ~(1u << level)) >> i != 0) continue;  // what is kept above comes first
      const Node& node = problem.nodes[chain.first + i];
      if (held + left + node.size + node.workspace > budget) continue;
      push({kept, i, level, reached || i == length - 1}, cost + node.cost);
      if (tip >= 0) push({kept | 1u << tip, i, level, reached || i == length - 1}, cost + node.cost);
    }
    // On the way further down nothing is done; what is not kept is at most the level's own node or the one before it.
    if (!reached || (tip >= 0 && tip < level - 1)) continue;
    // The level. Its own node goes as soon as nothing of the level reads it any more.
    bool can = true, own = false;
    double its_cost = 0;
    for (int v = to - 1; v >= from; --v) {
      for (int u : problem.nodes[v].inputs) {
        if (u >= chain.first && u < end) can = can && has(u - chain.first);
        own = own || u == chain.first + level;
      }
      const int64_t without = has(level) ? held - problem.nodes[chain.first + level].size : held;
      can = can && (own ? held : without) + alive(v, true) + problem.nodes[v].workspace <= budget;
      its_cost += problem.nodes[v].cost;
    }
    if (can) push({kept & ~(1u << level), tip == level ? -1 : tip, level - 1, true}, cost + its_cost);
  }
  return std::nullopt;
}

TEST(ChainTest, FindsChains) {
  Problem problem = TrainChain(4, 1);  // four layers, a loss, four layers back
  auto chain = FindTrainingChain(BuildGraph(problem, problem.order));
  ASSERT_TRUE(chain.has_value());
  EXPECT_EQ(chain->length, 5);
  EXPECT_THAT(chain->levels, ElementsAre(Pair(9, 9), Pair(8, 9), Pair(7, 8), Pair(6, 7), Pair(5, 6)));
  EXPECT_FALSE(FindTrainingChain(BuildGraph(Layered(60, 150, 0.3, 1), Layered(60, 150, 0.3, 1).order)).has_value());
  problem.nodes[6].inputs.push_back(0);  // reads what is far from its level
  EXPECT_FALSE(FindTrainingChain(BuildGraph(problem, problem.order)).has_value());
}

// The program's cost is that of an exhaustive search over persistent sequences; any sequence costs no less than the
// best one of all.
TEST(ChainTest, EqualsBruteForceOverPersistentSequences) {
  int solved = 0, optimal = 0, recomputed = 0;
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    const Problem problem = RandomTraining(3 + seed % 5, seed);
    const Graph graph = BuildGraph(problem, problem.order);
    const auto chain = FindTrainingChain(graph);
    ASSERT_TRUE(chain.has_value()) << seed;
    const int64_t floor = Floor(problem), peak = PeakWithoutRematerialization(problem);
    const int64_t budget = floor + (peak - floor) * static_cast<int64_t>(seed % 5) / 5;
    schedule::Budget effort(100'000'000, 0);
    const std::vector<int> sequence = ChainSequence(graph, *chain, budget, 1000, effort);
    const std::optional<double> persistent = BestPersistent(problem, *chain, budget);
    ASSERT_EQ(!sequence.empty(), persistent.has_value()) << "seed " << seed << " budget " << budget;
    if (sequence.empty()) continue;
    const Solution solution = ToSolution(problem, graph, sequence);
    ASSERT_TRUE(Validate(problem, budget, solution).ok()) << seed << ": " << Validate(problem, budget, solution);
    ASSERT_NEAR(solution.cost, *persistent, 1e-6) << "seed " << seed;
    ++solved;
    recomputed += sequence.size() > problem.nodes.size();
    const ExactResult exact = SearchCost(graph, budget, 200'000);
    if (exact.sequence.empty()) continue;
    ASSERT_GE(solution.cost, graph.total_cost + exact.extra - 1e-6) << "seed " << seed;
    optimal += solution.cost <= graph.total_cost + exact.extra + 1e-6;
  }
  EXPECT_GT(solved, 500);
  EXPECT_GT(recomputed, 300);
  EXPECT_GT(optimal, solved * 9 / 10);
}

// Long chains with sizes in bytes: rounding costs little, and the solver takes what the program finds.
TEST(ChainTest, LongChains) {
  Problem problem = TrainChain(150, 3);
  for (Node& node : problem.nodes) node.size = node.size * 1'000'003 + 17;
  const Graph graph = BuildGraph(problem, problem.order);
  const auto chain = FindTrainingChain(graph);
  ASSERT_TRUE(chain.has_value());
  for (int share : {50, 30, 15}) {
    const int64_t budget = PeakWithoutRematerialization(problem) / 100 * share;
    schedule::Budget effort(1'000'000'000, 0);
    const std::vector<int> sequence = ChainSequence(graph, *chain, budget, 500, effort);
    ASSERT_FALSE(sequence.empty()) << share;
    const Solution solution = ToSolution(problem, graph, sequence);
    EXPECT_TRUE(Validate(problem, budget, solution).ok()) << Validate(problem, budget, solution);
    const auto answers = Solve(problem, {budget}, {20'000'000, 0});
    ASSERT_TRUE(answers.ok() && answers->front().status.ok()) << share;
    EXPECT_LE(answers->front().solution.cost, solution.cost * (1 + 1e-9)) << share;
  }
}

}  // namespace
}  // namespace plimsoll::checkpoint
