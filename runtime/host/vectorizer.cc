// tf_idf_vectorizer: how often each n-gram of a pool of numbers occurs.
#include <algorithm>
#include <map>
#include <vector>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

// The pool as a prefix tree. Node 0 is the root.
class Pool {
 public:
  void Add(absl::Span<const int64_t> gram, int64_t place) {
    size_t node = 0;
    for (int64_t item : gram) {
      const auto [at, is_new] = nodes_[node].next.try_emplace(item, nodes_.size());
      node = at->second;
      if (is_new) nodes_.emplace_back();
    }
    nodes_[node].place = place;
  }
  // Calls found(place) for each gram of `least` to `most` items that begins at `begin` and takes every `step`-th item.
  template <typename Found>
  void Match(absl::Span<const int64_t> row, size_t begin, size_t step, size_t least, size_t most,
             const Found& found) const {
    size_t node = 0, length = 1;
    for (size_t at = begin; at < row.size() && length <= most; at += step, ++length) {
      const auto next = nodes_[node].next.find(row[at]);
      if (next == nodes_[node].next.end()) return;
      node = next->second;
      if (length >= least && nodes_[node].place >= 0) found(nodes_[node].place);
    }
  }

 private:
  struct Node {
    std::map<int64_t, size_t> next;
    int64_t place = -1;  // in the output
  };
  std::vector<Node> nodes_ = std::vector<Node>(1);
};

// Input: [items] or [rows, items] of i32 or i64. Output: [places] or [rows, places] of f32. Source: ONNX
// TfIdfVectorizer.
absl::Status TfIdfVectorizer(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0);
  if (absl::Status status = ExpectIndices(x); !status.ok()) return status;
  const Dims starts = c.Ints("ngram_counts", {}), places = c.Ints("ngram_indexes", {}),
             items = c.Ints("pool_int64s", {});
  const std::vector<double> weights = c.Floats("weights", {});
  const std::string mode = c.String("mode", "");
  const int64_t least = c.Int("min_gram_length", 1), most = c.Int("max_gram_length", 1),
                skips = c.Int("max_skip_count", 0);
  if (x.rank() < 1 || x.rank() > 2 || y.rank() != x.rank() || y.dtype != plan::F32 ||
      (x.rank() == 2 && y.dims[0] != x.dims[0])) {
    return BadShape("tf_idf_vectorizer: [items] or [rows, items] expected");
  }
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    return BadShape("tf_idf_vectorizer: the mode must be TF, IDF or TFIDF");
  if (least < 1 || most < least || skips < 0) return BadShape("tf_idf_vectorizer: gram lengths or skips out of range");
  const int64_t columns = y.dims.back(), row_items = x.dims.back(), rows = x.rank() == 2 ? x.dims[0] : 1;
  if (!weights.empty() && static_cast<int64_t>(weights.size()) < static_cast<int64_t>(places.size())) {
    return BadShape("tf_idf_vectorizer: fewer weights than n-grams");
  }
  Pool pool;
  std::vector<double> weight(static_cast<size_t>(columns), 1);
  size_t gram = 0;
  for (size_t k = 0; k < starts.size(); ++k) {
    const int64_t length = static_cast<int64_t>(k) + 1,
                  end = k + 1 < starts.size() ? starts[k + 1] : static_cast<int64_t>(items.size());
    if (starts[k] < 0 || end < starts[k] || end > static_cast<int64_t>(items.size()) ||
        (end - starts[k]) % length != 0) {
      return BadShape("tf_idf_vectorizer: ngram_counts do not divide the pool");
    }
    for (int64_t at = starts[k]; at < end; at += length, ++gram) {
      if (gram >= places.size() || places[gram] < 0 || places[gram] >= columns)
        return BadShape("tf_idf_vectorizer: ngram_indexes out of range");
      if (length < least || length > most) continue;
      pool.Add(absl::MakeSpan(items).subspan(at, length), places[gram]);
    }
  }
  // Weights go with the places of the output, as in ONNX's reference implementation.
  for (size_t i = 0; i < weight.size() && i < weights.size(); ++i) weight[i] = weights[i];

  std::vector<double> result(static_cast<size_t>(rows * columns), 0);
  std::vector<int64_t> row(static_cast<size_t>(row_items));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < row_items; ++i) row[i] = IndexAt(x, r * row_items + i);
    double* counts = result.data() + r * columns;
    int64_t shortest = least;
    // No gram reaches farther than the row, however large the step.
    for (int64_t step = 1; step <= std::min(skips + 1, std::max<int64_t>(row_items, 1)); ++step) {
      for (int64_t begin = 0; begin < row_items && begin + step * (shortest - 1) < row_items; ++begin) {
        pool.Match(row, begin, step, shortest, most, [&](int64_t place) { ++counts[place]; });
      }
      // Single items are the same whatever is skipped.
      if (shortest == 1 && ++shortest > most) break;
    }
    for (int64_t i = 0; i < columns; ++i) {
      if (mode == "IDF") counts[i] = counts[i] > 0 ? weight[i] : 0;
      if (mode == "TFIDF") counts[i] *= weight[i];
    }
  }
  return FromDoubles(result, y);
}

constexpr NamedHostFunction kFunctions[] = {{"tf_idf_vectorizer", &TfIdfVectorizer}};

}  // namespace

absl::Span<const NamedHostFunction> VectorizerFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
