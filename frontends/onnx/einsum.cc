// Einsum: transposes, sums and batched matrix products. Operands are contracted from left to right.
#include <map>

#include "absl/strings/str_split.h"
#include "frontends/onnx/contraction.h"

namespace plimsoll::onnx_frontend {
namespace {

// A value and the label of each of its dims. Labels are letters; the dims of "..." are numbered from 1000 on, the last first.
struct Labelled {
  Value value;
  std::vector<int> labels;
};

constexpr int kEllipsis = 1000;

std::vector<int> ParseLabels(const std::string& term, int64_t rank) {
  std::vector<int> labels;
  int letters = 0;
  for (char character : term) letters += character != '.';
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] == '.') {
      Check(term.compare(i, 3, "...") == 0, "a lone '.' in the equation");
      for (int64_t d = rank - letters; d > 0; --d) labels.push_back(kEllipsis + static_cast<int>(d));
      i += 2;
      continue;
    }
    Check(std::isalpha(static_cast<unsigned char>(term[i])), "the equation has an unknown character");
    labels.push_back(term[i]);
  }
  return labels;
}

bool Has(const std::vector<int>& labels, int label) { return std::find(labels.begin(), labels.end(), label) != labels.end(); }

// A label that occurs twice: the diagonal. The two dims are brought to the front and seen as one with a stride.
void TakeDiagonals(Emitter& e, Labelled& x) {
  for (size_t i = 0; i < x.labels.size(); ++i) {
    for (size_t j = i + 1; j < x.labels.size(); ++j) {
      if (x.labels[i] != x.labels[j]) continue;
      Dims permutation = {static_cast<int64_t>(i), static_cast<int64_t>(j)};
      std::vector<int> labels = {x.labels[i]};
      for (size_t d = 0; d < x.labels.size(); ++d) {
        if (d != i && d != j) permutation.push_back(d), labels.push_back(x.labels[d]);
      }
      Value front = e.Transpose(x.value, permutation);
      const int64_t size = e.Dim(front, 0);
      Check(size == e.Dim(front, 1), "a label has two sizes");
      Dims shape = e.Shape(front);
      shape.erase(shape.begin());
      shape[0] = size * size;
      Value flat = e.Reshape(front, shape);
      Dims starts(shape.size(), 0), strides(shape.size(), 1);
      shape[0] = size;
      strides[0] = size + 1;
      x = {e.Slice(flat, starts, shape, strides), labels};
      return TakeDiagonals(e, x);
    }
  }
}

void SumOver(Emitter& e, Labelled& x, const std::vector<int>& kept) {
  Dims axes;
  std::vector<int> labels;
  for (size_t d = 0; d < x.labels.size(); ++d) {
    if (Has(kept, x.labels[d])) {
      labels.push_back(x.labels[d]);
    } else {
      axes.push_back(d);
    }
  }
  if (!axes.empty()) x = {e.Reduce(graph::ReduceKind::sum, x.value, axes, false), labels};
}

// Brings `x`'s dims into the order of `labels`, absent ones as 1.
Value Ordered(Emitter& e, const Labelled& x, const std::vector<int>& labels) {
  Dims permutation, shape;
  for (int label : labels) {
    auto at = std::find(x.labels.begin(), x.labels.end(), label);
    if (at != x.labels.end()) permutation.push_back(at - x.labels.begin());
  }
  Value value = e.Transpose(x.value, permutation);
  int64_t next = 0;
  for (int label : labels) shape.push_back(Has(x.labels, label) ? e.Dim(value, next++) : 1);
  return e.Reshape(value, shape);
}

int64_t Product(const Dims& dims) {
  int64_t product = 1;
  for (int64_t dim : dims) product *= dim;
  return product;
}

Labelled Contract(Emitter& e, Labelled a, Labelled b, const std::vector<int>& kept) {
  std::vector<int> keep_a = kept, keep_b = kept;
  keep_a.insert(keep_a.end(), b.labels.begin(), b.labels.end());
  keep_b.insert(keep_b.end(), a.labels.begin(), a.labels.end());
  SumOver(e, a, keep_a);
  SumOver(e, b, keep_b);
  std::vector<int> batch, rows, columns, inner;
  for (int label : a.labels) (!Has(b.labels, label) ? rows : Has(kept, label) ? batch : inner).push_back(label);
  for (int label : b.labels) {
    if (!Has(a.labels, label)) columns.push_back(label);
  }
  std::vector<int> order_a = batch, order_b = batch, order = batch;
  for (const auto* part : {&rows, &inner}) order_a.insert(order_a.end(), part->begin(), part->end());
  for (const auto* part : {&inner, &columns}) order_b.insert(order_b.end(), part->begin(), part->end());
  for (const auto* part : {&rows, &columns}) order.insert(order.end(), part->begin(), part->end());
  Value left = Ordered(e, a, order_a), right = Ordered(e, b, order_b);
  const Dims shape_a = e.Shape(left), shape_b = e.Shape(right);
  auto part = [](const Dims& dims, size_t begin, size_t count) { return Dims(dims.begin() + begin, dims.begin() + begin + count); };
  const Dims rows_shape = part(shape_a, batch.size(), rows.size()), columns_shape = part(shape_b, batch.size() + inner.size(), columns.size());
  Dims matrix_a = part(shape_a, 0, batch.size()), matrix_b = part(shape_b, 0, batch.size());
  const Dims inner_a = part(shape_a, batch.size() + rows.size(), inner.size()), inner_b = part(shape_b, batch.size(), inner.size());
  Check(inner_a == inner_b, "a label has two sizes");
  matrix_a.push_back(Product(rows_shape));
  matrix_a.push_back(Product(inner_a));
  matrix_b.push_back(Product(inner_b));
  matrix_b.push_back(Product(columns_shape));
  Value product = MatrixProduct(e, e.Reshape(left, matrix_a), e.Reshape(right, matrix_b));
  Dims shape = e.Shape(product);
  shape.resize(batch.size());
  shape.insert(shape.end(), rows_shape.begin(), rows_shape.end());
  shape.insert(shape.end(), columns_shape.begin(), columns_shape.end());
  return {e.Reshape(product, shape), order};
}

}  // namespace

void Einsum(NodeContext& c) {
  std::string equation = c.String("equation", "");
  equation.erase(std::remove(equation.begin(), equation.end(), ' '), equation.end());
  const size_t arrow = equation.find("->");
  const std::vector<std::string> terms = absl::StrSplit(equation.substr(0, arrow), ',');
  Check(static_cast<int>(terms.size()) == c.NumInputs(), "the equation has another number of operands than the node");
  std::vector<Labelled> operands;
  std::map<int, int> count;
  int ellipsis = 0;
  for (int i = 0; i < c.NumInputs(); ++i) {
    Value value = c.Input(i);
    operands.push_back({value, ParseLabels(terms[i], c.Rank(value))});
    Check(static_cast<int64_t>(operands.back().labels.size()) == c.Rank(value), "the equation does not fit an operand's rank");
    for (int label : operands.back().labels) {
      ++count[label];
      if (label > kEllipsis) ellipsis = std::max(ellipsis, label - kEllipsis);
    }
    TakeDiagonals(c, operands.back());
  }
  std::vector<int> result;
  if (arrow != std::string::npos) {
    const std::string term = equation.substr(arrow + 2);
    result = ParseLabels(term, ellipsis + std::count_if(term.begin(), term.end(), [](char character) { return character != '.'; }));
  } else {
    for (int d = ellipsis; d > 0; --d) result.push_back(kEllipsis + d);
    for (auto [label, times] : count) {
      if (label < kEllipsis && times == 1) result.push_back(label);
    }
  }
  Labelled current = operands.front();
  for (size_t i = 1; i < operands.size(); ++i) {
    std::vector<int> kept = result;
    for (size_t j = i + 1; j < operands.size(); ++j) kept.insert(kept.end(), operands[j].labels.begin(), operands[j].labels.end());
    current = Contract(c, current, operands[i], kept);
  }
  SumOver(c, current, result);
  for (int label : result) Check(Has(current.labels, label), "the result has a label that no operand has");
  c.SetOutput(0, Ordered(c, current, result));
}

}  // namespace plimsoll::onnx_frontend
