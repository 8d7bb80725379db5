#!/usr/bin/env bash
# av 18.1.0 (PyAV: FFmpeg, libx264; Python 3)
#
# One would expect: RGB frames that are given to a stream whose colorspace is BT.709 are converted to BT.709: PyAV makes
#   YUV of them itself.
# Behaviour: they are converted by BT.601 and labelled BT.709. Whoever reads the file by its label, PyAV too, sees other
#   colours: green loses 40 levels. Without the label the same file is read right; it needs
#   `frame.reformat(dst_colorspace=…)` before it is encoded.
# Seen: green without a label 0 254 0, with the stream's colorspace 0 215 0, reformatted 0 254 0
# Exits with 1 once the stream's colorspace is used for the conversion.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cat >run.py <<'PY'
import sys

import av
import numpy as np
from av.video.reformatter import Colorspace

BT709 = 1
green = np.zeros((64, 64, 3), np.uint8)
green[:, :, 1] = 255


def read_back(is_labelled, is_reformatted):
    with av.open("video.mp4", "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"qp": "0"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        if is_labelled:
            stream.codec_context.colorspace = BT709
        frame = av.VideoFrame.from_ndarray(green, format="rgb24")
        if is_reformatted:
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with av.open("video.mp4") as file:
        frame = next(file.decode(video=0))
        assert (frame.colorspace == BT709) == is_labelled
        return " ".join(map(str, frame.to_ndarray(format="rgb24")[0, 0]))


plain, labelled, reformatted = read_back(False, False), read_back(True, False), read_back(True, True)
print(f"green without a label {plain}, with the stream's colorspace {labelled}, reformatted {reformatted}")
sys.exit(0 if plain == reformatted == "0 254 0" and labelled == "0 215 0" else 1)
PY
env/bin/python run.py
