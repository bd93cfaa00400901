// The threads of one GPU block on one thread of the host: each a fiber, which gives way at barriers and shuffles.
// Between them they run one after another in an order drawn from the seed. x86-64.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace plimsoll::codegen {

// What a thread reads of itself; valid while it runs.
struct EmulatedThread {
  int32_t thread = 0, block = 0, threads = 0, blocks = 0;
};
extern EmulatedThread emulated_thread;

class Block {
 public:
  // Runs `body` for threads [0, threads) of block `block`. Empty, or what went wrong: a barrier or a shuffle that not
  // all reach. `synchronizes`: whether the body may give way; where not, no fibers are needed.
  std::string Run(int block, int blocks, int threads, bool synchronizes, const std::function<void()>& body,
                  std::mt19937_64& random);

 private:
  friend struct FiberAccess;
  enum class State { kReady, kBarrier, kShuffle, kDone };
  struct Copy {
    char* to;
    const char* from;
    int bytes, read;
    void Make() const;
  };
  struct Fiber {
    void* stack_pointer = nullptr;
    State state = State::kReady;
    int parity = 0;
    std::vector<char> stack;
    std::vector<Copy> copies;  // that are still to be made
  };
  void Resume(int thread);
  void Wait(State state);
  void EndShuffles();
  std::string Turn(std::mt19937_64& random, bool* done);

  std::vector<Fiber> fibers_;
  std::vector<int> order_;
  // Two for each thread: a lane may come to its next shuffle before others have read this one.
  std::vector<uint32_t> slots_;
  std::vector<uint32_t> fragments_;    // kFragmentWords twice for each thread, likewise
  std::vector<const uint16_t*> rows_;  // of squares; a warp reads them before it goes on
  std::string error_;
  std::mt19937_64* random_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  void* scheduler_ = nullptr;
  int threads_ = 0;
  bool one_warp_ahead_ = false;  // else all warps go on by turns: what a missing barrier lets pass differs
  int warp_ = 0;                 // the one ahead
};

// What the code of a thread calls.
void EmulatedBarrier();
uint32_t EmulatedShuffle(uint32_t value, int32_t offset);  // of the lane whose number differs by xor `offset`

// A warp's product of tensor cores with sums in f32: mma.m16n8k16 of f16 or bf16, mma.m16n8k8 of TF32. `fragment`: this
// lane's four words of a, two of b; `sums`: its four.
enum FragmentType : int32_t { kFragmentsOfF16, kFragmentsOfBf16, kFragmentsOfTf32 };
constexpr int kFragmentWords = 6;
void EmulatedTensorProduct(const uint32_t* fragment, int32_t type, float* sums);

// A warp's squares of 8 x 8 halves (ldmatrix.x4). `row`: the one that this lane points to, a multiple of 16 bytes;
// `exchanged`: rows and columns; `words`: what this lane gets of each square.
constexpr int kSquares = 4;
void EmulatedLoadSquares(const uint16_t* row, int32_t exchanged, uint32_t* words);

// An asynchronous copy of `read` bytes and zeros up to `bytes`: made at once or when its thread waits, as is drawn.
// Addresses that are no multiples of `bytes`, and a thread that ends without waiting, are errors.
void EmulatedBeginCopy(char* to, const char* from, int32_t bytes, int32_t read);
void EmulatedWaitForCopies();

}  // namespace plimsoll::codegen
