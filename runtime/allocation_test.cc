// A session's run allocates nothing of its own.
#include <cstdlib>
#include <cstring>
#include <atomic>
#include <barrier>
#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "runtime/collective/local/local.h"
#include "runtime/program.h"
#include "runtime/session.h"
#include "runtime/testing/plan_builder.h"

namespace {
std::atomic<int64_t> allocations{0};
}

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* pointer, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* pointer, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(pointer, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** pointer, size_t alignment, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  *pointer = __libc_memalign(alignment, size);
  return *pointer == nullptr ? 12 : 0;
}
}

namespace plimsoll::runtime {
namespace {

using testing::PlanBuilder;
using testing::Type;

TEST(AllocationTest, RunAllocatesNothing) {
  PlanBuilder b;
  b.UseKernels(TEST_KERNELS, {"twice", "increment"});
  const auto type = Type(plan::F32, {1 << 20});
  const int x = b.AddBuffer(b.run(), "x", type), h = b.AddBuffer(b.run(), "h", type);
  const int y = b.AddBuffer(b.run(), "y", type), z = b.AddBuffer(b.run(), "z", type);
  const int iteration = b.AddBuffer(b.run(), "iteration", Type(plan::I64, {}));
  b.Launch(b.run(), "twice", 1 << 18, {x}, {h});
  b.Fill(b.run(), z, "abcd");
  plan::Loop* loop = b.Add(b.run(), "loop", {}, {iteration}).mutable_loop();
  loop->set_has_iteration(true);
  loop->set_max_trips(3);
  loop->set_body_commands(1);
  b.Launch(b.run(), "increment", 1 << 18, {h}, {y});
  b.Copy(b.run(), y, z);
  b.Input("x", x);
  b.Output("z", z);
  auto artefact = b.Finish();
  ASSERT_TRUE(artefact.ok());
  auto program = Program::Load(*std::move(artefact));
  ASSERT_TRUE(program.ok()) << program.status().ToString();
  auto session = Session::Create(*program);
  ASSERT_TRUE(session.ok()) << session.status().ToString();
  ASSERT_TRUE((*session)->Run().ok());  // libgomp makes its threads
  const int64_t before = allocations.load();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE((*session)->Run().ok());
  EXPECT_EQ(allocations.load() - before, 0);
  std::free(std::malloc(1));
  EXPECT_GT(allocations.load(), before);  // the count counts
}

TEST(AllocationTest, CollectivesOfRanksAllocateNothing) {
  constexpr int kRanks = 2;
  PlanBuilder b;
  b.UseKernels(TEST_KERNELS, {"twice"});
  b.plan().set_ranks(kRanks);
  const int all = b.AddGroup("all", kRanks, {0, 1});
  const auto type = Type(plan::F32, {1 << 16});
  const int x = b.AddBuffer(b.run(), "x", type), h = b.AddBuffer(b.run(), "h", type);
  const int y = b.AddBuffer(b.run(), "y", type), z = b.AddBuffer(b.run(), "z", type);
  b.Launch(b.run(), "twice", 1 << 14, {x}, {h});
  b.Collective(b.run(),
               PlanBuilder::MakeCollective(plan::Collective::ALL_REDUCE, all, plan::F32, plan::Collective::SUM), h, y);
  b.Collective(b.run(), PlanBuilder::MakeCollective(plan::Collective::ALL_TO_ALL, all, plan::F32), y, z);
  b.Input("x", x);
  b.Output("z", z);
  const absl::StatusOr<std::string> bytes = b.Serialize();
  ASSERT_TRUE(bytes.ok());
  const collective::LocalWorld world(kRanks);
  std::barrier together(kRanks);
  std::atomic<int64_t> before{0}, after{0};
  const auto rank = [&](int number) {
    LoadOptions options;
    options.communicator = world.communicator(number);
    auto program = Program::Load(*plan::ReadArtefactFromMemory(*bytes), options);
    ASSERT_TRUE(program.ok()) << program.status();
    auto session = Session::Create(*program);
    ASSERT_TRUE(session.ok()) << session.status();
    ASSERT_TRUE((*session)->Run().ok());
    together.arrive_and_wait();
    before = allocations.load();
    together.arrive_and_wait();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE((*session)->Run().ok());
    together.arrive_and_wait();
    after = allocations.load();
    together.arrive_and_wait();
  };
  std::thread other(rank, 1);
  rank(0);
  other.join();
  EXPECT_EQ(after - before, 0);
}

}  // namespace
}  // namespace plimsoll::runtime
