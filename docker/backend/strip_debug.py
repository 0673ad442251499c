"""Cuts debug information off the extension modules below a folder; the image has no `strip`.

Wheels of uvloop, asyncpg and SQLAlchemy bring tens of megabytes of it. The dynamic loader reads
only what the program headers name, which lies in front: the rest of the file, and the section
table that describes it, can go. https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
"""

import struct
import sys
from pathlib import Path

ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
HEADER = struct.Struct("<16s2HI3QI6H")
SEGMENT = struct.Struct("<2I6Q")


def stripped(image: bytes) -> bytes:
    if not image.startswith(ELF64_LITTLE_ENDIAN):
        return image
    header = list(HEADER.unpack_from(image))
    segments_at, segment_count = header[5], header[10]
    end = segments_at + segment_count * SEGMENT.size
    for index in range(segment_count):
        segment = SEGMENT.unpack_from(image, segments_at + index * SEGMENT.size)
        offset, size = segment[2], segment[5]
        end = max(end, offset + size)
    header[6] = header[12] = header[13] = 0  # no section table any more
    return HEADER.pack(*header) + image[HEADER.size : end]


for library in Path(sys.argv[1]).rglob("*.so*"):
    library.write_bytes(stripped(library.read_bytes()))
