"""Has Chromium show a page, and says which frames of a file its largest picture was.

    chromium.py URL FILE

FILE is concatenated JPEG. Two screenshots are taken, a second apart. For each, a line of JSON is printed: the frame of
FILE that is the most like it, and the peak signal-to-noise ratio in dB. Chromium is driven by its DevTools protocol over
two pipes, in which messages end with a zero byte.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time

import cv2
import numpy


class Chromium:
    def __init__(self, profile):
        self.number = 0
        self.session = None
        self.buffer = b""
        commands, self.commands = os.pipe()
        self.replies, replies = os.pipe()

        def connect():
            # These numbers are Chromium's.
            ours = [os.dup(commands), os.dup(replies)]
            os.dup2(ours[0], 3)
            os.dup2(ours[1], 4)

        arguments = [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--disable-dev-shm-usage", "--force-device-scale-factor=1", "--window-size=1500,1200",
            "--user-data-dir=" + profile, "--remote-debugging-pipe", "about:blank",
        ]
        self.process = subprocess.Popen(
            arguments, preexec_fn=connect, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(replies)

    def message(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.replies, 1 << 20)
            if not piece:
                sys.exit("Chromium has ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            reply = self.message()
            if reply.get("id") == self.number:
                if "error" in reply:
                    sys.exit(f"{method}: {reply['error']}")
                return reply["result"]

    def evaluate(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def open(self, url):
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self.session = attached["sessionId"]
        self.call("Page.navigate", url=url)

    def picture(self):
        """Returns where the largest picture is, once it has come and has its own size."""
        script = """(() => {
            const images = [...document.images].filter(i => i.naturalWidth > 0 && i.width === i.naturalWidth);
            images.sort((a, b) => b.width * b.height - a.width * a.height);
            if (!images.length) return null;
            const at = images[0].getBoundingClientRect();
            return {x: at.x, y: at.y, width: at.width, height: at.height, scale: 1};
        })()"""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            place = self.evaluate(script)
            if place:
                return place
            time.sleep(0.05)
        sys.exit("no picture has come: " + str(self.evaluate("document.documentElement.outerHTML")))

    def screenshot(self, place):
        data = self.call("Page.captureScreenshot", format="png", clip=place)["data"]
        return cv2.imdecode(numpy.frombuffer(base64.b64decode(data), numpy.uint8), cv2.IMREAD_COLOR)


def frames(path):
    """Yields the pictures of a file. What is cut at its end is left out."""
    data = open(path, "rb").read()
    at = 0
    while (end := data.find(b"\xff\xd9", at)) >= 0:
        yield cv2.imdecode(numpy.frombuffer(data[at : end + 2], numpy.uint8), cv2.IMREAD_COLOR)
        at = end + 2


def most_like(picture, path):
    best = {"frame": -1, "psnr": -1.0}
    for number, frame in enumerate(frames(path)):
        if frame.shape != picture.shape:
            sys.exit(f"the picture is {picture.shape}, and a frame {frame.shape}")
        psnr = cv2.PSNR(picture, frame)
        if psnr > best["psnr"]:
            best = {"frame": number, "psnr": psnr}
    return best


def main():
    url, source = sys.argv[1:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        chromium = Chromium(profile)
        try:
            chromium.open(url)
            place = chromium.picture()
            pictures = [chromium.screenshot(place)]
            time.sleep(1)
            pictures.append(chromium.screenshot(place))
        finally:
            chromium.process.terminate()
            chromium.process.wait()
        for picture in pictures:
            print(json.dumps(most_like(picture, source)))


main()
