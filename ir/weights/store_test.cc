#include "ir/weights/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "ir/weights/checksum.h"
#include "ir/weights/external_file.h"

namespace plimsoll::weights {
namespace {

using ::testing::HasSubstr;

std::vector<std::byte> Pattern(size_t count) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 31 + i / 256);
  return bytes;
}

class WeightStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = ::testing::TempDir() + "/store_test.XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    root_ = folder;
    folder_ = root_ + "/model";
    ASSERT_EQ(mkdir(folder_.c_str(), 0755), 0);
    ASSERT_EQ(mkdir((folder_ + "/sub").c_str(), 0755), 0);
    Write(folder_ + "/data", Pattern(10000));
    Write(folder_ + "/sub/data", Pattern(100));
    Write(root_ + "/secret", Pattern(100));
  }
  void TearDown() override { std::system(("rm -rf '" + root_ + "'").c_str()); }

  static void Write(const std::string& path, const std::vector<std::byte>& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }

  absl::Status Add(const std::string& file, int64_t offset = 0, int64_t length = 10) {
    return store_.AddExternal("fc.weight", folder_, file, offset, length).status();
  }

  std::string root_, folder_;
  WeightStore store_;
};

TEST_F(WeightStoreTest, RangesOfFiles) {
  const auto index = store_.AddExternal("w", folder_, "data", 1000, 500);
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_TRUE(store_.AddExternal("v", folder_, "sub/data", 0, -1).ok());
  EXPECT_EQ(store_.reference(*index).location, WeightStore::Location::kMapped);
  EXPECT_EQ(store_.reference(*index).file, "data");
  EXPECT_EQ(store_.reference(*index).offset, 1000);
  const auto bytes = store_.bytes(*index);
  ASSERT_TRUE(bytes.ok());
  const std::vector<std::byte> expected = Pattern(10000);
  EXPECT_TRUE(std::equal(bytes->begin(), bytes->end(), expected.begin() + 1000, expected.begin() + 1500));
  EXPECT_EQ(store_.bytes(1)->size(), 100u);
  store_.DontNeed(*index);
  EXPECT_EQ(bytes->data()[0], expected[1000]);
}

TEST_F(WeightStoreTest, BytesInMemory) {
  const std::vector<std::byte> pattern = Pattern(77);
  const int owned = store_.AddOwned("constant", pattern);
  EXPECT_EQ(store_.reference(owned).length, 77);
  EXPECT_EQ(store_.reference(owned).location, WeightStore::Location::kMemory);
  store_.DontNeed(owned);
  EXPECT_TRUE(std::equal(pattern.begin(), pattern.end(), store_.bytes(owned)->begin()));
  auto block = std::make_shared<const std::vector<std::byte>>(pattern);
  const int view = store_.AddView("view", Bytes(*block).subspan(7), block);
  block.reset();
  EXPECT_EQ(store_.bytes(view)->data()[0], pattern[7]);
  EXPECT_TRUE(store_.bytes(store_.AddOwned("empty", {}))->empty());
}

TEST_F(WeightStoreTest, AbsentFilesAreKnownByLength) {
  const auto index = store_.AddExternal("fc.weight", folder_, "missing", 64, 4096);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_FALSE(store_.is_present(*index));
  EXPECT_EQ(store_.reference(*index).length, 4096);
  EXPECT_EQ(store_.reference(*index).offset, 64);
  const absl::Status status = store_.bytes(*index).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("tensor 'fc.weight'"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/missing"));
  EXPECT_EQ(store_.crc32(*index).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_.AddExternal("w", folder_, "missing", 0, -1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(WeightStoreTest, RangesMustLieInTheFile) {
  EXPECT_TRUE(Add("data", 9990, 10).ok());
  EXPECT_TRUE(Add("data", 10000, 0).ok());
  for (const auto& [offset, length] : std::vector<std::pair<int64_t, int64_t>>{
           {9991, 10}, {0, 10001}, {-1, 5}, {INT64_MAX, 10}, {10, INT64_MAX}, {INT64_MAX, INT64_MAX}, {10001, -1}}) {
    const absl::Status status = Add("data", offset, length);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << offset << " + " << length;
    EXPECT_THAT(std::string(status.message()), HasSubstr("tensor 'fc.weight'"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("holds 10000 bytes"));
  }
}

TEST_F(WeightStoreTest, PathsStayInTheFolder) {
  ASSERT_EQ(symlink("../secret", (folder_ + "/link").c_str()), 0);
  ASSERT_EQ(symlink("..", (folder_ + "/up").c_str()), 0);
  ASSERT_EQ(symlink("data", (folder_ + "/inside").c_str()), 0);
  ASSERT_EQ(symlink("loop", (folder_ + "/loop").c_str()), 0);
  const std::string with_nul("da\0ta", 5);
  for (const std::string& file : std::vector<std::string>{
           "", "../secret", "sub/../../secret", "sub/../data", "/etc/passwd", folder_ + "/data", "link", "up/secret",
           "./data", "sub//data", "sub/", "..", "..\\secret", with_nul, std::string(5000, 'a')}) {
    const absl::Status status = Add(file);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << file << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("tensor 'fc.weight'"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("move the file"));
  }
  EXPECT_TRUE(Add("inside").ok());
  EXPECT_TRUE(Add("sub/data").ok());
  EXPECT_FALSE(Add("loop").ok());
  EXPECT_TRUE(CheckRelativePath("a/..b/c..", "x").ok());
}

TEST_F(WeightStoreTest, OnlyRegularFiles) {
  ASSERT_EQ(mkfifo((folder_ + "/pipe").c_str(), 0644), 0);
  EXPECT_EQ(Add("pipe").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Add("sub").code(), absl::StatusCode::kUnavailable);
}

TEST_F(WeightStoreTest, RelativeFolders) {
  std::vector<char> old(4096);
  ASSERT_NE(getcwd(old.data(), old.size()), nullptr);
  ASSERT_EQ(chdir(folder_.c_str()), 0);
  EXPECT_TRUE(store_.AddExternal("w", "", "data", 0, 10).ok());
  EXPECT_TRUE(store_.AddExternal("w", ".", "data", 0, 10).ok());
  ASSERT_EQ(chdir(old.data()), 0);
}

TEST_F(WeightStoreTest, ChecksumsFromManyThreads) {
  std::vector<std::byte> large = Pattern(size_t{40} << 20);
  const auto* data = reinterpret_cast<const Bytef*>(large.data());
  const auto expected = static_cast<uint32_t>(::crc32_z(0, data, large.size()));
  const auto of_tail = static_cast<uint32_t>(::crc32_z(0, data, 12345));
  EXPECT_EQ(Crc32(Bytes(large).subspan(12345), of_tail), expected);
  EXPECT_EQ(Crc32({}, 7), 7u);
  const int index = store_.AddOwned("large", std::move(large));
  std::vector<std::thread> threads;
  std::vector<uint32_t> sums(4);
  for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { sums[i] = *store_.crc32(index); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(sums, ::testing::Each(expected));
}

TEST_F(WeightStoreTest, EmptyFile) {
  Write(folder_ + "/empty", {});
  EXPECT_TRUE(Add("empty", 0, 0).ok());
  EXPECT_EQ(Add("empty", 0, 1).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace plimsoll::weights
