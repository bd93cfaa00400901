// The algebra against plain integer arithmetic, on random reshapes.
#include "compiler/codegen/index.h"

#include <gtest/gtest.h>

#include <random>

namespace plimsoll::codegen {
namespace {

int64_t Floor(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

int64_t Value(const IndexSpace& space, const Index& index, const std::vector<int64_t>& dims) {
  int64_t sum = index.constant;
  for (auto [number, c] : index.terms) {
    const IndexSpace::Atom& atom = space.atom(number);
    sum += c * (atom.kind == IndexSpace::Atom::DIM ? dims[atom.dim] : Floor(Value(space, atom.numerator, dims), atom.divisor));
  }
  return sum;
}

std::vector<int64_t> RandomShape(int64_t count, std::mt19937& random) {
  std::vector<int64_t> shape;
  while (count > 1) {
    std::vector<int64_t> divisors;
    for (int64_t d = 2; d <= count; ++d)
      if (count % d == 0) divisors.push_back(d);
    shape.push_back(divisors[random() % divisors.size()]);
    count /= shape.back();
  }
  if (shape.empty() || random() % 3 == 0) shape.insert(shape.begin() + static_cast<int64_t>(random() % (shape.size() + 1)), 1);
  return shape;
}

TEST(Index, ReshapeThereAndBackIsTheSame) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const int64_t counts[] = {24, 60, 64, 210, 36};
    const int64_t count = counts[random() % 5];
    const auto a = RandomShape(count, random), b = RandomShape(count, random);
    IndexSpace space;
    std::vector<Index> dims;
    for (int64_t extent : a) dims.push_back(space.Dim(space.AddDim(extent)));
    const Index position = space.Linearize(dims, a);
    const auto there = space.Delinearize(position, b);
    EXPECT_EQ(space.Linearize(there, b), position) << "round " << round;
    EXPECT_EQ(space.Delinearize(space.Linearize(there, b), a), dims) << "round " << round;
    for (int64_t i = 0; i < count; ++i) {
      std::vector<int64_t> at(a.size());
      int64_t rest = i;
      for (size_t d = a.size(); d-- > 0; rest /= a[d]) at[d] = rest % a[d];
      rest = i;
      for (size_t d = b.size(); d-- > 0; rest /= b[d]) ASSERT_EQ(Value(space, there[d], at), rest % b[d]);
      for (const Index& index : there) {
        auto [low, high] = space.Range(index);
        ASSERT_LE(low, Value(space, index, at));
        ASSERT_GE(high, Value(space, index, at));
      }
    }
  }
}

TEST(Index, DivisionOfRandomExpressions) {
  std::mt19937 random(9);
  for (int round = 0; round < 500; ++round) {
    IndexSpace space;
    const int64_t n = 2 + static_cast<int64_t>(random() % 9), m = 2 + static_cast<int64_t>(random() % 9);
    const Index i = space.Dim(space.AddDim(n)), j = space.Dim(space.AddDim(m));
    auto some = [&](int64_t span) { return static_cast<int64_t>(random() % static_cast<uint64_t>(2 * span + 1)) - span; };
    const Index x = space.Add(space.Add(space.Scale(i, some(12)), space.Scale(j, some(12))), Index(some(20)));
    const int64_t p = 1 + static_cast<int64_t>(random() % 12), q = 1 + static_cast<int64_t>(random() % 12);
    const Index once = space.FloorDiv(x, p), twice = space.FloorDiv(once, q), rest = space.Mod(x, p);
    for (int64_t a = 0; a < n; ++a)
      for (int64_t b = 0; b < m; ++b) {
        const int64_t v = Value(space, x, {a, b});
        ASSERT_EQ(Value(space, once, {a, b}), Floor(v, p));
        ASSERT_EQ(Value(space, twice, {a, b}), Floor(Floor(v, p), q));
        ASSERT_EQ(Value(space, rest, {a, b}), v - Floor(v, p) * p);
      }
  }
}

TEST(Index, StridesShowThroughAReshape) {
  IndexSpace space;
  const Index i = space.Dim(space.AddDim(6)), j = space.Dim(space.AddDim(64));
  const std::vector<int64_t> flat{384}, split{6, 8, 8};
  const Index position = space.Linearize(std::vector<Index>{i, j}, std::vector<int64_t>{6, 64});
  const Index again = space.Linearize(space.Delinearize(position, split), split);
  int64_t stride = 0;
  ASSERT_TRUE(space.Stride(again, 1, &stride));
  EXPECT_EQ(stride, 1);
  ASSERT_TRUE(space.Stride(again, 0, &stride));
  EXPECT_EQ(stride, 64);
}

}  // namespace
}  // namespace plimsoll::codegen
