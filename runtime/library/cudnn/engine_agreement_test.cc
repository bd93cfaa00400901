// Which graphs the emulated engines take, against cuDNN's own for a device that is not there: what runs on the
// emulation must have an engine in the library.
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/agreement.h"
#include "runtime/library/nvidia/testing/driver_stub.h"

namespace plimsoll::runtime::cudnn {
namespace {

using backend::Attribute;
using backend::AttributeType;
using backend::Descriptor;
using backend::DescriptorType;
using backend::HeuristicsMode;
using backend::PointwiseMode;
using backend::ReductionOperator;
using Dims = std::vector<int64_t>;

// How many configurations support a graph: those that were finalized.
int Supported(BackendCalls& calls, Descriptor graph, Descriptor device) {
  int supported = 0;
  for (HeuristicsMode mode : {HeuristicsMode::kA, HeuristicsMode::kFallback}) {
    for (Descriptor configuration : calls.Configurations(calls.Heuristics(graph, mode, device))) {
      BackendCalls attempt(calls.api());
      Descriptor engine = attempt.Make(DescriptorType::kEngine);
      attempt.Get(configuration, Attribute::kEngineConfigEngine, AttributeType::kDescriptor, 1, &engine);
      supported += attempt.status() == kSuccess ? 1 : 0;
    }
  }
  return supported;
}

// Makes tensors with ids of their own.
class Maker {
 public:
  explicit Maker(BackendCalls& calls) : calls_(calls) {}
  Descriptor Memory(const Dims& dims, int type, const Dims& strides = {}) {
    return calls_.Tensor({next_++, dims, strides, type});
  }
  Descriptor Virtual(const Dims& dims, int type = kFloat, const Dims& strides = {}) {
    return calls_.Tensor({next_++, dims, strides, type, /*is_virtual=*/true});
  }
  Descriptor Scalar() { return calls_.Tensor({next_++, {1, 1, 1, 1}, {}, kFloat, false, /*is_by_value=*/true}); }
  // y = f(x) or f(x, b), virtual.
  Descriptor Apply(PointwiseMode mode, Descriptor x, Descriptor b, const Dims& dims, const Dims& strides = {}) {
    const Descriptor y = Virtual(dims, kFloat, strides);
    Add(calls_.Pointwise(mode, x, b, y));
    return y;
  }
  void Add(Descriptor operation) { operations_.push_back(operation); }
  Descriptor Graph() { return calls_.Graph(operations_); }
  BackendCalls& calls() { return calls_; }

 private:
  BackendCalls& calls_;
  int64_t next_ = 1;
  std::vector<Descriptor> operations_;
};

// A convolution of [2, 64, 16, 16] and what follows it: z, another tensor; b, a bias; r, relu; s, swish.
using Make = std::function<void(Maker&)>;
Make Convolution(int type, bool channels_last, const std::string& then, bool by_data = false, int weights_type = -1) {
  return [=](Maker& maker) {
    const Dims dims = {2, 64, 16, 16}, window = {64, 64, 3, 3}, bias = {1, 64, 1, 1};
    auto strides = [&](const Dims& of) {
      return channels_last ? Dims{of[1] * of[2] * of[3], 1, of[1] * of[3], of[1]} : Dims{};
    };
    const Descriptor x = maker.Memory(dims, type, strides(dims)), y = maker.Memory(dims, type, strides(dims)),
                     w = maker.Memory(window, weights_type < 0 ? type : weights_type, strides(window));
    const ConvolutionSpec spec = {{1, 1}, {1, 1}, {1, 1}, {1, 1}};
    Descriptor last = then.empty() ? y : maker.Virtual(dims, kFloat, strides(dims));
    maker.Add(by_data ? maker.calls().BackwardData(spec, w, x, last) : maker.calls().Forward(spec, x, w, last));
    for (size_t i = 0; i < then.size(); ++i) {
      const Descriptor b = then[i] == 'z'   ? maker.Memory(dims, type, strides(dims))
                           : then[i] == 'b' ? maker.Memory(bias, type, strides(bias))
                                            : nullptr;
      const PointwiseMode mode = then[i] == 'r'   ? PointwiseMode::kReluForward
                                 : then[i] == 's' ? PointwiseMode::kSwishForward
                                                  : PointwiseMode::kAdd;
      const Descriptor next = i + 1 == then.size() ? y : maker.Virtual(dims, kFloat, strides(dims));
      maker.Add(maker.calls().Pointwise(mode, last, b, next));
      last = next;
    }
  };
}

Make Product(int a_type, int b_type, int64_t size = 64) {
  return [=](Maker& maker) {
    const Dims dims = {2, size, size};
    maker.Add(maker.calls().Matmul(maker.Memory(dims, a_type), maker.Memory(dims, b_type), maker.Memory(dims, a_type)));
  };
}

enum class Statistics { kNone, kVirtual, kInMemory };

// Attention of [2, 4, 64, size]. `probabilities`: the type of what the softmax gives.
Make Attention(int type, int probabilities, int64_t size, int64_t groups = 4, bool masked = false,
               Statistics statistics = Statistics::kInMemory) {
  return [=](Maker& maker) {
    BackendCalls& calls = maker.calls();
    const int64_t n = 2, heads = 4, s = 64;
    const Dims scores = {n, heads, s, s}, rows = {n, heads, s, 1};
    const Descriptor q = maker.Memory({n, heads, s, size}, type),
                     k = maker.Memory({n, groups, size, s}, type, {groups * s * size, s * size, 1, size}),
                     v = maker.Memory({n, groups, s, size}, type), o = maker.Memory({n, heads, s, size}, type);
    const Descriptor products = maker.Virtual(scores);
    maker.Add(calls.Matmul(q, k, products));
    Descriptor last = maker.Apply(PointwiseMode::kMul, products, maker.Scalar(), scores);
    if (masked) last = maker.Apply(PointwiseMode::kAdd, last, maker.Memory({1, 1, s, s}, type), scores);
    const Descriptor largest = maker.Virtual(rows), sum = maker.Virtual(rows), p = maker.Virtual(scores, probabilities);
    maker.Add(calls.Reduce(ReductionOperator::kMax, last, largest));
    const Descriptor powers =
        maker.Apply(PointwiseMode::kExp, maker.Apply(PointwiseMode::kSub, last, largest, scores), nullptr, scores);
    maker.Add(calls.Reduce(ReductionOperator::kAdd, powers, sum));
    if (statistics != Statistics::kNone) {
      const Descriptor log = maker.Apply(PointwiseMode::kLog, sum, nullptr, rows);
      const bool is_virtual = statistics == Statistics::kVirtual;
      maker.Add(calls.Pointwise(PointwiseMode::kAdd, largest, log,
                                is_virtual ? maker.Virtual(rows) : maker.Memory(rows, kFloat)));
    }
    maker.Add(calls.Pointwise(PointwiseMode::kDiv, powers, sum, p));
    maker.Add(calls.Matmul(p, v, o));
  };
}

// Attention's gradient, as NVIDIA's frontend makes it of operations. `turned`: the type of the turned probabilities.
Make AttentionGradient(int type, int turned, int64_t groups = 4, bool masked = false) {
  return [=](Maker& maker) {
    BackendCalls& calls = maker.calls();
    const int64_t n = 2, heads = 4, s = 64, size = 64;
    const Dims rows = {n, heads, s, 1}, scores = {n, heads, s, s}, all = {n, heads, s, size},
               shared = {n, groups, s, size};
    const Dims sideways = {n, groups, size, s}, sideways_strides = {groups * s * size, s * size, 1, size};
    const Descriptor q = maker.Memory(all, type), k = maker.Memory(sideways, type, sideways_strides),
                     v = maker.Memory(sideways, type, sideways_strides), o = maker.Memory(all, type),
                     d_o = maker.Memory(all, type), stats = maker.Memory(rows, kFloat), dq = maker.Memory(all, type),
                     dk = maker.Memory(shared, type), dv = maker.Memory(shared, type);
    const Descriptor scale = maker.Scalar(), delta = maker.Memory(rows, kFloat), sum = maker.Virtual(rows);
    maker.Add(calls.Reduce(ReductionOperator::kAdd, maker.Apply(PointwiseMode::kMul, d_o, o, all), sum));
    maker.Add(calls.Pointwise(PointwiseMode::kMul, sum, maker.Scalar(), delta));
    const Descriptor products = maker.Virtual(scores), dp = maker.Virtual(scores);
    maker.Add(calls.Matmul(q, k, products));
    Descriptor last = maker.Apply(PointwiseMode::kMul, products, scale, scores);
    if (masked) last = maker.Apply(PointwiseMode::kAdd, last, maker.Memory({1, 1, s, s}, type), scores);
    const Descriptor p =
        maker.Apply(PointwiseMode::kExp, maker.Apply(PointwiseMode::kSub, last, stats, scores), nullptr, scores);
    // Of x, turned, by what is summed over queries; over heads too, where they share keys.
    auto by_queries = [&](Descriptor x, Descriptor factor, Descriptor result) {
      const Descriptor view = maker.Virtual(scores, turned, {heads * s * s, s * s, 1, s});
      maker.Add(calls.Reshape(x, view));
      const Descriptor heads_result = groups == heads ? result : maker.Virtual(all, type);
      maker.Add(calls.Matmul(view, factor, heads_result));
      if (groups != heads) maker.Add(calls.Reduce(ReductionOperator::kAdd, heads_result, result));
    };
    by_queries(p, d_o, dv);
    maker.Add(calls.Matmul(d_o, v, dp));
    const Descriptor ds =
        maker.Apply(PointwiseMode::kMul,
                    maker.Apply(PointwiseMode::kMul, maker.Apply(PointwiseMode::kSub, dp, delta, scores), p, scores),
                    scale, scores);
    by_queries(ds, q, dk);
    const Descriptor k_rows = maker.Virtual(shared), dq_sums = maker.Memory(all, kFloat);
    maker.Add(calls.Reshape(k, k_rows));
    maker.Add(calls.Matmul(ds, k_rows, dq_sums));
    maker.Add(calls.Pointwise(PointwiseMode::kIdentity, dq_sums, nullptr, dq));
  };
}

struct Case {
  const char* name;
  bool is_taken;
  Make make;
  bool by_library = is_taken;  // where the emulation takes less on purpose
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (int type : {int{kFloat}, int{kHalf}, int{kBfloat16}}) {
    for (bool last : {true, false}) {
      for (const char* then : {"", "b", "br", "zb", "zbr"})
        cases.push_back({then, true, Convolution(type, last, then)});
      // Kernels that are compiled at run time take these with the channels last.
      for (const char* then : {"z", "r", "bs", "bzr"}) cases.push_back({then, last, Convolution(type, last, then)});
      cases.push_back({"gradient", true, Convolution(type, last, "", /*by_data=*/true)});
      cases.push_back({"gradient and bias", last, Convolution(type, last, "b", /*by_data=*/true)});
    }
  }
  constexpr int kDouble = 1;
  cases.push_back({"f64", false, Convolution(kDouble, true, "")});
  cases.push_back({"f64 and bias", false, Convolution(kDouble, true, "b")});
  cases.push_back({"weights of another type", false, Convolution(kHalf, true, "", false, kBfloat16)});
  cases.push_back({"product", true, Product(kHalf, kHalf)});
  cases.push_back({"product of odd rows", true, Product(kHalf, kHalf, 63)});
  cases.push_back({"product of f32", true, Product(kFloat, kFloat)});
  cases.push_back({"attention", true, Attention(kHalf, kHalf, 64)});
  cases.push_back({"attention of bf16", true, Attention(kBfloat16, kBfloat16, 64)});
  cases.push_back({"attention of f32", true, Attention(kFloat, kFloat, 64)});
  cases.push_back({"attention of heads of 128", true, Attention(kHalf, kHalf, 128)});
  cases.push_back({"attention of heads of 8", true, Attention(kHalf, kHalf, 8)});
  cases.push_back({"attention with shared heads", true, Attention(kHalf, kHalf, 64, 2)});
  cases.push_back({"attention with a mask", true, Attention(kHalf, kHalf, 64, 4, true)});
  cases.push_back(
      {"attention with virtual statistics", true, Attention(kHalf, kHalf, 64, 4, false, Statistics::kVirtual)});
  cases.push_back({"attention without statistics", false, Attention(kHalf, kHalf, 64, 4, false, Statistics::kNone)});
  cases.push_back({"attention, probabilities of f32", false, Attention(kHalf, kFloat, 64)});
  for (int64_t size : {60, 63}) {
    cases.push_back({"attention of odd heads", false, Attention(kHalf, kHalf, size)});
    cases.push_back({"attention of odd heads of f32", false, Attention(kFloat, kFloat, size)});
  }
  cases.push_back({"attention's gradient", true, AttentionGradient(kHalf, kHalf)});
  cases.push_back({"of bf16", true, AttentionGradient(kBfloat16, kBfloat16)});
  cases.push_back({"with shared heads", true, AttentionGradient(kHalf, kHalf, 2)});
  cases.push_back({"with a mask", true, AttentionGradient(kHalf, kHalf, 4, true)});
  cases.push_back({"of f32", false, AttentionGradient(kFloat, kFloat)});
  cases.push_back({"products of f32 and halves", false, AttentionGradient(kHalf, kFloat), true});
  return cases;
}

TEST(EngineAgreementTest, TheEmulationTakesWhatTheLibraryTakes) {
  EmulatedCudnn state;
  const Api& emulation = *Emulate(&state);
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    BackendCalls calls(emulation);
    Maker maker(calls);
    test.make(maker);
    EXPECT_EQ(Supported(calls, maker.Graph(), nullptr) > 0, test.is_taken);
    EXPECT_EQ(calls.status(), kSuccess) << calls.message();
  }
  if (!nvidia::OpenDriverOrStub())
    GTEST_SKIP() << "only the emulation was seen: no driver, and none that stands for it";
  absl::StatusOr<const Api*> library = Open();
  if (!library.ok()) GTEST_SKIP() << "only the emulation was seen: " << library.status().message();
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    BackendCalls calls(**library);
    Maker maker(calls);
    test.make(maker);
    EXPECT_EQ(Supported(calls, maker.Graph(), calls.DeviceProperties(AbsentH200())) > 0, test.by_library);
    EXPECT_EQ(calls.status(), kSuccess) << calls.message();
  }
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
