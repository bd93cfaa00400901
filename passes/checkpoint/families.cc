#include "passes/checkpoint/families.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "passes/checkpoint/random.h"

namespace plimsoll::checkpoint {
namespace {

// Each node in turn one of those that could come next.
std::vector<int> RandomOrder(const Problem& problem, Random& random) {
  const int n = static_cast<int>(problem.nodes.size());
  std::vector<std::vector<int>> users(n);
  std::vector<int> missing(n), ready, order;
  for (int v = 0; v < n; ++v) {
    missing[v] = static_cast<int>(problem.nodes[v].inputs.size());
    for (int u : problem.nodes[v].inputs) users[u].push_back(v);
    if (missing[v] == 0) ready.push_back(v);
  }
  while (!ready.empty()) {
    std::swap(ready[random.Below(static_cast<int>(ready.size()))], ready.back());
    const int v = ready.back();
    ready.pop_back();
    order.push_back(v);
    for (int user : users[v]) {
      if (--missing[user] == 0) ready.push_back(user);
    }
  }
  return order;
}

// Forward layers, then what training adds.
struct Layers {
  std::vector<Node> forward;
  int Add(int64_t size, double cost, std::vector<int> inputs) {
    forward.push_back({size, cost, std::move(inputs)});
    return static_cast<int>(forward.size()) - 1;
  }
  int last() const { return static_cast<int>(forward.size()) - 1; }

  Problem Train() const {
    const int n = static_cast<int>(forward.size());
    Problem problem;
    problem.nodes = forward;
    problem.nodes.push_back({4, 0, {n - 1}});
    problem.nodes.resize(2 * n + 1);
    for (int v = n - 1; v >= 0; --v) {
      Node& backward = problem.nodes[2 * n - v];
      backward.size = forward[v].size;
      backward.cost = 2 * forward[v].cost;
      backward.inputs.push_back(v);
      if (v == n - 1) backward.inputs.push_back(n);
    }
    for (int v = 0; v < n; ++v) {
      for (int u : forward[v].inputs) {
        problem.nodes[2 * n - u].inputs.push_back(v);
        problem.nodes[2 * n - u].inputs.push_back(2 * n - v);
      }
    }
    problem.order.resize(problem.nodes.size());
    std::iota(problem.order.begin(), problem.order.end(), 0);
    problem.outputs = {2 * n};
    return problem;
  }
};

}  // namespace

Problem Layered(int nodes, int edges, double width, uint64_t seed) {
  Random random(seed);
  Problem problem;
  problem.nodes.resize(nodes);
  for (Node& node : problem.nodes) {
    const double size = random.Unit() < 0.6 ? 1000 + 700 * random.Normal() : 3500 + 1300 * random.Normal();
    node.size = 10 * static_cast<int64_t>(std::max(1.0, std::abs(size) / 10));
    node.cost = random.Below(1000);
  }
  std::vector<std::vector<int>> layers{{0}};
  for (int v = 1; v + 1 < nodes;) {
    const double mean = 2 * width * std::sqrt(nodes);
    const int count = std::max(1, static_cast<int>(std::lround(mean * (0.25 + 1.5 * random.Unit()))));
    layers.emplace_back();
    for (int i = 0; i < count && v + 1 < nodes; ++i) layers.back().push_back(v++);
  }
  layers.push_back({nodes - 1});
  problem.nodes.front().cost = problem.nodes.back().cost = 0;
  // Edges to the next layer: the nodes about the same place there, a share of the layer that makes the number right.
  std::set<std::pair<int, int>> chosen;
  std::vector<double> noise(nodes);
  for (double& x : noise) x = random.Unit();
  const int skips = edges * 14 / 100;
  for (double share = 0; share < 1 && static_cast<int>(chosen.size()) < edges - skips; share += 0.005) {
    for (size_t l = 0; l + 1 < layers.size(); ++l) {
      const double here = static_cast<double>(layers[l].size()), next = static_cast<double>(layers[l + 1].size());
      for (size_t i = 0; i < layers[l].size(); ++i) {
        const double place = (static_cast<double>(i) + 0.5) / here * next;
        const int count = std::max(1, static_cast<int>(share * next + noise[layers[l][i]]));
        const int first =
            std::clamp(static_cast<int>(place - count / 2.0 + 0.5), 0, std::max(0, static_cast<int>(next) - count));
        for (int j = first; j < first + count && j < static_cast<int>(next); ++j)
          chosen.emplace(layers[l][i], layers[l + 1][j]);
      }
      for (size_t j = 0; j < layers[l + 1].size(); ++j) {  // nobody without an input
        chosen.emplace(layers[l][j * layers[l].size() / layers[l + 1].size()], layers[l + 1][j]);
      }
    }
  }
  while (static_cast<int>(chosen.size()) < edges) {
    const size_t a = random.Below(static_cast<int>(layers.size()) - 2);
    const size_t b = a + 2 + random.Below(static_cast<int>(layers.size() - a) - 2);
    chosen.emplace(layers[a][random.Below(static_cast<int>(layers[a].size()))],
                   layers[b][random.Below(static_cast<int>(layers[b].size()))]);
  }
  for (auto [from, to] : chosen) problem.nodes[to].inputs.push_back(from);
  problem.outputs = {nodes - 1};
  problem.order = RandomOrder(problem, random);
  return problem;
}

Problem TrainFcn8(int64_t batch, int64_t height, int64_t width) {
  Layers net;
  int64_t h = height, w = width, channels = 3;
  constexpr int64_t kClasses = 19;
  auto bytes = [&](int64_t y, int64_t x, int64_t c) { return 4 * batch * y * x * c; };
  auto conv = [&](int from, int64_t y, int64_t x, int64_t in, int64_t out, int64_t kernel) {
    const double cost = static_cast<double>(batch * y * x * in * out * kernel * kernel);
    return net.Add(bytes(y, x, out), cost, from < 0 ? std::vector<int>{} : std::vector<int>{from});
  };
  auto crop = [&](int from, int64_t y, int64_t x) { return net.Add(bytes(y, x, kClasses), 0, {from}); };
  int pool3 = 0, pool4 = 0;
  for (const auto& [count, out] : {std::pair{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}}) {
    for (int i = 0; i < count; ++i, channels = out) conv(net.last(), h, w, channels, out, 3);
    h /= 2;
    w /= 2;
    net.Add(bytes(h, w, out), 0, {net.last()});
    if (out == 256) pool3 = net.last();
    if (out == 512 && pool4 == 0) pool4 = net.last();
  }
  for (const auto& [kernel, in] : {std::pair{7, 512}, {1, 4096}}) {
    conv(net.last(), h, w, in, 4096, kernel);
    net.Add(bytes(h, w, 4096), 0, {net.last()});
  }
  int scores = conv(net.last(), h, w, 4096, kClasses, 1);
  auto upsample = [&](int skip, int64_t in_channels, int64_t scale) {
    const int64_t y = h * 2 + 2, x = w * 2 + 2;
    scores = net.Add(bytes(y, x, kClasses), static_cast<double>(bytes(y, x, kClasses) * kClasses / 4), {scores});
    scores = crop(scores, y, h == 0 ? x : w * 2);
    h = height / scale;
    w = width / scale;
    int other;
    if (scale == 16) {
      scores = crop(scores, h, w);
      other = conv(skip, h, w, in_channels, kClasses, 1);
    } else {
      other = conv(skip, h, w, in_channels, kClasses, 1);
      scores = crop(scores, h, w);
    }
    scores = net.Add(bytes(h, w, kClasses), static_cast<double>(bytes(h, w, kClasses)) / 2, {scores, other});
  };
  upsample(pool4, 512, 16);
  upsample(pool3, 256, 8);
  const int64_t full = bytes(height + 8, width + 8, kClasses);
  net.Add(full, static_cast<double>(full * kClasses / 4), {scores});
  net.Add(full, 0, {net.last()});
  net.Add(full, static_cast<double>(full) / 4, {net.last()});
  return net.Train();
}

Problem TrainResNet50(int64_t batch) {
  Layers net;
  auto add = [&](int64_t size, double flops, std::vector<int> inputs) {
    double moved = static_cast<double>(size);
    for (int u : inputs) moved += static_cast<double>(net.forward[u].size);
    return net.Add(size, 5 + std::max(flops / 14e6, moved / 800e3), std::move(inputs));
  };
  auto bytes = [&](int64_t side, int64_t channels) { return 4 * batch * side * side * channels; };
  auto conv = [&](int from, int64_t side, int64_t in, int64_t out, int64_t kernel) {
    return add(bytes(side, out), 2.0 * static_cast<double>(batch * side * side * in * out * kernel * kernel), {from});
  };
  auto same = [&](int from) { return add(net.forward[from].size, 0, {from}); };
  add(bytes(230, 3), 0, {});
  int x = same(same(conv(0, 112, 3, 64, 7)));
  x = add(bytes(114, 64), 0, {x});
  x = add(bytes(56, 64), 0, {x});
  int64_t side = 56, in = 64;
  for (const auto& [blocks, width] : {std::pair{3, 64}, {4, 128}, {6, 256}, {3, 512}}) {
    for (int block = 0; block < blocks; ++block) {
      if (block == 0 && width > 64) side /= 2;
      int y = same(same(conv(x, side, in, width, 1)));
      y = same(same(conv(y, side, width, width, 3)));
      if (block == 0) {
        const int shortcut = conv(x, side, in, 4 * width, 1);
        y = conv(y, side, width, 4 * width, 1);
        x = same(shortcut);
        y = same(y);
      } else {
        y = same(conv(y, side, width, 4 * width, 1));
      }
      in = 4 * width;
      x = same(add(net.forward[y].size, 0, {x, y}));
    }
  }
  x = add(bytes(1, 2048), 0, {x});
  add(4 * batch * 1000, 2.0 * static_cast<double>(batch) * 2048 * 1000, {x});
  return net.Train();
}

Problem TrainChain(int layers, uint64_t seed) {
  Random random(seed);
  Layers net;
  for (int i = 0; i < layers; ++i) {
    const int64_t size = 1 + random.Below(20);
    const double cost = random.Below(20);
    net.Add(size, cost, i == 0 ? std::vector<int>{} : std::vector<int>{i - 1});
  }
  return net.Train();
}

}  // namespace plimsoll::checkpoint
