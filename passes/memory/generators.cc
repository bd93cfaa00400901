#include "passes/memory/generators.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace plimsoll::memory {
namespace {

constexpr int64_t kUnit = 1024;

// The standard's distributions differ between libraries; the engine does not.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // Uniform in [low, high].
  int64_t Draw(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
  }
  // Uniform in [0, 1).
  double Share() { return static_cast<double>(engine_() >> 11) / static_cast<double>(uint64_t{1} << 53); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace

Problem CutSquare(int pieces, int side, double dropped, uint64_t seed) {
  struct Rectangle {
    int64_t left, right, bottom, top;
  };
  Random random(seed);
  std::vector<Rectangle> rectangles = {{0, side, 0, side}};
  while (static_cast<int>(rectangles.size()) < pieces) {
    // The larger of two; more often across, so that buffers are longer than large.
    const auto area = [](const Rectangle& r) { return (r.right - r.left) * (r.top - r.bottom); };
    Rectangle& one = rectangles[random.Draw(0, static_cast<int64_t>(rectangles.size()) - 1)];
    Rectangle& two = rectangles[random.Draw(0, static_cast<int64_t>(rectangles.size()) - 1)];
    Rectangle& old = area(one) < area(two) ? two : one;
    Rectangle cut = old;
    if (random.Draw(0, 4) < 2) {
      if (old.right - old.left < 2) continue;
      old.right = cut.left = random.Draw(old.left + 1, old.right - 1);
    } else {
      if (old.top - old.bottom < 2) continue;
      old.top = cut.bottom = random.Draw(old.bottom + 1, old.top - 1);
    }
    rectangles.push_back(cut);
  }
  Problem problem;
  for (const Rectangle& r : rectangles) {
    if (random.Share() < dropped) continue;
    problem.buffers.push_back({.lower = kUnit * r.left, .upper = kUnit * r.right, .size = kUnit * (r.top - r.bottom)});
  }
  return problem;
}

Problem ShortLived(int count, int side, uint64_t seed) {
  Random random(seed);
  const int64_t time = int64_t{4} * count;
  std::vector<Buffer> placed;
  // Each buffer takes the lowest place that is free around a random instant; those that find none are drawn anew.
  for (int64_t tries = 0; static_cast<int>(placed.size()) < count && tries < int64_t{200} * count; ++tries) {
    Buffer buffer{.size = random.Draw(side / 32, side / 9)};
    buffer.lower = random.Draw(0, time - 1);
    buffer.upper = std::min(time, buffer.lower + random.Draw(17, 56));
    std::vector<std::pair<int64_t, int64_t>> taken;
    for (const Buffer& other : placed) {
      if (other.lower < buffer.upper && buffer.lower < other.upper) {
        taken.push_back({*other.fixed_offset, *other.fixed_offset + other.size});
      }
    }
    std::sort(taken.begin(), taken.end());
    int64_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (begin >= offset + buffer.size) break;
      offset = std::max(offset, end);
    }
    if (offset + buffer.size > side) continue;
    buffer.fixed_offset = offset;
    placed.push_back(buffer);
  }
  Problem problem;
  for (Buffer& buffer : placed) {
    problem.buffers.push_back(
        {.lower = kUnit * buffer.lower, .upper = kUnit * buffer.upper, .size = kUnit * buffer.size});
  }
  return problem;
}

Problem TrainingTrace(int count, uint64_t seed) {
  Random random(seed);
  // An operation of a layer, and what comes of it in both passes. Layers repeat it.
  struct Operation {
    int64_t size;    // Of its result.
    bool saved;      // The result is needed by the backward pass.
    int64_t mask;    // Bytes beside it that are saved as well (a mask, statistics).
    int64_t weight;  // Bytes of its weight, whose gradient lives until the optimizer.
    int64_t workspace;
    int reach;  // How many operations later the result is used for the last time.
  };
  const int64_t hidden = int64_t{1} << random.Draw(10, 12);
  const int64_t tokens = 256 * random.Draw(4, 16);
  std::vector<Operation> layer;
  const int operations = static_cast<int>(random.Draw(20, 36));
  for (int k = 0; k < operations; ++k) {
    const int64_t widths[] = {1, 1, 1, 3, 4};
    Operation op{.size = 2 * tokens * hidden * widths[random.Draw(0, 4)],
                 .saved = random.Share() < 0.5,
                 .mask = random.Share() < 0.2   ? tokens * hidden
                         : random.Share() < 0.3 ? 4 * tokens
                                                : 0,
                 .weight = random.Share() < 0.25 ? 4 * hidden * hidden * random.Draw(1, 4) / 4 : 0,
                 .workspace = random.Share() < 0.3 ? random.Draw(1, 64) * 65536 : 0,
                 .reach = static_cast<int>(random.Share() < 0.8 ? random.Draw(1, 3) : random.Draw(4, operations))};
    if (random.Share() < 0.1) op.size = random.Draw(1, 4) * 512;
    layer.push_back(op);
  }
  double per_layer = 0;
  for (const Operation& op : layer) per_layer += 2 + (op.mask > 0) + (op.weight > 0) + 2 * (op.workspace > 0);
  const int64_t layers = std::max<int64_t>(1, std::llround(count / per_layer));
  const int64_t half = layers * operations, end = 2 * half + 1;
  Problem problem;
  const auto add = [&](int64_t lower, int64_t upper, int64_t size) {
    if (size > 0) problem.buffers.push_back({.lower = lower, .upper = std::min(end, upper), .size = size});
  };
  for (int64_t at = 0; at < half; ++at) {
    const Operation& op = layer[at % operations];
    const int64_t back = 2 * half - at - 1;  // The instant of its backward operation.
    add(at, op.saved ? back + 1 : at + 1 + op.reach, op.size);
    add(at, back + 1, op.mask);
    add(at, at + 1, op.workspace);
    // Its gradient, from what follows it to its own backward operation.
    add(std::max<int64_t>(half, back - op.reach), back + 1, op.size);
    add(back, back + 1, op.workspace);
    add(back, end, op.weight);
  }
  return problem;
}

Problem LogUniform(int count, int64_t smallest, int64_t largest, double longest, uint64_t seed) {
  Random random(seed);
  constexpr double kTime = 1e6;
  Problem problem;
  problem.buffers.reserve(count);
  for (int i = 0; i < count; ++i) {
    const double ratio = static_cast<double>(largest) / static_cast<double>(smallest);
    const int64_t lower = static_cast<int64_t>(kTime * random.Share());
    const int64_t length = 1 + static_cast<int64_t>(kTime * longest * random.Share());
    problem.buffers.push_back(
        {.lower = lower,
         .upper = lower + length,
         .size = static_cast<int64_t>(static_cast<double>(smallest) * std::pow(ratio, random.Share()))});
  }
  return problem;
}

}  // namespace plimsoll::memory
