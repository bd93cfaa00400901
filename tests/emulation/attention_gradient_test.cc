// Attention and its gradient as library calls of a plan, through the runtime on the emulated GPU: where the library is
// missing, generated kernels stand in. The judge is the difference that each input's elements make.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/cuda.h"
#include "gtest/gtest.h"
#include "runtime/program.h"
#include "runtime/session.h"
#include "runtime/testing/plan_builder.h"
#include "tests/emulation/emulated_gpu.h"

namespace plimsoll::emulation {
namespace {

using runtime::testing::PlanBuilder;
using runtime::testing::Type;
using Dims = std::vector<int64_t>;

constexpr int64_t kBatch = 2, kHeads = 4, kGroups = 2, kQueries = 9, kKeys = 11, kSize = 6, kValueSize = 8;
constexpr float kScale = 0.4f;

int64_t Count(const Dims& dims) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  return count;
}

plan::MemoryDesc Desc(const Dims& dims) {
  plan::MemoryDesc desc;
  desc.set_dtype(plan::F32);
  for (const int64_t dim : dims) desc.add_dims(dim);
  return desc;
}

// Of inputs q, k, v, given, in double precision: sum(given * softmax(kScale q k^T + mask) v), causal from the right.
struct Inputs {
  std::vector<float> q, k, v, mask, given;
  double Loss() const {
    double loss = 0;
    for (int64_t row = 0; row < kBatch * kHeads * kQueries; ++row) {
      const int64_t batch = row / (kHeads * kQueries), head = row / kQueries % kHeads, query = row % kQueries,
                    group = batch * kGroups + head * kGroups / kHeads;
      double total = 0;
      std::vector<double> sums(kValueSize, 0);
      for (int64_t key = 0; key < kKeys; ++key) {
        double score = 0;
        for (int64_t d = 0; d < kSize; ++d)
          score += static_cast<double>(q[row * kSize + d]) * k[(group * kKeys + key) * kSize + d];
        const double weight = std::exp(score * kScale + mask[query * kKeys + key]);
        total += weight;
        for (int64_t e = 0; e < kValueSize; ++e) sums[e] += weight * v[(group * kKeys + key) * kValueSize + e];
      }
      for (int64_t e = 0; e < kValueSize; ++e) loss += given[row * kValueSize + e] * sums[e] / total;
    }
    return loss;
  }
};

std::vector<float> Values(const Dims& dims, uint32_t seed) {
  std::vector<float> values(Count(dims));
  for (float& value : values) {
    seed = seed * 1664525 + 1013904223;
    value = static_cast<float>(seed >> 16) / 32768 - 1;
  }
  return values;
}

class AttentionPlan {
 public:
  AttentionPlan() {
    plan::Attention& attention = *forward_.mutable_attention();
    plan::AttentionGradient& gradient = *backward_.mutable_attention_gradient();
    auto share = [&](auto& op) {
      *op.mutable_q() = Desc(q);
      *op.mutable_k() = Desc(k);
      *op.mutable_v() = Desc(v);
      *op.mutable_mask() = Desc({1, 1, kQueries, kKeys});
      *op.mutable_dst() = Desc(dst);
      *op.mutable_stats() = Desc(stats);
      op.set_scale(kScale);
    };
    share(attention);
    share(gradient);
    *gradient.mutable_dst_gradient() = Desc(dst);
    *gradient.mutable_q_gradient() = Desc(q);
    *gradient.mutable_k_gradient() = Desc(k);
    *gradient.mutable_v_gradient() = Desc(v);
    for (plan::LibraryOp* op : {&forward_, &backward_}) op->set_library("cudnn");
  }

  // The two calls, compiled for the GPU and installed there.
  void Build(EmulatedGpu& gpu, PlanBuilder& b) {
    const codegen::CudaTarget target = *codegen::ResolveCuda("sm_80");
    codegen::CudaKernelCompiler compiler(target, codegen::FindCudaToolkit());
    const auto attend = compiler.AddLibrary(forward_), differentiate = compiler.AddLibrary(backward_);
    ASSERT_TRUE(attend.ok()) << attend.status();
    ASSERT_TRUE(differentiate.ok()) << differentiate.status();
    auto code = compiler.Finish(/*keep_bitcode=*/true);
    ASSERT_TRUE(code.ok()) << code.status();
    compiler::Compiled compiled;
    compiled.artefact.code.push_back({"code/kernels.ptx", code->ptx});
    compiled.artefact.plan.add_code();
    compiled.cuda.bitcode = code->bitcode;
    const absl::Status installed = gpu.Install(compiled);
    ASSERT_TRUE(installed.ok()) << installed;
    b.UseCuda("sm_80", compiled.artefact.code[0].data, {attend->symbol, differentiate->symbol});

    auto buffer = [&](const char* name, const Dims& dims) { return b.AddBuffer(b.run(), name, Type(plan::F32, dims)); };
    const int in_q = buffer("q", q), in_k = buffer("k", k), in_v = buffer("v", v),
              in_mask = buffer("mask", {1, 1, kQueries, kKeys}), given = buffer("given", dst), out = buffer("dst", dst),
              sums = buffer("stats", stats), by_q = buffer("q_gradient", q), by_k = buffer("k_gradient", k),
              by_v = buffer("v_gradient", v);
    Call(b, forward_, *attend, {in_q, in_k, in_v, in_mask}, {out, sums});
    Call(b, backward_, *differentiate, {in_q, in_k, in_v, in_mask, out, sums, given}, {by_q, by_k, by_v});
    for (const auto& [name, number] :
         {std::pair("q", in_q), {"k", in_k}, {"v", in_v}, {"mask", in_mask}, {"given", given}})
      b.Input(name, number);
    for (const auto& [name, number] : {std::pair("q_gradient", by_q), {"k_gradient", by_k}, {"v_gradient", by_v}})
      b.Output(name, number);
  }

  const Dims q{kBatch, kHeads, kQueries, kSize}, k{kBatch, kGroups, kKeys, kSize},
      v{kBatch, kGroups, kKeys, kValueSize}, dst{kBatch, kHeads, kQueries, kValueSize},
      stats{kBatch, kHeads, kQueries, 1};

 private:
  static void Call(PlanBuilder& b, const plan::LibraryOp& op, const codegen::CudaKernel& kernel,
                   const std::vector<int>& reads, const std::vector<int>& writes) {
    plan::Command& command = b.Add(b.run(), kernel.symbol, reads, writes);
    *command.mutable_library_call()->mutable_op() = op;
    plan::Launch& fallback = *command.mutable_library_call()->mutable_fallback();
    fallback = b.MakeLaunch(kernel.symbol, kernel.blocks);
    fallback.set_block(0, kernel.threads);
  }

  plan::LibraryOp forward_, backward_;
};

TEST(AttentionGradientPlan, KernelsStandInForTheLibrary) {
  EmulatedGpu gpu;
  AttentionPlan calls;
  PlanBuilder b;
  calls.Build(gpu, b);
  if (HasFatalFailure()) return;
  auto artefact = b.Finish();  // validated
  ASSERT_TRUE(artefact.ok()) << artefact.status();
  runtime::LoadOptions options;
  options.device = gpu.device();
  auto program = runtime::Program::Load(*std::move(artefact), options);
  ASSERT_TRUE(program.ok()) << program.status();
  auto session = runtime::Session::Create(*program);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ((*session)->fallbacks().size(), 2u);

  Inputs inputs = {Values(calls.q, 1), Values(calls.k, 2), Values(calls.v, 3), Values({kQueries * kKeys}, 4),
                   Values(calls.dst, 5)};
  for (int64_t query = 0; query < kQueries; ++query)
    for (int64_t key = query + 3; key < kKeys; ++key) inputs.mask[query * kKeys + key] = -INFINITY;
  int number = 0;
  for (const std::vector<float>* input : {&inputs.q, &inputs.k, &inputs.v, &inputs.mask, &inputs.given})
    ASSERT_TRUE((*session)->BindInput(number++, input->data(), static_cast<int64_t>(input->size() * 4)).ok());
  std::vector<float> gradients[] = {std::vector<float>(inputs.q.size()), std::vector<float>(inputs.k.size()),
                                    std::vector<float>(inputs.v.size())};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE((*session)->BindOutput(i, gradients[i].data(), static_cast<int64_t>(gradients[i].size() * 4)).ok());
  }
  std::vector<float> first[3];
  for (int run = 0; run < 2; ++run) {
    const absl::Status status = (*session)->Run();
    ASSERT_TRUE(status.ok()) << status;
    for (int i = 0; i < 3; ++i) {
      if (run == 0) first[i] = gradients[i];
      EXPECT_EQ(gradients[i], first[i]);  // the same bytes each run
    }
  }
  std::vector<float>* const by[] = {&inputs.q, &inputs.k, &inputs.v};
  for (int i = 0; i < 3; ++i) {
    for (size_t place = 0; place < by[i]->size(); ++place) {
      float& element = (*by[i])[place];
      const float before = element;
      element = before + 0x1p-8f;
      const double step_up = static_cast<double>(element) - before, above = inputs.Loss();
      element = before - 0x1p-8f;
      const double step_down = before - static_cast<double>(element), below = inputs.Loss();
      element = before;
      ASSERT_NEAR(gradients[i][place], (above - below) / (step_up + step_down), 2e-5) << "qkv"[i] << " at " << place;
    }
  }
  session->reset();
  program->reset();
  EXPECT_EQ(gpu.violation(), "");
}

}  // namespace
}  // namespace plimsoll::emulation
