#include "passes/schedule/families.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace plimsoll::schedule {
namespace {

// Appends nodes; can append the gradient of what was appended.
class Builder {
 public:
  // Without weights, memory is that of the activations, which is how the literature counts inference.
  explicit Builder(bool weights) : weights_(weights) {}

  int Tensor(int64_t size) {
    problem_.tensors.push_back({size});
    return static_cast<int>(problem_.tensors.size()) - 1;
  }

  // A node with one output. `weight` bytes of parameters are held from the start, 0 for none. `saved` says which
  // tensors the gradient reads.
  enum class Saved { kNothing, kInputs, kOutput };
  int Node(std::vector<int> inputs, int64_t size, int64_t weight = 0, Saved saved = Saved::kInputs,
           int64_t workspace = 0) {
    const int out = Tensor(size);
    Step step{inputs, out, weights_ && weight > 0 ? Tensor(weight) : -1, saved, workspace};
    if (step.weight >= 0) inputs.push_back(step.weight);
    problem_.nodes.push_back({std::move(inputs), {out}, workspace});
    steps_.push_back(std::move(step));
    return out;
  }

  void Output(int tensor) { problem_.outputs.push_back(tensor); }

  // Gradients of all steps from `loss` on, in reverse, then updates. Weights and optimizer states are updated in place:
  // the update reads the gradient and the weight and leaves nothing new, and both are held throughout.
  void Train(int loss, Optimizer optimizer) {
    std::vector<int> gradient(problem_.tensors.size(), -1);
    gradient[loss] = Node({loss}, problem_.tensors[loss].size);
    const std::vector<Step> steps(steps_.begin(), steps_.end() - 1);
    std::vector<std::pair<int, int>> updates;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      const int upstream = gradient[step->output];
      if (upstream < 0) continue;
      std::vector<int> read = {upstream};
      if (step->saved == Saved::kInputs) {
        read.insert(read.end(), step->inputs.begin(), step->inputs.end());
      }
      if (step->saved == Saved::kOutput) read.push_back(step->output);
      for (int input : step->inputs) {
        if (is_data_[input]) continue;
        std::vector<int> from = read;
        if (step->weight >= 0) from.push_back(step->weight);
        const int64_t size = problem_.tensors[input].size;
        int made = Node(std::move(from), size, 0, Saved::kNothing, step->workspace);
        if (gradient[input] >= 0) made = Node({gradient[input], made}, size);
        gradient[input] = made;
      }
      if (step->weight >= 0) {
        updates.emplace_back(step->weight,
                             Node(read, problem_.tensors[step->weight].size, 0, Saved::kNothing, step->workspace));
      }
    }
    for (const auto& [weight, made] : updates) {
      std::vector<int> inputs = {weight, made};
      const int64_t size = problem_.tensors[weight].size;
      if (optimizer == Optimizer::kAdam) {
        for (int i = 0; i < 2; ++i) {
          inputs.push_back(Tensor(size));
          Output(inputs.back());
        }
      }
      // A framework's update makes one temporary of the weight's size.
      problem_.nodes.push_back({std::move(inputs), {}, size});
      Output(weight);
    }
    Output(loss);
  }

  int Data(int64_t size) {
    const int tensor = Tensor(size);
    is_data_.resize(100'000, false);
    is_data_[tensor] = true;
    return tensor;
  }

  Problem Take() { return std::move(problem_); }

 private:
  struct Step {
    std::vector<int> inputs;
    int output;
    int weight;
    Saved saved;
    int64_t workspace;
  };
  const bool weights_;
  Problem problem_;
  std::vector<Step> steps_;
  std::vector<bool> is_data_;
};

using Saved = Builder::Saved;

// One Watts-Strogatz stage: a ring of n nodes, k neighbours each, rewired with probability 3/4, edges from the lower
// to the higher index (Xie et al., 2019). Each node sums its inputs, then convolves.
int RandWireStage(Builder& builder, int input, int n, int64_t bytes, int64_t weight, std::mt19937& random) {
  std::vector<std::vector<int>> inputs(n);
  auto connect = [&](int a, int b) {
    if (a == b) return;
    auto& list = inputs[std::max(a, b)];
    if (std::find(list.begin(), list.end(), std::min(a, b)) == list.end()) list.push_back(std::min(a, b));
  };
  for (int i = 0; i < n; ++i) {
    for (int k = 1; k <= 2; ++k) connect(i, random() % 4 == 0 ? (i + k) % n : static_cast<int>(random() % n));
  }
  std::vector<int> made(n);
  std::vector<bool> used(n, false);
  for (int i = 0; i < n; ++i) {
    std::vector<int> from;
    for (int j : inputs[i]) {
      from.push_back(made[j]);
      used[j] = true;
    }
    if (from.empty()) from.push_back(input);
    int sum = from[0];
    if (from.size() > 1) sum = builder.Node(from, bytes, 0, Saved::kNothing);
    made[i] = builder.Node({sum}, bytes, weight);
  }
  std::vector<int> ends;
  for (int i = 0; i < n; ++i) {
    if (!used[i]) ends.push_back(made[i]);
  }
  return builder.Node(ends, bytes, 0, Saved::kNothing);
}

int RandWireNet(Builder& builder, int stages, int nodes, int64_t channels, std::mt19937& random) {
  int64_t side = 56;
  int x = builder.Node({builder.Data(224 * 224 * 3 * 4)}, side * side * channels * 4, 3 * channels * 9 * 4);
  for (int s = 0; s < stages; ++s) {
    side = std::max<int64_t>(7, side / 2);
    channels *= 2;
    const int64_t bytes = side * side * channels * 4;
    x = builder.Node({x}, bytes, channels * channels * 2);
    x = RandWireStage(builder, x, nodes, bytes, channels * channels * 4, random);
  }
  return builder.Node({x}, 1000 * 4, channels * 4000);
}

}  // namespace

Problem RandWire(int stages, int nodes_per_stage, int channels, uint32_t seed) {
  std::mt19937 random(seed);
  Builder builder(/*weights=*/false);
  builder.Output(RandWireNet(builder, stages, nodes_per_stage, channels, random));
  return builder.Take();
}

Problem NasCells(int cells, int blocks, int channels, uint32_t seed) {
  std::mt19937 random(seed);
  Builder builder(/*weights=*/false);
  int64_t side = 56;
  int64_t bytes = side * side * channels * 4;
  int before = builder.Node({builder.Data(224 * 224 * 3 * 4)}, bytes), last = builder.Node({before}, bytes);
  for (int c = 0; c < cells; ++c) {
    const bool reduce = c % 3 == 2 && side > 7;
    const int64_t half = reduce ? 2 : 1;
    const int64_t out = bytes / (half * half) * half;  // per block: side / 2, channels * 2
    std::vector<int> states = {builder.Node({before}, bytes / half), builder.Node({last}, bytes / half)};
    std::vector<bool> used(2, false);
    const int64_t state = out / blocks;
    for (int b = 0; b < blocks; ++b) {
      int sides[2];
      for (int& made : sides) {
        const int from = static_cast<int>(random() % states.size());
        used[from] = true;
        // A separable convolution: depthwise then pointwise, twice as often as pooling.
        made = states[from];
        const int64_t wide = from < 2 ? bytes / half : state;
        if (random() % 3) made = builder.Node({made}, wide);
        made = builder.Node({made}, state);
      }
      states.push_back(builder.Node({sides[0], sides[1]}, state));
      used.push_back(false);
    }
    std::vector<int> ends;
    for (size_t i = 2; i < states.size(); ++i) {
      if (!used[i]) ends.push_back(states[i]);
    }
    before = last;
    last = builder.Node(ends, static_cast<int64_t>(ends.size()) * state);
    bytes = std::max<int64_t>(out, 1024);
    if (reduce) side /= 2;
  }
  builder.Output(builder.Node({last}, 4000));
  return builder.Take();
}

Problem SwiftNet(int cells, uint32_t seed) {
  std::mt19937 random(seed);
  Builder builder(/*weights=*/false);
  int64_t bytes = 112 * 112 * 16;
  int x = builder.Node({builder.Data(224 * 224 * 3)}, bytes);
  for (int c = 0; c < cells; ++c) {
    // A cell: branches of different lengths and widths out of earlier ones, concatenated.
    std::vector<int> made = {x};
    std::vector<int64_t> size = {bytes};
    std::vector<bool> used = {false};
    const int branches = 8 + static_cast<int>(random() % 6);
    for (int b = 0; b < branches; ++b) {
      const size_t from = random() % made.size();
      used[from] = true;
      int y = made[from];
      const int64_t wide = size[from] * (1 + random() % 4);
      const int64_t narrow = std::max<int64_t>(256, bytes / (2 + random() % 6));
      y = builder.Node({y}, wide);
      if (random() % 2) y = builder.Node({y}, wide);
      y = builder.Node({y}, narrow);
      if (random() % 3 == 0) {
        const size_t other = random() % made.size();
        used[other] = true;
        y = builder.Node({y, made[other]}, narrow);
      }
      made.push_back(y);
      size.push_back(narrow);
      used.push_back(false);
    }
    std::vector<int> ends;
    for (size_t i = 0; i < made.size(); ++i) {
      if (!used[i]) ends.push_back(made[i]);
    }
    bytes = std::max<int64_t>(4096, bytes / 2);
    x = builder.Node(ends, bytes);
  }
  builder.Output(builder.Node({x}, 1000));
  return builder.Take();
}

Problem TrainChain(int layers, int64_t batch, Optimizer optimizer) {
  Builder builder(/*weights=*/true);
  int x = builder.Data(batch * 784 * 4);
  int64_t in = 784;
  for (int i = 0; i < layers; ++i) {
    const int64_t out = 256 << (i % 4);
    x = builder.Node({x}, batch * out * 4, in * out * 4);
    x = builder.Node({x}, batch * out * 4, 0, Saved::kOutput);
    in = out;
  }
  x = builder.Node({x}, 4, in * 40);
  builder.Train(x, optimizer);
  return builder.Take();
}

Problem TrainResNet(int blocks, int64_t batch, Optimizer optimizer) {
  Builder builder(/*weights=*/true);
  int64_t side = 56, channels = 64;
  auto bytes = [&](int64_t c) { return batch * side * side * c * 4; };
  int x = builder.Node({builder.Data(batch * 224 * 224 * 3 * 4)}, bytes(64), 64 * 3 * 49 * 4);
  for (int b = 0; b < blocks; ++b) {
    int skip = x;
    if (b > 0 && b % std::max(1, blocks / 4) == 0 && side > 7) {
      side /= 2;
      channels *= 2;
    }
    if (b == 0 || skip == x) skip = builder.Node({x}, bytes(channels * 4), channels * channels * 8 * 4);
    int y = x;
    for (int k = 0; k < 3; ++k) {
      const int64_t c = k == 2 ? channels * 4 : channels;
      y = builder.Node({y}, bytes(c), channels * c * (k == 1 ? 9 : 1) * 4, Saved::kInputs, 1 << 22);
      y = builder.Node({y}, bytes(c), c * 8);  // batch normalization
      if (k < 2) y = builder.Node({y}, bytes(c), 0, Saved::kOutput);
    }
    y = builder.Node({y, skip}, bytes(channels * 4), 0, Saved::kNothing);
    x = builder.Node({y}, bytes(channels * 4), 0, Saved::kOutput);
  }
  x = builder.Node({x}, batch * channels * 16, 0, Saved::kNothing);
  x = builder.Node({x}, batch * 4000, channels * 4 * 4000);
  x = builder.Node({x}, 4);
  builder.Train(x, optimizer);
  return builder.Take();
}

Problem TrainTransformer(int layers, int64_t tokens, int64_t width, Optimizer optimizer) {
  Builder builder(/*weights=*/true);
  const int64_t bytes = tokens * width * 4, square = width * width * 4, heads = width / 64;
  const int64_t scores = heads * tokens * std::min<int64_t>(tokens, 512) * 4;
  int x = builder.Node({builder.Data(tokens * 8)}, bytes, 30'000 * width * 4);
  for (int i = 0; i < layers; ++i) {
    const int normed = builder.Node({x}, bytes, width * 8);
    const int q = builder.Node({normed}, bytes, square), k = builder.Node({normed}, bytes, square),
              v = builder.Node({normed}, bytes, square);
    const int s = builder.Node({q, k}, scores);
    const int p = builder.Node({s}, scores, 0, Saved::kOutput);
    const int mixed = builder.Node({p, v}, bytes);
    const int projected = builder.Node({mixed}, bytes, square);
    x = builder.Node({x, projected}, bytes, 0, Saved::kNothing);
    int h = builder.Node({x}, bytes, width * 8);
    h = builder.Node({h}, 4 * bytes, 4 * square);
    h = builder.Node({h}, 4 * bytes);
    h = builder.Node({h}, bytes, 4 * square);
    x = builder.Node({x, h}, bytes, 0, Saved::kNothing);
  }
  x = builder.Node({x}, tokens * 30'000 * 4, 30'000 * width * 4);
  x = builder.Node({x}, 4);
  builder.Train(x, optimizer);
  return builder.Take();
}

Problem TrainRandWire(int stages, int nodes_per_stage, uint32_t seed, Optimizer optimizer) {
  std::mt19937 random(seed);
  Builder builder(/*weights=*/true);
  builder.Train(RandWireNet(builder, stages, nodes_per_stage, 39, random), optimizer);
  return builder.Take();
}

Problem Layered(int nodes, int width, uint32_t seed) {
  std::mt19937 random(seed);
  Builder builder(/*weights=*/true);
  std::vector<int> made = {builder.Data(1024)};
  for (int i = 0; i < nodes; ++i) {
    std::vector<int> from;
    const int recent = std::min<int>(static_cast<int>(made.size()), 2 * width);
    for (int k = 1 + static_cast<int>(random() % 3); k > 0; --k)
      from.push_back(made[made.size() - 1 - random() % recent]);
    made.push_back(builder.Node(std::move(from), 64 * (1 + random() % 100)));
  }
  return builder.Take();
}

std::vector<Family> AllFamilies() {
  std::vector<Family> all;
  for (int seed = 1; seed <= 3; ++seed) {
    all.push_back({absl::StrCat("randwire 3x32 #", seed), RandWire(3, 32, 78, seed)});
  }
  for (int seed = 1; seed <= 2; ++seed)
    all.push_back({absl::StrCat("randwire 3x10 #", seed), RandWire(3, 10, 78, seed)});
  for (int seed = 1; seed <= 2; ++seed) all.push_back({absl::StrCat("nas 9x5 #", seed), NasCells(9, 5, 40, seed)});
  all.push_back({"nas 18x7", NasCells(18, 7, 40, 3)});
  for (int seed = 1; seed <= 3; ++seed) all.push_back({absl::StrCat("swiftnet #", seed), SwiftNet(3, seed)});
  all.push_back({"swiftnet x8", SwiftNet(8, 4)});
  all.push_back({"train chain 24, batch 256", TrainChain(24, 256, Optimizer::kSgd)});
  all.push_back({"train resnet 16, batch 1", TrainResNet(16, 1, Optimizer::kSgd)});
  all.push_back({"train resnet 16, batch 32", TrainResNet(16, 32, Optimizer::kSgd)});
  all.push_back({"train resnet 16, 32, adam", TrainResNet(16, 32, Optimizer::kAdam)});
  all.push_back({"train transf. 12x512 sgd", TrainTransformer(12, 512, 768, Optimizer::kSgd)});
  all.push_back({"train transf. 12x512 adam", TrainTransformer(12, 512, 768, Optimizer::kAdam)});
  all.push_back({"train transf. 4x64 sgd", TrainTransformer(4, 64, 768, Optimizer::kSgd)});
  all.push_back({"train randwire 3x10", TrainRandWire(3, 10, 1, Optimizer::kSgd)});
  all.push_back({"train randwire 3x32", TrainRandWire(3, 32, 1, Optimizer::kSgd)});
  all.push_back({"train transf. 200x512 adam", TrainTransformer(200, 512, 768, Optimizer::kAdam)});
  all.push_back({"layered 1000x16", Layered(1000, 16, 3)});
  all.push_back({"layered 10000x8", Layered(10'000, 8, 1)});
  all.push_back({"layered 10000x64", Layered(10'000, 64, 2)});
  return all;
}

}  // namespace plimsoll::schedule
