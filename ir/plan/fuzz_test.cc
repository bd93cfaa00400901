// Mutated artefacts and plans through the reader and the validator: whatever comes in, an answer comes out. Bounded and
// seeded, so that it is a test like any other; run it under the sanitizers (preset asan).
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "ir/plan/artefact.h"
#include "ir/plan/stored_zip.h"
#include "ir/plan/testing/sample_plan.h"
#include "ir/weights/checksum.h"

namespace plimsoll::plan {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint64_t operator()(uint64_t below) { return engine_() % below; }

  // Numbers at which arithmetic goes wrong, and small ones that mean something.
  int64_t Number() {
    static constexpr int64_t kEdges[] = {std::numeric_limits<int64_t>::min(),
                                         std::numeric_limits<int64_t>::max(),
                                         std::numeric_limits<int64_t>::max() - 63,
                                         std::numeric_limits<int32_t>::min(),
                                         std::numeric_limits<int32_t>::max(),
                                         int64_t{1} << 32,
                                         int64_t{1} << 60,
                                         int64_t{1} << 62,
                                         -1,
                                         0};
    return (*this)(3) == 0 ? kEdges[(*this)(std::size(kEdges))] : static_cast<int64_t>((*this)(130));
  }

 private:
  std::mt19937_64 engine_;
};

// Changes one thing somewhere in the message.
void Mutate(Random& random, Message* message) {
  const auto* descriptor = message->GetDescriptor();
  const auto* reflection = message->GetReflection();
  if (descriptor->field_count() == 0) return;
  const FieldDescriptor* field = descriptor->field(static_cast<int>(random(descriptor->field_count())));
  if (field->is_map()) return reflection->ClearField(message, field);
  const int64_t number = random.Number();
  const auto text = [&] { return std::string(random(20), static_cast<char>(random(256))); };
  if (field->is_repeated()) {
    const int size = reflection->FieldSize(*message, field);
    const int at = size == 0 ? 0 : static_cast<int>(random(size));
    if (size > 0 && random(8) == 0) return reflection->RemoveLast(message, field);
    if (size > 1 && random(8) == 0) return reflection->SwapElements(message, field, at, size - 1);
    const bool add = size == 0 || random(6) == 0;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Mutate(random, add ? reflection->AddMessage(message, field)
                                  : reflection->MutableRepeatedMessage(message, field, at));
      case FieldDescriptor::CPPTYPE_INT32:
        return add ? reflection->AddInt32(message, field, static_cast<int32_t>(number))
                   : reflection->SetRepeatedInt32(message, field, at, static_cast<int32_t>(number));
      case FieldDescriptor::CPPTYPE_INT64:
        return add ? reflection->AddInt64(message, field, number)
                   : reflection->SetRepeatedInt64(message, field, at, number);
      case FieldDescriptor::CPPTYPE_STRING:
        return add ? reflection->AddString(message, field, text())
                   : reflection->SetRepeatedString(message, field, at, text());
      default:
        return;
    }
  }
  if (random(10) == 0) return reflection->ClearField(message, field);
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      // A new one of a oneof would clear what is there: rarely.
      if (!reflection->HasField(*message, field) && random(4) != 0) return;
      return Mutate(random, reflection->MutableMessage(message, field));
    }
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(message, field, static_cast<int32_t>(number));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetInt64(message, field, number);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->SetUInt32(message, field, static_cast<uint32_t>(number));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->SetEnumValue(message, field, static_cast<int>(number));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->SetBool(message, field, random(2) == 0);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->SetDouble(message, field, random(2) == 0 ? std::numeric_limits<double>::quiet_NaN() : -1);
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->SetString(message, field, text());
    default:
      return;
  }
}

void ExpectAnswers(const Plan& sample) {
  const MemberInfo members = testing::SampleMembers();
  int refused = 0, accepted = 0;
  for (uint32_t seed = 0; seed < 20000; ++seed) {
    Random random(seed);
    Plan plan = sample;
    const int changes = 1 + static_cast<int>(random(4));
    for (int i = 0; i < changes; ++i) {
      // Most of what can go wrong is in the programs.
      switch (random(4)) {
        case 0:
          Mutate(random, &plan);
          break;
        case 1:
          Mutate(random, plan.mutable_run()->mutable_buffers(static_cast<int>(random(plan.run().buffers_size()))));
          break;
        case 2:
          if (plan.run().commands_size() == 0) break;
          Mutate(random, plan.mutable_run()->mutable_commands(static_cast<int>(random(plan.run().commands_size()))));
          break;
        case 3:
          Mutate(random, random(2) == 0 ? static_cast<Message*>(plan.mutable_load()) : plan.mutable_run());
          break;
      }
      if (plan.run().buffers_size() == 0) break;
    }
    const absl::Status status = Validate(plan, members);
    if (status.ok()) {
      ++accepted;
    } else {
      ++refused;
      ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss);
    }
  }
  EXPECT_GT(refused, 5000);
  EXPECT_GT(accepted, 100);
}

TEST(FuzzTest, MutatedPlansAreAnswered) { ExpectAnswers(testing::SamplePlan()); }

TEST(FuzzTest, MutatedPlansOfSeveralRanksAreAnswered) { ExpectAnswers(testing::SampleRankedPlan()); }

TEST(FuzzTest, MutatedPlansForAGpuAreAnswered) { ExpectAnswers(testing::SampleOffloadPlan()); }

TEST(FuzzTest, MutatedArtefactsAreAnswered) {
  const std::vector<std::byte> weights = testing::SampleWeights();
  const std::string whole = *WriteArtefactToMemory(testing::SampleContents(weights));
  for (uint32_t seed = 0; seed < 20000; ++seed) {
    Random random(seed);
    std::string bytes = whole;
    const int changes = 1 + static_cast<int>(random(4));
    for (int i = 0; i < changes && bytes.size() > 8; ++i) {
      const size_t at = random(bytes.size() - 8);
      const int64_t number = random.Number();
      switch (random(6)) {
        case 0:
          bytes[at] = static_cast<char>(random(256));
          break;
        case 1:
          std::memcpy(bytes.data() + at, &number, 8);
          break;
        case 2:
          std::memcpy(bytes.data() + at, &number, 4);
          break;
        case 3:
          bytes.erase(at, random(64));
          break;
        case 4:
          bytes.insert(at, std::string(random(64), static_cast<char>(random(256))));
          break;
        case 5:
          // In the directory and the end records, where the sizes are.
          std::memcpy(bytes.data() + bytes.size() - 8 - random(std::min<size_t>(bytes.size() - 8, 400)), &number, 8);
          break;
      }
    }
    if (bytes == whole) continue;
    ASSERT_FALSE(ReadArtefactFromMemory(std::move(bytes)).ok()) << "seed " << seed;
  }
}

// Checksums are no defence against an author: plans that are damaged within a sound container.
TEST(FuzzTest, MutatedPlanBytesInASoundContainer) {
  const std::string sample = testing::SamplePlan().SerializeAsString();
  for (uint32_t seed = 0; seed < 10000; ++seed) {
    Random random(seed);
    std::string bytes = sample;
    const int changes = 1 + static_cast<int>(random(6));
    for (int i = 0; i < changes && bytes.size() > 1; ++i) {
      const size_t at = random(bytes.size());
      if (random(5) == 0) {
        bytes.erase(at, random(4));
      } else {
        bytes[at] = static_cast<char>(random(256));
      }
    }
    const weights::Bytes view(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
    const ZipLayout layout = LayOut({{kPlanMember, bytes.size(), weights::Crc32(view)}});
    const auto artefact = ReadArtefactFromMemory(layout.parts[0].header + bytes + layout.trailer);
    if (!artefact.ok()) {
      ASSERT_EQ(artefact.status().code(), absl::StatusCode::kDataLoss);
      continue;
    }
    (void)Validate(artefact->plan(), testing::SampleMembers());
    // Whoever forgets to validate still gets no weights out of bounds.
    (void)OpenWeights(*artefact);
  }
}

}  // namespace
}  // namespace plimsoll::plan
