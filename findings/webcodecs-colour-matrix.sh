#!/usr/bin/env bash
# @napi-rs/webcodecs 1.3.1 (Node.js 20) on H.264 by PyAV 18.1.0 (FFmpeg, libx264)
#
# One would expect: copyTo with format RGBA converts a frame by the frame's own colorSpace, as WebCodecs says.
# Behaviour: the frame's colorSpace is right (bt709, or full range), and copyTo converts by BT.601 in limited range
#   whatever it says. A red in BT.709, as most cameras write in high definition, loses 22 levels. PyAV reads the same
#   files as they were meant.
# Seen: bt601 PyAV 253 0 0, copyTo 253 0 0; bt709 PyAV 254 0 0, copyTo 232 0 1;
#   bt709 full range PyAV 254 0 0, copyTo 246 0 0
# Exits with 1 once copyTo follows colorSpace.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @napi-rs/webcodecs@1.3.1
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
# Pure red in three encodings: colour space and range by FFmpeg's numbers, then Y, Cb, Cr.
cat >video.py <<'PY'
import av

for name, space, extent, levels in [
    ("bt601", 6, 1, (81, 90, 240)),
    ("bt709", 1, 1, (63, 102, 240)),
    ("bt709 full range", 1, 2, (54, 99, 255)),
]:
    with av.open(f"{name}.mp4", "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"qp": "0"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace = space
        stream.codec_context.color_range = extent
        frame = av.VideoFrame(64, 64, "yuv420p")
        frame.colorspace = space
        frame.color_range = extent
        for plane, level in zip(frame.planes, levels):
            plane.update(bytes([level]) * plane.buffer_size)
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with av.open(f"{name}.mp4") as file:
        print(*next(file.decode(video=0)).to_ndarray(format="rgb24")[0, 0])
PY
cat >run.mjs <<'JS'
import { Mp4Demuxer, VideoDecoder } from '@napi-rs/webcodecs';

const fail = (error) => {
  throw error;
};

async function firstPixel(path) {
  const frames = [];
  const decoder = new VideoDecoder({ output: (frame) => frames.push(frame), error: fail });
  const chunks = [];
  const demuxer = new Mp4Demuxer({ videoOutput: (chunk) => chunks.push(chunk), error: fail });
  await demuxer.load(path);
  decoder.configure(demuxer.videoDecoderConfig);
  await demuxer.demuxAsync();
  for (const chunk of chunks) decoder.decode(chunk);
  await decoder.flush();
  const [frame] = frames;
  const { matrix, fullRange } = frame.colorSpace;
  const rgba = new Uint8Array(frame.allocationSize({ format: 'RGBA' }));
  await frame.copyTo(rgba, { format: 'RGBA' });
  return { tag: `${matrix} ${fullRange}`, rgb: rgba.slice(0, 3).join(' ') };
}

const reference = process.argv[2].split('\n');
const names = ['bt601', 'bt709', 'bt709 full range'];
const found = [];
for (const name of names) found.push(await firstPixel(`${name}.mp4`));
console.log(names.map((name, i) => `${name} PyAV ${reference[i]}, copyTo ${found[i].rgb}`).join('; '));
const isTold = found[1].tag === 'bt709 false' && found[2].tag === 'bt709 true';
const asSeen = found.map(({ rgb }) => rgb).join() === '253 0 0,232 0 1,246 0 0';
process.exit(isTold && asSeen && reference.every((rgb) => Number(rgb.split(' ')[0]) > 252) ? 0 : 1);
JS
pixels=$(python/bin/python video.py)
node run.mjs "$pixels"
