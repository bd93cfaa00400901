// The rules: what goes to the library in which form, and what is refused.
#include "runtime/library/cudnn/layer.h"

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/library/nvidia/testing/device_tensor.h"

namespace plimsoll::runtime::cudnn {
namespace {

using nvidia::CudaTarget;

plan::LibraryOp Convolution(const Dims& src, const Dims& weights, const Dims& dst) {
  plan::LibraryOp op;
  plan::Convolution& convolution = *op.mutable_convolution();
  SetDesc(convolution.mutable_src(), plan::F32, src);
  SetDesc(convolution.mutable_weights(), plan::F32, weights);
  SetDesc(convolution.mutable_dst(), plan::F32, dst);
  convolution.set_groups(1);
  return op;
}

Layer Taken(const plan::LibraryOp& op, const char* architecture = "sm_80") {
  absl::StatusOr<Layer> layer = LayerOf(op, CudaTarget(architecture));
  EXPECT_TRUE(layer.ok()) << layer.status();
  return layer.ok() ? *layer : Layer();
}

TEST(LayerTest, OneSpatialDimBecomesTwo) {
  const Layer layer = Taken(Convolution({2, 4, 9}, {6, 4, 3}, {2, 6, 7}));
  EXPECT_EQ(layer.x.dims, (Dims{2, 4, 1, 9}));
  EXPECT_EQ(layer.x.strides, (Dims{36, 9, 9, 1}));
  EXPECT_EQ(layer.weights.dims, (Dims{6, 4, 1, 3}));
  EXPECT_EQ(layer.pads_end, (Dims{0, 0}));
  EXPECT_EQ(layer.strides, (Dims{1, 1}));
}

TEST(LayerTest, TransposedIsTheGradientByTheData) {
  plan::LibraryOp op = Convolution({1, 4, 5, 5}, {4, 6, 2, 2}, {1, 6, 10, 10});
  op.mutable_convolution()->set_transposed(true);
  for (int i = 0; i < 2; ++i) op.mutable_convolution()->add_strides(2);
  const Layer layer = Taken(op);
  EXPECT_EQ(layer.y.operand, 0);
  EXPECT_EQ(layer.x.operand, 2);
  EXPECT_EQ(layer.x.dims, (Dims{1, 6, 10, 10}));
  EXPECT_EQ(layer.destination().dims, layer.x.dims);
  SetDesc(op.mutable_convolution()->mutable_bias(), plan::F32, {6});
  EXPECT_EQ(LayerOf(op, CudaTarget()).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(LayerTest, PadsMayDiffer) {
  plan::LibraryOp op = Convolution({1, 4, 8, 8}, {4, 4, 3, 3}, {1, 4, 4, 4});
  for (int i = 0; i < 2; ++i) {
    op.mutable_convolution()->add_strides(2);
    op.mutable_convolution()->add_pads_begin(1);
    op.mutable_convolution()->add_pads_end(0);  // 1 + (8 + 1 - 3) / 2 = 4, and so with 1
  }
  Taken(op);
  // TensorFlow's padding of the same size: the window begins inside.
  for (int i = 0; i < 2; ++i) {
    op.mutable_convolution()->set_pads_begin(i, 0);
    op.mutable_convolution()->set_pads_end(i, 1);
  }
  EXPECT_EQ(Taken(op).pads_end, (Dims{1, 1}));
  for (int i = 0; i < 2; ++i) op.mutable_convolution()->set_pads_end(i, 3);  // of which comes one element more
  EXPECT_EQ(LayerOf(op, CudaTarget()).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(LibraryFor(op, CudaTarget()), "");
}

TEST(LayerTest, WeightsWithChannelsLastArePackedWhereThatChangesThem) {
  auto with_channels_last = [](const Dims& src, const Dims& weights, const Dims& dst) {
    plan::LibraryOp op = Convolution(src, weights, dst);
    for (int64_t stride : ChannelsLast(src)) op.mutable_convolution()->mutable_src()->add_strides(stride);
    for (int64_t stride : ChannelsLast(dst)) op.mutable_convolution()->mutable_dst()->add_strides(stride);
    return op;
  };
  EXPECT_EQ(Taken(with_channels_last({1, 4, 8, 8}, {6, 4, 3, 3}, {1, 6, 6, 6})).wanted_packed_bytes, 6 * 4 * 9 * 4);
  EXPECT_EQ(Taken(with_channels_last({1, 4, 8, 8}, {6, 4, 1, 1}, {1, 6, 8, 8})).wanted_packed_bytes,
            0);  // the same bytes
  plan::LibraryOp depthwise = with_channels_last({1, 4, 8, 8}, {4, 1, 3, 3}, {1, 4, 6, 6});
  depthwise.mutable_convolution()->set_groups(4);
  EXPECT_EQ(Taken(depthwise).wanted_packed_bytes, 0);
  plan::LibraryOp given = with_channels_last({1, 4, 8, 8}, {6, 4, 3, 3}, {1, 6, 6, 6});
  for (int64_t stride : ChannelsLast({6, 4, 3, 3})) given.mutable_convolution()->mutable_weights()->add_strides(stride);
  EXPECT_EQ(Taken(given).wanted_packed_bytes, 0);
  // And back: the channels of the data come first.
  plan::LibraryOp first = Convolution({1, 4, 8, 8}, {6, 4, 3, 3}, {1, 6, 6, 6});
  for (int64_t stride : ChannelsLast({6, 4, 3, 3})) first.mutable_convolution()->mutable_weights()->add_strides(stride);
  EXPECT_EQ(LayerOf(first, CudaTarget()).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(LayerTest, TheCapIsACopyOfEachOperandAndSomePartialSums) {
  constexpr int64_t kMiB = 1 << 20, kSlack = 240;
  const Layer small = Taken(Convolution({1, 4, 8, 8}, {6, 4, 3, 3}, {1, 6, 6, 6}));
  EXPECT_EQ(small.workspace_bytes, (64 << 10) + kSlack);
  const Layer large = Taken(Convolution({32, 64, 224, 224}, {64, 64, 3, 3}, {32, 64, 222, 222}));
  EXPECT_EQ(large.workspace_bytes, 64 * kMiB + kSlack);
}

struct Refusal {
  const char* name;
  absl::StatusCode code;
  std::function<void(plan::Convolution&)> change;
};

TEST(LayerTest, RefusesWhatTheLibraryCannotDo) {
  const absl::StatusCode kNo = absl::StatusCode::kUnimplemented, kWrong = absl::StatusCode::kInvalidArgument;
  auto types = [](plan::DataType type) {
    return [=](plan::Convolution& op) {
      for (plan::MemoryDesc* desc : {op.mutable_src(), op.mutable_weights(), op.mutable_dst()}) desc->set_dtype(type);
    };
  };
  const Refusal refusals[] = {
      {"f64", kNo, types(plan::F64)},
      {"integers", kNo, types(plan::I8)},
      {"f16 to f32", kNo, [](plan::Convolution& op) { op.mutable_src()->set_dtype(plan::F16); }},
      {"a zero point", kNo, [](plan::Convolution& op) { op.set_has_src_zero_point(true); }},
      {"relu without a bias", kNo, [](plan::Convolution& op) { op.add_post_ops()->set_function("relu"); }},
      {"sigmoid", kNo,
       [](plan::Convolution& op) {
         SetDesc(op.mutable_bias(), plan::F32, {6});
         op.add_post_ops()->set_function("sigmoid");
       }},
      {"gelu", kNo,
       [](plan::Convolution& op) {
         SetDesc(op.mutable_bias(), plan::F32, {6});
         op.add_post_ops()->set_function("gelu_tanh");
       }},
      {"gaps", kNo,
       [](plan::Convolution& op) {
         for (int64_t stride : {1024, 128, 16, 1}) op.mutable_src()->add_strides(stride);
       }},
      {"channels of the source last alone", kNo,
       [](plan::Convolution& op) {
         for (int64_t stride : ChannelsLast({1, 4, 8, 8})) op.mutable_src()->add_strides(stride);
       }},
      {"negative pads", kNo,
       [](plan::Convolution& op) {
         for (int i = 0; i < 2; ++i) op.add_pads_begin(-1);
       }},
      {"nothing to sum", kNo,
       [](plan::Convolution& op) {
         op.mutable_src()->set_dims(1, 0);
         op.mutable_weights()->set_dims(1, 0);
       }},
      {"2^31 elements", kNo,
       [](plan::Convolution& op) {
         op.mutable_src()->set_dims(0, 1 << 27);
         op.mutable_dst()->set_dims(0, 1 << 27);
       }},
      {"channels that differ", kWrong, [](plan::Convolution& op) { op.mutable_weights()->set_dims(1, 3); }},
      {"no groups", kWrong, [](plan::Convolution& op) { op.set_groups(0); }},
      {"a stride of none", kWrong,
       [](plan::Convolution& op) {
         for (int i = 0; i < 2; ++i) op.add_strides(0);
       }},
      {"one stride", kWrong, [](plan::Convolution& op) { op.add_strides(1); }},
      {"a short bias", kWrong, [](plan::Convolution& op) { SetDesc(op.mutable_bias(), plan::F32, {5}); }},
      {"a dim below none", kWrong, [](plan::Convolution& op) { op.mutable_src()->set_dims(2, -8); }},
      {"weights in an unknown layout", kWrong,
       [](plan::Convolution& op) { op.mutable_weights()->set_packed_bytes(864); }},
      {"ranks that differ", kWrong, [](plan::Convolution& op) { op.mutable_dst()->add_dims(1); }},
  };
  for (const Refusal& refusal : refusals) {
    plan::LibraryOp op = Convolution({1, 4, 8, 8}, {6, 4, 3, 3}, {1, 6, 6, 6});
    Taken(op);
    refusal.change(*op.mutable_convolution());
    EXPECT_EQ(LayerOf(op, CudaTarget()).status().code(), refusal.code) << refusal.name;
    EXPECT_EQ(LibraryFor(op, CudaTarget()), "") << refusal.name;
  }
  plan::LibraryOp op = Convolution({1, 4, 8, 8}, {6, 4, 3, 3}, {1, 6, 6, 6});
  types(plan::BF16)(*op.mutable_convolution());
  EXPECT_EQ(LayerOf(op, CudaTarget("sm_75")).status().code(), kNo);
  Taken(op);
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
