// The device interface, on every device.
#include <atomic>
#include <cstdint>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/device/device_case.h"

namespace plimsoll::runtime::conformance {
namespace {

std::string Numbers(size_t bytes, int first = 0) {
  std::string numbers(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i)
    numbers[i] = static_cast<char>((i * 7 + i / 251 + static_cast<size_t>(first)) % 256);
  return numbers;
}

TEST_P(DeviceTest, CopiesInWithinAndOut) {
  for (const int64_t bytes : {1, 3, 64, 4097, 3 << 20}) {
    Block a = Allocate(bytes + 16), b = Allocate(bytes + 16);
    const std::string in = Numbers(static_cast<size_t>(bytes));
    std::string out(in.size(), '\0');
    ASSERT_OK(Upload(a.data + 5, in.data(), bytes));
    ASSERT_OK(Move(b.data + 9, a.data + 5, bytes, Device::Direction::kWithin));
    ASSERT_OK(Download(out.data(), b.data + 9, bytes));
    EXPECT_TRUE(in == out) << bytes;
  }
}

TEST_P(DeviceTest, FillsRepeatTheirPatternAndTouchNothingElse) {
  constexpr int64_t kBytes = 480;  // a multiple of every pattern below
  for (const std::string& pattern :
       {std::string("a"), std::string("ab"), std::string("abc"), std::string("abcd"), std::string("ababab"),
        std::string("abcdef"), std::string("abcdefgh"), std::string(8, '\0'), std::string("abcdefghijkl"),
        std::string("abcdefghijklmnop")}) {
    for (const int64_t offset : {0, 1, 2, 4, 8}) {
      Block block = Allocate(kBytes + 32);
      const std::string before = Numbers(kBytes + 32);
      std::string expected = before, after(before.size(), '\0');
      for (int64_t i = 0; i < kBytes; ++i) {
        expected[static_cast<size_t>(offset + i)] = pattern[static_cast<size_t>(i) % pattern.size()];
      }
      ASSERT_OK(Upload(block.data, before.data(), kBytes + 32));
      {
        DeviceScope scope(device(), Target());
        auto stream = device().CreateStream();
        ASSERT_HAS(stream);
        ASSERT_OK(device().Fill(block.data + offset, kBytes, pattern, stream->get()));
        ASSERT_OK(device().Synchronize(stream->get()));
      }
      ASSERT_OK(Download(after.data(), block.data, kBytes + 32));
      EXPECT_TRUE(expected == after) << "pattern of " << pattern.size() << " bytes at " << offset;
    }
  }
}

TEST_P(DeviceTest, EventsOrderStreams) {
  constexpr int64_t kBytes = 1 << 16;
  Block a = Allocate(kBytes), b = Allocate(kBytes);
  const std::string in = Numbers(kBytes);
  std::string out(in.size(), '\0');
  DeviceScope scope(device(), Target());
  auto first = device().CreateStream(), second = device().CreateStream();
  auto written = device().CreateEvent(), read = device().CreateEvent();
  auto pinned = device().AllocateHost(kBytes);
  ASSERT_HAS(pinned);
  for (int round = 0; round < 8; ++round) {
    const std::string numbers = Numbers(kBytes, round);
    ASSERT_OK(device().SynchronizeEvent(read->get()));  // of the round before; nothing in the first
    std::memcpy(pinned->data, numbers.data(), kBytes);
    ASSERT_OK(device().Copy(a.data, pinned->data, kBytes, Device::Direction::kIn, first->get()));
    ASSERT_OK(device().Record(written->get(), first->get()));
    ASSERT_OK(device().Wait(written->get(), second->get()));
    ASSERT_OK(device().Copy(b.data, a.data, kBytes, Device::Direction::kWithin, second->get()));
    ASSERT_OK(device().Record(read->get(), second->get()));
    ASSERT_OK(device().Wait(read->get(), first->get()));
    ASSERT_OK(device().Fill(a.data, kBytes, "x", first->get()));
    ASSERT_OK(device().Copy(out.data(), b.data, kBytes, Device::Direction::kOut, second->get()));
    ASSERT_OK(device().Synchronize(second->get()));
    EXPECT_TRUE(out == numbers) << round;
  }
  ASSERT_OK(device().Synchronize(first->get()));
}

TEST_P(DeviceTest, GraphsDoTheirWorkEachTimeThatTheyAreLaunched) {
  DeviceScope scope(device(), Target());
  auto stream = device().CreateStream(), other = device().CreateStream();
  if (is_cpu()) {
    EXPECT_EQ(device().BeginCapture(stream->get()).code(), absl::StatusCode::kUnimplemented);
    return;
  }
  Block a = Allocate(8), b = Allocate(8);
  auto fork = device().CreateEvent(), join = device().CreateEvent();
  ASSERT_OK(device().Fill(a.data, 8, "abcdefgh", stream->get()));
  ASSERT_OK(device().Fill(b.data, 8, "........", stream->get()));
  ASSERT_OK(device().BeginCapture(stream->get()));
  ASSERT_OK(device().Record(fork->get(), stream->get()));
  ASSERT_OK(device().Wait(fork->get(), other->get()));
  ASSERT_OK(device().Copy(b.data, a.data, 4, Device::Direction::kWithin, stream->get()));
  ASSERT_OK(device().Copy(b.data + 4, a.data + 4, 4, Device::Direction::kWithin, other->get()));
  ASSERT_OK(device().Record(join->get(), other->get()));
  ASSERT_OK(device().Wait(join->get(), stream->get()));
  auto graph = device().EndCapture(stream->get());
  ASSERT_HAS(graph);
  char seen[9] = {};
  ASSERT_OK(device().Synchronize(stream->get()));
  ASSERT_OK(Download(seen, b.data, 8));
  EXPECT_STREQ(seen, "........");  // capturing does nothing
  for (const char* text : {"abcdefgh", "ABCDEFGH"}) {
    ASSERT_OK(device().Fill(a.data, 8, text, stream->get()));
    ASSERT_OK(device().LaunchGraph(graph->get(), stream->get()));
    ASSERT_OK(device().Synchronize(stream->get()));
    ASSERT_OK(Download(seen, b.data, 8));
    EXPECT_STREQ(seen, text);
  }
}

TEST_P(DeviceTest, MemoryThatIsNotThereIsRefused) {
  DeviceScope scope(device(), Target());
  auto block = device().Allocate(int64_t{1} << 50, 256);
  EXPECT_EQ(block.status().code(), absl::StatusCode::kResourceExhausted) << block.status().ToString();
  EXPECT_THAT(block.status().ToString(), HasSubstr("1125899906842624 bytes"));
  auto small = device().Allocate(4096, 256);
  ASSERT_HAS(small);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(small->data) % 256, 0u);
}

TEST_P(DeviceTest, KnowsWhereMemoryLies) {
  if (is_cpu()) return;
  DeviceScope scope(device(), Target());
  Block block = Allocate(64);
  auto pinned = device().AllocateHost(64);
  ASSERT_HAS(pinned);
  int plain = 0;
  EXPECT_EQ(device().PlaceOf(block.data + 63), Device::Place::kDevice);
  EXPECT_EQ(device().PlaceOf(pinned->data + 63), Device::Place::kPinned);
  EXPECT_EQ(device().PlaceOf(&plain), Device::Place::kHost);
}

TEST_P(DeviceTest, RunsOnManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int round = 0; round < 20; ++round) {
        Block block = Allocate(1000);
        const std::string in = Numbers(1000, t * 31 + round);
        std::string out(1000, '\0');
        ASSERT_OK(Upload(block.data, in.data(), 1000));
        ASSERT_OK(Download(out.data(), block.data, 1000));
        ASSERT_TRUE(in == out);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Devices, DeviceTest, ::testing::Values("Cpu", "Fake", "Gpu"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace plimsoll::runtime::conformance
