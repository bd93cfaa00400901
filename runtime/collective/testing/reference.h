// For tests of collectives: what they give, computed in double precision from all ranks' sources at once, and random
// cases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime::collective::testing {

using Elements = std::vector<double>;

// Element types, with the bytes of types that collectives only move as u8 and u16.
double Load(plan::DataType type, const std::byte* base, int64_t index);
void Store(plan::DataType type, std::byte* base, int64_t index, double value);

// Elements of source and destination for blocks of `block` elements among `n` ranks.
int64_t SourceElements(plan::Collective::Kind kind, int64_t block, int n);
int64_t DestinationElements(plan::Collective::Kind kind, int64_t block, int n);

// What the destination of each position holds after a collective on these sources; averages rounded to the type.
std::vector<Elements> Expected(const plan::Collective& collective, const std::vector<Elements>& sources);

// Small whole numbers, which every type holds and of which a few hundred add up exactly in every type that is reduced.
Elements RandomElements(plan::DataType type, int64_t count, std::mt19937& random);
std::vector<std::byte> Bytes(plan::DataType type, const Elements& elements);

// Of that kind, among `n` ranks; what a kind has besides (root, pairs) is drawn.
plan::Collective MakeCollective(plan::Collective::Kind kind, plan::DataType type, plan::Collective::Reduction reduction,
                                int n, std::mt19937& random);
// A collective of every kind, and of every reduction that the type has.
std::vector<plan::Collective> AllCollectives(plan::DataType type, int n, std::mt19937& random);
std::vector<plan::DataType> AllTypes();

// Calls body(rank) on a thread for each rank, and waits for all.
void OnRanks(int ranks, const std::function<void(int)>& body);

// "all_reduce sum of 7 f32 among 4"
std::string Describe(const plan::Collective& collective, int64_t block, int n);

}  // namespace plimsoll::runtime::collective::testing
