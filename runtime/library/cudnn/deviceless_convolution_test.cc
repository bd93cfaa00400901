// The rules against the library itself: what they take has an engine within the limits on every architecture. The
// library answers for devices that are not there.
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/convolution_graph.h"
#include "runtime/library/cudnn/layer.h"
#include "runtime/library/cudnn/prepared_graph.h"
#include "runtime/library/cudnn/testing/deviceless_test.h"
#include "runtime/library/nvidia/testing/device_tensor.h"

namespace plimsoll::runtime::cudnn {
namespace {

using nvidia::CudaTarget;

class DevicelessConvolutionTest : public DevicelessTest {
 protected:
  absl::StatusOr<Offer> Ask(const Layer& layer, const AbsentDevice& device) {
    Graph graph(*api_);
    AddConvolution(layer, graph);
    return OfferFor(graph, device.properties,
                    {.allows_tensor_cores = layer.dtype != plan::F32 || layer.tf32,
                     .workspace_bytes = layer.workspace_bytes - kWorkspaceAlignment + nvidia::kOperandAlignment});
  }
};

// A layer of a kind that models have, of any type and layout.
plan::LibraryOp AnyConvolution(std::mt19937& generator) {
  auto pick = [&](int n) { return static_cast<int>(generator() % n); };
  auto one_of = [&](std::initializer_list<int64_t> list) {
    return *(list.begin() + pick(static_cast<int>(list.size())));
  };
  plan::LibraryOp op;
  plan::Convolution& convolution = *op.mutable_convolution();
  const plan::DataType types[] = {plan::F32, plan::F32, plan::F16, plan::BF16};
  const plan::DataType type = types[pick(4)];
  op.set_tf32(type == plan::F32 && pick(2) == 0);
  const int spatial = pick(5) == 0 ? 3 : 1 + pick(2);
  const bool channels_last = pick(2) == 0, transposed = pick(4) == 0;
  const int kind = pick(4);  // depthwise; with a multiplier; grouped; plain
  const int64_t channels = one_of({1, 3, 7, 16, 24, 64, 96, 256}), multiplier = kind == 1 ? 2 : 1;
  const int64_t groups = kind <= 1 ? channels : kind == 2 && channels % 8 == 0 ? 4 : 1;
  const int64_t outputs = kind <= 1 ? channels * multiplier : groups * one_of({1, 5, 16, 48});
  Dims x{one_of({1, 2, 16}), channels}, y{x[0], outputs}, w{outputs, channels / groups};
  for (int i = 0; i < spatial; ++i) {
    const int64_t kernel = one_of({1, 2, 3, 5, 7}), stride = one_of({1, 1, 2, 3}), dilation = one_of({1, 1, 2});
    const int64_t range = (kernel - 1) * dilation + 1, begin = pick(3) == 0 ? 0 : range / 2;
    const int64_t end = pick(4) == 0 ? pick(static_cast<int>(range)) : begin;
    const int64_t size = range + one_of({0, 1, 6, 13, spatial == 1 ? 3000 : spatial == 2 ? 111 : 15});
    x.push_back(size);
    y.push_back((size + begin + end - range) / stride + 1);
    w.push_back(kernel);
    convolution.add_strides(stride);
    convolution.add_dilations(dilation);
    convolution.add_pads_begin(begin);
    convolution.add_pads_end(end);
  }
  const Dims& src = transposed ? y : x;
  const Dims& dst = transposed ? x : y;
  auto strides = [&](const Dims& dims) { return channels_last ? ChannelsLast(dims) : Dense(dims); };
  SetDesc(convolution.mutable_src(), type, src, strides(src));
  SetDesc(convolution.mutable_weights(), type, w, strides(w));
  SetDesc(convolution.mutable_dst(), type, dst, strides(dst));
  convolution.set_groups(groups);
  convolution.set_transposed(transposed);
  if (!transposed && pick(2) == 0) {
    SetDesc(convolution.mutable_bias(), type, {outputs});
    const int addend = pick(3);
    if (addend > 0) {
      plan::PostOp& post_op = *convolution.add_post_ops();
      post_op.set_kind(addend == 1 ? plan::PostOp::SUM : plan::PostOp::BINARY);
      post_op.set_function("add");
      if (addend == 2) SetDesc(post_op.mutable_operand(), type, dst, strides(dst));
    }
    if (pick(2) == 0) convolution.add_post_ops()->set_function("relu");
  } else if (!transposed && pick(3) == 0) {
    convolution.add_post_ops()->set_kind(plan::PostOp::SUM);
  }
  return op;
}

std::string Describe(const Layer& layer, const AbsentDevice& device) {
  return absl::StrCat(cudnn::Describe(layer), layer.tf32 ? ", tf32" : "", layer.bias_operand >= 0 ? ", bias" : "",
                      layer.addend != Layer::Addend::kNone ? ", addend" : "", layer.has_relu ? ", relu" : "", " on ",
                      device.device->name);
}

TEST_F(DevicelessConvolutionTest, WhatTheRulesTakeHasAnEngineWithinTheCap) {
  std::mt19937 generator(11);
  std::map<std::string, int> taken;
  for (int round = 0; round < 60; ++round) {
    const plan::LibraryOp op = AnyConvolution(generator);
    for (const AbsentDevice& device : devices_) {
      absl::StatusOr<Layer> layer = LayerOf(op, device.target);
      if (!layer.ok()) {
        ++taken["refused"];
        continue;
      }
      absl::StatusOr<Offer> offer = Ask(*layer, device);
      ASSERT_TRUE(offer.ok()) << Describe(*layer, device) << ": " << offer.status();
      // A kernel that need not be compiled when a plan is loaded.
      EXPECT_TRUE(offer->has_ready_made) << Describe(*layer, device) << ": " << offer->engines << " engines, "
                                         << offer->within << " within the limits; the least workspace "
                                         << offer->least_workspace_bytes << " of " << layer->workspace_bytes;
      ++taken[plan::DataType_Name(layer->dtype)];
      if (layer->tf32) ++taken["tf32"];
      if (layer->is_transposed) ++taken["transposed"];
      if (layer->channels_last) ++taken["channels last"];
      if (layer->x.dims.size() == 5) ++taken["three dims"];
      if (layer->groups > 1) ++taken["groups"];
      if (layer->bias_operand >= 0) ++taken["bias"];
      if (layer->addend != Layer::Addend::kNone) ++taken["addend"];
      if (layer->pads_begin != layer->pads_end) ++taken["unequal pads"];
    }
  }
  for (const char* what : {"F32", "F16", "BF16", "tf32", "transposed", "channels last", "three dims", "groups", "bias",
                           "addend", "unequal pads"}) {
    EXPECT_GT(taken[what], 30) << what;
  }
  EXPECT_LT(taken["refused"], 60);  // bf16 on sm_75
}

// What the rules refuse although it could be asked for.
TEST_F(DevicelessConvolutionTest, WhatTheRulesRefuseHasNoReadyMadeKernel) {
  plan::LibraryOp op;
  plan::Convolution& convolution = *op.mutable_convolution();
  auto describe = [&](plan::DataType type) {
    for (plan::MemoryDesc* desc : {convolution.mutable_src(), convolution.mutable_weights(), convolution.mutable_dst()})
      desc->Clear();
    SetDesc(convolution.mutable_src(), type, {1, 64, 56, 56});
    SetDesc(convolution.mutable_weights(), type, {64, 64, 1, 1});
    SetDesc(convolution.mutable_dst(), type, {1, 64, 56, 56});
  };
  convolution.set_groups(1);
  for (const AbsentDevice& device : devices_) {
    describe(plan::BF16);
    absl::StatusOr<Layer> layer = LayerOf(op, CudaTarget("sm_80"));
    ASSERT_TRUE(layer.ok()) << layer.status();
    absl::StatusOr<Offer> offer = Ask(*layer, device);
    ASSERT_TRUE(offer.ok()) << offer.status();
    EXPECT_EQ(offer->has_engine(), device.device->architecture >= 80) << device.device->name;
    EXPECT_EQ(LayerOf(op, device.target).ok(), device.device->architecture >= 80) << device.device->name;

    // Relu without a bias; a transposed one's bias.
    for (const bool transposed : {false, true}) {
      describe(plan::F32);
      layer = LayerOf(op, device.target);
      ASSERT_TRUE(layer.ok()) << layer.status();
      Graph graph(*api_);
      const Graph::Shape shape{layer->x.dims, layer->x.strides}, window{layer->weights.dims, layer->weights.strides};
      const ConvolutionGeometry geometry{{0, 0}, {0, 0}, {1, 1}, {1, 1}};
      const Graph::Tensor src = graph.Operand(0, kFloat, shape), weights = graph.Operand(1, kFloat, window),
                          dst = graph.Operand(3, kFloat, shape), products = graph.Virtual(kFloat, shape);
      if (transposed) {
        graph.ConvolutionBackwardData(geometry, weights, src, products);
        const Graph::Tensor bias = graph.Operand(2, kFloat, {{1, 64, 1, 1}, {64, 1, 1, 1}});
        graph.Pointwise(backend::PointwiseMode::kAdd, products, bias, dst);
      } else {
        graph.ConvolutionForward(geometry, src, weights, products, /*adds=*/false);
        graph.Pointwise(backend::PointwiseMode::kReluForward, products, dst);
      }
      offer = OfferFor(graph, device.properties, {.workspace_bytes = int64_t{1} << 30});
      ASSERT_TRUE(offer.ok()) << offer.status();
      EXPECT_FALSE(offer->has_ready_made) << device.device->name;
    }
  }
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
