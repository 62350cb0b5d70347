"""What a file may decode to: a few bytes can claim more pixels than the memory holds."""

from simclr_utils.reading import how_to_set

VALUES_OF_A_PIXEL = 4
UNSTATED = 65_535  # a side of 0 in a JPEG stream is stated later; this is the largest
FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # the markers of JPEG that state a size
NO_SIZE = "a damaged JPEG or JPEG 2000 stream: it does not say how large it is"


def check_pixels(width, height, max_pixels):
    """Checks the size of an image before its pixels are decoded.

    Args:
        width: Integer.
        height: Integer.
        max_pixels: Integer, as in `Reading`.

    Raises:
        ValueError: If there are too many; the message has the setting that allows them.
    """
    if width * height <= max_pixels:
        return
    allowed = 100_000_000
    while allowed < width * height:
        allowed *= 2
    raise ValueError(
        f"{width:,}x{height:,} pixels, more than max_pixels={max_pixels:,} allows as a guard "
        f"against bombs; allow more: {how_to_set('max_pixels', allowed)}"
    )


def check_values(count, max_pixels):
    """Checks how many values all channels and planes of an image have together.

    Args:
        count: Number.
        max_pixels: Integer, as in `Reading`.

    Raises:
        ValueError: If there are more than four for each of `max_pixels`.
    """
    if count > VALUES_OF_A_PIXEL * max_pixels:
        raise ValueError(f"more than four values for each of max_pixels={max_pixels:,} pixels")


def check_stream(content, max_pixels):
    """Checks the size that a stream inside a file states, whatever the file around it says.

    Args:
        content: Bytes, a stream of JPEG, JPEG-LS, JPEG 2000 or HTJ2K, or a JP2 file.
        max_pixels: Integer, as in `Reading`.

    Raises:
        ValueError: If it is too large, or states no size.
    """
    jpeg = content[:2] == b"\xff\xd8"
    width, height, channels = jpeg_size(content) if jpeg else jpeg2000_size(content)
    check_pixels(width, height, max_pixels)
    check_values(width * height * channels, max_pixels)


def jpeg_size(content):
    """Returns width, height and channels of a JPEG or JPEG-LS stream."""
    place = 2
    while content[place : place + 1] == b"\xff" and place + 10 <= len(content):
        marker = content[place + 1]
        if marker in FRAMES:
            height, width = (_number(content, place + 5, 2), _number(content, place + 7, 2))
            return width or UNSTATED, height or UNSTATED, content[place + 9]
        place += 1 if marker == 0xFF else 2 + _number(content, place + 2, 2)
    raise ValueError(NO_SIZE)


def jpeg2000_size(content):
    """Returns width, height and channels of a JPEG 2000 stream, or of the one in a JP2 file."""
    place = find_jpeg2000(content) + 8
    right, bottom, left, top = (_number(content, place + 4 * side, 4) for side in range(4))
    return right - left, bottom - top, _number(content, place + 32, 2)


def find_jpeg2000(content):
    """Returns where a JPEG 2000 stream begins: at the front, or in a box of a JP2 file."""
    place = 0
    if content[4:8] == b"jP  ":
        while content[place + 4 : place + 8] != b"jp2c":
            length = _number(content, place, 4)
            length = _number(content, place + 8, 8) if length == 1 else length
            if length < 8:
                raise ValueError(NO_SIZE)
            place += length
        place += 16 if _number(content, place, 4) == 1 else 8
    if content[place : place + 4] != b"\xff\x4f\xff\x51" or place + 43 > len(content):
        raise ValueError(NO_SIZE)
    return place


def _number(content, place, size):
    return int.from_bytes(content[place : place + size], "big")
