#include "compiler/codegen/cuda/emulator/fibers.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

// Saves the registers that a call keeps and the stack pointer, takes those of another fiber.
extern "C" void plimsoll_switch_fiber(void** save, void* load);
asm(R"(
.text
.p2align 4
.globl plimsoll_switch_fiber
.hidden plimsoll_switch_fiber
.type plimsoll_switch_fiber,@function
plimsoll_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size plimsoll_switch_fiber,.-plimsoll_switch_fiber
)");

namespace plimsoll::codegen {

EmulatedThread emulated_thread;

namespace {
constexpr size_t kStackBytes = 128 * 1024;
constexpr int kWarp = 32;
Block* running = nullptr;
}  // namespace

struct FiberAccess {
  static void Main() {
    (*running->body_)();
    if (!running->fibers_[emulated_thread.thread].copies.empty()) Fail("a copy that its thread does not wait for");
    running->Wait(Block::State::kDone);
  }
  static void Barrier() { running->Wait(Block::State::kBarrier); }
  static const uint32_t* Fragments(const uint32_t* mine) {  // of the warp's lanes, the first one's first
    const int self = emulated_thread.thread, parity = running->fibers_[self].parity++ & 1;
    uint32_t* all = running->fragments_.data() + parity * running->threads_ * kFragmentWords;
    std::memcpy(all + self * kFragmentWords, mine, kFragmentWords * sizeof(uint32_t));
    running->Wait(Block::State::kShuffle);
    return all + self / kWarp * kWarp * kFragmentWords;
  }
  static void Fail(const char* error) { running->error_ = error; }
  static void Squares(const uint16_t* row, bool exchanged, uint32_t* words) {
    const int self = emulated_thread.thread, lane = self % kWarp;
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) return Fail("a row of halves that is no multiple of 16");
    running->rows_[self] = row;
    running->Wait(Block::State::kShuffle);
    const uint16_t* const* rows = running->rows_.data() + self - lane;
    for (int i = 0; i < kSquares; ++i) {
      auto element = [&](int line, int place) {
        return uint32_t{exchanged ? rows[8 * i + place][line] : rows[8 * i + line][place]};
      };
      words[i] = element(lane / 4, lane % 4 * 2) | element(lane / 4, lane % 4 * 2 + 1) << 16;
    }
    running->Wait(Block::State::kShuffle);
  }
  static void BeginCopy(char* to, const char* from, int32_t bytes, int32_t read) {
    if (reinterpret_cast<uintptr_t>(to) % bytes != 0 || reinterpret_cast<uintptr_t>(from) % bytes != 0)
      return Fail("a copy between addresses that are no multiples of its size");
    const Block::Copy copy{to, from, bytes, read};
    if ((*running->random_)() & 1) return copy.Make();
    running->fibers_[emulated_thread.thread].copies.push_back(copy);
  }
  static void WaitForCopies() {
    std::vector<Block::Copy>& copies = running->fibers_[emulated_thread.thread].copies;
    for (const Block::Copy& copy : copies) copy.Make();
    copies.clear();
  }
  static uint32_t Shuffle(uint32_t value, int32_t offset) {
    const int self = emulated_thread.thread;
    const int parity = running->fibers_[self].parity++ & 1;
    running->slots_[2 * self + parity] = value;
    running->Wait(Block::State::kShuffle);
    return running->slots_[2 * (self ^ offset) + parity];
  }
};

void EmulatedBarrier() { FiberAccess::Barrier(); }
uint32_t EmulatedShuffle(uint32_t value, int32_t offset) { return FiberAccess::Shuffle(value, offset); }

void EmulatedLoadSquares(const uint16_t* row, int32_t exchanged, uint32_t* words) {
  FiberAccess::Squares(row, exchanged != 0, words);
}
void EmulatedBeginCopy(char* to, const char* from, int32_t bytes, int32_t read) {
  FiberAccess::BeginCopy(to, from, bytes, read);
}
void EmulatedWaitForCopies() { FiberAccess::WaitForCopies(); }

void Block::Copy::Make() const {
  std::memcpy(to, from, read);
  std::memset(to + read, 0, bytes - read);
}

void EmulatedTensorProduct(const uint32_t* fragment, int32_t type, float* sums) {
  const uint32_t* warp = FiberAccess::Fragments(fragment);
  // Words hold two halves that follow each other along the inner axis, or one TF32, whose last 13 bits do not count.
  const int each = type == kFragmentsOfTf32 ? 1 : 2, depth = 8 * each;
  auto number = [&](int lane, int word, int half) {
    const uint32_t bits = warp[lane * kFragmentWords + word];
    if (type == kFragmentsOfTf32) return std::bit_cast<float>(bits & ~0x1fffu);
    const auto part = static_cast<uint16_t>(bits >> 16 * half);
    return type == kFragmentsOfBf16 ? std::bit_cast<float>(uint32_t{part} << 16)
                                    : static_cast<float>(std::bit_cast<_Float16>(part));
  };
  const int self = emulated_thread.thread % kWarp;
  for (int i = 0; i < 4; ++i) {
    const int row = self / 4 + i / 2 * 8, column = self % 4 * 2 + i % 2;
    float sum = sums[i];
    for (int k = 0; k < depth; ++k) {
      const int lane = k / each % 4, second = k >= depth / 2;
      sum += number(row % 8 * 4 + lane, (row >= 8) + second * 2, k % each) *
             number(column * 4 + lane, 4 + second, k % each);
    }
    sums[i] = sum;
  }
}

void Block::Resume(int thread) {
  emulated_thread.thread = thread;
  plimsoll_switch_fiber(&scheduler_, fibers_[thread].stack_pointer);
}

void Block::Wait(State state) {
  Fiber& fiber = fibers_[emulated_thread.thread];
  fiber.state = state;
  plimsoll_switch_fiber(&fiber.stack_pointer, scheduler_);
}

// Lets warps go on whose lanes have all come to a shuffle.
void Block::EndShuffles() {
  for (int warp = 0; warp + kWarp <= threads_; warp += kWarp) {
    const auto first = fibers_.begin() + warp;
    if (!std::all_of(first, first + kWarp, [](const Fiber& fiber) { return fiber.state == State::kShuffle; })) continue;
    std::for_each(first, first + kWarp, [](Fiber& fiber) { fiber.state = State::kReady; });
  }
}

std::string Block::Turn(std::mt19937_64& random, bool* done) {
  EndShuffles();
  order_.clear();
  for (int i = 0; i < threads_; ++i)
    if (fibers_[i].state == State::kReady) order_.push_back(i);
  if (!order_.empty()) {
    std::shuffle(order_.begin(), order_.end(), random);
    if (one_warp_ahead_) {
      // The one that went on last, as far as it can; then another.
      auto others = [&](int thread) { return thread / kWarp != warp_; };
      if (std::all_of(order_.begin(), order_.end(), others)) warp_ = order_.front() / kWarp;
      order_.erase(std::remove_if(order_.begin(), order_.end(), others), order_.end());
    }
    for (int thread : order_) Resume(thread);
    return error_;
  }
  int waiting = 0, ended = 0;
  for (int i = 0; i < threads_; ++i) {
    if (fibers_[i].state == State::kShuffle) return "a shuffle that not all lanes of a warp reach";
    waiting += fibers_[i].state == State::kBarrier;
    ended += fibers_[i].state == State::kDone;
  }
  *done = ended == threads_;
  if (*done) return "";
  if (waiting != threads_) return "a barrier that not all threads reach";
  for (int i = 0; i < threads_; ++i) fibers_[i].state = State::kReady;
  return "";
}

std::string Block::Run(int block, int blocks, int threads, bool synchronizes, const std::function<void()>& body,
                       std::mt19937_64& random) {
  emulated_thread = {0, block, threads, blocks};
  threads_ = threads;
  if (!synchronizes) {
    order_.resize(threads);
    std::iota(order_.begin(), order_.end(), 0);
    std::shuffle(order_.begin(), order_.end(), random);
    for (int thread : order_) {
      emulated_thread.thread = thread;
      body();
    }
    return "";
  }
  if (static_cast<int>(fibers_.size()) < threads) fibers_.resize(threads);
  slots_.assign(2 * threads, 0);
  fragments_.assign(2 * threads * kFragmentWords, 0);
  rows_.assign(threads, nullptr);
  error_.clear();
  random_ = &random;
  body_ = &body;
  running = this;
  one_warp_ahead_ = random() & 1;
  warp_ = 0;
  for (int i = 0; i < threads; ++i) {
    Fiber& fiber = fibers_[i];
    fiber.state = State::kReady;
    fiber.parity = 0;
    fiber.copies.clear();
    fiber.stack.resize(kStackBytes);
    // Six registers and the place to return to; the stack is as a call leaves it, 8 off a multiple of 16.
    auto top = reinterpret_cast<uintptr_t>(fiber.stack.data() + kStackBytes) & ~uintptr_t{15};
    auto* frame = reinterpret_cast<void**>(top - 16) - 6;
    std::memset(frame, 0, 6 * sizeof(void*));
    frame[6] = reinterpret_cast<void*>(&FiberAccess::Main);
    fiber.stack_pointer = frame;
  }
  bool done = false;
  std::string error;
  while (!done && error.empty()) error = Turn(random, &done);
  running = nullptr;
  return error;
}

}  // namespace plimsoll::codegen
