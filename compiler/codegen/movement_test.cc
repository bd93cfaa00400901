// Data movement, fusions, and what may share memory.
#include <numeric>

#include "compiler/codegen/test_values.h"

namespace plimsoll::codegen {
namespace {

// Calls `visit` with every index of a shape, in row-major order.
void ForEach(const Shape& shape, const std::function<void(const Shape&)>& visit) {
  Shape at(shape.size(), 0);
  for (int64_t i = 0; i < Count(shape); ++i) {
    visit(at);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++at[d] < shape[d]) break;
      at[d] = 0;
    }
  }
}
int64_t Position(const Shape& shape, const Shape& at) {
  int64_t position = 0;
  for (size_t d = 0; d < shape.size(); ++d) position = position * shape[d] + at[d];
  return position;
}
Operand Counting(const Shape& shape, const std::string& element) {
  std::vector<double> values(static_cast<size_t>(Count(shape)));
  std::iota(values.begin(), values.end(), 0);
  for (double& v : values) v = std::fmod(v, 113);
  return {shape, element, values};
}

TEST(Transpose, PermutationsAndTypes) {
  const std::vector<std::pair<Shape, Shape>> cases = {{{5, 7}, {1, 0}}, {{40, 33}, {1, 0}}, {{2, 64, 48}, {0, 2, 1}}, {{2, 5, 12, 64}, {0, 2, 1, 3}},
      {{2, 20, 9, 11}, {0, 2, 3, 1}}, {{2, 9, 11, 20}, {0, 3, 1, 2}}, {{3, 4, 5}, {2, 1, 0}}, {{1, 3, 20, 20}, {0, 2, 3, 1}}, {{17, 1, 18}, {2, 1, 0}}, {{0, 3}, {1, 0}},
      {{2, 3, 4, 5, 6}, {4, 2, 0, 3, 1}}, {{100, 16}, {1, 0}}};
  for (const char* cpu : {"native", "x86-64-v3"})
    for (const auto& [shape, permutation] : cases)
      for (const char* element : {"f32", "i8", "bf16", "i64"}) {
        Operand x = Counting(shape, element);
        Shape out;
        for (int64_t p : permutation) out.push_back(shape[p]);
        const std::string text = Function(absl::StrCat("graph.transpose %a0 by [", absl::StrJoin(permutation, ", "), "] :"), {x}, out, element);
        auto got = Check(text, {x}, element, cpu);
        std::vector<double> want;
        ForEach(out, [&](const Shape& at) {
          Shape from(at.size());
          for (size_t d = 0; d < at.size(); ++d) from[permutation[d]] = at[d];
          want.push_back(x.values[Position(shape, from)]);
        });
        ExpectNear(got, want, 0, 0, text);
      }
}

TEST(Slice, StridesOfBothSigns) {
  Operand x = Counting({6, 50}, "f32");
  struct Case { Shape starts, sizes, strides; };
  for (const Case& c : std::vector<Case>{{{1, 3}, {4, 40}, {1, 1}}, {{5, 49}, {6, 50}, {-1, -1}}, {{0, 1}, {3, 17}, {2, 3}}, {{5, 40}, {3, 10}, {-2, -4}}}) {
    auto list = [](const Shape& s) { return "array<i64: " + absl::StrJoin(s, ", ") + ">"; };
    const std::string text = Function(absl::StrCat("graph.slice %a0 {starts = ", list(c.starts), ", sizes = ", list(c.sizes), ", strides = ", list(c.strides), "} :"), {x}, c.sizes, "f32");
    std::vector<double> want;
    ForEach(c.sizes, [&](const Shape& at) { want.push_back(x.values[Position(x.shape, {c.starts[0] + at[0] * c.strides[0], c.starts[1] + at[1] * c.strides[1]})]); });
    ExpectNear(Check(text, {x}, "f32"), want, 0, 0, text);
  }
}

TEST(Concat, AlongEachAxis) {
  for (int64_t axis = 0; axis < 3; ++axis) {
    Shape a{3, 4, 21}, b = a, out = a;
    b[axis] = 5;
    out[axis] += 5;
    Operand x = Counting(a, "f32"), y = Counting(b, "f32");
    for (double& v : y.values) v = -v;
    const std::string text = Function(absl::StrCat("graph.concat %a0, %a1 along ", axis, " :"), {x, y}, out, "f32");
    std::vector<double> want;
    ForEach(out, [&](const Shape& at) {
      Shape from = at;
      if (at[axis] < a[axis]) return want.push_back(x.values[Position(a, at)]);
      from[axis] -= a[axis];
      want.push_back(y.values[Position(b, from)]);
    });
    ExpectNear(Check(text, {x, y}, "f32"), want, 0, 0, text);
  }
}

TEST(Pad, AllModes) {
  Operand x = Counting({5, 37}, "f32"), value({}, "f32", {-7});
  const Shape low{2, 3}, high{1, 4}, out{8, 44};
  for (const char* cpu : {"native", "x86-64-v3"})
    for (const char* mode : {"constant", "reflect", "edge", "wrap"}) {
      const bool constant = mode == std::string("constant");
      const std::string text = absl::StrCat("func.func @f(%a0: tensor<5x37xf32>, %a1: tensor<f32>) { %r = graph.pad <", mode, "> %a0", constant ? ", %a1" : "",
          " {low = array<i64: 2, 3>, high = array<i64: 1, 4>} : (tensor<5x37xf32>", constant ? ", tensor<f32>" : "", ") -> tensor<8x44xf32> return }");
      std::vector<Operand> operands{x};
      if (constant) operands.push_back(value);
      std::vector<double> want;
      ForEach(out, [&](const Shape& at) {
        Shape from{at[0] - 2, at[1] - 3};
        bool inside = true;
        for (int d = 0; d < 2; ++d) {
          const int64_t n = x.shape[d];
          if (from[d] < 0 || from[d] >= n) inside = false;
          if (mode == std::string("edge")) from[d] = std::clamp<int64_t>(from[d], 0, n - 1);
          if (mode == std::string("wrap")) from[d] = (from[d] + n) % n;
          if (mode == std::string("reflect")) from[d] = from[d] < 0 ? -from[d] : from[d] >= n ? 2 * (n - 1) - from[d] : from[d];
        }
        want.push_back(constant && !inside ? -7 : x.values[Position(x.shape, from)]);
      });
      ExpectNear(Check(text, operands, "f32", cpu), want, 0, 0, text);
    }
}

TEST(Gather, RowsElementsAndPoints) {
  Operand table = Counting({9, 35}, "f32");
  Operand rows({2, 3}, "i64", {0, 8, -1, 4, -9, 2});
  std::vector<double> want;
  ForEach({2, 3, 35}, [&](const Shape& at) {
    const auto row = static_cast<int64_t>(rows.values[at[0] * 3 + at[1]]);
    want.push_back(table.values[(row < 0 ? row + 9 : row) * 35 + at[2]]);
  });
  ExpectNear(Check("func.func @f(%a: tensor<9x35xf32>, %i: tensor<2x3xi64>) { %r = graph.gather %a, %i along 0 : (tensor<9x35xf32>, tensor<2x3xi64>) -> tensor<2x3x35xf32> return }", {table, rows}, "f32"), want, 0, 0, "gather");
  Operand columns({4}, "i32", {34, 0, -2, 7});
  want.clear();
  ForEach({9, 4}, [&](const Shape& at) {
    const auto column = static_cast<int64_t>(columns.values[at[1]]);
    want.push_back(table.values[at[0] * 35 + (column < 0 ? column + 35 : column)]);
  });
  ExpectNear(Check("func.func @f(%a: tensor<9x35xf32>, %i: tensor<4xi32>) { %r = graph.gather %a, %i along 1 : (tensor<9x35xf32>, tensor<4xi32>) -> tensor<9x4xf32> return }", {table, columns}, "f32"), want, 0, 0, "gather columns");
  Operand each({9, 3}, "i64", RandomIntegers(27, 0, 34));
  want.clear();
  ForEach({9, 3}, [&](const Shape& at) { want.push_back(table.values[at[0] * 35 + static_cast<int64_t>(each.values[at[0] * 3 + at[1]])]); });
  ExpectNear(Check("func.func @f(%a: tensor<9x35xf32>, %i: tensor<9x3xi64>) { %r = graph.gather_elements %a, %i along 1 : (tensor<9x35xf32>, tensor<9x3xi64>) -> tensor<9x3xf32> return }", {table, each}, "f32"), want, 0, 0, "elements");
  Operand points({4, 2}, "i64", {0, 1, 8, 34, 3, 3, -1, 0});
  want = {table.values[1], table.values[8 * 35 + 34], table.values[3 * 35 + 3], table.values[8 * 35]};
  ExpectNear(Check("func.func @f(%a: tensor<9x35xf32>, %i: tensor<4x2xi64>) { %r = graph.gather_nd %a, %i : (tensor<9x35xf32>, tensor<4x2xi64>) -> tensor<4xf32> return }", {table, points}, "f32"), want, 0, 0, "points");
}

TEST(Resize, NearestAndLinear) {
  Operand x = Counting({1, 2, 4, 5}, "f32");
  std::vector<double> want;
  ForEach({1, 2, 8, 10}, [&](const Shape& at) { want.push_back(x.values[Position(x.shape, {0, at[1], at[2] / 2, at[3] / 2})]); });
  ExpectNear(Check("func.func @f(%a: tensor<1x2x4x5xf32>) { %r = graph.resize %a {mode = \"nearest\", coordinates = \"asymmetric\", nearest = \"floor\", scales = array<f64: 1.0, 1.0, 2.0, 2.0>} : tensor<1x2x4x5xf32> -> tensor<1x2x8x10xf32> return }", {x}, "f32"), want, 0, 0, "nearest");
  want.clear();
  ForEach({1, 2, 8, 10}, [&](const Shape& at) {
    auto axis = [](int64_t i, int64_t n, int64_t& low, double& fraction) {
      const double c = std::clamp((static_cast<double>(i) + 0.5) / 2 - 0.5, 0.0, static_cast<double>(n - 1));
      low = std::min<int64_t>(static_cast<int64_t>(c), n - 1);
      fraction = c - static_cast<double>(low);
    };
    int64_t y, z;
    double v, w;
    axis(at[2], 4, y, v);
    axis(at[3], 5, z, w);
    auto value = [&](int64_t i, int64_t j) { return x.values[Position(x.shape, {0, at[1], std::min<int64_t>(i, 3), std::min<int64_t>(j, 4)})]; };
    want.push_back((1 - v) * ((1 - w) * value(y, z) + w * value(y, z + 1)) + v * ((1 - w) * value(y + 1, z) + w * value(y + 1, z + 1)));
  });
  ExpectNear(Check("func.func @f(%a: tensor<1x2x4x5xf32>) { %r = graph.resize %a {mode = \"linear\", coordinates = \"half_pixel\", scales = array<f64: 1.0, 1.0, 2.0, 2.0>} : tensor<1x2x4x5xf32> -> tensor<1x2x8x10xf32> return }", {x}, "f32"), want, 1e-5, 1e-5, "linear");
}

TEST(Iota, StartsAndSteps) {
  std::vector<double> want;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 70; ++j) want.push_back(5 - 2 * j);
  for (const char* element : {"i64", "i32", "f32"}) {
    TestKernel kernel(absl::StrCat("func.func @f() { %r = graph.iota {axis = 1 : i64, start = 5.0 : f64, step = -2.0 : f64} : tensor<3x70x", element, "> return }"));
    ExpectNear(Unpack(kernel.Run({})[0], element), want, 0, 0, element);
  }
}

// Fusions: `inside` on %0, %1, ...; yields %y.
std::string Fusion(const std::vector<Operand>& operands, const std::string& inside, const Shape& shape, const std::string& element) {
  std::vector<std::string> arguments, names, types, block;
  for (size_t i = 0; i < operands.size(); ++i) {
    types.push_back(Tensor(operands[i].shape, operands[i].element));
    names.push_back(absl::StrCat("%a", i));
    arguments.push_back(names.back() + ": " + types.back());
    block.push_back(absl::StrCat("%x", i, ": ", types.back()));
  }
  const std::string result = Tensor(shape, element);
  return absl::StrCat("func.func @f(", absl::StrJoin(arguments, ", "), ") {\n  %r = graph.fusion(", absl::StrJoin(names, ", "), ") : (", absl::StrJoin(types, ", "),
                      ") -> ", result, " {\n  ^bb0(", absl::StrJoin(block, ", "), "):\n", inside, "\n    graph.yield %y : ", result, "\n  }\n  return\n}\n");
}

TEST(Fusion, TransposedOperandOfAnElementwiseTree) {
  Operand x = Counting({2, 30, 40}, "f32"), z = Counting({2, 40, 30}, "f32");
  const std::string text = Fusion({x, z}, R"(
    %t = graph.transpose %x0 by [0, 2, 1] : tensor<2x30x40xf32> -> tensor<2x40x30xf32>
    %y = graph.add %t, %x1 : (tensor<2x40x30xf32>, tensor<2x40x30xf32>) -> tensor<2x40x30xf32>)", {2, 40, 30}, "f32");
  std::vector<double> want;
  ForEach({2, 40, 30}, [&](const Shape& at) { want.push_back(x.values[Position(x.shape, {at[0], at[2], at[1]})] + z.values[Position(z.shape, at)]); });
  ExpectNear(Check(text, {x, z}, "f32"), want, 0, 0, "fused transpose");
  TestKernel kernel(text);
  EXPECT_TRUE(kernel.one_kernel());
  ASSERT_EQ(kernel.in_place().size(), 1u);
  EXPECT_EQ(kernel.in_place()[0].operand, 1u);
}

TEST(Fusion, ScaledMaskedSoftmaxOfABroadcastSum) {
  Operand x({2, 3, 17, 19}, "f32", Random(2 * 3 * 17 * 19, -3, 3)), mask({2, 1, 1, 19}, "f32", Random(38, -1, 0));
  const std::string type = "tensor<2x3x17x19xf32>";
  const std::string text = Fusion({x, mask}, absl::StrCat("    %c = graph.constant dense<0.125> : tensor<f32>\n    %m = graph.mul %x0, %c : (", type, ", tensor<f32>) -> ", type,
      "\n    %s = graph.add %m, %x1 : (", type, ", tensor<2x1x1x19xf32>) -> ", type, "\n    %y = graph.softmax %s {axis = 3 : i64, log = false} : ", type, " -> ", type), x.shape, "f32");
  std::vector<double> want;
  for (int64_t r = 0; r < 102; ++r) {
    double sum = 0;
    auto at = [&](int64_t c) { return std::exp(x.values[r * 19 + c] * 0.125 + mask.values[r / 51 * 19 + c]); };
    for (int64_t c = 0; c < 19; ++c) sum += at(c);
    for (int64_t c = 0; c < 19; ++c) want.push_back(at(c) / sum);
  }
  ExpectNear(Check(text, {x, mask}, "f32"), want, 1e-5, 1e-6, "attention softmax");
  EXPECT_TRUE(TestKernel(text).one_kernel());
}

TEST(Fusion, ResidualAndLayerNormYieldBoth) {
  const std::string t = "tensor<5x64xf32>", w = "tensor<64xf32>";
  const std::string text = absl::StrCat("func.func @f(%a: ", t, ", %b: ", t, ", %s: ", w, ", %c: ", w, ") {\n %r:2 = graph.fusion(%a, %b, %s, %c) : (", t, ", ", t, ", ", w, ", ", w, ") -> (", t, ", ", t,
      ") {\n ^bb0(%x0: ", t, ", %x1: ", t, ", %x2: ", w, ", %x3: ", w, "):\n %u = graph.add %x0, %x1 : (", t, ", ", t, ") -> ", t,
      "\n %n = graph.layer_norm %u, %x2, %x3 {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (", t, ", ", w, ", ", w, ") -> ", t, "\n graph.yield %u, %n : ", t, ", ", t, "\n }\n return }");
  TestKernel kernel(text);
  EXPECT_TRUE(kernel.one_kernel());
  auto a = As(Random(320, -1, 1), "f32"), b = As(Random(320, -1, 1, 2), "f32");
  auto results = kernel.Run({Pack(a, "f32"), Pack(b, "f32"), Pack(std::vector<double>(64, 1), "f32"), Pack(std::vector<double>(64, 0), "f32")});
  std::vector<double> sum, normal(320);
  for (int i = 0; i < 320; ++i) sum.push_back(a[i] + b[i]);
  for (int r = 0; r < 5; ++r) {
    double mean = 0, variance = 0;
    for (int c = 0; c < 64; ++c) mean += sum[r * 64 + c] / 64;
    for (int c = 0; c < 64; ++c) variance += std::pow(sum[r * 64 + c] - mean, 2) / 64;
    for (int c = 0; c < 64; ++c) normal[r * 64 + c] = (sum[r * 64 + c] - mean) / std::sqrt(variance + 1e-5);
  }
  ExpectNear(Unpack(results[0], "f32"), sum, 1e-6, 1e-6, "sum");
  ExpectNear(Unpack(results[1], "f32"), normal, 1e-5, 1e-5, "norm");
}

TEST(Fusion, ReshapeInTheMiddle) {
  Operand x = Counting({6, 40}, "f32"), z = Counting({3, 2, 8, 5}, "f32");
  const std::string text = Fusion({x, z}, R"(
    %e = graph.neg %x0 : tensor<6x40xf32> -> tensor<6x40xf32>
    %q = graph.reshape %e : tensor<6x40xf32> -> tensor<3x2x8x5xf32>
    %y = graph.mul %q, %x1 : (tensor<3x2x8x5xf32>, tensor<3x2x8x5xf32>) -> tensor<3x2x8x5xf32>)", {3, 2, 8, 5}, "f32");
  std::vector<double> want;
  for (int i = 0; i < 240; ++i) want.push_back(-x.values[i] * z.values[i]);
  ExpectNear(Check(text, {x, z}, "f32"), want, 0, 0, "reshape");
}

TEST(Fusion, PaddingAndConcatenationInside) {
  Operand x = Counting({3, 20}, "f32"), z = Counting({3, 12}, "f32");
  const std::string text = Fusion({x, z}, R"(
    %p = graph.pad <constant> %x1 {low = array<i64: 0, 3>, high = array<i64: 0, 5>} : (tensor<3x12xf32>) -> tensor<3x20xf32>
    %s = graph.add %x0, %p : (tensor<3x20xf32>, tensor<3x20xf32>) -> tensor<3x20xf32>
    %c = graph.concat %s, %x1 along 1 : (tensor<3x20xf32>, tensor<3x12xf32>) -> tensor<3x32xf32>
    %y = graph.neg %c : tensor<3x32xf32> -> tensor<3x32xf32>)", {3, 32}, "f32");
  std::vector<double> want;
  ForEach({3, 32}, [&](const Shape& at) {
    const int64_t r = at[0], c = at[1];
    want.push_back(-(c < 20 ? x.values[r * 20 + c] + (c >= 3 && c < 15 ? z.values[r * 12 + c - 3] : 0) : z.values[r * 12 + c - 20]));
  });
  ExpectNear(Check(text, {x, z}, "f32"), want, 0, 0, "pad and concat");
}

// A transposed source that padding makes larger: what is made up lies beyond it and must not be read.
TEST(Fusion, PaddedTranspose) {
  Operand x = Counting({20, 37}, "f32"), z = Counting({42, 20}, "f32");
  const std::string text = Fusion({x, z}, R"(
    %t = graph.transpose %x0 by [1, 0] : tensor<20x37xf32> -> tensor<37x20xf32>
    %p = graph.pad <constant> %t {low = array<i64: 0, 0>, high = array<i64: 5, 0>} : (tensor<37x20xf32>) -> tensor<42x20xf32>
    %y = graph.add %p, %x1 : (tensor<42x20xf32>, tensor<42x20xf32>) -> tensor<42x20xf32>)", {42, 20}, "f32");
  std::vector<double> want;
  ForEach({42, 20}, [&](const Shape& at) { want.push_back((at[0] < 37 ? x.values[at[1] * 37 + at[0]] : 0) + z.values[at[0] * 20 + at[1]]); });
  ExpectNear(Check(text, {x, z}, "f32"), want, 0, 0, "padded transpose");
}

// The values of an attention block, cut out of each head, as they are and channels-last: a channel's place is not linear in its number.
TEST(Fusion, HeadsCutAndMadeChannelsLast) {
  for (const char* cpu : {"native", "x86-64-v3"})
    for (int64_t pixels : {16, 20, 400}) {
      const Operand x = Counting({512, pixels}, "f32");
      const std::string n = absl::StrCat(pixels), whole = absl::StrCat("tensor<512x", n, "xf32>"), cut = absl::StrCat("tensor<4x64x", n, "xf32>"),
                        last = absl::StrCat("tensor<", n, "x256xf32>");
      TestKernel kernel(absl::StrCat("func.func @f(%a: ", whole, ") {\n %r:2 = graph.fusion(%a) : (", whole, ") -> (", cut, ", ", last, ") {\n ^bb0(%x0: ", whole,
          "):\n %q = graph.reshape %x0 : ", whole, " -> tensor<4x128x", n, "xf32>\n %s = graph.slice %q {starts = array<i64: 0, 64, 0>, sizes = array<i64: 4, 64, ", n,
          ">, strides = array<i64: 1, 1, 1>} : tensor<4x128x", n, "xf32> -> ", cut, "\n %c = graph.reshape %s : ", cut, " -> tensor<256x", n,
          "xf32>\n %y = graph.transpose %c by [1, 0] : tensor<256x", n, "xf32> -> ", last, "\n graph.yield %s, %y : ", cut, ", ", last, "\n }\n return }"), cpu);
      auto results = kernel.Run({Pack(x.values, "f32")});
      std::vector<double> heads, channels_last;
      auto value = [&](int64_t channel, int64_t pixel) { return x.values[(channel / 64 * 128 + 64 + channel % 64) * pixels + pixel]; };
      ForEach({256, pixels}, [&](const Shape& at) { heads.push_back(value(at[0], at[1])); });
      ForEach({pixels, 256}, [&](const Shape& at) { channels_last.push_back(value(at[1], at[0])); });
      ExpectNear(Unpack(results[0], "f32"), heads, 0, 0, absl::StrCat("heads ", pixels));
      ExpectNear(Unpack(results[1], "f32"), channels_last, 0, 0, absl::StrCat("channels last ", pixels));
    }
}

TEST(Fusion, ReductionsOverDifferentDimsAreRefused) {
  Operand x = Counting({8, 8}, "f32");
  const std::string inside = R"(
    %u = graph.reduce <sum> %x0 over [0] keep true : tensor<8x8xf32> -> tensor<1x8xf32>
    %v = graph.reduce <sum> %x0 over [1] keep true : tensor<8x8xf32> -> tensor<8x1xf32>
    %y = graph.mul %u, %v : (tensor<1x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>)";
  EXPECT_DEATH(TestKernel(Fusion({x}, inside, {8, 8}, "f32")), "not compiled");
}

TEST(Fusion, ReductionOfARowWhoseNumberIsComputedIsRefused) {
  Operand x = Counting({8, 16}, "f32"), at({2}, "i64", {5, 1});
  const std::string inside = R"(
    %u = graph.softmax %x0 {axis = 1 : i64, log = false} : tensor<8x16xf32> -> tensor<8x16xf32>
    %y = graph.gather %u, %x1 along 0 : (tensor<8x16xf32>, tensor<2xi64>) -> tensor<2x16xf32>)";
  EXPECT_DEATH(TestKernel(Fusion({x, at}, inside, {2, 16}, "f32")), "not compiled");
}

TEST(InPlace, ElementwiseOverItsOperand) {
  TestKernel kernel("func.func @f(%a: tensor<3x1001xf32>, %b: tensor<1001xf32>) { %r = graph.add %a, %b : (tensor<3x1001xf32>, tensor<1001xf32>) -> tensor<3x1001xf32> return }");
  ASSERT_EQ(kernel.in_place().size(), 1u);
  EXPECT_EQ(kernel.in_place()[0].operand, 0u);
  std::vector<float> a(3003, 2), b(1001, 3);
  kernel.Call({a.data(), b.data(), a.data()}, 0, kernel.kernel().tiles);
  EXPECT_THAT(a, testing::Each(5.0f));
}

TEST(InPlace, SoftmaxOverItsOperand) {
  TestKernel kernel("func.func @f(%a: tensor<4x100xf32>) { %r = graph.softmax %a {axis = 1 : i64, log = false} : tensor<4x100xf32> -> tensor<4x100xf32> return }");
  ASSERT_EQ(kernel.in_place().size(), 1u);
  auto x = Random(400, -3, 3);
  auto apart = kernel.Run({Pack(x, "f32")})[0];
  std::string memory = Pack(x, "f32");
  kernel.Call({memory.data(), memory.data()}, 0, kernel.kernel().tiles);
  EXPECT_EQ(memory, apart);
}

// r reads %b, which q may overwrite: what a step reads comes before what it writes.
TEST(InPlace, OverAnOperandThatAnotherResultReads) {
  const std::string t = "tensor<1000xf32>", pair = "(tensor<1000xf32>, tensor<1000xf32>)";
  TestKernel kernel(absl::StrCat("func.func @f(%a: ", t, ", %b: ", t, ") {\n %s:2 = graph.fusion(%a, %b) : ", pair, " -> ", pair, " {\n ^bb0(%x: ", t, ", %y: ", t,
                                 "):\n %q = graph.add %x, %y : ", pair, " -> ", t, "\n %p = graph.mul %q, %q : ", pair, " -> ", t,
                                 "\n %r = graph.sub %p, %y : ", pair, " -> ", t, "\n graph.yield %q, %r : ", t, ", ", t, "\n }\n return\n}"));
  EXPECT_EQ(kernel.in_place().size(), 4u);
  std::vector<float> a(1000, 2), b(1000, 3), r(1000);
  kernel.Call({a.data(), b.data(), b.data(), r.data()}, 0, kernel.kernel().tiles);
  EXPECT_THAT(b, testing::Each(5.0f));
  EXPECT_THAT(r, testing::Each(22.0f));
}

TEST(InPlace, TransposeIsNot) {
  EXPECT_TRUE(TestKernel("func.func @f(%a: tensor<9x9xf32>) { %r = graph.transpose %a by [1, 0] : tensor<9x9xf32> -> tensor<9x9xf32> return }").in_place().empty());
}

TEST(Compiler, SameBytesTwice) {
  const std::string text = "func.func @f(%a: tensor<9x90xf32>) { %r = graph.softmax %a {axis = 1 : i64, log = false} : tensor<9x90xf32> -> tensor<9x90xf32> return }";
  EXPECT_EQ(TestKernel(text).object(), TestKernel(text).object());
}

}  // namespace
}  // namespace plimsoll::codegen
