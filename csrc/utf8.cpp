#include "utf8.h"

#include <cstddef>

namespace recstream {
namespace {

unsigned byte_at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

/// Length of the sequence that a byte starts; 0 for a byte that starts none.
std::size_t sequence_length(unsigned lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

/// Overlong forms, surrogates and too large code points all show in the second byte.
bool second_byte_fits(unsigned lead, unsigned second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0;
    case 0xED:
      return second <= 0x9F;
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second <= 0x8F;
    default:
      return true;
  }
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const unsigned lead = byte_at(bytes, i);
    const std::size_t length = sequence_length(lead);
    if (length == 0 || bytes.size() - i < length) return false;
    for (std::size_t j = 1; j < length; ++j) {
      if ((byte_at(bytes, i + j) & 0xC0U) != 0x80U) return false;
    }
    if (length > 1 && !second_byte_fits(lead, byte_at(bytes, i + 1))) return false;
    i += length;
  }
  return true;
}

}  // namespace recstream
