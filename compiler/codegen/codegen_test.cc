// Kernels against values computed here with std:: in double.
#include "compiler/codegen/test_values.h"

namespace plimsoll::codegen {
namespace {

constexpr const char* kCpus[] = {"native", "x86-64-v3"};

struct UnaryCase { const char* name; std::function<double(double)> reference; double low, high; double atol = 1e-7; };

TEST(Unary, MatchesTheStandardLibrary) {
  const std::vector<UnaryCase> cases = {
      {"abs", [](double x) { return std::abs(x); }, -9, 9},
      {"neg", [](double x) { return -x; }, -9, 9},
      {"exp", [](double x) { return std::exp(x); }, -80, 80},
      {"log", [](double x) { return std::log(x); }, 1e-6, 1000},
      {"sqrt", [](double x) { return std::sqrt(x); }, 0, 1000},
      {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 0.01, 1000},
      {"reciprocal", [](double x) { return 1 / x; }, 0.1, 30},
      {"tanh", [](double x) { return std::tanh(x); }, -10, 10},
      {"erf", [](double x) { return std::erf(x); }, -5, 5, 5e-7},
      {"sin", [](double x) { return std::sin(x); }, -300, 300, 2e-7},
      {"cos", [](double x) { return std::cos(x); }, -300, 300, 2e-7},
      {"tan", [](double x) { return std::tan(x); }, -1.5, 1.5},
      {"asin", [](double x) { return std::asin(x); }, -1, 1},
      {"acos", [](double x) { return std::acos(x); }, -1, 1, 3e-7},
      {"atan", [](double x) { return std::atan(x); }, -20, 20},
      {"sinh", [](double x) { return std::sinh(x); }, -20, 20},
      {"cosh", [](double x) { return std::cosh(x); }, -20, 20},
      {"asinh", [](double x) { return std::asinh(x); }, -100, 100},
      {"acosh", [](double x) { return std::acosh(x); }, 1, 100},
      {"atanh", [](double x) { return std::atanh(x); }, -0.999, 0.999, 1e-6},
      {"floor", [](double x) { return std::floor(x); }, -9, 9},
      {"ceil", [](double x) { return std::ceil(x); }, -9, 9},
      {"round", [](double x) { return std::nearbyint(x); }, -9, 9},
      {"sign", [](double x) { return (x > 0) - (x < 0); }, -9, 9},
  };
  for (const char* cpu : kCpus)
    for (const UnaryCase& c : cases)
      for (const char* element : {"f32", "f16", "bf16", "f64"}) {
        if (cpu != std::string("native") && element == std::string("f64")) continue;
        Operand x({7, 61}, element, Random(7 * 61, c.low, c.high));
        if (element == std::string("f16")) for (double& v : x.values) if (std::abs(c.reference(v)) > 60000) v = c.low < 1 && c.high > 1 ? 1 : c.low;
        x.values = As(x.values, element);
        auto got = Check(Function(absl::StrCat("graph.", c.name, " %a0 :"), {x}, x.shape, element), {x}, element, cpu);
        std::vector<double> want;
        for (double v : x.values) want.push_back(c.reference(v));
        const double scale = element == std::string("f64") ? 1e-5 : 1;
        ExpectNear(got, want, Tolerance(element), (element == std::string("f16") || element == std::string("bf16")) ? 1e-6 : c.atol * scale, absl::StrCat(c.name, " ", element, " ", cpu));
      }
}

TEST(Unary, SpecialValues) {
  const double inf = HUGE_VAL, nan = NAN;
  const std::vector<double> values = {0.0, -0.0, inf, -inf, nan, 1e-40, -1e-40, 3e38, -3e38, 88.5, -103.0, 1.0, -1.0, 1e-8};
  const std::vector<std::pair<const char*, std::function<double(double)>>> cases = {
      {"exp", [](double x) { return std::exp(x); }}, {"log", [](double x) { return std::log(x); }},
      {"tanh", [](double x) { return std::tanh(x); }}, {"erf", [](double x) { return std::erf(x); }},
      {"atan", [](double x) { return std::atan(x); }}, {"asin", [](double x) { return std::asin(x); }},
      {"sinh", [](double x) { return std::sinh(x); }}, {"cosh", [](double x) { return std::cosh(x); }},
      {"asinh", [](double x) { return std::asinh(x); }}, {"sqrt", [](double x) { return std::sqrt(x); }},
      {"sign", [](double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }}};
  for (const auto& [name, reference] : cases) {
    Operand x({static_cast<int64_t>(values.size())}, "f32", values);
    auto got = Check(Function(absl::StrCat("graph.", name, " %a0 :"), {x}, x.shape, "f32"), {x}, "f32");
    std::vector<double> want;
    for (double v : x.values) {
      const double y = reference(v);
      want.push_back(static_cast<float>(y));
    }
    ExpectNear(got, want, 3e-6, 1e-38, name);
  }
}

TEST(Binary, BroadcastsAllShapes) {
  struct Case { Shape a, b, out; };
  const std::vector<Case> cases = {{{5, 7}, {5, 7}, {5, 7}}, {{5, 7}, {7}, {5, 7}}, {{5, 1}, {1, 7}, {5, 7}}, {{}, {3, 33}, {3, 33}},
      {{2, 3, 49}, {3, 1}, {2, 3, 49}}, {{1}, {1}, {1}}, {{}, {}, {}}, {{0, 4}, {4}, {0, 4}}, {{100000}, {1}, {100000}},
      {{8, 1, 6, 1}, {7, 1, 5}, {8, 7, 6, 5}}, {{2, 64, 7, 7}, {1, 64, 1, 1}, {2, 64, 7, 7}}, {{3, 1000, 2}, {1000, 1}, {3, 1000, 2}}};
  for (const Case& c : cases)
    for (const char* name : {"add", "sub", "mul", "max"}) {
      Operand a(c.a, "f32", Random(Count(c.a), -3, 3)), b(c.b, "f32", Random(Count(c.b), -3, 3, 2));
      const std::string text = Function(absl::StrCat("graph.", name, " %a0, %a1 :"), {a, b}, c.out, "f32");
      auto got = Check(text, {a, b}, "f32");
      std::vector<double> want;
      for (int64_t i = 0; i < Count(c.out); ++i) {
        auto at = [&](const Shape& shape) {
          int64_t rest = i, position = 0, stride = 1;
          for (size_t k = 0; k < c.out.size(); ++k) {
            const size_t d = c.out.size() - 1 - k;
            const int64_t index = rest % c.out[d];
            rest /= c.out[d];
            if (k < shape.size()) {
              const int64_t extent = shape[shape.size() - 1 - k];
              if (extent > 1) position += index * stride;
              stride *= extent;
            }
          }
          return position;
        };
        const double x = a.values[at(c.a)], y = b.values[at(c.b)];
        want.push_back(name == std::string("add") ? x + y : name == std::string("sub") ? x - y : name == std::string("mul") ? x * y : std::max(x, y));
      }
      ExpectNear(got, want, 1e-6, 1e-7, text);
    }
}

template <typename T>
double Wrap(double v) { return static_cast<double>(static_cast<T>(static_cast<int64_t>(v))); }

TEST(Binary, IntegersOfAllWidths) {
  for (const char* element : {"i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64"}) {
    const bool is_unsigned = element[0] == 'u';
    Operand a({77}, element, RandomIntegers(77, is_unsigned ? 0 : -90, 100)), b({77}, element, RandomIntegers(77, is_unsigned ? 1 : -7, 7, 3));
    for (double& v : b.values) if (v == 0) v = 2;
    const std::vector<std::pair<const char*, std::function<double(double, double)>>> cases = {
        {"add", [](double x, double y) { return x + y; }}, {"mul", [](double x, double y) { return x * y; }},
        {"div", [](double x, double y) { return std::trunc(x / y); }}, {"max", [](double x, double y) { return std::max(x, y); }},
        {"min", [](double x, double y) { return std::min(x, y); }},
        {"mod", [](double x, double y) { return x - y * std::floor(x / y); }}};
    for (const auto& [name, reference] : cases) {
      auto got = Check(Function(absl::StrCat("graph.", name, " %a0, %a1 :"), {a, b}, {77}, element), {a, b}, element);
      std::vector<double> want;
      for (int i = 0; i < 77; ++i) want.push_back(reference(a.values[i], b.values[i]));
      // wrapped to the width through the same memory
      std::vector<double> wrapped;
      for (double v : want) {
        const std::string e = element;
        wrapped.push_back(e == "i8" ? Wrap<int8_t>(v) : e == "i16" ? Wrap<int16_t>(v) : e == "i32" ? Wrap<int32_t>(v) : e == "i64" ? Wrap<int64_t>(v) : e == "ui8" ? Wrap<uint8_t>(v) : e == "ui16" ? Wrap<uint16_t>(v) : e == "ui32" ? Wrap<uint32_t>(v) : Wrap<uint64_t>(v));
      }
      ExpectNear(got, wrapped, 0, 0, absl::StrCat(name, " ", element));
    }
  }
}

TEST(Binary, DivisionByZeroDoesNotTrap) {
  Operand a({3}, "i32", {5, -2147483648.0, 7}), b({3}, "i32", {0, -1, 0});
  Check(Function("graph.div %a0, %a1 :", {a, b}, {3}, "i32"), {a, b}, "i32");
  Check(Function("graph.mod %a0, %a1 :", {a, b}, {3}, "i32"), {a, b}, "i32");
}

TEST(Binary, Power) {
  Operand a({8}, "f32", {-2, -2, 0, 0, 3, -8, 2, 1}), b({8}, "f32", {3, 2, 0, -1, 0.5, 0.5, -2, HUGE_VAL});
  std::vector<double> want;
  for (int i = 0; i < 8; ++i) want.push_back(std::pow(a.values[i], b.values[i]));
  ExpectNear(Check(Function("graph.pow %a0, %a1 :", {a, b}, {8}, "f32"), {a, b}, "f32"), want, 1e-6, 0, "pow");
  Operand c({5}, "i32", {2, -3, 5, 1, -1}), d({5}, "i32", {10, 3, 0, 7, 5});
  ExpectNear(Check(Function("graph.pow %a0, %a1 :", {c, d}, {5}, "i32"), {c, d}, "i32"), {1024, -27, 1, 1, -1}, 0, 0, "integer pow");
}

TEST(Compare, GivesBytesOfBool) {
  Operand a({2, 33}, "f32", Random(66, -1, 1)), b({33}, "f32", Random(33, -1, 1, 4));
  a.values[5] = NAN;
  auto got = Check(Function("graph.compare <lt> %a0, %a1 :", {a, b}, {2, 33}, "i1"), {a, b}, "i1");
  std::vector<double> want;
  for (int i = 0; i < 66; ++i) want.push_back(a.values[i] < b.values[i % 33]);
  ExpectNear(got, want, 0, 0, "compare");
  Operand c({2, 33}, "i1", RandomIntegers(66, 0, 1)), zero({}, "f32", {0});
  auto selected = Check(Function("graph.select %a0, %a1, %a2 :", {c, a, zero}, {2, 33}, "f32"), {c, a, zero}, "f32");
  want.clear();
  for (int i = 0; i < 66; ++i) want.push_back(c.values[i] != 0 ? a.values[i] : 0);
  ExpectNear(selected, want, 0, 0, "select");
}

TEST(Activation, AllKinds) {
  auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const std::vector<std::tuple<const char*, double, double, std::function<double(double)>>> cases = {
      {"relu", 0, 0, [](double x) { return std::max(x, 0.0); }},
      {"leaky_relu", 0.1, 0, [](double x) { return x < 0 ? 0.1 * x : x; }},
      {"elu", 1.5, 0, [](double x) { return x < 0 ? 1.5 * std::expm1(x) : x; }},
      {"sigmoid", 0, 0, sigmoid},
      {"hard_sigmoid", 0.2, 0.5, [](double x) { return std::clamp(0.2 * x + 0.5, 0.0, 1.0); }},
      {"hard_swish", 0, 0, [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {"silu", 1, 0, [=](double x) { return x * sigmoid(x); }},
      {"gelu_erf", 0, 0, [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2))); }},
      {"gelu_tanh", 0, 0, [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
      {"softplus", 0, 0, [](double x) { return std::log1p(std::exp(x)); }},
      {"mish", 0, 0, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {"clip", -1, 2, [](double x) { return std::clamp(x, -1.0, 2.0); }}};
  for (const auto& [name, alpha, beta, reference] : cases)
    for (const char* element : {"f32", "bf16"}) {
      Operand x({3, 131}, element, Random(393, -6, 6));
      auto got = Check(Function(absl::StrCat("graph.activation <", name, "> %a0 {alpha = ", std::to_string(alpha), " : f64, beta = ", std::to_string(beta), " : f64} :"), {x}, x.shape, element), {x}, element);
      std::vector<double> want;
      for (double v : x.values) want.push_back(reference(v));
      ExpectNear(got, want, Tolerance(element), 1e-6, absl::StrCat(name, element));
    }
}

// Results of onnxruntime 1.31 for these arguments.
TEST(Activation, SigmoidRoundsAsOnnxruntime) {
  Operand x({14}, "f32", {-20, -17.5, -9.25, -3.1, -0.7, -1e-3, 0, 0.3, 1.9, 4.4, 11, 30, HUGE_VAL, -HUGE_VAL});
  auto got = Check(Function("graph.activation <sigmoid> %a0 {alpha = 0.0 : f64, beta = 0.0 : f64} :", {x}, x.shape, "f32"), {x}, "f32");
  ExpectNear(got, {0, 0x1p-25, 0x1.93p-14, 0x1.61227p-5, 0x1.53c698p-2, 0x1.ffbe76p-2, 0.5, 0x1.261d54p-1, 0x1.bd626cp-1,
                   0x1.f9ca4cp-1, 0x1.fffddp-1, 1, 1, 0}, 0, 0, "sigmoid");
}

TEST(Cast, BetweenAllTypes) {
  const std::vector<const char*> types = {"f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "ui64", "ui32", "ui16", "ui8", "i1"};
  for (const char* from : types)
    for (const char* to : types) {
      const bool positive = from[0] == 'u' || to[0] == 'u' || from == std::string("i1");
      Operand x({71}, from, RandomIntegers(71, positive ? 0 : -100, 100));
      if ((from[0] == 'f' || from[0] == 'b') && to[0] != 'b' && to[0] != 'f')
        for (double& v : x.values) v += 0.25;
      x.values = As(x.values, from);
      auto got = Check(Function("graph.cast %a0 :", {x}, x.shape, to), {x}, to);
      std::vector<double> want;
      for (double v : x.values) want.push_back(to == std::string("i1") ? v != 0 : to[0] == 'f' || to[0] == 'b' ? v : std::trunc(v));
      ExpectNear(got, want, 0, 0, absl::StrCat(from, " to ", to));
    }
}

TEST(Cast, EightBitFloats) {
  // Every code to f32 and back is itself.
  for (const char* type : {"f8E4M3FN", "f8E5M2", "f8E4M3FNUZ", "f8E5M2FNUZ"}) {
    std::string codes(256, 0);
    for (int i = 0; i < 256; ++i) codes[i] = static_cast<char>(i);
    TestKernel widen(absl::StrCat("func.func @f(%x: tensor<256x", type, ">) { %y = graph.cast %x : tensor<256x", type, "> -> tensor<256xf32> return }"));
    TestKernel narrow(absl::StrCat("func.func @f(%x: tensor<256xf32>) { %y = graph.cast %x {saturate = false} : tensor<256xf32> -> tensor<256x", type, "> return }"));
    auto wide = widen.Run({codes})[0];
    auto back = narrow.Run({wide})[0];
    auto values = Unpack(wide, "f32");
    for (int i = 0; i < 256; ++i) {
      if (std::isnan(values[i])) continue;
      EXPECT_EQ(static_cast<uint8_t>(back[i]), i) << type << " " << values[i];
    }
  }
  TestKernel widen("func.func @f(%x: tensor<4xf8E4M3FN>) { %y = graph.cast %x : tensor<4xf8E4M3FN> -> tensor<4xf32> return }");
  EXPECT_THAT(Unpack(widen.Run({std::string("\x38\x01\x7e\xb8")})[0], "f32"), testing::ElementsAre(1, 0.001953125, 448, -1));
  TestKernel narrow("func.func @f(%x: tensor<4xf32>) { %y = graph.cast %x : tensor<4xf32> -> tensor<4xf8E4M3FN> return }");
  EXPECT_EQ(narrow.Run({Pack({1e9, -HUGE_VAL, 0.0009765625, 1.0625}, "f32")})[0], std::string("\x7e\xfe\x00\x38", 4));
}

// Reductions.
TEST(Reduce, AllAxesAndKinds) {
  struct Case { Shape shape, axes; };
  const std::vector<Case> cases = {{{5, 37}, {1}}, {{5, 37}, {0}}, {{5, 37}, {0, 1}}, {{3, 4, 50}, {1}}, {{3, 4, 50}, {0, 2}}, {{2, 3, 4, 5}, {1, 3}},
      {{100}, {0}}, {{4, 1, 6}, {1}}, {{2, 64, 7, 7}, {2, 3}}, {{3, 5}, {}}, {{2, 1000, 3}, {1}}, {{4, 0}, {1}}};
  for (const Case& c : cases)
    for (const char* kind : {"sum", "prod", "max", "min", "mean", "sum_square", "l1", "l2"})
      for (const char* element : {"f32", "bf16", "i32"})
        for (bool keep : {false, true}) {
          const std::string k = kind;
          if (element == std::string("i32") && (k == "mean" || k == "l2" || k == "prod")) continue;
          if (Count(c.shape) == 0 && (k == "max" || k == "min" || k == "mean")) continue;
          Operand x(c.shape, element, element == std::string("i32") ? RandomIntegers(Count(c.shape), -20, 20) : k == "prod" ? Random(Count(c.shape), 0.95, 1.05) : Random(Count(c.shape), -2, 3));
          Shape out;
          for (size_t d = 0; d < c.shape.size(); ++d) {
            const bool reduced = std::find(c.axes.begin(), c.axes.end(), static_cast<int64_t>(d)) != c.axes.end();
            if (!reduced) out.push_back(c.shape[d]);
            else if (keep) out.push_back(1);
          }
          const std::string text = Function(absl::StrCat("graph.reduce <", kind, "> %a0 over [", absl::StrJoin(c.axes, ", "), "] keep ", keep ? "true" : "false", " :"), {x}, out, element);
          auto got = Check(text, {x}, element);
          std::vector<double> want(static_cast<size_t>(Count(out)), k == "prod" ? 1 : k == "max" ? -HUGE_VAL : k == "min" ? HUGE_VAL : 0);
          double count = want.empty() ? 1 : static_cast<double>(Count(c.shape)) / static_cast<double>(want.size());
          for (int64_t i = 0; i < Count(c.shape); ++i) {
            int64_t rest = i, position = 0, stride = 1;
            for (size_t d = c.shape.size(); d-- > 0;) {
              const int64_t index = rest % c.shape[d];
              rest /= c.shape[d];
              if (std::find(c.axes.begin(), c.axes.end(), static_cast<int64_t>(d)) != c.axes.end()) continue;
              position += index * stride;
              stride *= c.shape[d];
            }
            const double v = x.values[i];
            double& w = want[position];
            if (k == "prod") w *= v;
            else if (k == "max") w = std::max(w, v);
            else if (k == "min") w = std::min(w, v);
            else w += k == "l1" ? std::abs(v) : k == "sum_square" || k == "l2" ? v * v : v;
          }
          for (double& w : want) w = k == "mean" ? w / count : k == "l2" ? std::sqrt(w) : w;
          ExpectNear(got, want, element == std::string("i32") ? 0 : Tolerance(element) * 5, 1e-5, text);
        }
}

TEST(ArgReduce, FirstAndLastOfEquals) {
  for (Shape shape : std::vector<Shape>{{5, 70}, {3, 33, 7}, {2, 9, 40}})
    for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis)
      for (bool largest : {true, false})
        for (bool last : {true, false})
          for (const char* element : {"f32", "i32", "f16"}) {
            Operand x(shape, element, RandomIntegers(Count(shape), -4, 4));
            Shape out = shape;
            out.erase(out.begin() + axis);
            auto flag = [](bool b) { return b ? "true" : "false"; };
            const std::string text = Function(absl::StrCat("graph.arg_reduce %a0 {largest = ", flag(largest), ", axis = ", axis, " : i64, keep_dims = false, last = ", flag(last), "} :"), {x}, out, "i64");
            auto got = Check(text, {x}, "i64");
            int64_t inner = 1;
            for (size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
            std::vector<double> want;
            for (int64_t i = 0; i < Count(out); ++i) {
              const int64_t base = i / inner * inner * shape[axis] + i % inner;
              int64_t best = 0;
              for (int64_t j = 1; j < shape[axis]; ++j) {
                const double v = x.values[base + j * inner], b = x.values[base + best * inner];
                if (largest ? v > b : v < b) best = j;
                else if (last && v == b) best = j;
              }
              want.push_back(static_cast<double>(best));
            }
            ExpectNear(got, want, 0, 0, text);
          }
}

// Softmax and the normalizations.
TEST(Softmax, AlongAnyAxis) {
  for (const char* cpu : kCpus)
    for (Shape shape : std::vector<Shape>{{4, 197}, {3, 16, 5}, {2, 3, 4, 64}, {7, 1}, {1, 1000}, {1, 20000}})
      for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis)
        for (bool log : {false, true})
          for (const char* element : {"f32", "bf16", "f16"}) {
            Operand x(shape, element, Random(Count(shape), -5, 5));
            const std::string text = Function(absl::StrCat("graph.softmax %a0 {axis = ", axis, " : i64, log = ", log ? "true" : "false", "} :"), {x}, shape, element);
            auto got = Check(text, {x}, element, cpu);
            int64_t inner = 1;
            for (size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
            std::vector<double> want(x.values.size());
            for (int64_t i = 0; i < Count(shape); ++i) {
              const int64_t base = i / (inner * shape[axis]) * inner * shape[axis] + i % inner;
              double most = -HUGE_VAL, sum = 0;
              for (int64_t j = 0; j < shape[axis]; ++j) most = std::max(most, x.values[base + j * inner]);
              for (int64_t j = 0; j < shape[axis]; ++j) sum += std::exp(x.values[base + j * inner] - most);
              want[i] = log ? x.values[i] - most - std::log(sum) : std::exp(x.values[i] - most) / sum;
            }
            ExpectNear(got, want, Tolerance(element) * 2, 1e-6, text);
          }
}

TEST(LayerNorm, OverTrailingAxes) {
  for (const char* element : {"f32", "bf16"})
    for (auto [shape, axis] : std::vector<std::pair<Shape, int64_t>>{{{5, 77}, 1}, {{2, 3, 768}, 2}, {{4, 5, 6}, 1}, {{3, 1}, 1}}) {
      Shape inner(shape.begin() + axis, shape.end());
      const int64_t cols = Count(inner);
      Operand x(shape, element, Random(Count(shape), -2, 4)), scale(inner, element, Random(cols, 0.5, 2, 2)), bias(inner, element, Random(cols, -1, 1, 3));
      const std::string text = Function(absl::StrCat("graph.layer_norm %a0, %a1, %a2 {axis = ", axis, " : i64, epsilon = 1.0e-5 : f64} :"), {x, scale, bias}, shape, element);
      auto got = Check(text, {x, scale, bias}, element);
      std::vector<double> want(x.values.size()), rms(x.values.size());
      for (int64_t r = 0; r < Count(shape) / cols; ++r) {
        double mean = 0, variance = 0, square = 0;
        for (int64_t c = 0; c < cols; ++c) mean += x.values[r * cols + c] / static_cast<double>(cols);
        for (int64_t c = 0; c < cols; ++c) variance += std::pow(x.values[r * cols + c] - mean, 2) / static_cast<double>(cols);
        for (int64_t c = 0; c < cols; ++c) square += std::pow(x.values[r * cols + c], 2) / static_cast<double>(cols);
        for (int64_t c = 0; c < cols; ++c) {
          want[r * cols + c] = (x.values[r * cols + c] - mean) / std::sqrt(variance + 1e-5) * scale.values[c] + bias.values[c];
          rms[r * cols + c] = x.values[r * cols + c] / std::sqrt(square + 1e-5) * scale.values[c];
        }
      }
      ExpectNear(got, want, Tolerance(element) * 3, 1e-5, text);
      auto root = Check(Function(absl::StrCat("graph.rms_norm %a0, %a1 {axis = ", axis, " : i64, epsilon = 1.0e-5 : f64} :"), {x, scale}, shape, element), {x, scale}, element);
      ExpectNear(root, rms, Tolerance(element) * 3, 1e-5, "rms " + text);
    }
}

TEST(GroupNorm, GroupsOfChannels) {
  for (auto [shape, groups] : std::vector<std::pair<Shape, int64_t>>{{{2, 6, 5, 7}, 3}, {{2, 8, 16}, 8}, {{1, 32, 8, 8}, 4}}) {
    Operand x(shape, "f32", Random(Count(shape), -2, 4)), scale({shape[1]}, "f32", Random(shape[1], 0.5, 2, 2)), bias({shape[1]}, "f32", Random(shape[1], -1, 1, 3));
    const std::string text = Function(absl::StrCat("graph.group_norm %a0, %a1, %a2 {groups = ", groups, " : i64, epsilon = 1.0e-5 : f64} :"), {x, scale, bias}, shape, "f32");
    auto got = Check(text, {x, scale, bias}, "f32");
    const int64_t size = Count(shape) / shape[0] / groups, spatial = Count(shape) / shape[0] / shape[1];
    std::vector<double> want(x.values.size());
    for (int64_t g = 0; g < shape[0] * groups; ++g) {
      double mean = 0, variance = 0;
      for (int64_t i = 0; i < size; ++i) mean += x.values[g * size + i] / static_cast<double>(size);
      for (int64_t i = 0; i < size; ++i) variance += std::pow(x.values[g * size + i] - mean, 2) / static_cast<double>(size);
      for (int64_t i = 0; i < size; ++i) {
        const int64_t channel = (g * size + i) / spatial % shape[1];
        want[g * size + i] = (x.values[g * size + i] - mean) / std::sqrt(variance + 1e-5) * scale.values[channel] + bias.values[channel];
      }
    }
    ExpectNear(got, want, 1e-5, 1e-5, text);
  }
}

}  // namespace
}  // namespace plimsoll::codegen
