#include "tools/plimsoll/random_weights.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ir/plan/types.h"

namespace plimsoll::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPool = 4096;   // numbers that are drawn; weights repeat them from varying places
constexpr float kDeviation = 0.02f;

uint16_t Bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// A pool's worth of elements.
std::vector<char> PoolOf(plan::DataType type, const std::vector<float>& numbers) {
  const size_t size = static_cast<size_t>(plan::ElementSize(type));
  std::vector<char> pool(size * kPool);
  for (size_t i = 0; i < kPool; ++i) {
    char* to = pool.data() + i * size;
    auto put = [&](auto value) { std::memcpy(to, &value, sizeof(value)); };
    switch (type) {
      case plan::F32: put(numbers[i]); break;
      case plan::F64: put(static_cast<double>(numbers[i])); break;
      case plan::F16: put(static_cast<_Float16>(numbers[i])); break;
      case plan::BF16: put(Bf16(numbers[i])); break;
      default: *to = numbers[i] > 0;
    }
  }
  return pool;
}

absl::Status WriteWeight(std::ofstream& file, const plan::Weight& weight, const std::vector<char>& pool) {
  file.seekp(weight.offset());
  int64_t left = weight.length();
  while (left > 0 && file) {
    const int64_t now = std::min<int64_t>(left, static_cast<int64_t>(pool.size()));
    file.write(pool.data(), now);
    left -= now;
  }
  if (file) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("random weights for '", weight.name(), "' cannot be written: ",
                                             std::strerror(errno)));
}

}  // namespace

absl::StatusOr<RandomWeights> RandomWeights::Create(const plan::Plan& plan) {
  const char* parent = std::getenv("TMPDIR");
  std::string name = absl::StrCat(parent != nullptr ? parent : "/tmp", "/plimsoll-weights-XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    return absl::UnavailableError(absl::StrCat(name, ": cannot be made: ", std::strerror(errno)));
  }
  RandomWeights result(name);
  std::mt19937 engine(1);
  std::normal_distribution<float> normal(0, kDeviation);
  std::vector<float> numbers(kPool);
  for (float& number : numbers) number = normal(engine);
  std::map<plan::DataType, std::vector<char>> pools;
  std::map<std::string, std::ofstream> files;
  for (const plan::Weight& weight : plan.weights()) {
    if (weight.file().empty()) continue;
    const auto [at, is_new] = files.try_emplace(weight.file());
    if (is_new) {
      const fs::path path = fs::path(name) / weight.file();
      std::error_code error;
      fs::create_directories(path.parent_path(), error);
      at->second.open(path, std::ios::binary);
    }
    auto [pool, is_first] = pools.try_emplace(weight.type().dtype());
    if (is_first) pool->second = PoolOf(weight.type().dtype(), numbers);
    if (absl::Status status = WriteWeight(at->second, weight, pool->second); !status.ok()) return status;
  }
  if (files.empty()) return absl::InvalidArgumentError("--random-weights: the plan holds its weights itself");
  return result;
}

RandomWeights::~RandomWeights() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace plimsoll::cli
