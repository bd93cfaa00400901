// For tests of the emulated cuDNN: graphs of random tensors, run by one engine.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/backend_calls.h"
#include "runtime/library/cudnn/testing/emulated_cudnn.h"
#include "runtime/library/nvidia/testing/device_tensor.h"

namespace plimsoll::runtime::cudnn {

class GraphTest : public testing::Test {
 protected:
  GraphTest() : api_(*Emulate(&emulated_)), calls_(std::make_unique<BackendCalls>(api_)) {
    EmulatedEngine plain;  // of f32, compiled at run time: takes any graph
    plain.index = 3;
    plain.behavior_notes = {backend::BehaviorNote::kRuntimeCompilation};
    plain.workspace_bytes = 96;
    emulated_.engines = {plain};
    api_.Create(&handle_);
  }
  ~GraphTest() override {
    calls_.reset();
    api_.Destroy(handle_);
    EXPECT_EQ(emulated_.live_objects, 0);
  }

  // A tensor in memory with random elements, and its descriptor.
  backend::Descriptor Memory(int64_t id, plan::DataType type, const Dims& dims, Dims strides = {}) {
    if (strides.empty()) strides = Dense(dims);
    memory_[id] = std::make_unique<nvidia::DeviceTensor>(type, dims, strides, static_cast<int>(id));
    const int of_type = type == plan::F16 ? kHalf : type == plan::BF16 ? kBfloat16 : kFloat;
    return calls_->Tensor({id, dims, strides, of_type});
  }
  backend::Descriptor Virtual(int64_t id, const Dims& dims, const Dims& strides = {}, int type = kFloat) {
    return calls_->Tensor({id, dims, strides, type, /*is_virtual=*/true});
  }
  backend::Descriptor Scalar(int64_t id, float value) {
    scalars_[id] = value;
    return calls_->Tensor({id, {1, 1, 1, 1}, {}, kFloat, /*is_virtual=*/false, /*is_by_value=*/true});
  }
  const nvidia::DeviceTensor& Of(int64_t id) const { return *memory_.at(id); }

  void Run(const std::vector<backend::Descriptor>& operations) {
    const backend::Descriptor graph = calls_->Graph(operations);
    const std::vector<backend::Descriptor> configurations =
        calls_->Configurations(calls_->Heuristics(graph, backend::HeuristicsMode::kA, nullptr));
    ASSERT_EQ(calls_->status(), kSuccess) << calls_->message();
    ASSERT_EQ(configurations.size(), 1u);
    const backend::Descriptor plan = calls_->Plan(configurations[0], handle_);
    const int64_t bytes = calls_->Int64(plan, backend::Attribute::kPlanWorkspaceSize);
    ASSERT_EQ(bytes, 96);
    std::vector<int64_t> ids;
    std::vector<void*> pointers;
    for (const auto& [id, tensor] : memory_) {
      ids.push_back(id);
      pointers.push_back(tensor->data());
    }
    for (auto& [id, value] : scalars_) {
      ids.push_back(id);
      pointers.push_back(&value);
    }
    const nvidia::GuardedBytes workspace(bytes, 256 - (512 + 16) % 256);
    const backend::Descriptor pack = calls_->Pack(ids, pointers, workspace.data());
    ASSERT_EQ(calls_->status(), kSuccess) << calls_->message();
    ASSERT_EQ(api_.BackendExecute(handle_, plan, pack), kSuccess) << calls_->message();
    EXPECT_TRUE(workspace.IsIntact());
    for (const auto& [id, tensor] : memory_) EXPECT_TRUE(tensor->IsIntact());
  }

  // `right` by the index of each element; relative to what is larger than 1.
  void ExpectNear(int64_t id, const std::function<double(const Dims&)>& right, double tolerance) {
    Dims at(Of(id).dims().size(), 0);
    do {
      const double expected = right(at);
      ASSERT_NEAR(Of(id).At(at), expected, tolerance * std::max(1.0, std::abs(expected))) << testing::PrintToString(at);
    } while (Next(at, Of(id).dims()));
  }

  EmulatedCudnn emulated_;
  const Api& api_;
  std::unique_ptr<BackendCalls> calls_;
  Handle handle_ = nullptr;
  std::map<int64_t, std::unique_ptr<nvidia::DeviceTensor>> memory_;
  std::map<int64_t, float> scalars_;
};

}  // namespace plimsoll::runtime::cudnn
