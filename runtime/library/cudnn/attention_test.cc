// Attention over the emulated library, against loops in double precision, and the rules of what is refused.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/attention_layer.h"
#include "runtime/library/cudnn/cudnn.h"
#include "runtime/library/cudnn/testing/emulated_cudnn.h"
#include "runtime/library/nvidia/testing/device_tensor.h"

namespace plimsoll::runtime::cudnn {
namespace {

using nvidia::CudaTarget;
using nvidia::DeviceTensor;

class AttentionTest : public testing::Test {
 protected:
  AttentionTest() { Replace(Emulate(&emulated_)); }
  ~AttentionTest() override {
    EXPECT_EQ(emulated_.live_objects, 0);
    Replace(nullptr);
  }
  EmulatedCudnn emulated_;
};

// [N, H, S, D] with heads or the sequence first.
Dims Layout(const Dims& dims, bool sequence_first) {
  if (!sequence_first) return Dense(dims);
  return {dims[1] * dims[2] * dims[3], dims[3], dims[1] * dims[3], 1};
}

TEST_F(AttentionTest, ComputesWhatTheRulesTake) {
  std::mt19937 generator(9);
  auto pick = [&](int n) { return static_cast<int>(generator() % n); };
  std::map<std::string, int> seen;
  for (int round = 0; round < 60; ++round) {
    const plan::DataType type = pick(2) == 0 ? plan::F16 : plan::BF16;
    const int64_t n = 1 + pick(2), groups = 1 + pick(2), heads = groups * (1 + pick(2)), queries = 16 + pick(5),
                  keys = 1 + pick(20), size = 8 * (1 + pick(2)), value_size = 8 * (1 + pick(2));
    const bool sequence_first = pick(2) == 0, has_mask = pick(2) == 0, has_stats = pick(2) == 0;
    auto tensor = [&](const Dims& dims, int seed) {
      return DeviceTensor(type, dims, Layout(dims, sequence_first), round * 10 + seed);
    };
    const DeviceTensor q = tensor({n, heads, queries, size}, 0), k = tensor({n, groups, keys, size}, 1),
                       v = tensor({n, groups, keys, value_size}, 2), dst = tensor({n, heads, queries, value_size}, 3);
    plan::LibraryOp op;
    plan::Attention& attention = *op.mutable_attention();
    q.Describe(attention.mutable_q());
    k.Describe(attention.mutable_k());
    v.Describe(attention.mutable_v());
    dst.Describe(attention.mutable_dst());
    attention.set_scale(1 / std::sqrt(static_cast<float>(size)));
    std::vector<void*> operands = {q.data(), k.data(), v.data()};
    std::unique_ptr<DeviceTensor> mask, stats;
    if (has_mask) {
      mask = std::make_unique<DeviceTensor>(
          pick(2) == 0 ? type : plan::F32,
          Dims{pick(2) == 0 ? 1 : n, pick(2) == 0 ? 1 : heads, pick(2) == 0 ? 1 : queries, keys}, round * 10 + 4);
      mask->Describe(attention.mutable_mask());
      operands.push_back(mask->data());
    }
    operands.push_back(dst.data());
    if (has_stats) {
      stats = std::make_unique<DeviceTensor>(plan::F32, Dims{n, heads, queries, 1}, round * 10 + 5);
      stats->Describe(attention.mutable_stats());
      operands.push_back(stats->data());
    }
    op.set_library("cudnn");
    ASSERT_TRUE(runtime::Query(op, CudaTarget()).ok()) << runtime::Query(op, CudaTarget()).status();
    auto prepared = runtime::Prepare(op, CudaTarget());
    ASSERT_TRUE(prepared.ok()) << prepared.status() << "\n" << emulated_.last_error;
    EXPECT_EQ((*prepared)->operand_count(), static_cast<int>(operands.size()));
    ASSERT_EQ((*prepared)->Run(operands, nullptr), absl::OkStatus()) << emulated_.last_error;

    const double tolerance = type == plan::F16 ? 1.0 / 512 : 1.0 / 64;
    for (int64_t b = 0; b < n; ++b) {
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t g = h * groups / heads;
        for (int64_t s = 0; s < queries; ++s) {
          std::vector<double> weights(keys);
          double sum = 0;
          for (int64_t t = 0; t < keys; ++t) {
            double score = 0;
            for (int64_t d = 0; d < size; ++d) score += q.At({b, h, s, d}) * k.At({b, g, t, d});
            score *= attention.scale();
            auto at = [&](int dim, int64_t index) { return mask->dims()[dim] == 1 ? 0 : index; };
            if (mask) score += mask->At({at(0, b), at(1, h), at(2, s), at(3, t)});
            weights[t] = std::exp(score);
            sum += weights[t];
          }
          for (int64_t e = 0; e < value_size; ++e) {
            double want = 0;
            for (int64_t t = 0; t < keys; ++t) want += weights[t] / sum * v.At({b, g, t, e});
            ASSERT_NEAR(dst.At({b, h, s, e}), want, tolerance) << op.DebugString();
          }
          if (stats) ASSERT_NEAR(stats->At({b, h, s, 0}), std::log(sum), 1e-5);
        }
      }
    }
    for (const DeviceTensor* one : {&q, &k, &v, &dst}) ASSERT_TRUE(one->IsIntact());
    for (const auto& [what, is] : {std::pair<const char*, bool>{"mask", has_mask},
                                   {"statistics", has_stats},
                                   {"sequence first", sequence_first},
                                   {"grouped", heads > groups}}) {
      seen[what] += is;
    }
  }
  for (const auto& [what, count] : seen) EXPECT_GT(count, 10) << what;
}

plan::LibraryOp Attention() {
  plan::LibraryOp op;
  plan::Attention& attention = *op.mutable_attention();
  for (plan::MemoryDesc* desc : {attention.mutable_q(), attention.mutable_dst()}) {
    SetDesc(desc, plan::F16, {2, 4, 64, 64}, Dense({2, 4, 64, 64}));
  }
  for (plan::MemoryDesc* desc : {attention.mutable_k(), attention.mutable_v()}) {
    SetDesc(desc, plan::F16, {2, 2, 32, 64}, Dense({2, 2, 32, 64}));
  }
  SetDesc(attention.mutable_mask(), plan::F16, {1, 1, 64, 32});
  SetDesc(attention.mutable_stats(), plan::F32, {2, 4, 64, 1});
  attention.set_scale(0.125);
  return op;
}

struct Refusal {
  const char* name;
  absl::StatusCode code;
  std::function<void(plan::Attention&)> change;
};

TEST(AttentionRulesTest, RefuseWhatTheLibraryCannotDo) {
  const absl::StatusCode kNo = absl::StatusCode::kUnimplemented, kWrong = absl::StatusCode::kInvalidArgument;
  const Refusal refusals[] = {
      {"f32", kNo,
       [](plan::Attention& op) {
         for (auto* desc : {op.mutable_q(), op.mutable_k(), op.mutable_v(), op.mutable_dst()})
           desc->set_dtype(plan::F32);
       }},
      {"two types", kNo, [](plan::Attention& op) { op.mutable_k()->set_dtype(plan::BF16); }},
      {"zeros for no number", kNo, [](plan::Attention& op) { op.set_zero_if_nan(true); }},
      {"a mask of bf16", kNo, [](plan::Attention& op) { op.mutable_mask()->set_dtype(plan::BF16); }},
      {"rows with odd gaps", kNo, [](plan::Attention& op) { op.mutable_q()->set_strides(2, 68); }},
      {"heads whose elements are apart", kNo,
       [](plan::Attention& op) {
         op.mutable_k()->set_strides(2, 1);
         op.mutable_k()->set_strides(3, 32);
       }},
      {"few queries", kNo,
       [](plan::Attention& op) {
         for (auto* desc : {op.mutable_q(), op.mutable_dst(), op.mutable_mask(), op.mutable_stats()})
           desc->set_dims(2, 4);
       }},
      {"heads of 66", kNo,
       [](plan::Attention& op) {
         op.mutable_q()->set_dims(3, 66);
         op.mutable_k()->set_dims(3, 66);
       }},
      {"heads of 264", kNo,
       [](plan::Attention& op) {
         op.mutable_q()->set_dims(3, 264);
         op.mutable_k()->set_dims(3, 264);
       }},
      {"no keys", kNo,
       [](plan::Attention& op) {
         for (auto* desc : {op.mutable_k(), op.mutable_v()}) desc->set_dims(2, 0);
         op.mutable_mask()->set_dims(3, 1);
       }},
      {"no groups", kWrong,
       [](plan::Attention& op) {
         for (auto* desc : {op.mutable_k(), op.mutable_v()}) desc->set_dims(1, 0);
       }},
      {"groups that do not divide the heads", kWrong,
       [](plan::Attention& op) {
         for (auto* desc : {op.mutable_k(), op.mutable_v()}) desc->set_dims(1, 3);
       }},
      {"keys without values", kWrong, [](plan::Attention& op) { op.mutable_v()->set_dims(2, 31); }},
      {"a mask of other scores", kWrong, [](plan::Attention& op) { op.mutable_mask()->set_dims(3, 31); }},
      {"statistics of other rows", kWrong, [](plan::Attention& op) { op.mutable_stats()->set_dims(2, 63); }},
      {"statistics of f16", kWrong, [](plan::Attention& op) { op.mutable_stats()->set_dtype(plan::F16); }},
      {"a dim below none", kWrong, [](plan::Attention& op) { op.mutable_q()->set_dims(0, -2); }},
      {"five dims", kWrong, [](plan::Attention& op) { SetDesc(op.mutable_q(), plan::F16, {1}, {1}); }},
      {"a layout of no library", kWrong, [](plan::Attention& op) { op.mutable_k()->set_packed_bytes(64); }},
  };
  for (const Refusal& refusal : refusals) {
    plan::LibraryOp op = Attention();
    EXPECT_TRUE(AttentionLayerOf(op, CudaTarget()).ok());
    refusal.change(*op.mutable_attention());
    EXPECT_EQ(AttentionLayerOf(op, CudaTarget()).status().code(), refusal.code) << refusal.name;
  }
  EXPECT_EQ(AttentionLayerOf(Attention(), CudaTarget("sm_75")).status().code(), kNo);
}

TEST(AttentionRulesTest, TheLibraryIsNamedWhereAKernelCanStandIn) {
  EXPECT_EQ(LibraryFor(Attention(), CudaTarget()), "cudnn");
  EXPECT_EQ(LibraryFor(Attention(), CudaTarget("sm_75")), "");
  plan::LibraryOp op = Attention();
  for (auto* desc : {op.mutable_attention()->mutable_q(), op.mutable_attention()->mutable_dst(),
                     op.mutable_attention()->mutable_mask(), op.mutable_attention()->mutable_stats()}) {
    desc->set_dims(2, 8);  // products and a softmax
  }
  EXPECT_TRUE(AttentionLayerOf(op, CudaTarget()).ok());
  EXPECT_EQ(LibraryFor(op, CudaTarget()), "");
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
