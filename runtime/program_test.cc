#include "runtime/program.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/testing/chain.h"

namespace plimsoll::runtime {
namespace {

using namespace plimsoll::runtime::testing;  // NOLINT: the plans' names
using ::testing::HasSubstr;

// x [4, 8] times a weight [8, 8] that `load` packs.
PlanBuilder PackedMatmul(const float* weights) {
  PlanBuilder b;
  const int weight = b.AddWeight("w", Type(plan::F32, {8, 8}), weights);
  plan::LibraryOp op;
  op.set_library("onednn");
  auto desc = [](plan::MemoryDesc* d, int64_t rows) {
    d->set_dtype(plan::F32);
    d->add_dims(rows);
    d->add_dims(8);
  };
  desc(op.mutable_matmul()->mutable_a(), 4);
  desc(op.mutable_matmul()->mutable_b(), 8);
  desc(op.mutable_matmul()->mutable_dst(), 4);
  const plan::MemoryDesc plain = op.matmul().b();
  auto wish = Query(op, b.plan().target(), true);
  EXPECT_TRUE(wish.ok());
  const bool packs = !wish->packed.empty();
  if (packs) op.mutable_matmul()->mutable_b()->set_packed_bytes(wish->packed[0].bytes);
  op.set_workspace_bytes(wish->workspace_bytes);

  const int raw = b.AddWeightBuffer(b.load(), weight);
  const int packed =
      b.AddBuffer(b.load(), "packed", Type(plan::U8, {packs ? wish->packed[0].bytes : 256}), PlanBuilder::kParameters);
  if (packs) {
    plan::LibraryOp pack;
    pack.set_library("onednn");
    *pack.mutable_pack()->mutable_from() = plain;
    *pack.mutable_pack()->mutable_target() = op;
    pack.mutable_pack()->set_operand(1);
    auto needs = Query(pack, b.plan().target());
    EXPECT_TRUE(needs.ok()) << needs.status().ToString();
    pack.set_workspace_bytes(needs->workspace_bytes);
    std::vector<int> writes{packed};
    if (needs->workspace_bytes > 0)
      writes.push_back(b.AddWorkspace(b.load(), needs->workspace_bytes, PlanBuilder::kLoad));
    *b.Add(b.load(), "w", {raw}, writes).mutable_library_call()->mutable_op() = pack;
  } else {
    b.Copy(b.load(), raw, packed);
  }
  const int w = b.ShareParameter(packed);
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {4, 8}));
  const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {4, 8}));
  std::vector<int> writes{y};
  if (op.workspace_bytes() > 0) writes.push_back(b.AddWorkspace(b.run(), op.workspace_bytes()));
  *b.Add(b.run(), "fc", {x, w}, writes).mutable_library_call()->mutable_op() = op;
  b.Input("x", x);
  b.Output("y", y);
  return b;
}

TEST(ProgramTest, LoadsWeightsPackedForTheLibrary) {
  float weights[64];
  for (int i = 0; i < 64; ++i) weights[i] = static_cast<float>(i % 7 - 3);
  PlanBuilder b = PackedMatmul(weights);
  auto session = SessionOf(b);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->program().mapped_weight_bytes(), 0);
  EXPECT_GE(session->program().parameters_bytes(), 256);
  alignas(64) float x[32];
  for (int i = 0; i < 32; ++i) x[i] = static_cast<float>(i % 5);
  ASSERT_OK(session->BindInput(0, x, sizeof(x)));
  ASSERT_OK(session->Run());
  const float* y = reinterpret_cast<float*>(session->output(0)->data);
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 8; ++j) {
      float want = 0;
      for (int k = 0; k < 8; ++k) want += x[i * 8 + k] * weights[k * 8 + j];
      EXPECT_EQ(y[i * 8 + j], want);
    }
  }
}

TEST(ProgramTest, ErrorsNameTheCommandAndItsNode) {
  PlanBuilder b;
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16}));
  plan::HostCall* call = b.Add(b.run(), "/encoder/Strange", {}, {x}).mutable_host_call();
  call->set_function("no_such_function");
  *call->add_operand_types() = Type(plan::F32, {16});
  auto program = LoadOrDie(b);
  ASSERT_NE(program, nullptr);
  const absl::Status status = Session::Create(program).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("run command 0 (host call, node '/encoder/Strange')"));
}

TEST(ProgramTest, RefusesMoreThanTheMemoryAtHand) {
  PlanBuilder b = Chain();
  auto artefact = b.Finish();
  ASSERT_TRUE(artefact.ok());
  LoadOptions options;
  options.memory_limit_bytes = 100;
  const absl::Status status = Program::Load(*std::move(artefact), options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("192 bytes"));
}

TEST(ProgramTest, RefusesOtherDevicesAndLesserCpus) {
  PlanBuilder b = Chain();
  b.plan().mutable_target()->set_features("+sse2,+avx512nonsense");
  auto artefact = b.Finish();
  ASSERT_TRUE(artefact.ok());
  const absl::Status status = Program::Load(*std::move(artefact)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("avx512nonsense"));
}

TEST(ProgramTest, RefusesAPlanThatBreaksAConstraint) {
  PlanBuilder b = Chain();
  b.run().mutable_buffers(0)->set_offset(1 << 20);
  auto artefact = b.Finish();
  ASSERT_TRUE(artefact.ok());
  const absl::Status status = Program::Load(*std::move(artefact)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("[P1]"));
}

TEST(ProgramTest, EveryFlippedByteOfAFileIsRefused) {
  float weights[64] = {1};
  PlanBuilder b = PackedMatmul(weights);
  const std::string bytes = *b.Serialize();
  const std::string path = std::string(::testing::TempDir()) + "/flipped.plim" + std::to_string(getpid());
  for (size_t at = 0; at < bytes.size(); at += 97) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << flipped;
    EXPECT_EQ(Program::Load(path).status().code(), absl::StatusCode::kDataLoss) << at;
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  EXPECT_TRUE(Program::Load(path).ok());
  std::remove(path.c_str());
  EXPECT_EQ(Program::Load(path).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace plimsoll::runtime
