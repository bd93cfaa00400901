// Generated kernels of matrix products, on the emulator, against loops in double precision written here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_join.h"
#include "compiler/codegen/cuda/library_comparison.h"

namespace plimsoll::codegen {
namespace {

using testing::ElementsAre;

// Runs a matmul on random operands and compares.
void CheckMatmul(const plan::Matmul& matmul, const std::string& arch = "sm_80", uint32_t seed = 1,
                 const std::string& skeleton = "") {
  const std::string what = matmul.ShortDebugString();
  std::mt19937 random(seed);
  plan::LibraryOp op;
  *op.mutable_matmul() = matmul;
  Operand a = RandomOperand(matmul.a(), random), b = RandomOperand(matmul.b(), random),
          dst = RandomOperand(matmul.dst(), random);
  const int rank = matmul.dst().dims_size();
  const int64_t m = matmul.dst().dims(rank - 2), n = matmul.dst().dims(rank - 1),
                k = matmul.a().dims(matmul.a().dims_size() - 1);
  Operand bias, a_zero, b_zero;
  std::vector<Operand*> operands{&a, &b};
  if (matmul.has_bias()) operands.push_back(&(bias = RandomOperand(matmul.bias(), random)));
  if (matmul.has_a_zero_point())
    operands.push_back(&(a_zero = RandomOperand(matmul.a().dtype(), matmul.a_zero_point_per_row() ? m : 1, random)));
  if (matmul.has_b_zero_point())
    operands.push_back(&(b_zero = RandomOperand(matmul.b().dtype(), matmul.b_zero_point_per_column() ? n : 1, random)));
  std::vector<Operand> post = PostOperands(matmul.post_ops(), random);
  for (Operand& operand : post) operands.push_back(&operand);
  const Operand before = dst;
  operands.push_back(&dst);
  LibraryKernelRun run(op, arch);
  ASSERT_TRUE(run.status().ok()) << run.status() << what;
  if (!skeleton.empty()) EXPECT_THAT(run.kernel().skeletons, ElementsAre(skeleton)) << what;
  const absl::Status status = run.Run(operands, {operands.size() - 1});
  ASSERT_TRUE(status.ok()) << status << what;
  const double scale = matmul.scale() == 0 ? 1 : matmul.scale();
  Compare(
      dst, matmul.dst(),
      [&](const Dims& at) {
        Expectation e;
        const int64_t i = at[rank - 2], j = at[rank - 1];
        Dims left = at, right = at;
        for (int64_t l = 0; l < k; ++l) {
          left[rank - 1] = l;
          right[rank - 2] = l;
          const double x = At(a, matmul.a(), left) -
                           (matmul.has_a_zero_point() ? a_zero.at(matmul.a_zero_point_per_row() ? i : 0) : 0),
                       y = At(b, matmul.b(), right) -
                           (matmul.has_b_zero_point() ? b_zero.at(matmul.b_zero_point_per_column() ? j : 0) : 0);
          e.value += x * y;
          e.magnitude += std::abs(x * y);
        }
        e.value *= scale;
        if (matmul.has_bias()) e.value += At(bias, matmul.bias(), at);
        e.value = PostOpsAt(matmul.post_ops(), post, at, e.value, before.at(Place(StridesOf(matmul.dst()), at)));
        return e;
      },
      what, k);
}

plan::Matmul Matmul(plan::DataType type, const Dims& a, const Dims& b, const Dims& dst) {
  plan::Matmul matmul;
  SetDesc(matmul.mutable_a(), type, a);
  SetDesc(matmul.mutable_b(), type, b);
  SetDesc(matmul.mutable_dst(), type, dst);
  return matmul;
}

TEST(Matmul, TilesOfAllSizes) {
  for (const Dims& shape :
       std::vector<Dims>{{5, 7, 9}, {33, 17, 40}, {64, 64, 64}, {70, 33, 129}, {130, 20, 260}, {32, 500, 32}})
    CheckMatmul(Matmul(plan::F32, {shape[0], shape[1]}, {shape[1], shape[2]}, {shape[0], shape[2]}));
}

// Of 128 x 128 elements, since the GPU has few multiprocessors.
TEST(Matmul, LargeTiles) {
  for (plan::DataType type : {plan::F32, plan::F16, plan::I32})
    CheckMatmul(Matmul(type, {260, 20}, {20, 520}, {260, 520}), "sm_87");
  CheckMatmul(Matmul(plan::F32, {257, 19}, {19, 513}, {257, 513}), "sm_87");
}

TEST(Matmul, AllElementTypes) {
  for (plan::DataType type :
       {plan::F64, plan::F32, plan::F16, plan::BF16, plan::F8E4M3FN, plan::F8E4M3FNUZ, plan::F8E5M2, plan::F8E5M2FNUZ,
        plan::I16, plan::I32, plan::I64, plan::U16, plan::U32, plan::U64}) {
    CheckMatmul(Matmul(type, {33, 24}, {24, 40}, {33, 40}));
    CheckMatmul(Matmul(type, {2, 35, 13}, {2, 13, 37}, {2, 35, 37}));
  }
}

TEST(Matmul, MixedFloats) {
  plan::Matmul matmul = Matmul(plan::F16, {33, 24}, {24, 40}, {33, 40});
  matmul.mutable_dst()->set_dtype(plan::F32);
  CheckMatmul(matmul);
  matmul.mutable_b()->set_dtype(plan::F32);
  CheckMatmul(matmul);
  matmul.mutable_a()->set_dtype(plan::BF16);
  CheckMatmul(matmul);
}

TEST(Matmul, BatchesBroadcast) {
  CheckMatmul(Matmul(plan::F32, {3, 1, 20, 7}, {1, 2, 7, 9}, {3, 2, 20, 9}));
  CheckMatmul(Matmul(plan::F32, {2, 3, 20, 7}, {7, 9}, {2, 3, 20, 9}));
  CheckMatmul(Matmul(plan::F32, {20, 7}, {2, 3, 7, 9}, {2, 3, 20, 9}));
}

TEST(Matmul, StridesOfAnyOrder) {
  for (const std::vector<int>& a : std::vector<std::vector<int>>{{0, 1, 2}, {0, 2, 1}, {2, 1, 0}, {1, 0, 2}})
    for (const std::vector<int>& b : std::vector<std::vector<int>>{{0, 1, 2}, {0, 2, 1}})
      for (const std::vector<int>& d : std::vector<std::vector<int>>{{0, 1, 2}, {0, 2, 1}, {1, 2, 0}})
        for (int64_t padding : {0, 3}) {
          plan::Matmul matmul = Matmul(plan::F32, {2, 36, 20}, {2, 20, 24}, {2, 36, 24});
          SetDesc(matmul.mutable_a(), plan::F32, {2, 36, 20}, StridesBy({2, 36, 20}, a, padding));
          SetDesc(matmul.mutable_b(), plan::F32, {2, 20, 24}, StridesBy({2, 20, 24}, b, padding));
          SetDesc(matmul.mutable_dst(), plan::F32, {2, 36, 24}, StridesBy({2, 36, 24}, d, padding));
          CheckMatmul(matmul);
        }
}

TEST(Matmul, ScaleAndBias) {
  for (const Dims& bias : std::vector<Dims>{{40}, {33, 1}, {1, 1}, {33, 40}, {2, 1, 40}})
    for (float scale : {0.0f, 0.125f})
      for (plan::DataType type : {plan::F32, plan::BF16, plan::F64}) {
        plan::Matmul matmul = Matmul(type, {2, 33, 24}, {2, 24, 40}, {2, 33, 40});
        SetDesc(matmul.mutable_bias(), type, bias);
        matmul.set_scale(scale);
        CheckMatmul(matmul);
      }
}

TEST(Matmul, EveryPostOp) {
  for (const char* function :
       {"relu", "leaky_relu", "clip", "sigmoid", "tanh", "gelu_erf", "gelu_tanh", "silu", "hard_swish", "hard_sigmoid",
        "elu", "softplus", "mish", "exp", "abs", "square", "linear"})
    for (plan::DataType type : {plan::F32, plan::F16, plan::F64}) {
      plan::Matmul matmul = Matmul(type, {33, 24}, {24, 40}, {33, 40});
      const bool clip = function == std::string("clip");
      AddPostOp(matmul.mutable_post_ops(), function, clip ? -0.5f : 0.3f, clip ? 0.75f : 0.6f);
      CheckMatmul(matmul);
    }
  plan::Matmul roots = Matmul(plan::F32, {33, 24}, {24, 40}, {33, 40});
  AddPostOp(roots.mutable_post_ops(), "abs");
  AddPostOp(roots.mutable_post_ops(), "sqrt");
  AddPostOp(roots.mutable_post_ops(), "linear", 0.25f, 1);
  CheckMatmul(roots);
}

TEST(Matmul, BinaryPostOpsBroadcast) {
  for (const char* function : {"add", "mul", "sub", "div", "max", "min"})
    for (const Dims& dims : std::vector<Dims>{{2, 33, 40}, {40}, {33, 1}, {1}, {2, 1, 1}, {33, 40}}) {
      plan::Matmul matmul = Matmul(plan::F32, {2, 33, 24}, {2, 24, 40}, {2, 33, 40});
      AddBinary(matmul.mutable_post_ops(), function, plan::F32, dims);
      CheckMatmul(matmul);
    }
}

TEST(Matmul, SumAndChains) {
  plan::Matmul matmul = Matmul(plan::F16, {40, 24}, {24, 48}, {40, 48});
  SetDesc(matmul.mutable_bias(), plan::F16, {48});
  matmul.mutable_post_ops()->Add()->set_kind(plan::PostOp::SUM);
  AddPostOp(matmul.mutable_post_ops(), "gelu_tanh");
  AddBinary(matmul.mutable_post_ops(), "mul", plan::F32, {40, 1});
  AddBinary(matmul.mutable_post_ops(), "add", plan::F16, {40, 48}, {1, 40});
  CheckMatmul(matmul);
}

TEST(Matmul, IntegersAreExact) {
  for (plan::DataType a : {plan::U8, plan::I8})
    for (plan::DataType b : {plan::U8, plan::I8})
      for (int zeros : {0, 1, 2, 3, 7, 11, 15}) {
        plan::Matmul matmul = Matmul(a, {2, 37, 300}, {300, 41}, {2, 37, 41});
        matmul.mutable_b()->set_dtype(b);
        matmul.mutable_dst()->set_dtype(plan::I32);
        matmul.set_has_a_zero_point(zeros & 1);
        matmul.set_has_b_zero_point(zeros & 2);
        matmul.set_a_zero_point_per_row(zeros & 4);
        matmul.set_b_zero_point_per_column(zeros & 8);
        if (zeros % 3 == 1) SetDesc(matmul.mutable_bias(), plan::I32, {41});
        CheckMatmul(matmul, "sm_80", zeros + 1);
      }
  // Zero points of neighbours that one access brings.
  plan::Matmul wide = Matmul(plan::I8, {64, 64}, {64, 64}, {64, 64});
  wide.mutable_dst()->set_dtype(plan::I32);
  wide.set_has_a_zero_point(true);
  wide.set_has_b_zero_point(true);
  wide.set_a_zero_point_per_row(true);
  wide.set_b_zero_point_per_column(true);
  CheckMatmul(wide);
  SetDesc(wide.mutable_a(), plan::I8, {64, 64}, {1, 64});
  SetDesc(wide.mutable_b(), plan::I8, {64, 64}, {1, 64});
  SetDesc(wide.mutable_dst(), plan::I32, {64, 64}, {1, 64});
  CheckMatmul(wide);
}

TEST(Matmul, NothingToSumOrToGive) {
  CheckMatmul(Matmul(plan::F32, {40, 0}, {0, 50}, {40, 50}));
  plan::LibraryOp op;
  *op.mutable_matmul() = Matmul(plan::F32, {0, 3}, {3, 5}, {0, 5});
  LibraryKernelRun run(op);
  ASSERT_TRUE(run.status().ok());
  EXPECT_EQ(run.kernel().blocks, 0);
}

TEST(Matmul, RandomShapesAndOptions) {
  std::mt19937 random(7);
  auto some = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  const plan::DataType types[] = {plan::F32, plan::F32, plan::F16, plan::BF16, plan::F64, plan::I32, plan::I64};
  for (int round = 0; round < 60; ++round) {
    const plan::DataType type = types[some(0, 6)];
    const int64_t m = some(1, 90), n = some(1, 90), k = some(1, 70), batches = some(0, 2);
    Dims a, b, dst;
    for (int64_t i = 0; i < batches; ++i) {
      const int64_t size = some(1, 3), kind = some(0, 2);
      a.push_back(kind == 1 ? 1 : size);
      b.push_back(kind == 2 ? 1 : size);
      dst.push_back(size);
    }
    a.insert(a.end(), {m, k});
    b.insert(b.end(), {k, n});
    dst.insert(dst.end(), {m, n});
    plan::Matmul matmul = Matmul(type, a, b, dst);
    auto order = [&](const Dims& dims) {
      std::vector<int> order(dims.size());
      for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
      if (some(0, 1)) std::swap(order[order.size() - 1], order[order.size() - 2]);
      return StridesBy(dims, order, some(0, 3) * some(0, 4));
    };
    SetDesc(matmul.mutable_a(), type, a, order(a));
    SetDesc(matmul.mutable_b(), type, b, order(b));
    SetDesc(matmul.mutable_dst(), type, dst, order(dst));
    if (some(0, 1)) SetDesc(matmul.mutable_bias(), type, some(0, 1) ? Dims{n} : Dims{m, 1});
    if (IsFloating(type)) {
      if (some(0, 1)) matmul.set_scale(0.5f);
      if (some(0, 1)) AddPostOp(matmul.mutable_post_ops(), some(0, 1) ? "silu" : "relu");
      if (some(0, 2) == 0) AddBinary(matmul.mutable_post_ops(), "add", type, dst, order(dst));
      if (some(0, 2) == 0) matmul.mutable_post_ops()->Add()->set_kind(plan::PostOp::SUM);
    }
    CheckMatmul(matmul, "sm_80", round + 1);
    if (HasFatalFailure()) return;
  }
}

TEST(Matmul, WhatThereIsNoKernelFor) {
  auto code = [](const plan::Matmul& matmul) {
    plan::LibraryOp op;
    *op.mutable_matmul() = matmul;
    return LibraryKernelRun(op).status().code();
  };
  plan::Matmul packed = Matmul(plan::F32, {4, 5}, {5, 6}, {4, 6});
  packed.mutable_b()->set_packed_bytes(1000);
  EXPECT_EQ(code(packed), absl::StatusCode::kUnimplemented);
  plan::Matmul mixed = Matmul(plan::F32, {4, 5}, {5, 6}, {4, 6});
  mixed.mutable_b()->set_dtype(plan::I8);
  EXPECT_EQ(code(mixed), absl::StatusCode::kUnimplemented);
  plan::Matmul unknown = Matmul(plan::F32, {4, 5}, {5, 6}, {4, 6});
  AddPostOp(unknown.mutable_post_ops(), "gamma");
  EXPECT_EQ(code(unknown), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(Matmul(plan::F32, {4, 5}, {6, 6}, {4, 6})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Matmul(plan::F32, {4}, {4, 6}, {4, 6})), absl::StatusCode::kInvalidArgument);
  plan::Matmul negative = Matmul(plan::F32, {4, 5}, {5, 6}, {4, 6});
  SetDesc(negative.mutable_a(), plan::F32, {4, 5}, {-5, 1});
  EXPECT_EQ(code(negative), absl::StatusCode::kInvalidArgument);
}

// Halves whose neighbours come in pairs: tensor cores, in tiles of both sizes, operands lying either way.
TEST(Matmul, TensorCores) {
  for (plan::DataType type : {plan::F16, plan::BF16})
    for (int layout = 0; layout < 4; ++layout) {
      for (const char* arch : {"sm_80", "sm_87"}) {  // of few multiprocessors: large tiles
        const int64_t m = arch == std::string("sm_87") ? 272 : 40, k = 72, n = arch == std::string("sm_87") ? 520 : 80;
        plan::Matmul matmul = Matmul(type, {m, k}, {k, n}, {m, n});
        if (layout & 1) SetDesc(matmul.mutable_a(), type, {m, k}, {1, m});
        if (layout & 2) SetDesc(matmul.mutable_b(), type, {k, n}, {1, k});
        if (layout == 3) matmul.mutable_dst()->set_dtype(plan::F32);
        plan::LibraryOp op;
        *op.mutable_matmul() = matmul;
        EXPECT_THAT(LibraryKernelRun(op, arch).code().ptx, testing::HasSubstr("mma.sync"));
        EXPECT_THAT(LibraryKernelRun(op, "sm_75").code().ptx, testing::Not(testing::HasSubstr("mma.sync")));
        CheckMatmul(matmul, arch);
      }
      // Pairs alone, and batches.
      plan::Matmul pairs = Matmul(type, {2, 38, 18}, {2, 18, 30}, {2, 38, 30});
      if (layout & 1) SetDesc(pairs.mutable_a(), type, {2, 38, 18}, {684, 1, 38});
      if (layout & 2) SetDesc(pairs.mutable_b(), type, {2, 18, 30}, {540, 1, 18});
      SetDesc(pairs.mutable_bias(), type, {30});
      AddPostOp(pairs.mutable_post_ops(), "relu");
      CheckMatmul(pairs);
    }
}

// Few rows, or few columns: the inner axis is shared out.
TEST(Matmul, Vectors) {
  for (int64_t few : {1, 2, 5, 8})
    for (plan::DataType type : {plan::F32, plan::F16, plan::F64, plan::I32})
      for (bool transposed : {false, true}) {
        const Dims rhs{96, 200}, strides = transposed ? Dims{1, 96} : Dims{200, 1};
        plan::Matmul row = Matmul(type, {few, 96}, rhs, {few, 200}),
                     column = Matmul(type, {200, 96}, {96, few}, {200, few});
        SetDesc(row.mutable_b(), type, rhs, strides);
        SetDesc(row.mutable_bias(), type, {200});
        SetDesc(column.mutable_a(), type, {200, 96}, transposed ? Dims{1, 200} : Dims{96, 1});
        CheckMatmul(row, "sm_80", 1, "matvec");
        CheckMatmul(column, "sm_80", 1, "matvec");
      }
  CheckMatmul(Matmul(plan::BF16, {3, 1, 1, 777}, {3, 2, 777, 33}, {3, 2, 1, 33}), "sm_80", 1, "matvec");
  CheckMatmul(Matmul(plan::F32, {1, 5000}, {5000, 7}, {1, 7}), "sm_80", 1, "matvec");
  CheckMatmul(Matmul(plan::F32, {7, 3}, {3, 5}, {7, 5}), "sm_80", 1, "matvec");
  CheckMatmul(Matmul(plan::F32, {1, 1}, {1, 1}, {1, 1}), "sm_80", 1, "matvec");
  plan::Matmul bytes = Matmul(plan::U8, {3, 133}, {133, 66}, {3, 66});
  bytes.mutable_b()->set_dtype(plan::I8);
  bytes.mutable_dst()->set_dtype(plan::I32);
  bytes.set_has_a_zero_point(true);
  bytes.set_has_b_zero_point(true);
  for (int per = 0; per < 4; ++per) {
    bytes.set_a_zero_point_per_row(per & 1);
    bytes.set_b_zero_point_per_column(per & 2);
    for (const Dims& strides : std::vector<Dims>{{66, 1}, {68, 1}, {1, 133}, {1, 144}}) {
      SetDesc(bytes.mutable_b(), plan::I8, {133, 66}, strides);
      CheckMatmul(bytes, "sm_80", 1, "matvec");
    }
  }
  plan::Matmul post = Matmul(plan::F16, {2, 96}, {96, 200}, {2, 200});
  AddPostOp(post.mutable_post_ops(), "silu");
  AddBinary(post.mutable_post_ops(), "mul", plan::F16, {2, 200});
  CheckMatmul(post, "sm_80", 1, "matvec");
}

// With any one barrier taken out some order of the threads gives another result.
TEST(Matmul, EveryBarrierIsNeeded) {
  int barriers = 0;
  for (const Dims& shape : std::vector<Dims>{{40, 100, 40}, {64 * 11, 40, 64 * 10}, {2, 300, 500}, {48, 104, 80}}) {
    plan::LibraryOp op;
    const plan::DataType type = shape[0] == 48 ? plan::F16 : plan::F32;
    *op.mutable_matmul() = Matmul(type, {shape[0], shape[1]}, {shape[1], shape[2]}, {shape[0], shape[2]});
    std::mt19937 random(1);
    Operand a = RandomOperand(op.matmul().a(), random), b = RandomOperand(op.matmul().b(), random),
            dst = RandomOperand(op.matmul().dst(), random);
    LibraryKernelRun run(op);
    ASSERT_TRUE(run.status().ok()) << run.status();
    for (int number = 0;; ++number) {
      bool there = false;
      const bool noticed = run.NoticesMissingBarrier({&a, &b, &dst}, {2}, number, &there);
      if (!there) break;
      ++barriers;
      EXPECT_TRUE(noticed) << "barrier " << number << " of " << absl::StrJoin(shape, "x");
    }
  }
  EXPECT_EQ(barriers, 4 + 4 + 2 + 4);
}

// Equal operations share a kernel, whatever library would compute them.
TEST(Library, EqualOperationsShareAKernel) {
  CudaKernelCompiler compiler(*ResolveCuda("sm_80"), FindCudaToolkit());
  plan::LibraryOp op;
  *op.mutable_matmul() = Matmul(plan::F32, {33, 24}, {24, 40}, {33, 40});
  auto first = compiler.AddLibrary(op);
  op.set_library("cublaslt");
  op.set_workspace_bytes(100);
  auto second = compiler.AddLibrary(op);
  op.mutable_matmul()->set_scale(2);
  auto other = compiler.AddLibrary(op);
  ASSERT_TRUE(first.ok() && second.ok() && other.ok());
  EXPECT_EQ(first->symbol, second->symbol);
  EXPECT_NE(first->symbol, other->symbol);
}

}  // namespace
}  // namespace plimsoll::codegen
