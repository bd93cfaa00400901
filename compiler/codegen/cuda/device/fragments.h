// What a warp does together for products of halves by tensor cores: fragments out of shared memory, their products; and
// copies into shared memory that go on beside the arithmetic. From sm_80 on.
#pragma once

#include "compiler/codegen/cuda/device/memory.h"

namespace plimsoll::device {

// sums += a b. How a warp's lanes hold the fragments: PTX ISA, "Matrix fragments for mma.m16n8k16 with floating point
// type".
template <bool kBfloat>
PLIMSOLL_INLINE void MultiplyFragments(const uint32_t* a, const uint32_t* b, float* sums) {
  if constexpr (kBfloat) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
        : "=f"(sums[0]), "=f"(sums[1]), "=f"(sums[2]), "=f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(sums[0]), "f"(sums[1]), "f"(sums[2]),
          "f"(sums[3]));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
        : "=f"(sums[0]), "=f"(sums[1]), "=f"(sums[2]), "=f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(sums[0]), "f"(sums[1]), "f"(sums[2]),
          "f"(sums[3]));
  }
}

// sums += a b, of f32 rounded to TF32 (RoundToTf32): 8 elements of the inner axis. PTX ISA, "Matrix fragments for
// mma.m16n8k8".
PLIMSOLL_INLINE void MultiplyTf32(const uint32_t* a, const uint32_t* b, float* sums) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
      : "=f"(sums[0]), "=f"(sums[1]), "=f"(sums[2]), "=f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(sums[0]), "f"(sums[1]), "f"(sums[2]),
        "f"(sums[3]));
}
PLIMSOLL_INLINE uint32_t RoundToTf32(float value) {
  uint32_t word;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(word) : "f"(value));
  return word;
}

// Four squares of 8 x 8 halves from shared memory: lane 8 i + r has the address of row r of square i, a multiple of 16.
// Lane l gets elements 2 (l % 4) and the next one of row l / 4 of each square, the first in the low half; `kExchanged`:
// rows and columns exchanged. PTX ISA, "ldmatrix".
template <bool kExchanged>
PLIMSOLL_INLINE void LoadSquares(const PLIMSOLL_SHARED uint16_t* row, uint32_t* words) {
  if constexpr (kExchanged) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "l"(row)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "l"(row)
                 : "memory");
  }
}

// 16 x 16 halves as an operand's fragment: 16 rows of the left one, or 2 x 8 columns of the right one (words 0 and 1,
// words 2 and 3). They begin at (outer, inner) of a tile, whose rows lie along the inner axis, the one that is summed
// over, or (kExchanged) along the outer one, `stride` elements from one to the next.
template <bool kRight, bool kExchanged>
PLIMSOLL_INLINE void LoadFragment(const PLIMSOLL_SHARED uint16_t* tile, int stride, int outer, int inner,
                                  uint32_t* words) {
  const int lane = ThreadNumber() % 32, first = lane / 8 % 2 * 8, second = lane / 16 * 8;
  outer += kRight ? second : first;
  inner += kRight ? first : second;
  if constexpr (kExchanged)
    LoadSquares<true>(tile + (inner + lane % 8) * stride + outer, words);
  else
    LoadSquares<false>(tile + (outer + lane % 8) * stride + inner, words);
}

// Two floats rounded to halves, the first in the low half.
template <bool kBfloat>
PLIMSOLL_INLINE uint32_t PackHalves(float low, float high) {
  uint32_t words;
  if constexpr (kBfloat)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(words) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(words) : "f"(high), "f"(low));
  return words;
}

// Begins a copy of `bytes`, 4, 8 or 16, to shared memory; zeros where it is not `there`. The data are this thread's to
// read behind WaitForCopies, the block's behind a barrier that follows. PTX ISA, "cp.async".
PLIMSOLL_INLINE void BeginCopy(PLIMSOLL_SHARED void* to, Pointer from, int bytes, bool there) {
  const int read = there ? bytes : 0;
  if (bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "l"(to), "l"(from), "r"(read) : "memory");
  else if (bytes == 8)
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" : : "l"(to), "l"(from), "r"(read) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" : : "l"(to), "l"(from), "r"(read) : "memory");
}
// Waits for all copies that this thread began.
PLIMSOLL_INLINE void WaitForCopies() { asm volatile("cp.async.wait_all;" : : : "memory"); }

}  // namespace plimsoll::device
