"""Has OpenCV decode the video of a file or stream, by the FFmpeg that its package has.

    opencv.py FILE|URL [udp|tcp [COUNT]]

The transport is for RTSP. Prints a hash of each picture, until the end, or of the first COUNT pictures.
"""

import hashlib
import os
import sys

import cv2


def main():
    source = sys.argv[1]
    if sys.argv[2:]:
        # Large enough that nothing is lost while a busy machine runs others.
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"rtsp_transport;{sys.argv[2]}|buffer_size;4194304"
    count = int(sys.argv[3]) if sys.argv[3:] else None
    video = cv2.VideoCapture(source, cv2.CAP_FFMPEG)
    if not video.isOpened():
        sys.exit(f"opencv.py: {source} cannot be opened")
    pictures = []
    while len(pictures) != count:
        is_there, picture = video.read()
        if not is_there:
            break
        # Hashed later: that takes time, too.
        pictures.append(picture)
    for picture in pictures:
        print(hashlib.md5(picture.tobytes()).hexdigest())


main()
