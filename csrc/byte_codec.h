#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace recstream {

static_assert(std::endian::native == std::endian::little, "snapshots are little-endian");

class ByteWriter {
 public:
  template <class T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
  }

  void put_raw(std::string_view bytes) { bytes_.append(bytes); }

  std::size_t size() const { return bytes_.size(); }

  std::string take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what ByteWriter wrote; throws std::invalid_argument before it would read beyond the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  T get() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    const auto raw = get_raw(sizeof value);
    std::memcpy(&value, raw.data(), raw.size());
    return value;
  }

  std::string_view get_text() { return get_raw(get<std::uint32_t>()); }

  std::string_view get_raw(std::size_t count) {
    if (count > bytes_.size()) throw std::invalid_argument("snapshot is damaged: it ends too early");
    const auto raw = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return raw;
  }

  /// A count of things of at least `least_bytes` each, so that it is safe to reserve memory for them.
  template <class T>
  std::size_t get_count(std::size_t least_bytes) {
    const auto count = get<T>();
    if (count > bytes_.size() / least_bytes) throw std::invalid_argument("snapshot is damaged: a count is too large");
    return static_cast<std::size_t>(count);
  }

  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

}  // namespace recstream
