// Our declarations of functions against NVIDIA's, for tests that run where NVIDIA's header is.
#pragma once

#include <type_traits>

namespace plimsoll::runtime::nvidia {

// Parameters are passed alike: each is a pointer, the same number, an int or enum of an enum's size, or a structure of
// one size.
template <typename Ours, typename Theirs>
constexpr bool IsAlike() {
  if constexpr (std::is_void_v<Ours> || std::is_void_v<Theirs>) {
    return std::is_same_v<Ours, Theirs>;
  } else {
    return (std::is_pointer_v<Ours> && std::is_pointer_v<Theirs>) || std::is_same_v<Ours, Theirs> ||
           (sizeof(Ours) == sizeof(Theirs) && (std::is_integral_v<Ours> || std::is_enum_v<Ours>) &&
            std::is_enum_v<Theirs>) ||
           (sizeof(Ours) == sizeof(Theirs) && std::is_class_v<Ours> && std::is_trivially_copyable_v<Ours> &&
            std::is_class_v<Theirs> && std::is_trivially_copyable_v<Theirs>);
  }
}
template <typename Ours, typename Theirs>
constexpr bool kAlike = IsAlike<Ours, Theirs>();

// Of two pointers to functions.
template <typename Ours, typename Theirs>
struct SameSignature : std::false_type {};
template <typename R, typename... Ps, typename S, typename... Qs>
  requires(sizeof...(Ps) == sizeof...(Qs))
struct SameSignature<R (*)(Ps...), S (*)(Qs...)> : std::bool_constant<kAlike<R, S> && (kAlike<Ps, Qs> && ...)> {};

}  // namespace plimsoll::runtime::nvidia
