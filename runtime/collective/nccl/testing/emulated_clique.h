// What the ranks of an emulated communicator have in common: where their collectives meet, and what these compute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/collective/nccl/api.h"

namespace plimsoll::runtime::collective::nccl {

enum class Verb { kAllReduce, kAllGather, kReduceScatter, kBroadcast };

// One rank's call, with addresses of the host.
struct Part {
  Verb verb = Verb::kAllReduce;
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  size_t count = 0;
  int type = 0, op = 0, root = 0;
};

// One end of a send and a receive.
struct Letter {
  std::byte* place = nullptr;
  size_t bytes = 0;
  bool done = false;
};

size_t ElementBytes(int type);
// Bytes that the call reads and writes among so many ranks.
size_t BytesFrom(const Part& part, int ranks);
size_t BytesTo(const Part& part, int ranks);

// Not safe for concurrent calls.
class Clique {
 public:
  explicit Clique(int ranks) : ranks_(ranks), came_(static_cast<size_t>(ranks), 0) {}

  int ranks() const { return ranks_; }
  bool broken = false;  // one of them has aborted: nothing is completed any more

  // The rank's next collective has begun. Computes it for all when the last of them has. Returns its number.
  uint64_t Arrive(int rank, const Part& part, std::string* wrong);
  bool IsDone(uint64_t number) const { return number < done_; }

  // A send to, or a receive from, another rank has begun.
  void Post(int from, int to, std::shared_ptr<Letter> letter, bool sends, std::string* wrong);

 private:
  struct Mail {
    std::deque<std::shared_ptr<Letter>> sent, awaited;
  };
  void Compute(const std::vector<Part>& parts) const;
  void Reduce(const std::vector<Part>& parts, size_t first, size_t count, std::byte* to, size_t start) const;

  const int ranks_;
  std::vector<uint64_t> came_;  // collectives that each rank has begun
  std::map<uint64_t, std::vector<std::pair<int, Part>>> begun_;
  uint64_t done_ = 0;
  std::map<std::pair<int, int>, Mail> mail_;
};

}  // namespace plimsoll::runtime::collective::nccl
