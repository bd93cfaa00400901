// Prepare and Run over the emulated library, against convolutions written here in double precision.
#include "runtime/library/cudnn/cudnn.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/emulated_cudnn.h"
#include "runtime/library/nvidia/testing/device_tensor.h"

namespace plimsoll::runtime::cudnn {
namespace {

using nvidia::CudaTarget;
using nvidia::DeviceTensor;
using nvidia::ExecuteOnCuda;

class CudnnTest : public testing::Test {
 protected:
  CudnnTest() { Replace(Emulate(&emulated_)); }
  ~CudnnTest() override {
    EXPECT_EQ(emulated_.live_objects, 0);
    Replace(nullptr);
  }
  EmulatedCudnn emulated_;
};

// By ONNX's definition: a convolution gathers; a transposed one scatters each source element over the window that it
// made.
std::map<Dims, double> Products(const plan::Convolution& op, const DeviceTensor& src, const DeviceTensor& weights,
                                const Dims& dst_dims) {
  std::map<Dims, double> sums;
  const size_t spatial = src.dims().size() - 2;
  const bool scatters = op.transposed();
  const Dims& windows = scatters ? src.dims() : dst_dims;  // positions of the window
  const Dims& data = scatters ? dst_dims : src.dims();     // what it moves over
  const int64_t groups = op.groups(), per_group = weights.dims()[0] / groups, data_per_group = weights.dims()[1];
  Dims at(windows.size());
  do {  // [n, k, positions]
    Dims tap(weights.dims().begin() + 1, weights.dims().end());
    const Dims taps = tap;
    std::fill(tap.begin(), tap.end(), 0);
    do {  // [c of the group, offsets]
      Dims under(data.size());
      under[0] = at[0];
      under[1] = at[1] / per_group * data_per_group + tap[0];
      bool inside = true;
      for (size_t i = 0; i < spatial; ++i) {
        under[i + 2] = at[i + 2] * op.strides(i) - op.pads_begin(i) + tap[i + 1] * op.dilations(i);
        inside &= under[i + 2] >= 0 && under[i + 2] < data[i + 2];
      }
      if (!inside) continue;
      Dims weight{at[1]};
      weight.insert(weight.end(), tap.begin(), tap.end());
      sums[scatters ? under : at] += weights.At(weight) * src.At(scatters ? at : under);
    } while (Next(tap, taps));
  } while (Next(at, windows));
  return sums;
}

double Tolerance(plan::DataType type) { return type == plan::F32 ? 1e-6 : type == plan::F16 ? 1.0 / 2048 : 1.0 / 256; }

TEST_F(CudnnTest, ComputesWhatTheRulesTake) {
  std::mt19937 generator(3);
  auto pick = [&](int n) { return static_cast<int>(generator() % n); };
  std::map<std::string, int> seen;
  int taken = 0;
  for (int round = 0; round < 700; ++round) {
    const plan::DataType types[] = {plan::F32, plan::F16, plan::BF16};
    const plan::DataType type = types[pick(3)];
    const int spatial = pick(6) == 0 ? 3 : 1 + pick(2);
    const bool channels_last = pick(2) == 0, transposed = pick(3) == 0;
    const int64_t groups = pick(3) == 0 ? 2 + pick(2) : 1;
    plan::LibraryOp op;
    plan::Convolution& convolution = *op.mutable_convolution();
    convolution.set_groups(groups);
    convolution.set_transposed(transposed);
    const int64_t c = groups * (1 + pick(4)), k = groups * (1 + pick(4)), n = 1 + pick(2);
    Dims x{n, c}, y{n, k}, w{k, c / groups};  // y = x * w; transposed: from y to x
    for (int i = 0; i < spatial; ++i) {
      const int64_t kernel = 1 + pick(3), stride = 1 + pick(2), dilation = 1 + pick(2), begin = pick(2);
      const int64_t end = pick(4) == 0 ? pick(2) : begin, range = (kernel - 1) * dilation + 1;
      const int64_t size = range + pick(5);
      x.push_back(size);
      y.push_back((size + begin + end - range) / stride + 1);
      w.push_back(kernel);
      convolution.add_strides(stride);
      convolution.add_dilations(dilation);
      convolution.add_pads_begin(begin);
      convolution.add_pads_end(end);
    }
    const Dims& src_dims = transposed ? y : x;
    const Dims& dst_dims = transposed ? x : y;
    auto layout = [&](const Dims& dims) { return channels_last ? ChannelsLast(dims) : Dense(dims); };
    Dims weight_strides = Dense(w);
    if (channels_last && pick(3) == 0) {  // gaps, which packing closes
      for (int64_t& stride : weight_strides) stride *= 2;
    }
    const DeviceTensor src(type, src_dims, layout(src_dims), round), weights(type, w, weight_strides, round + 1);
    const DeviceTensor dst(type, dst_dims, layout(dst_dims), round + 2),
        before(type, dst_dims, layout(dst_dims), round + 2);
    src.Describe(convolution.mutable_src());
    weights.Describe(convolution.mutable_weights());
    dst.Describe(convolution.mutable_dst());
    std::vector<void*> operands = {src.data(), weights.data()};
    std::unique_ptr<DeviceTensor> bias, operand, packed;
    const DeviceTensor* addend = nullptr;
    if (!transposed && pick(3) != 0) {
      bias = std::make_unique<DeviceTensor>(type, Dims{dst_dims[1]}, round + 3);
      bias->Describe(convolution.mutable_bias());
      operands.push_back(bias->data());
    }
    const int residual = transposed ? 0 : pick(4);
    if (residual == 1) {
      convolution.add_post_ops()->set_kind(plan::PostOp::SUM);
      addend = &before;
    } else if (residual == 2) {
      operand = std::make_unique<DeviceTensor>(type, dst_dims, layout(dst_dims), round + 4);
      plan::PostOp& post = *convolution.add_post_ops();
      post.set_kind(plan::PostOp::BINARY);
      post.set_function("add");
      operand->Describe(post.mutable_operand());
      operands.push_back(operand->data());
      addend = operand.get();
    }
    const bool has_relu = !transposed && pick(2) == 0;
    if (has_relu) convolution.add_post_ops()->set_function("relu");
    operands.push_back(dst.data());

    const plan::Target target = CudaTarget();
    if (LibraryFor(op, target).empty()) continue;
    ASSERT_EQ(LibraryFor(op, target), "cudnn");
    op.set_library("cudnn");
    auto wish = runtime::Query(op, target, /*constant_weights=*/true);
    ASSERT_TRUE(wish.ok()) << wish.status();
    if (!wish->packed.empty()) {
      EXPECT_TRUE(channels_last);
      ASSERT_EQ(wish->packed.size(), 1u);
      EXPECT_EQ(wish->packed[0].operand, 1);
      EXPECT_EQ(runtime::Query(op, target).status().code(), absl::StatusCode::kUnimplemented);
      EXPECT_EQ(wish->packed[0].bytes, Count(w) * nvidia::BytesOf(type));
      packed = std::make_unique<DeviceTensor>(type, w, ChannelsLast(w), 0);
      Dims at(w.size());
      do {
        nvidia::StoreElement(type, packed->data(), At(packed->strides(), at), weights.At(at));
      } while (Next(at, w));
      convolution.clear_weights();
      packed->Describe(convolution.mutable_weights());
      operands[1] = packed->data();
      ++seen["packed"];
    }
    ++taken;
    ASSERT_EQ(ExecuteOnCuda(op, operands, target), absl::OkStatus()) << emulated_.last_error << "\n"
                                                                     << op.DebugString();
    std::map<Dims, double> sums = Products(convolution, src, weights, dst_dims);
    Dims index(dst_dims.size());
    do {
      double want = sums[index];
      if (bias) want += bias->At({index[1]});
      if (addend != nullptr) want += addend->At(index);
      if (has_relu) want = std::max(want, 0.0);
      ASSERT_NEAR(dst.At(index), want, Tolerance(type) * (1 + std::abs(want))) << op.DebugString();
    } while (Next(index, dst_dims));
    for (const DeviceTensor* tensor : {&src, &weights, &dst}) ASSERT_TRUE(tensor->IsIntact());
    ++seen[plan::DataType_Name(type)];
    ++seen["spatial " + std::to_string(spatial)];
    ++seen["residual " + std::to_string(residual)];
    ++seen["engine " + std::to_string(emulated_.last_engine)];
    if (!std::equal(convolution.pads_begin().begin(), convolution.pads_begin().end(), convolution.pads_end().begin())) {
      ++seen["unequal pads"];
    }
    if (channels_last && spatial == 3) ++seen["three dims, channels last"];
    if (bias) ++seen["bias"];
    if (has_relu) ++seen["relu"];
    if (groups > 1) ++seen["groups"];
    if (transposed) ++seen["transposed"];
    if (channels_last) ++seen["channels last"];
  }
  EXPECT_GT(taken, 250);
  for (const char* what : {"F32", "F16", "BF16", "spatial 1", "spatial 2", "spatial 3", "residual 1", "residual 2",
                           "bias", "relu", "groups", "transposed", "channels last", "packed", "unequal pads",
                           "three dims, channels last", "engine 17", "engine 18"}) {
    EXPECT_GT(seen[what], 10) << what;
  }
}

plan::LibraryOp Convolution(plan::DataType type, int64_t size = 8) {
  plan::LibraryOp op;
  op.set_library("cudnn");
  plan::Convolution& convolution = *op.mutable_convolution();
  SetDesc(convolution.mutable_src(), type, {1, 4, size, size});
  SetDesc(convolution.mutable_weights(), type, {4, 4, 3, 3});
  SetDesc(convolution.mutable_dst(), type, {1, 4, size, size});
  for (int i = 0; i < 2; ++i) {
    convolution.add_pads_begin(1);
    convolution.add_pads_end(1);
  }
  convolution.set_groups(1);
  return op;
}

// Of the emulation's engines: 17 rounds to TF32 and wants 512 bytes and copies of what does not have its channels last,
// 18 wants 100 bytes, 20 none. All others are random, too rough, compiled at run time, or fail.
TEST_F(CudnnTest, EnginesAreChosenWithinTheWorkspace) {
  const int64_t copies = 4 * (256 + 256 + 144);
  for (const auto& [bytes, tf32, engine] :
       std::vector<std::tuple<int64_t, bool, int64_t>>{{1 << 20, true, 17},
                                                       {512 + copies + 240, true, 17},
                                                       {512 + copies + 239, true, 18},
                                                       {1 << 20, false, 18},
                                                       {340, false, 18},
                                                       {339, false, 20},
                                                       {0, false, 20}}) {
    plan::LibraryOp op = Convolution(plan::F32);
    op.set_workspace_bytes(bytes);
    op.set_tf32(tf32);
    const DeviceTensor src(plan::F32, {1, 4, 8, 8}, 1), weights(plan::F32, {4, 4, 3, 3}, 2),
        dst(plan::F32, {1, 4, 8, 8}, 3);
    auto prepared = runtime::Prepare(op, CudaTarget());
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    nvidia::GuardedBytes workspace(bytes);
    std::vector<void*> operands = {src.data(), weights.data(), dst.data()};
    if (bytes > 0) operands.push_back(workspace.data());
    ASSERT_EQ((*prepared)->Run(operands, nullptr), absl::OkStatus()) << emulated_.last_error;
    EXPECT_EQ(emulated_.last_engine, engine) << bytes;
    EXPECT_TRUE(workspace.IsIntact());
  }
}

TEST_F(CudnnTest, KernelsThatAreCompiledAtRunTimeComeLast) {
  std::erase_if(emulated_.engines, [](const EmulatedEngine& engine) {
    return engine.index == 18 || (engine.index == 20 && engine.behavior_notes.empty());
  });
  plan::LibraryOp op = Convolution(plan::F32);
  op.set_workspace_bytes(1 << 20);
  plan::Convolution& convolution = *op.mutable_convolution();
  EXPECT_EQ(runtime::Prepare(op, CudaTarget()).status().code(), absl::StatusCode::kUnimplemented);
  const Dims data{1, 4, 8, 8}, window{4, 4, 3, 3};
  for (plan::MemoryDesc* desc : {convolution.mutable_src(), convolution.mutable_weights(), convolution.mutable_dst()})
    desc->Clear();
  SetDesc(convolution.mutable_src(), plan::F32, data, ChannelsLast(data));
  SetDesc(convolution.mutable_weights(), plan::F32, window, ChannelsLast(window));
  SetDesc(convolution.mutable_dst(), plan::F32, data, ChannelsLast(data));
  const DeviceTensor src(plan::F32, data, ChannelsLast(data), 1), weights(plan::F32, window, ChannelsLast(window), 2),
      dst(plan::F32, data, ChannelsLast(data), 3);
  ASSERT_EQ(ExecuteOnCuda(op, {src.data(), weights.data(), dst.data()}, CudaTarget()), absl::OkStatus());
  EXPECT_EQ(emulated_.last_engine, 16);  // behind 15, whose plan cannot be made
}

TEST_F(CudnnTest, OneChoiceForOneProblem) {
  plan::LibraryOp op = Convolution(plan::F32);
  op.set_workspace_bytes(1 << 20);
  const DeviceTensor src(plan::F32, {1, 4, 8, 8}, 1), weights(plan::F32, {4, 4, 3, 3}, 2),
      dst(plan::F32, {1, 4, 8, 8}, 3);
  std::vector<double> first;
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(ExecuteOnCuda(op, {src.data(), weights.data(), dst.data()}, CudaTarget()), absl::OkStatus());
    if (round == 0) first = dst.Everything();
    EXPECT_EQ(dst.Everything(), first);
  }
  EXPECT_EQ(emulated_.executions_by_engine, (std::map<int64_t, int64_t>{{18, 3}}));
}

// Where it is used, by all that are alike and not tuned; no longer.
TEST_F(CudnnTest, EqualOperationsShareAPlan) {
  plan::LibraryOp op = Convolution(plan::F32), other = op;
  op.set_workspace_bytes(340);
  other.set_workspace_bytes(339);
  const DeviceTensor src(plan::F32, {1, 4, 8, 8}, 1), weights(plan::F32, {4, 4, 3, 3}, 2);
  {
    std::vector<std::unique_ptr<PreparedOp>> alike;
    for (int i = 0; i < 3; ++i) {
      auto prepared = runtime::Prepare(op, CudaTarget());
      ASSERT_TRUE(prepared.ok()) << prepared.status();
      alike.push_back(*std::move(prepared));
    }
    EXPECT_EQ(emulated_.plans, 1);
    EXPECT_EQ(emulated_.heuristic_calls, 2);  // A and fallback
    auto different = runtime::Prepare(other, CudaTarget());
    ASSERT_TRUE(different.ok()) << different.status();
    EXPECT_EQ(emulated_.plans, 2);
    alike.erase(alike.begin());
    std::vector<double> first;
    for (const auto& prepared : alike) {
      const DeviceTensor dst(plan::F32, {1, 4, 8, 8}, 3);
      nvidia::GuardedBytes workspace(340);
      ASSERT_EQ(prepared->Run({{src.data(), weights.data(), dst.data(), workspace.data()}}, nullptr), absl::OkStatus());
      if (first.empty()) first = dst.Everything();
      EXPECT_EQ(dst.Everything(), first);
    }
    EXPECT_EQ(emulated_.executions_by_engine, (std::map<int64_t, int64_t>{{18, 2}}));
  }
  EXPECT_EQ(emulated_.live_objects, 0);
  ASSERT_TRUE(runtime::Prepare(op, CudaTarget()).ok());
  EXPECT_EQ(emulated_.plans, 3);
}

TEST_F(CudnnTest, RoundsToTf32OnlyWhereItMay) {
  for (bool tf32 : {false, true}) {
    plan::LibraryOp op = Convolution(plan::F32);
    op.set_tf32(tf32);
    const DeviceTensor src(plan::F32, {1, 4, 8, 8}, 1), weights(plan::F32, {4, 4, 3, 3}, 2),
        dst(plan::F32, {1, 4, 8, 8}, 3);
    for (int i = 0; i < 256; ++i) nvidia::StoreElement(plan::F32, src.data(), i, 1);
    for (int i = 0; i < 144; ++i) nvidia::StoreElement(plan::F32, weights.data(), i, 1 + 1.0 / 4096);  // no TF32
    ASSERT_EQ(ExecuteOnCuda(op, {src.data(), weights.data(), dst.data()}, CudaTarget()), absl::OkStatus());
    EXPECT_EQ(dst.At({0, 0, 4, 4}), tf32 ? 36 : 36 + 36.0 / 4096);
  }
}

TEST_F(CudnnTest, NoEngineNamesWhatWasAsked) {
  emulated_.offers_engines = false;
  const absl::Status status = runtime::Prepare(Convolution(plan::F16), CudaTarget()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(status.message().find("a convolution of F16, 1x4x8x8 * 4x4x3x3 -> 1x4x8x8"), std::string::npos)
      << status.message();
}

TEST_F(CudnnTest, OperandsThatBeginInsideBuffersAreLeftToKernels) {
  EXPECT_EQ(runtime::Prepare(Convolution(plan::F16), CudaTarget(), {.alignments = {2, 16, 16}}).status().code(),
            absl::StatusCode::kUnimplemented);
}

// Takes the last that is measured.
class LastIsFastest : public Tuner {
 public:
  explicit LastIsFastest(std::vector<void*> operands) : operands_(std::move(operands)) {}
  absl::StatusOr<double> Seconds(absl::FunctionRef<absl::Status(absl::Span<void* const>, StreamHandle)> work) override {
    if (absl::Status status = work(operands_, nullptr); !status.ok()) return status;
    return 1.0 / ++measured_;
  }

 private:
  std::vector<void*> operands_;
  int measured_ = 0;
};

TEST_F(CudnnTest, TuningKeepsTheFastest) {
  const DeviceTensor src(plan::F32, {1, 4, 8, 8}, 1), weights(plan::F32, {4, 4, 3, 3}, 2),
      dst(plan::F32, {1, 4, 8, 8}, 3);
  plan::LibraryOp op = Convolution(plan::F32);
  op.set_workspace_bytes(1 << 20);
  nvidia::GuardedBytes workspace(1 << 20);
  const std::vector<void*> operands = {src.data(), weights.data(), dst.data(), workspace.data()};
  LastIsFastest tuner(operands);
  PrepareOptions options;
  options.tuner = &tuner;
  auto prepared = runtime::Prepare(op, CudaTarget(), options);
  ASSERT_TRUE(prepared.ok());
  ASSERT_EQ((*prepared)->Run(operands, nullptr), absl::OkStatus());
  EXPECT_EQ(emulated_.last_engine, 20);
}

TEST_F(CudnnTest, WorkGoesIntoTheStreamThatIsGiven) {
  std::vector<void*> streams;
  emulated_.host.enqueue = [&](void* stream, const std::string&, std::function<void()> work) {
    streams.push_back(stream);
    work();
    return absl::OkStatus();
  };
  plan::LibraryOp op = Convolution(plan::F32);
  op.set_workspace_bytes(0);
  const DeviceTensor src(plan::F32, {1, 4, 8, 8}, 1), weights(plan::F32, {4, 4, 3, 3}, 2),
      dst(plan::F32, {1, 4, 8, 8}, 3);
  auto one = runtime::Prepare(op, CudaTarget()), other = runtime::Prepare(op, CudaTarget());
  ASSERT_TRUE(one.ok() && other.ok());
  int a = 0, b = 0;
  const std::vector<void*> operands = {src.data(), weights.data(), dst.data()};
  EXPECT_EQ((*one)->Run(operands, &a), absl::OkStatus());
  EXPECT_EQ((*other)->Run(operands, &b), absl::OkStatus());
  EXPECT_EQ((*one)->Run(operands, &a), absl::OkStatus());
  EXPECT_EQ(streams, (std::vector<void*>{&a, &b, &a}));
}

TEST_F(CudnnTest, AResultWithoutElementsNeedsNothing) {
  plan::LibraryOp op = Convolution(plan::F32);
  op.mutable_convolution()->mutable_src()->set_dims(0, 0);
  op.mutable_convolution()->mutable_dst()->set_dims(0, 0);
  EXPECT_EQ(ExecuteOnCuda(op, {nullptr, nullptr, nullptr}, CudaTarget()), absl::OkStatus());
  EXPECT_EQ(emulated_.convolutions, 0);
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
