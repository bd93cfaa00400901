// What the tests of several ranks run on: threads with an end of one communicator each, on the CPU, or on fake GPUs
// that the emulated NCCL joins, or, where there is one, on a GPU: one rank.
#pragma once

#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "runtime/collective/local/local.h"
#include "runtime/collective/nccl/testing/ranks_on_fake_gpus.h"
#include "runtime/collective/testing/reference.h"
#include "tests/conformance/device/device_case.h"

namespace plimsoll::runtime::conformance {

using collective::testing::Elements;

class RanksTest : public ::testing::TestWithParam<std::string> {
 protected:
  bool is_cpu() const { return GetParam() == "Cpu"; }
  // A GPU has one rank: NCCL takes no second on the same.
  bool Skips(int ranks) {
    if (GetParam() != "Gpu") return false;
    return ranks > 1 || !OpenDevice(CudaTarget()).ok();
  }

  static plan::Target CudaTarget() {
    plan::Target target;
    target.set_kind(plan::Target::CUDA);
    return target;
  }

  // An empty plan for so many ranks, with the kernels twice, increment, below_four and sum.
  PlanBuilder Plan(int ranks) const {
    PlanBuilder b;
    if (is_cpu()) {
      b.UseKernels(TEST_KERNELS, CudaSymbols());
    } else {
      b.UseCuda("sm_80", CudaText(), CudaSymbols());
    }
    b.plan().set_ranks(ranks);
    return b;
  }

  // Makes the ranks anew: communicators end with the first error.
  void Join(int ranks, absl::Duration timeout = absl::Seconds(60)) {
    Leave();
    if (is_cpu()) {
      const collective::LocalWorld world(ranks, timeout);
      for (int rank = 0; rank < ranks; ++rank) ends_.push_back(world.communicator(rank));
      return;
    }
    if (GetParam() == "Gpu") {
      auto id = collective::nccl::NewId();
      if (!id.ok()) GTEST_SKIP() << id.status().ToString();
      auto end = collective::nccl::Connect(*OpenDevice(CudaTarget()), *id, 1, 0, timeout);
      ASSERT_TRUE(end.ok()) << end.status().ToString();
      ends_.push_back(*std::move(end));
      return;
    }
    cuda::testing::FakeOptions options;
    gpus_ = std::make_unique<collective::nccl::RanksOnFakeGpus>(ranks, kernels_, options);
    ends_ = gpus_->Join(timeout);
  }
  void Leave() {
    // Ends are given back together, as NCCL wants it.
    collective::testing::OnRanks(static_cast<int>(ends_.size()),
                                 [&](int rank) { ends_[static_cast<size_t>(rank)].reset(); });
    ends_.clear();
    gpus_.reset();
  }
  void TearDown() override { Leave(); }

  LoadOptions Options(int rank) const {
    LoadOptions options;
    options.communicator = ends_[static_cast<size_t>(rank)];
    if (gpus_ != nullptr) options.device = gpus_->device(rank);
    return options;
  }

  // Loads the plan on every rank and calls body with its session, on a thread each. `bytes`: the artefact.
  void OnSessions(const std::string& bytes, const std::function<void(int, Session&)>& body,
                  const std::function<void(LoadOptions&)>& change = nullptr) {
    collective::testing::OnRanks(static_cast<int>(ends_.size()), [&](int rank) {
      auto artefact = plan::ReadArtefactFromMemory(bytes);
      ASSERT_HAS(artefact);
      LoadOptions options = Options(rank);
      if (change) change(options);
      auto program = Program::Load(*std::move(artefact), options);
      ASSERT_HAS(program);
      auto session = Session::Create(*std::move(program));
      ASSERT_HAS(session);
      body(rank, **session);
    });
  }

  cuda::testing::FakeKernels kernels_ = RunCudaKernel;  // of fake GPUs
  std::vector<std::shared_ptr<collective::Communicator>> ends_;
  std::unique_ptr<collective::nccl::RanksOnFakeGpus> gpus_;
};

inline std::vector<int> Numbers(int count) {
  std::vector<int> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

// Of each rank, from the first: x -> twice -> h, summed in place over all -> increment -> y. In a loop of three trips.
inline PlanBuilder InALoop(PlanBuilder b, int ranks) {
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16})), h = b.AddBuffer(b.run(), "h", Type(plan::F32, {16}));
  const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16})), z = b.AddBuffer(b.run(), "z", Type(plan::F32, {16}));
  const int all = b.AddGroup("all", ranks, Numbers(ranks));
  b.Copy(b.run(), x, z);
  plan::Loop* loop = b.Add(b.run(), "loop", {}, {}).mutable_loop();
  loop->set_max_trips(3);
  loop->set_body_commands(4);
  b.Launch(b.run(), "twice", 4, {z}, {h});
  b.Collective(b.run(), PlanBuilder::MakeCollective(plan::Collective::ALL_REDUCE, all, plan::F32, plan::Collective::SUM), h, h);
  b.Launch(b.run(), "increment", 4, {h}, {y});
  b.Copy(b.run(), y, z);
  b.Input("x", x);
  b.Output("z", z);
  return b;
}

}  // namespace plimsoll::runtime::conformance
