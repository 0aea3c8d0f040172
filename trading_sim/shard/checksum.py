"""CRC32C (Castagnoli), the checksum of everything a shard stores."""

import google_crc32c


def crc32c(*parts: bytes) -> int:
    """CRC32C over the parts, as if they were one piece."""
    value = 0
    for part in parts:
        value = google_crc32c.extend(value, part)
    return value
