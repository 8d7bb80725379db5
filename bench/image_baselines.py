"""What a policy's images are made of in Python: the yardstick of bench/images.ts.

Needs numpy, Pillow and OpenCV. For each line of input it scales four random RGB images of 640 x 480 to
fit 224 x 224, aspect kept, centred on black, into one uint8 array [4, 224, 224, 3], with each library in
turn, and prints one line of JSON: milliseconds for all four. OpenCV has no filter like Pillow's
bilinear, which averages all pixels as it shrinks; INTER_AREA is the nearest to it (opencv), while
INTER_LINEAR looks at four pixels and passes the others over (opencvLinear).
"""

import json
import sys
import time

import cv2
import numpy as np
from PIL import Image

CAMERAS, WIDTH, HEIGHT, SIDE = 4, 640, 480, 224
RATIO = max(WIDTH, HEIGHT) / SIDE
COLUMNS, ROWS = int(WIDTH / RATIO), int(HEIGHT / RATIO)
LEFT, TOP = (SIDE - COLUMNS) // 2, (SIDE - ROWS) // 2


def pillow(image):
    scaled = Image.fromarray(image).resize((COLUMNS, ROWS), Image.Resampling.BILINEAR)
    square = Image.new("RGB", (SIDE, SIDE), 0)
    square.paste(scaled, (LEFT, TOP))
    return np.asarray(square)


def opencv(interpolation):
    def scale(image):
        square = np.zeros((SIDE, SIDE, 3), np.uint8)
        square[TOP : TOP + ROWS, LEFT : LEFT + COLUMNS] = cv2.resize(
            image, (COLUMNS, ROWS), interpolation=interpolation
        )
        return square

    return scale


def milliseconds(scale, images, target):
    began = time.perf_counter()
    for i, image in enumerate(images):
        target[i] = scale(image)
    return 1e3 * (time.perf_counter() - began)


METHODS = {
    "pillow": pillow,
    "opencv": opencv(cv2.INTER_AREA),
    "opencvLinear": opencv(cv2.INTER_LINEAR),
}
images = np.random.default_rng(0).integers(0, 256, (CAMERAS, HEIGHT, WIDTH, 3), np.uint8)
target = np.empty((CAMERAS, SIDE, SIDE, 3), np.uint8)
for _ in sys.stdin:
    print(json.dumps({name: milliseconds(f, images, target) for name, f in METHODS.items()}), flush=True)
