#include "ir/plan/artefact.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "ir/plan/testing/sample_plan.h"
#include "ir/weights/checksum.h"

namespace plimsoll::plan {
namespace {

using ::testing::HasSubstr;
using testing::SampleContents;
using testing::SampleExternalFile;
using testing::SamplePlan;
using testing::SampleWeights;

class ArtefactTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = ::testing::TempDir() + "/artefact_test.XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { std::system(("rm -rf '" + folder_ + "'").c_str()); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::vector<std::string> Names(const std::string& folder) const {
    std::vector<std::string> names;
    DIR* dir = opendir(folder.c_str());
    while (const dirent* entry = readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    closedir(dir);
    return names;
  }

  void Write(const std::string& path, const std::string& bytes) const {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::string Read(const std::string& path) const {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  std::string Sample() const { return *WriteArtefactToMemory(SampleContents(weights_)); }

  std::string folder_;
  const std::vector<std::byte> weights_ = SampleWeights();
};

TEST_F(ArtefactTest, RoundTrip) {
  ASSERT_TRUE(WriteArtefact(SampleContents(weights_), Path("m.plim")).ok());
  EXPECT_THAT(Names(folder_), ::testing::ElementsAre("m.plim"));
  const auto artefact = ReadArtefact(Path("m.plim"));
  ASSERT_TRUE(artefact.ok()) << artefact.status();
  EXPECT_EQ(artefact->plan().SerializeAsString(), SamplePlan().SerializeAsString());
  EXPECT_EQ(artefact->directory(), folder_);
  ASSERT_EQ(artefact->members().size(), 3u);
  for (const auto& [name, member] : artefact->members()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(member.data.data()) % 64, 0u) << name;
    EXPECT_TRUE(artefact->CheckMember(name).ok());
  }
  const Member* code = artefact->FindMember("code/kernels.so");
  ASSERT_NE(code, nullptr);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(code->data.data()), code->data.size()), std::string(100, 'k'));
  EXPECT_EQ(artefact->FindMember("code/other.so"), nullptr);
  EXPECT_TRUE(Validate(artefact->plan(), artefact->member_info()).ok());
}

TEST_F(ArtefactTest, MemoryAndFileHoldTheSameBytes) {
  ASSERT_TRUE(WriteArtefact(SampleContents(weights_), Path("m.plim")).ok());
  EXPECT_EQ(Read(Path("m.plim")), Sample());
  ASSERT_TRUE(WriteArtefact(SampleContents(weights_), Path("n.plim"), {.sync = false}).ok());
  EXPECT_EQ(Read(Path("n.plim")), Sample());
  EXPECT_TRUE(ReadArtefactFromMemory(Sample()).ok());
}

TEST_F(ArtefactTest, OtherProgramsReadIt) {
  ASSERT_TRUE(WriteArtefact(SampleContents(weights_), Path("m.plim")).ok());
  if (std::system("command -v unzip > /dev/null") == 0) {
    EXPECT_EQ(std::system(("unzip -tqq '" + Path("m.plim") + "'").c_str()), 0);
    ASSERT_EQ(std::system(("unzip -l '" + Path("m.plim") + "' > '" + Path("list") + "'").c_str()), 0);
    for (const char* name : {"plan.pb", "code/kernels.so", "weights.bin", "3 files"}) {
      EXPECT_THAT(Read(Path("list")), HasSubstr(name));
    }
  }
  if (std::system("command -v python3 > /dev/null") == 0) {
    const std::string script =
        "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; "
        "assert z.namelist() == ['plan.pb', 'code/kernels.so', 'weights.bin'], z.namelist(); "
        "assert z.read('code/kernels.so') == b'k' * 100; assert len(z.read('weights.bin')) == 160";
    EXPECT_EQ(std::system(("python3 -c \"" + script + "\" '" + Path("m.plim") + "'").c_str()), 0);
  }
}

TEST_F(ArtefactTest, WeightsFromMemberAndFile) {
  ASSERT_TRUE(WriteArtefact(SampleContents(weights_), Path("m.plim")).ok());
  const auto artefact = ReadArtefact(Path("m.plim"));
  ASSERT_TRUE(artefact.ok());
  {
    // The external file is not there: the plan can be read, the weight cannot.
    const auto store = OpenWeights(*artefact);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->bytes(0).ok());
    EXPECT_EQ((*store)->bytes(2).status().code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string((*store)->bytes(2).status().message()), HasSubstr("model.data"));
    EXPECT_EQ(CheckWeights(artefact->plan(), **store).code(), absl::StatusCode::kNotFound);
  }
  const std::vector<std::byte> external = SampleExternalFile();
  std::string bytes(reinterpret_cast<const char*>(external.data()), external.size());
  Write(Path("model.data"), bytes);
  {
    const auto store = OpenWeights(*artefact);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(CheckWeights(artefact->plan(), **store).ok());
    EXPECT_EQ((*store)->bytes(2)->data()[0], external[36]);
    EXPECT_EQ((*store)->bytes(1)->data()[0], weights_[128]);
  }
  mkdir(Path("elsewhere").c_str(), 0755);
  bytes[40] ^= 1;
  Write(Path("elsewhere/model.data"), bytes);
  {
    const auto store = OpenWeights(*artefact, Path("elsewhere"));
    ASSERT_TRUE(store.ok()) << store.status();
    const absl::Status status = CheckWeights(artefact->plan(), **store);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr("'external' in model.data has CRC-32"));
  }
  Write(Path("elsewhere/model.data"), bytes.substr(0, 99));
  EXPECT_EQ(OpenWeights(*artefact, Path("elsewhere")).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(ArtefactTest, WeightsOutliveTheArtefact) {
  std::unique_ptr<weights::WeightStore> store;
  {
    const auto artefact = ReadArtefactFromMemory(Sample());
    ASSERT_TRUE(artefact.ok());
    store = *OpenWeights(*artefact, folder_);
  }
  EXPECT_EQ(store->bytes(0)->data()[5], weights_[5]);
  EXPECT_EQ(*store->crc32(1), weights::Crc32(weights::Bytes(weights_).subspan(128, 32)));
}

TEST_F(ArtefactTest, TruncatedAnywhereIsRefused) {
  const std::string whole = Sample();
  for (size_t size = 0; size<whole.size(); size += size + 200> whole.size() ? 1 : 64) {
    const auto artefact = ReadArtefactFromMemory(whole.substr(0, size));
    EXPECT_EQ(artefact.status().code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(ReadArtefactFromMemory(whole + '\0').status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadArtefactFromMemory('\0' + whole).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(ArtefactTest, EveryFlippedBitIsFound) {
  const std::string whole = Sample();
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    const auto artefact = ReadArtefactFromMemory(std::move(damaged));
    ASSERT_EQ(artefact.status().code(), absl::StatusCode::kDataLoss) << "bit " << bit % 8 << " of byte " << bit / 8;
  }
}

TEST_F(ArtefactTest, DamagedMembersAreNamedWithP8) {
  std::string damaged = Sample();
  damaged[damaged.find(std::string(100, 'k'))] = 'K';
  const absl::Status status = ReadArtefactFromMemory(damaged).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("[P8] member code/kernels.so has CRC-32"));
}

TEST_F(ArtefactTest, WeightsMayBeCheckedLater) {
  std::string damaged = Sample();
  const std::string bytes(reinterpret_cast<const char*>(weights_.data()), 64);
  damaged[damaged.rfind(bytes)] ^= 1;
  EXPECT_FALSE(ReadArtefactFromMemory(damaged).ok());
  const auto artefact = ReadArtefactFromMemory(damaged, {.defer_weights = true});
  ASSERT_TRUE(artefact.ok()) << artefact.status();
  EXPECT_EQ(artefact->CheckMember(kWeightsMember).code(), absl::StatusCode::kDataLoss);
}

TEST_F(ArtefactTest, OtherVersionsAreRefused) {
  ArtefactContents contents = SampleContents(weights_);
  contents.plan.set_version(FORMAT_VERSION_CURRENT + 1);
  const absl::Status status = ReadArtefactFromMemory(*WriteArtefactToMemory(contents)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("its format is version 2; this program reads version 1"));
}

TEST_F(ArtefactTest, OtherFilesAreRefused) {
  EXPECT_EQ(ReadArtefact(Path("missing.plim")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ReadArtefact(Path("missing.plim")).status().message()),
              HasSubstr("missing.plim: No such file"));
  EXPECT_EQ(ReadArtefact(folder_).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReadArtefact("/dev/zero").status().code(), absl::StatusCode::kUnavailable);
  Write(Path("text.plim"), "not an artefact");
  const absl::Status text = ReadArtefact(Path("text.plim")).status();
  EXPECT_EQ(text.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(text.message()), HasSubstr("text.plim: it is not a .plim file"));
  Write(Path("empty.plim"), "");
  EXPECT_EQ(ReadArtefact(Path("empty.plim")).status().code(), absl::StatusCode::kDataLoss);
  if (std::system("command -v python3 > /dev/null") == 0) {
    const std::string script =
        "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1], 'w'); z.writestr('plan.pb', b'x' * 1000); z.close()";
    ASSERT_EQ(std::system(("python3 -c \"" + script + "\" '" + Path("foreign.plim") + "'").c_str()), 0);
    const absl::Status foreign = ReadArtefact(Path("foreign.plim")).status();
    EXPECT_EQ(foreign.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(foreign.message()), HasSubstr("it is a zip file, but not a .plim"));
  }
}

TEST_F(ArtefactTest, BadZip64FieldsAreRefused) {
  const std::string whole = Sample();
  const size_t end = whole.size() - 22 - 20 - 56;  // of the zip64 end record
  for (size_t field = end; field + 8 <= whole.size(); ++field) {
    for (const char value : {'\x00', '\x7f', '\x80', '\xff'}) {
      std::string damaged = whole;
      damaged.replace(field, 8, std::string(8, value));
      if (damaged == whole) continue;
      EXPECT_EQ(ReadArtefactFromMemory(damaged).status().code(), absl::StatusCode::kDataLoss) << field;
    }
  }
  // The sizes and the offset in the first entry of the directory.
  const size_t directory = whole.find("PK\x01\x02");
  for (size_t field = directory + 46 + 7 + 4; field < directory + 46 + 7 + 28; field += 8) {
    for (const char value : {'\x7f', '\xff'}) {
      std::string damaged = whole;
      damaged.replace(field, 8, std::string(8, value));
      EXPECT_EQ(ReadArtefactFromMemory(damaged).status().code(), absl::StatusCode::kDataLoss) << field;
    }
  }
}

TEST_F(ArtefactTest, PlanMustBeThereAndParse) {
  ArtefactContents contents = SampleContents(weights_);
  contents.code.push_back({kPlanMember, "twice"});
  EXPECT_THAT(std::string(ReadArtefactFromMemory(*WriteArtefactToMemory(contents)).status().message()),
              HasSubstr("two members have the name 'plan.pb'"));
}

TEST_F(ArtefactTest, ReplacesAtomicallyAndThroughLinks) {
  Write(Path("real.plim"), "old");
  ASSERT_EQ(symlink("real.plim", Path("link.plim").c_str()), 0);
  ASSERT_TRUE(WriteArtefact(SampleContents(weights_), Path("link.plim")).ok());
  struct stat status;
  ASSERT_EQ(lstat(Path("link.plim").c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  EXPECT_EQ(Read(Path("real.plim")), Sample());
}

TEST_F(ArtefactTest, WhereItCannotBeWritten) {
  const ArtefactContents contents = SampleContents(weights_);
  const absl::Status missing = WriteArtefact(contents, Path("no/such/folder/m.plim"));
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("m.plim"));
  EXPECT_EQ(WriteArtefact(contents, folder_).code(), absl::StatusCode::kUnavailable);
  // A device is not replaced by a file.
  EXPECT_EQ(WriteArtefact(contents, "/dev/full").code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Names(folder_), ::testing::IsEmpty());
}

TEST_F(ArtefactTest, FailedWriteLeavesNothingBehindAndTheOldFileAlone) {
  Write(Path("m.plim"), "old");
  const std::vector<std::byte> large(1 << 20);
  ArtefactContents contents = SampleContents(weights_);
  contents.AddWeight(large);
  // No file may grow beyond 256 KiB: writes fail with EFBIG.
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = old;
  small.rlim_cur = 256 << 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = WriteArtefact(contents, Path("m.plim"));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write " + Path("m.plim") + ": File too large"));
  EXPECT_THAT(Names(folder_), ::testing::ElementsAre("m.plim"));
  EXPECT_EQ(Read(Path("m.plim")), "old");
}

TEST_F(ArtefactTest, FullDiskLeavesNothingBehind) {
  mkdir(Path("disk").c_str(), 0755);
  if (mount("tmpfs", Path("disk").c_str(), "tmpfs", 0, "size=65536") != 0) {
    GTEST_SKIP() << "needs the right to mount a file system";
  }
  const std::vector<std::byte> large(1 << 20);
  ArtefactContents contents = SampleContents(weights_);
  contents.AddWeight(large);
  const absl::Status status = WriteArtefact(contents, Path("disk/m.plim"));
  const std::vector<std::string> left = Names(Path("disk"));
  umount(Path("disk").c_str());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("No space left on device"));
  EXPECT_THAT(left, ::testing::IsEmpty());
}

TEST_F(ArtefactTest, LargeWeightsAreStreamedAndChecked) {
  // Above the size at which the checksum is computed in parts and writes are cut in chunks.
  std::vector<std::byte> large(size_t{70} << 20);
  for (size_t i = 0; i < large.size(); i += 4093) large[i] = static_cast<std::byte>(i);
  ArtefactContents contents = SampleContents(weights_);
  const int64_t offset = contents.AddWeight(large);
  EXPECT_EQ(offset, 192);
  ASSERT_TRUE(WriteArtefact(contents, Path("m.plim")).ok());
  const auto artefact = ReadArtefact(Path("m.plim"));
  ASSERT_TRUE(artefact.ok()) << artefact.status();
  const Bytes data = artefact->FindMember(kWeightsMember)->data;
  ASSERT_EQ(data.size(), 192 + large.size());
  EXPECT_TRUE(std::equal(large.begin(), large.end(), data.begin() + 192));
}

TEST_F(ArtefactTest, WriterRefusesNamesThatItCouldNotReadAgain) {
  ArtefactContents contents = SampleContents(weights_);
  contents.plan.set_model_name("caf\xe9");
  EXPECT_THAT(std::string(WriteArtefactToMemory(contents).status().message()), HasSubstr("not UTF-8"));
}

TEST_F(ArtefactTest, WriterRefusesOverlappingWeights) {
  ArtefactContents contents = SampleContents(weights_);
  contents.weights.push_back({64, Bytes(weights_)});
  EXPECT_EQ(WriteArtefactToMemory(contents).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace plimsoll::plan
