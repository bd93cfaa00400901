// The rules for attention against the library itself: what they take has an engine on every architecture, without
// workspace. The engines are compiled at run time, for which a device must be there: that they support a graph is what
// finalizing their configurations says.
#include <map>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/attention_graph.h"
#include "runtime/library/cudnn/attention_layer.h"
#include "runtime/library/cudnn/testing/deviceless_test.h"

namespace plimsoll::runtime::cudnn {
namespace {

using nvidia::CudaTarget;

class DevicelessAttentionTest : public DevicelessTest {
 protected:
  absl::StatusOr<Offer> Ask(const AttentionLayer& layer, const AbsentDevice& device) {
    Graph graph(*api_);
    AddAttention(layer, graph);
    return OfferFor(graph, device.properties, {.workspace_bytes = layer.workspace_bytes});
  }
};

struct Sizes {
  int64_t batch = 2, heads = 4, groups = 4, queries = 64, keys = 64, size = 64, value_size = 64;
};

// Heads before the sequence, or behind it; with `gap` elements behind each row.
Dims Strides(const Dims& dims, bool sequence_first, int64_t gap = 0) {
  const int64_t row = dims[3] + gap;
  if (sequence_first) return {dims[2] * dims[1] * row, row, dims[1] * row, 1};
  return {dims[1] * dims[2] * row, dims[2] * row, row, 1};
}

plan::LibraryOp Attention(plan::DataType type, const Sizes& s, bool sequence_first = false, int64_t gap = 0) {
  plan::LibraryOp op;
  plan::Attention& attention = *op.mutable_attention();
  auto describe = [&](plan::MemoryDesc* desc, const Dims& dims) {
    SetDesc(desc, type, dims, Strides(dims, sequence_first, gap));
  };
  describe(attention.mutable_q(), {s.batch, s.heads, s.queries, s.size});
  describe(attention.mutable_k(), {s.batch, s.groups, s.keys, s.size});
  describe(attention.mutable_v(), {s.batch, s.groups, s.keys, s.value_size});
  describe(attention.mutable_dst(), {s.batch, s.heads, s.queries, s.value_size});
  attention.set_scale(0.125);
  return op;
}

TEST_F(DevicelessAttentionTest, WhatTheRulesTakeHasAnEngine) {
  std::mt19937 generator(5);
  auto pick = [&](int n) { return static_cast<int>(generator() % n); };
  std::map<std::string, int> taken;
  for (int round = 0; round < 50; ++round) {
    Sizes sizes;
    sizes.groups = 1 + pick(4);
    sizes.heads = sizes.groups * (1 + pick(4));
    sizes.batch = 1 + pick(3);
    sizes.queries = pick(3) == 0 ? 5 + pick(20) : 16 * (1 + pick(70));
    sizes.keys = pick(2) == 0 ? sizes.queries : 1 + pick(2000);
    sizes.size = pick(2) == 0 ? 64 * (1 + pick(2)) : 8 * (1 + pick(32));
    sizes.value_size = pick(3) == 0 ? 8 * (1 + pick(32)) : sizes.size;
    const plan::DataType type = pick(2) == 0 ? plan::F16 : plan::BF16;
    const bool sequence_first = pick(2) == 0;
    plan::LibraryOp op = Attention(type, sizes, sequence_first, pick(4) == 0 ? 8 : 0);
    plan::Attention& attention = *op.mutable_attention();
    const bool has_mask = pick(2) == 0, has_stats = pick(2) == 0;
    if (has_mask) {
      SetDesc(attention.mutable_mask(), pick(2) == 0 ? type : plan::F32,
              {pick(2) == 0 ? 1 : sizes.batch, pick(2) == 0 ? 1 : sizes.heads, pick(2) == 0 ? 1 : sizes.queries,
               pick(8) == 0 ? 1 : sizes.keys});
    }
    if (has_stats) SetDesc(attention.mutable_stats(), plan::F32, {sizes.batch, sizes.heads, sizes.queries, 1});
    for (const AbsentDevice& device : devices_) {
      absl::StatusOr<AttentionLayer> layer = AttentionLayerOf(op, device.target);
      EXPECT_EQ(layer.ok(), device.device->architecture >= 80) << layer.status();
      if (!layer.ok()) continue;
      absl::StatusOr<Offer> offer = Ask(*layer, device);
      ASSERT_TRUE(offer.ok()) << Describe(*layer) << " on " << device.device->name << ": " << offer.status();
      EXPECT_TRUE(offer->has_engine()) << Describe(*layer) << " on " << device.device->name << ": " << offer->engines
                                       << " engines, the least workspace " << offer->least_workspace_bytes;
      ++taken[has_mask ? "mask" : "no mask"];
      ++taken[has_stats ? "statistics" : "no statistics"];
      ++taken[sequence_first ? "sequence first" : "heads first"];
    }
  }
  for (const char* what : {"mask", "no mask", "statistics", "no statistics", "sequence first", "heads first"}) {
    EXPECT_GT(taken[what], 100) << what;
  }
}

// What the rules refuse, as the library does.
TEST_F(DevicelessAttentionTest, TheLibraryRefusesOddHeads) {
  for (const AbsentDevice& device : devices_) {
    for (int64_t size : {64, 65, 66, 68}) {
      Sizes sizes;
      sizes.size = sizes.value_size = size;
      const plan::LibraryOp even = Attention(plan::F16, {}), op = Attention(plan::F16, sizes);
      EXPECT_EQ(AttentionLayerOf(op, device.target).ok(), size == 64 && device.device->architecture >= 80);
      absl::StatusOr<AttentionLayer> layer = AttentionLayerOf(even, CudaTarget("sm_80"));
      ASSERT_TRUE(layer.ok()) << layer.status();
      // The rules' own form, with heads of this size.
      for (AttentionLayer::Tensor* tensor : {&layer->q, &layer->v, &layer->dst}) {
        tensor->dims[3] = size;
        tensor->strides = Strides(tensor->dims, /*sequence_first=*/false);
      }
      layer->k.dims[2] = size;
      layer->k.strides = {4 * 64 * size, 64 * size, 1, size};
      absl::StatusOr<Offer> offer = Ask(*layer, device);
      ASSERT_TRUE(offer.ok()) << offer.status();
      EXPECT_EQ(offer->has_engine(), size == 64 && device.device->architecture >= 80) << device.device->name << size;
    }
  }
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
