// tree_ensemble: decision trees, their leaves' weights summed up by target. Source: ONNX ai.onnx.ml TreeEnsemble-5.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

enum Mode { kLessOrEqual, kLess, kGreaterOrEqual, kGreater, kEqual, kNotEqual, kMember };
enum Aggregate { kAverage, kSum, kMin, kMax };
enum Transform { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };

struct Trees {
  Dims features, modes, true_ids, false_ids, true_leafs, false_leafs, missing, targets, roots;
  std::vector<double> splits, weights;
  std::vector<std::vector<double>> members;  // of each node

  explicit Trees(const HostCallContext& c)
      : features(c.Ints("nodes_featureids", {})),
        modes(c.Ints("nodes_modes", {})),
        true_ids(c.Ints("nodes_truenodeids", {})),
        false_ids(c.Ints("nodes_falsenodeids", {})),
        true_leafs(c.Ints("nodes_trueleafs", {})),
        false_leafs(c.Ints("nodes_falseleafs", {})),
        missing(c.Ints("nodes_missing_value_tracks_true", {})),
        targets(c.Ints("leaf_targetids", {})),
        roots(c.Ints("tree_roots", {})),
        splits(c.Floats("nodes_splits", {})),
        weights(c.Floats("leaf_weights", {})),
        members(features.size()) {}

  absl::Status Check(int64_t columns, int64_t target_count) const {
    const size_t nodes = features.size(), leaves = targets.size();
    if (modes.size() != nodes || true_ids.size() != nodes || false_ids.size() != nodes || true_leafs.size() != nodes ||
        false_leafs.size() != nodes || splits.size() != nodes || weights.size() != leaves ||
        (!missing.empty() && missing.size() != nodes)) {
      return BadShape("tree_ensemble: lists of different lengths");
    }
    auto inside = [](int64_t index, size_t count) { return index >= 0 && index < static_cast<int64_t>(count); };
    for (size_t i = 0; i < nodes; ++i) {
      if (!inside(features[i], columns) || !inside(modes[i], kMember + 1) ||
          !inside(true_ids[i], true_leafs[i] ? leaves : nodes) ||
          !inside(false_ids[i], false_leafs[i] ? leaves : nodes)) {
        return BadShape("tree_ensemble: a node's feature, mode or successor is out of range");
      }
    }
    for (int64_t target : targets) {
      if (!inside(target, target_count)) return BadShape("tree_ensemble: a leaf's target is out of range");
    }
    for (int64_t root : roots) {
      if (!inside(root, nodes)) return BadShape("tree_ensemble: a root is out of range");
    }
    return absl::OkStatus();
  }

  // The sets are listed in the order in which the nodes are visited, each true branch first, each set ended by NaN.
  absl::Status AssignMembers(const std::vector<double>& values) {
    size_t next = 0, visited = 0;
    for (int64_t root : roots) {
      std::vector<int64_t> todo = {root};
      while (!todo.empty()) {
        const int64_t node = todo.back();
        todo.pop_back();
        if (++visited > features.size()) return BadShape("tree_ensemble: the nodes form no trees");
        if (modes[node] == kMember) {
          std::vector<double>& set = members[node];
          for (; next < values.size() && !std::isnan(values[next]); ++next) set.push_back(values[next]);
          if (next == values.size()) return BadShape("tree_ensemble: membership_values are too few");
          ++next;
        }
        if (!false_leafs[node]) todo.push_back(false_ids[node]);
        if (!true_leafs[node]) todo.push_back(true_ids[node]);
      }
    }
    return absl::OkStatus();
  }

  bool Holds(int64_t node, double x) const {
    if (std::isnan(x) && !missing.empty() && missing[node]) return true;
    switch (modes[node]) {
      case kLessOrEqual:
        return x <= splits[node];
      case kLess:
        return x < splits[node];
      case kGreaterOrEqual:
        return x >= splits[node];
      case kGreater:
        return x > splits[node];
      case kEqual:
        return x == splits[node];
      case kNotEqual:
        return x != splits[node];
      default:
        break;
    }
    for (double member : members[node]) {
      if (member == x) return true;
    }
    return false;
  }

  // Ends: AssignMembers saw that the nodes form trees.
  int64_t Leaf(int64_t root, const double* x) const {
    for (int64_t node = root;;) {
      const bool holds = Holds(node, x[features[node]]);
      const int64_t next = holds ? true_ids[node] : false_ids[node];
      if (holds ? true_leafs[node] : false_leafs[node]) return next;
      node = next;
    }
  }
};

void Apply(Transform transform, double* scores, int64_t count) {
  if (transform == kLogistic) {
    for (int64_t i = 0; i < count; ++i) scores[i] = 1 / (1 + std::exp(-scores[i]));
  } else if (transform == kSoftmax || transform == kSoftmaxZero) {
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; ++i) most = std::max(most, scores[i]);
    for (int64_t i = 0; i < count; ++i) {
      if (transform == kSoftmaxZero && scores[i] == 0) continue;
      scores[i] = std::exp(scores[i] - most);
      sum += scores[i];
    }
    for (int64_t i = 0; i < count && sum > 0; ++i) scores[i] /= sum;
  }
}

// Input: [rows, features]. Output: [rows, targets].
absl::Status TreeEnsemble(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0);
  const int64_t aggregate = c.Int("aggregate_function", kSum), transform = c.Int("post_transform", kNone);
  if (x.rank() != 2 || y.rank() != 2 || x.dims[0] != y.dims[0])
    return BadShape("tree_ensemble: [rows, features] expected");
  if (aggregate < kAverage || aggregate > kMax || transform < kNone || transform >= kProbit) {
    return absl::UnimplementedError("tree_ensemble: this aggregate function or transform");
  }
  Trees trees(c);
  if (absl::Status status = trees.Check(x.dims[1], y.dims[1]); !status.ok()) return status;
  if (absl::Status status = trees.AssignMembers(c.Floats("membership_values", {})); !status.ok()) return status;
  auto values = ToDoubles(x);
  if (!values.ok()) return values.status();
  // Of the type: what a target without leaves has.
  const double largest = x.dtype == plan::F64 ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  const double none = aggregate == kMin ? largest : aggregate == kMax ? -largest : 0;
  std::vector<double> result(static_cast<size_t>(y.count()), none);
  for (int64_t row = 0; row < x.dims[0]; ++row) {
    double* scores = result.data() + row * y.dims[1];
    for (int64_t root : trees.roots) {
      const int64_t leaf = trees.Leaf(root, values->data() + row * x.dims[1]);
      double& score = scores[trees.targets[leaf]];
      const double weight = trees.weights[leaf];
      score = aggregate == kMin ? std::min(score, weight)
              : aggregate == kMax
                  ? std::max(score, weight)
                  : score + (aggregate == kAverage ? weight / static_cast<double>(trees.roots.size()) : weight);
    }
    Apply(static_cast<Transform>(transform), scores, y.dims[1]);
  }
  return FromDoubles(result, y);
}

constexpr NamedHostFunction kFunctions[] = {{"tree_ensemble", &TreeEnsemble}};

}  // namespace

absl::Span<const NamedHostFunction> TreeEnsembleFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
