"""Writes clips as different programs and cameras write them.

    corpus.py DIRECTORY WIDTHxHEIGHT...

Of each size there are two: SIZE.mjpeg, with all that may stand around and in a picture, and
SIZE-plain.mjpeg, with the same coefficients and nothing else, and the size that the RTP/JPEG header
can say: up to 2040 in multiples of 8. bad.mjpeg has two good pictures, the
first and the last, and between them five that RTP/JPEG cannot carry.
"""
import io
import random
import sys
from PIL import Image

# Pillow's names for 4:2:2 and 4:2:0.
YUV422, YUV420 = 1, 2
JUNK = b"\r\n--boundary\r\nContent-Type: image/jpeg\r\n\r\n"


def picture(width, height, seed):
    """Soft colours with grain: long codes and short ones."""
    pixels = random.Random(seed).randbytes(3 * 12 * 12)
    soft = Image.frombytes("RGB", (12, 12), pixels).resize((width, height), Image.BICUBIC)
    grain = Image.frombytes("L", (64, 64), random.Random(seed + 1).randbytes(64 * 64))
    return Image.blend(soft, grain.resize((width, height)).convert("RGB"), 0.15)


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def exif(thumbnail):
    """An EXIF segment with a whole JPEG file in it."""
    return b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail


def filled(file):
    """With fill bytes before a marker (T.81, B.1.1.2)."""
    dqt = file.index(b"\xff\xdb")
    return file[:dqt] + b"\xff" * 5 + file[dqt:]


def without_tables(file):
    """Without its Huffman tables, as in AVI files: only for the standard ones."""
    while (dht := file.find(b"\xff\xc4")) >= 0:
        length = int.from_bytes(file[dht + 2 : dht + 4], "big")
        file = file[:dht] + file[dht + 2 + length :]
    return file


def as_said(file, width, height):
    """With the size that a client sees who looks only at the RTP/JPEG header (RFC 2435, 3.1.5)."""
    if max(width, height) > 2040:
        return file
    sof = file.index(b"\xff\xc0\x00\x11\x08")
    size = b"".join((-(-side // 8) * 8).to_bytes(2, "big") for side in (height, width))
    return file[: sof + 5] + size + file[sof + 9 :]


def clip(width, height):
    """Pairs of pictures: as it is served, and plain."""
    image = picture(width, height, width * height)
    thumbnail = jpeg(image.resize((16, 16)))
    frames = []
    for quality in (1, 50, 75, 92, 100):
        for sampling in (YUV420, YUV422):
            for optimize in (False, True):
                options = {"quality": quality, "subsampling": sampling, "optimize": optimize}
                frames.append((jpeg(image, **options), jpeg(image, **options)))
    plain = jpeg(image, subsampling=YUV420)
    frames.append((jpeg(image, subsampling=YUV420, exif=exif(thumbnail)), plain))
    frames.append((plain[:-2], plain))
    frames.append((jpeg(image, subsampling=YUV420, comment=b"\xff\xd8 a comment \xff\xd9"), plain))
    frames.append((JUNK + plain + JUNK, plain))
    frames.append((filled(plain), plain))
    frames.append((without_tables(plain), plain))
    return frames


def write(directory, name, files):
    with open(f"{directory}/{name}.mjpeg", "wb") as out:
        out.write(b"".join(files))


for size in sys.argv[2:]:
    width, height = map(int, size.split("x"))
    frames = clip(width, height)
    # Large pictures take time to decode, and show nothing that the others do not.
    frames = frames[::4] if width * height > 1 << 20 else frames
    write(sys.argv[1], f"{width}x{height}", [served for served, _ in frames])
    write(sys.argv[1], f"{width}x{height}-plain", [as_said(plain, width, height) for _, plain in frames])

good = jpeg(picture(64, 48, 1), subsampling=YUV420, optimize=True)
bad = [
    jpeg(picture(64, 48, 1).convert("L")),
    jpeg(picture(64, 48, 1), progressive=True, subsampling=YUV420),
    jpeg(picture(64, 48, 1), subsampling=0),
    jpeg(picture(64, 48, 1).convert("CMYK")),
    good[: len(good) // 2],
]
write(sys.argv[1], "bad", [good] + bad + [good])
