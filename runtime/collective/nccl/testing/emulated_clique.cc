#include "runtime/collective/nccl/testing/emulated_clique.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::collective::nccl {
namespace {

// Elements of one ring's step: sums begin with another rank in each, as they do where data goes round.
constexpr size_t kStep = 64;

plan::DataType FloatType(int type) {
  return type == kFloat16 ? plan::F16 : type == kBfloat16 ? plan::BF16 : type == kFloat64 ? plan::F64 : plan::F32;
}

double Combine(int op, double a, double b) {
  if (op == kMax) return std::fmax(a, b);
  if (op == kMin) return std::fmin(a, b);
  return a + b;
}

template <typename T>
T CombineIntegers(int op, T a, T b) {
  if (op == kMax) return std::max(a, b);
  if (op == kMin) return std::min(a, b);
  return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

template <typename T>
void AddInteger(int op, std::byte* sum, const std::byte* value) {
  T a, b;
  std::memcpy(&a, sum, sizeof(T));
  std::memcpy(&b, value, sizeof(T));
  a = CombineIntegers(op, a, b);
  std::memcpy(sum, &a, sizeof(T));
}

// Rounded to the type after each step: what NCCL may do.
void Add(int type, int op, std::byte* sum, const std::byte* value) {
  switch (type) {
    case kInt8:
      return AddInteger<int8_t>(op, sum, value);
    case kUint8:
      return AddInteger<uint8_t>(op, sum, value);
    case kInt32:
      return AddInteger<int32_t>(op, sum, value);
    case kUint32:
      return AddInteger<uint32_t>(op, sum, value);
    case kInt64:
      return AddInteger<int64_t>(op, sum, value);
    case kUint64:
      return AddInteger<uint64_t>(op, sum, value);
    default:
      nvidia::StoreElement(
          FloatType(type), sum, 0,
          Combine(op, nvidia::LoadElement(FloatType(type), sum, 0), nvidia::LoadElement(FloatType(type), value, 0)));
  }
}

}  // namespace

size_t ElementBytes(int type) {
  switch (type) {
    case kInt8:
    case kUint8:
      return 1;
    case kFloat16:
    case kBfloat16:
      return 2;
    case kInt64:
    case kUint64:
    case kFloat64:
      return 8;
    default:
      return 4;
  }
}

size_t BytesFrom(const Part& part, int ranks) {
  return part.count * ElementBytes(part.type) * static_cast<size_t>(part.verb == Verb::kReduceScatter ? ranks : 1);
}

size_t BytesTo(const Part& part, int ranks) {
  return part.count * ElementBytes(part.type) * static_cast<size_t>(part.verb == Verb::kAllGather ? ranks : 1);
}

uint64_t Clique::Arrive(int rank, const Part& part, std::string* wrong) {
  const uint64_t number = came_[static_cast<size_t>(rank)]++;
  if (broken) return number;  // the memory of who has aborted may be gone
  auto& begun = begun_[number];
  begun.emplace_back(rank, part);
  const Part& first = begun[0].second;
  if (part.verb != first.verb || part.count != first.count || part.type != first.type || part.op != first.op ||
      part.root != first.root) {
    *wrong = absl::StrCat("ranks ", begun[0].first, " and ", rank, " differ in collective ", number);
  }
  if (static_cast<int>(begun.size()) < ranks_) return number;
  std::vector<Part> parts(begun.size());
  for (const auto& [who, what] : begun) parts[static_cast<size_t>(who)] = what;
  Compute(parts);
  begun_.erase(number);
  done_ = number + 1;
  return number;
}

void Clique::Compute(const std::vector<Part>& parts) const {
  const size_t n = parts.size(), bytes = parts[0].count * ElementBytes(parts[0].type);
  if (parts[0].verb == Verb::kBroadcast || parts[0].verb == Verb::kAllGather) {
    const bool gather = parts[0].verb == Verb::kAllGather;
    for (const Part& part : parts) {
      for (size_t q = 0; q < n; ++q) {
        if (!gather && static_cast<int>(q) != part.root) continue;
        std::memmove(part.to + (gather ? q * bytes : 0), parts[q].from, bytes);
      }
    }
    return;
  }
  // Results first: destinations may be sources.
  const bool scatter = parts[0].verb == Verb::kReduceScatter;
  std::vector<std::byte> all(scatter ? n * bytes : bytes);
  const size_t count = scatter ? n * parts[0].count : parts[0].count;
  for (size_t begin = 0, step = 0; begin < count; begin += kStep, ++step) {
    Reduce(parts, begin, std::min(kStep, count - begin), all.data(), step % n);
  }
  for (size_t p = 0; p < n; ++p) std::memcpy(parts[p].to, all.data() + (scatter ? p * bytes : 0), bytes);
}

void Clique::Reduce(const std::vector<Part>& parts, size_t first, size_t count, std::byte* to, size_t start) const {
  const size_t element = ElementBytes(parts[0].type);
  for (size_t i = first; i < first + count; ++i) {
    std::byte* result = to + i * element;
    std::memcpy(result, parts[start].from + i * element, element);
    for (size_t q = 1; q < parts.size(); ++q) {
      Add(parts[0].type, parts[0].op, result, parts[(start + q) % parts.size()].from + i * element);
    }
    if (parts[0].op != kAvg) continue;
    const plan::DataType type = FloatType(parts[0].type);
    nvidia::StoreElement(type, result, 0, nvidia::LoadElement(type, result, 0) / static_cast<double>(parts.size()));
  }
}

void Clique::Post(int from, int to, std::shared_ptr<Letter> letter, bool sends, std::string* wrong) {
  if (broken) return;
  Mail& mail = mail_[{from, to}];
  (sends ? mail.sent : mail.awaited).push_back(std::move(letter));
  if (mail.sent.empty() || mail.awaited.empty()) return;
  Letter &sent = *mail.sent.front(), &awaited = *mail.awaited.front();
  if (sent.bytes != awaited.bytes) {
    *wrong = absl::StrCat("rank ", from, " sends ", sent.bytes, " bytes, rank ", to, " receives ", awaited.bytes);
  } else {
    std::memcpy(awaited.place, sent.place, sent.bytes);
  }
  sent.done = awaited.done = true;
  mail.sent.pop_front();
  mail.awaited.pop_front();
}

}  // namespace plimsoll::runtime::collective::nccl
