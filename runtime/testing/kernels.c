// Kernels of the runtime's tests, as the compiler makes them: plain functions over a range of tiles.
#include <stdint.h>

enum { kTile = 4 };  // elements

// y = 2 x
void twice(const void* const* buffers, int64_t begin, int64_t end) {
  const float* x = buffers[0];
  float* y = (float*)buffers[1];
  for (int64_t i = begin * kTile; i < end * kTile; ++i) y[i] = 2 * x[i];
}

// y = x + 1
void increment(const void* const* buffers, int64_t begin, int64_t end) {
  const float* x = buffers[0];
  float* y = (float*)buffers[1];
  for (int64_t i = begin * kTile; i < end * kTile; ++i) y[i] = x[i] + 1;
}

// z = x + y
void sum(const void* const* buffers, int64_t begin, int64_t end) {
  const float* x = buffers[0];
  const float* y = buffers[1];
  float* z = (float*)buffers[2];
  for (int64_t i = begin * kTile; i < end * kTile; ++i) z[i] = x[i] + y[i];
}

// Whether the iteration number is below 4: a loop's condition.
void below_four(const void* const* buffers, int64_t begin, int64_t end) {
  *(uint8_t*)buffers[1] = *(const int64_t*)buffers[0] < 4;
}
