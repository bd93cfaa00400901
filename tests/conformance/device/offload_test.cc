// What is put aside in the host's memory and brought back, on a stream of its own, on every device.
#include <numeric>
#include <vector>

#include "tests/conformance/device/device_case.h"

namespace plimsoll::runtime::conformance {
namespace {

class OffloadTest : public DeviceTest {
 protected:
  // h = 2 x goes to the host on stream 1 and its place is overwritten; it comes back elsewhere, y = h + 1. The weight w
  // lies on the host and is fetched; v = w + w.
  PlanBuilder OffloadPlan() const {
    PlanBuilder b = Plan();
    Floats w;
    std::iota(w.values, w.values + 16, 100.0f);
    const plan::TensorType type = Type(plan::F32, {16});
    const int from = b.AddWeightBuffer(b.load(), b.AddWeight("w", type, &w));
    const int aside_at_load = b.AddBuffer(b.load(), "w aside", type, PlanBuilder::kHostParameters);
    b.Copy(b.load(), from, aside_at_load);
    const int w_aside = b.ShareParameter(aside_at_load);

    b.run().set_streams(2);
    b.run().set_events(4);
    const int x = b.AddBuffer(b.run(), "x", type), h = b.AddBuffer(b.run(), "h", type),
              aside = b.AddBuffer(b.run(), "h aside", type, PlanBuilder::kHostSession),
              back = b.AddBuffer(b.run(), "h back", type), y = b.AddBuffer(b.run(), "y", type),
              fetched = b.AddBuffer(b.run(), "w fetched", type), v = b.AddBuffer(b.run(), "v", type);
    b.Launch(b.run(), "twice", 4, {x}, {h});
    Signal(b, 0, 0, 1);
    CopyOn(b, 1, h, aside);
    CopyOn(b, 1, w_aside, fetched);
    Signal(b, 1, 1, 0);
    b.Fill(b.run(), h, std::string(4, '\x7f'));
    Signal(b, 2, 0, 1);
    CopyOn(b, 1, aside, back);
    Signal(b, 3, 1, 0);
    b.Launch(b.run(), "increment", 4, {back}, {y});
    b.Launch(b.run(), "sum", 4, {fetched, fetched}, {v});
    b.Input("x", x);
    b.Output("y", y);
    b.Output("v", v);
    return b;
  }

  static void ExpectResults(Session& session, float first) {
    Floats x, y, v;
    std::iota(x.values, x.values + 16, first);
    ASSERT_OK(session.BindInput(0, &x, 64));
    ASSERT_OK(session.BindOutput(0, &y, 64));
    ASSERT_OK(session.BindOutput(1, &v, 64));
    ASSERT_OK(session.Run());
    for (int i = 0; i < 16; ++i) {
      ASSERT_EQ(y.values[i], 2 * (first + static_cast<float>(i)) + 1) << i;
      ASSERT_EQ(v.values[i], 2 * (100 + static_cast<float>(i))) << i;
    }
  }

 private:
  static void CopyOn(PlanBuilder& b, int stream, int from, int to) {
    b.Copy(b.run(), from, to);
    b.run().mutable_commands(b.run().commands_size() - 1)->set_stream(stream);
  }
  // What stream `to` does from now on is behind what `from` has been given.
  static void Signal(PlanBuilder& b, int event, int from, int to) {
    plan::Command& record = b.Add(b.run(), "", {}, {});
    record.set_stream(from);
    record.mutable_event_record()->set_event(event);
    plan::Command& wait = b.Add(b.run(), "", {}, {});
    wait.set_stream(to);
    wait.mutable_event_wait()->set_event(event);
  }
};

TEST_P(OffloadTest, WhatIsPutAsideComesBack) {
  for (const bool graphs : {true, false}) {
    PlanBuilder builder = OffloadPlan();
    LoadOptions options;
    options.graphs = graphs;
    auto session = Start(builder, options);
    ASSERT_HAS(session);
    for (int run = 0; run < 4; ++run) ExpectResults(**session, static_cast<float>(10 * run));
    if (!is_cpu()) EXPECT_EQ((*session)->graph_count(), graphs ? (*session)->segment_count() : 0);
  }
}

TEST_P(OffloadTest, SessionsHaveTheirOwnPlacesAside) {
  PlanBuilder builder = OffloadPlan();
  auto program = Load(builder);
  ASSERT_HAS(program);
  auto first = Session::Create(*program), second = Session::Create(*program);
  ASSERT_HAS(first);
  ASSERT_HAS(second);
  for (int run = 0; run < 3; ++run) {
    ExpectResults(**first, static_cast<float>(run));
    ExpectResults(**second, static_cast<float>(-run));
  }
}

TEST_P(OffloadTest, TheDeviceHoldsNothingOfIt) {
  PlanBuilder builder = OffloadPlan();
  builder.plan().mutable_arenas(PlanBuilder::kHostSession)->set_size_bytes(1 << 20);
  auto program = Load(builder);
  ASSERT_HAS(program);
  EXPECT_EQ((*program)->plan().certificate().host_bytes(), 64 + (1 << 20));
  EXPECT_LT(Program::RequiredBytes((*program)->plan()), 1 << 12);
  EXPECT_EQ((*program)->parameters_bytes(), 0);
  auto session = Session::Create(*program);
  ASSERT_HAS(session);
  if (!is_cpu()) {
    DeviceScope scope(device(), Target());
    EXPECT_LT(device().MemoryUsage().allocated_bytes, 1 << 12);
  }
  ExpectResults(**session, 3);
}

INSTANTIATE_TEST_SUITE_P(Devices, OffloadTest, ::testing::Values("Cpu", "Fake", "Gpu"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace plimsoll::runtime::conformance
