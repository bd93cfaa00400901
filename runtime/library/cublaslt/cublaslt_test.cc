// Prepare and Run over the emulated library, against products written here in double precision.
#include "runtime/library/cublaslt/cublaslt.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cublaslt/testing/emulated_cublaslt.h"
#include "runtime/library/nvidia/testing/device_tensor.h"

namespace plimsoll::runtime::cublaslt {
namespace {

using nvidia::CudaTarget;
using nvidia::DeviceTensor;
using nvidia::ExecuteOnCuda;

class CublasLtTest : public testing::Test {
 protected:
  CublasLtTest() { Replace(Emulate(&emulated_)); }
  ~CublasLtTest() override {
    EXPECT_EQ(emulated_.live_objects, 0);
    Replace(nullptr);
  }
  EmulatedCublasLt emulated_;
};

// What the operation is said to be in library.proto.
double Expected(const plan::Matmul& op, const DeviceTensor& a, const DeviceTensor& b, const DeviceTensor* bias,
                const DeviceTensor* addend, const Dims& index) {
  auto within = [&](const DeviceTensor& tensor, Dims at) {
    at.erase(at.begin(), at.begin() + (at.size() - tensor.dims().size()));
    for (size_t i = 0; i < at.size(); ++i) at[i] = tensor.dims()[i] == 1 ? 0 : at[i];
    return at;
  };
  const size_t rank = index.size();
  double sum = 0;
  for (int64_t k = 0; k < a.dims().back(); ++k) {
    Dims left = index, right = index;
    left[rank - 1] = k;
    right[rank - 2] = k;
    sum += a.At(within(a, left)) * b.At(within(b, right));
  }
  double value = sum * (op.scale() == 0 ? 1 : op.scale());
  if (bias != nullptr) value += bias->At(within(*bias, index));
  for (const plan::PostOp& post : op.post_ops()) {
    if (post.kind() != plan::PostOp::ELTWISE) value += addend->At(within(*addend, index));
    if (post.function() == "relu") value = std::max(value, 0.0);
    if (post.function() == "gelu_tanh") {
      value = 0.5 * value * (1 + std::tanh(std::sqrt(2 / M_PI) * (value + 0.044715 * value * value * value)));
    }
  }
  return value;
}

double Tolerance(plan::DataType type) {
  switch (type) {
    case plan::F64:
      return 1e-12;
    case plan::F32:
      return 1e-6;
    case plan::F16:
      return 1.0 / 2048;
    default:
      return 1.0 / 256;
  }
}

// Strides for `dims` in a random order of the last two, with random gaps.
Dims RandomStrides(const Dims& dims, bool exchanged, bool gaps, std::mt19937& generator) {
  const size_t rank = dims.size();
  Dims strides(rank);
  std::vector<size_t> order;  // from the innermost
  for (size_t i = rank; i-- > 0;) order.push_back(i);
  if (exchanged) std::swap(order[0], order[1]);
  int64_t stride = 1;
  for (size_t at : order) {
    strides[at] = stride;
    stride = stride * dims[at] + (gaps && at != order.back() ? static_cast<int64_t>(generator() % 3) : 0);
  }
  return strides;
}

TEST_F(CublasLtTest, ComputesWhatTheRulesTake) {
  std::mt19937 generator(7);
  auto pick = [&](int n) { return static_cast<int>(generator() % n); };
  auto size = [&] { return pick(4) == 0 ? 1 : 1 + pick(9); };
  std::map<std::string, int> seen;
  int taken = 0;
  for (int round = 0; round < 1500; ++round) {
    const plan::DataType types[] = {plan::F32, plan::F64, plan::F16, plan::BF16};
    const plan::DataType type = types[pick(4)];
    const bool half = type == plan::F16 || type == plan::BF16;
    const plan::DataType result = half && pick(4) == 0 ? plan::F32 : type;
    const int64_t m = size(), n = size(), k = pick(20) == 0 ? 300 : size();
    Dims batch(pick(4));
    for (int64_t& dim : batch) dim = 1 + pick(3);
    Dims a_dims = batch, b_dims = batch, dst_dims = batch;
    for (size_t i = 0; i < batch.size(); ++i) {
      if (pick(3) == 0) (pick(2) == 0 ? a_dims : b_dims)[i] = 1;
    }
    if (pick(4) == 0) b_dims.clear();
    a_dims.insert(a_dims.end(), {m, k});
    b_dims.insert(b_dims.end(), {k, n});
    dst_dims.insert(dst_dims.end(), {m, n});
    const bool gaps = pick(3) == 0;
    const DeviceTensor a(type, a_dims, RandomStrides(a_dims, pick(2) == 0, gaps, generator), round);
    const DeviceTensor b(type, b_dims, RandomStrides(b_dims, pick(2) == 0, gaps, generator), round + 1);
    const bool exchanged_dst = pick(6) == 0;
    const Dims dst_strides = RandomStrides(dst_dims, exchanged_dst, gaps, generator);
    const DeviceTensor dst(result, dst_dims, dst_strides, round + 2);
    const DeviceTensor before(result, dst_dims, dst_strides, round + 2);
    plan::LibraryOp op;
    plan::Matmul& matmul = *op.mutable_matmul();
    a.Describe(matmul.mutable_a());
    b.Describe(matmul.mutable_b());
    dst.Describe(matmul.mutable_dst());
    const float scales[] = {0, 1, 0.5f, -2};
    matmul.set_scale(scales[pick(4)]);
    std::vector<void*> operands = {a.data(), b.data()};
    std::unique_ptr<DeviceTensor> bias, operand;
    const DeviceTensor* addend = nullptr;
    if (pick(2) == 0) {
      bias = std::make_unique<DeviceTensor>(result,
                                            pick(2) == 0   ? Dims{n}
                                            : pick(3) == 0 ? Dims{m, 1}
                                                           : Dims{1, n},
                                            round + 3);
      bias->Describe(matmul.mutable_bias());
      operands.push_back(bias->data());
    }
    const int residual = pick(4);
    if (residual == 1) {
      matmul.add_post_ops()->set_kind(plan::PostOp::SUM);
      addend = &before;
    } else if (residual == 2) {
      operand = std::make_unique<DeviceTensor>(result, dst_dims,
                                               RandomStrides(dst_dims, exchanged_dst, gaps, generator), round + 4);
      plan::PostOp& post = *matmul.add_post_ops();
      post.set_kind(plan::PostOp::BINARY);
      post.set_function("add");
      operand->Describe(post.mutable_operand());
      operands.push_back(operand->data());
      addend = operand.get();
    }
    const char* activations[] = {"", "relu", "gelu_tanh"};
    const char* activation = activations[pick(3)];
    if (activation[0] != 0) matmul.add_post_ops()->set_function(activation);
    operands.push_back(dst.data());

    const plan::Target target = CudaTarget(pick(2) == 0 ? "sm_90" : "sm_80");
    if (LibraryFor(op, target).empty()) {
      EXPECT_EQ(runtime::Query(op, target).status(), absl::OkStatus());  // a generated kernel
      continue;
    }
    ASSERT_EQ(LibraryFor(op, target), "cublaslt");
    ++taken;
    ASSERT_EQ(ExecuteOnCuda(op, operands, target), absl::OkStatus()) << emulated_.last_error << "\n"
                                                                     << op.DebugString();
    std::vector<double> everything = before.Everything();
    Dims index(dst_dims.size());
    do {
      const double want = Expected(matmul, a, b, bias.get(), addend, index);
      ASSERT_NEAR(dst.At(index), want, Tolerance(result) * (1 + std::abs(want))) << op.DebugString();
      everything[At(dst_strides, index)] = dst.At(index);
    } while (Next(index, dst_dims));
    ASSERT_EQ(everything, dst.Everything()) << "elements between the result's strides have changed";
    for (const DeviceTensor* tensor : {&a, &b, &dst}) ASSERT_TRUE(tensor->IsIntact());
    ++seen[plan::DataType_Name(type)];
    ++seen[std::string("activation ") + activation];
    ++seen["residual " + std::to_string(residual)];
    ++seen["algorithm " + std::to_string(emulated_.last_algorithm)];
    if (bias) ++seen["bias"];
    if (exchanged_dst) ++seen["exchanged"];
    if (batch.size() > 1) ++seen["batches"];
  }
  EXPECT_GT(taken, 700);
  for (const char* what : {"F32", "F64", "F16", "BF16", "activation relu", "activation gelu_tanh", "residual 1",
                           "residual 2", "algorithm 1", "algorithm 2", "bias", "exchanged", "batches"}) {
    EXPECT_GT(seen[what], 10) << what;
  }
}

plan::LibraryOp Product(plan::DataType type, int64_t m, int64_t k, int64_t n) {
  plan::LibraryOp op;
  op.set_library("cublaslt");
  SetDesc(op.mutable_matmul()->mutable_a(), type, {m, k});
  SetDesc(op.mutable_matmul()->mutable_b(), type, {k, n});
  SetDesc(op.mutable_matmul()->mutable_dst(), type, {m, n});
  return op;
}

TEST_F(CublasLtTest, RoundsToTf32OnlyWhereItMay) {
  for (bool tf32 : {false, true}) {
    plan::LibraryOp op = Product(plan::F32, 4, 8, 4);
    op.set_tf32(tf32);
    std::vector<float> a(32, 1 + 1.0f / 4096), b(32, 1), out(16);  // 1 + 2^-12 is no TF32
    nvidia::GuardedBytes x(128), y(128), z(64);
    std::memcpy(x.data(), a.data(), 128);
    std::memcpy(y.data(), b.data(), 128);
    ASSERT_EQ(ExecuteOnCuda(op, {x.data(), y.data(), z.data()}, CudaTarget()), absl::OkStatus());
    std::memcpy(out.data(), z.data(), 64);
    for (float value : out) EXPECT_EQ(value, tf32 ? 8.0f : 8 + 8.0f / 4096);
  }
}

TEST_F(CublasLtTest, OperandsThatBeginInsideBuffersGetOtherAlgorithms) {
  const plan::LibraryOp op = Product(plan::F16, 8, 16, 8);
  const DeviceTensor a(plan::F16, {8, 16}, Dense({8, 16}), 1, /*byte_offset=*/2), b(plan::F16, {16, 8}, 2),
      dst(plan::F16, {8, 8}, 3);
  const std::vector<void*> operands = {a.data(), b.data(), dst.data()};
  EXPECT_EQ(ExecuteOnCuda(op, operands, CudaTarget(), {.alignments = {2, 16, 16}}), absl::OkStatus());
  EXPECT_EQ(emulated_.last_algorithm, 3u);
  // Promised 16, and not so.
  EXPECT_EQ(ExecuteOnCuda(op, operands, CudaTarget()).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ExecuteOnCuda(op, operands, CudaTarget(), {.alignments = {2, 16}}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ExecuteOnCuda(op, operands, CudaTarget(), {.alignments = {3, 16, 16}}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CublasLtTest, NoAlgorithmNamesWhatWasAsked) {
  emulated_.offers_algorithms = false;
  const absl::Status status = runtime::Prepare(Product(plan::F16, 8, 16, 4), CudaTarget()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(status.message().find("F16 to F16, m=4 n=8 k=16"), std::string::npos) << status.message();
}

TEST_F(CublasLtTest, AnyWorkspaceOfThePlanWillDo) {
  for (int64_t bytes : {int64_t{0}, int64_t{100}, int64_t{4096}, int64_t{1} << 20}) {
    plan::LibraryOp op = Product(plan::F32, 8, 512, 8);
    op.set_workspace_bytes(bytes);
    const DeviceTensor a(plan::F32, {8, 512}, 1), b(plan::F32, {512, 8}, 2), dst(plan::F32, {8, 8}, 3);
    auto prepared = runtime::Prepare(op, CudaTarget());
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    EXPECT_EQ((*prepared)->workspace_bytes(), bytes);
    nvidia::GuardedBytes workspace(bytes);
    std::vector<void*> operands = {a.data(), b.data(), dst.data()};
    if (bytes > 0) operands.push_back(workspace.data());
    EXPECT_EQ((*prepared)->Run(operands, nullptr), absl::OkStatus()) << emulated_.last_error;
    EXPECT_TRUE(workspace.IsIntact());
    EXPECT_EQ(emulated_.last_algorithm, bytes >= 4096 ? 1u : 2u);  // 8 parts of 8 x 8 sums: 2 KiB
    operands.pop_back();
    EXPECT_EQ((*prepared)->Run(operands, nullptr).code(), absl::StatusCode::kInvalidArgument);
  }
}

// Gives algorithms times in the order that they are measured in.
class FakeTuner : public Tuner {
 public:
  FakeTuner(std::vector<void*> operands, std::vector<double> seconds) : operands_(operands), seconds_(seconds) {}
  absl::StatusOr<double> Seconds(absl::FunctionRef<absl::Status(absl::Span<void* const>, StreamHandle)> work) override {
    if (absl::Status status = work(operands_, nullptr); !status.ok()) return status;
    return seconds_[measured_++];
  }
  size_t measured_ = 0;

 private:
  std::vector<void*> operands_;
  std::vector<double> seconds_;
};

TEST_F(CublasLtTest, TuningKeepsTheFastest) {
  const DeviceTensor a(plan::F32, {8, 512}, 1), b(plan::F32, {512, 8}, 2), dst(plan::F32, {8, 8}, 3);
  plan::LibraryOp op = Product(plan::F32, 8, 512, 8);
  op.set_workspace_bytes(1 << 20);
  nvidia::GuardedBytes workspace(1 << 20);
  const std::vector<void*> operands = {a.data(), b.data(), dst.data(), workspace.data()};
  for (int fastest = 0; fastest < 3; ++fastest) {
    std::vector<double> seconds(3, 2e-3);
    seconds[fastest] = 1e-3;
    FakeTuner tuner(operands, seconds);
    PrepareOptions options;
    options.tuner = &tuner;
    auto prepared = runtime::Prepare(op, CudaTarget(), options);
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    EXPECT_EQ(tuner.measured_, 3u);
    ASSERT_EQ((*prepared)->Run(operands, nullptr), absl::OkStatus());
    EXPECT_EQ(emulated_.last_algorithm, static_cast<uint64_t>(fastest + 1));
  }
}

TEST_F(CublasLtTest, WorkGoesIntoTheStreamThatIsGiven) {
  std::vector<std::pair<void*, std::function<void()>>> queued;
  emulated_.host.enqueue = [&](void* stream, const std::string&, std::function<void()> work) {
    queued.emplace_back(stream, std::move(work));
    return absl::OkStatus();
  };
  const DeviceTensor a(plan::F32, {4, 8}, 1), b(plan::F32, {8, 4}, 2), dst(plan::F32, {4, 4}, 3),
      before(plan::F32, {4, 4}, 3);
  auto prepared = runtime::Prepare(Product(plan::F32, 4, 8, 4), CudaTarget());
  ASSERT_TRUE(prepared.ok());
  int stream = 0;
  ASSERT_EQ((*prepared)->Run(std::vector<void*>{a.data(), b.data(), dst.data()}, &stream), absl::OkStatus());
  ASSERT_EQ(queued.size(), 1u);
  EXPECT_EQ(queued[0].first, &stream);
  EXPECT_EQ(dst.Everything(), before.Everything());
  queued[0].second();
  EXPECT_NE(dst.Everything(), before.Everything());
}

TEST_F(CublasLtTest, AddressesThatAreNoMemoryAreAnError) {
  emulated_.host.address = [](const void*, int64_t) -> void* { return nullptr; };
  auto prepared = runtime::Prepare(Product(plan::F32, 4, 8, 4), CudaTarget());
  ASSERT_TRUE(prepared.ok());
  std::vector<void*> operands(3, reinterpret_cast<void*>(0x1000));
  EXPECT_EQ((*prepared)->Run(operands, nullptr).code(), absl::StatusCode::kInternal);
}

TEST_F(CublasLtTest, AResultWithoutElementsNeedsNothing) {
  const plan::LibraryOp op = Product(plan::F32, 0, 8, 4);
  EXPECT_EQ(ExecuteOnCuda(op, {nullptr, nullptr, nullptr}, CudaTarget()), absl::OkStatus());
  EXPECT_EQ(emulated_.matmuls, 0);
}

}  // namespace
}  // namespace plimsoll::runtime::cublaslt
