#!/usr/bin/env bash
# @napi-rs/webcodecs 1.3.1 (Node.js 20) on H.264 that PyAV 18.1.0 (FFmpeg, libx264) encodes
#
# One would expect: a decoded frame carries the timestamp of the chunk that it was decoded from, as WebCodecs says.
# Behaviour: with B-frames, packets lie in the file in another order than the frames are shown. VideoDecoder gives
#   the frames in the order in which they are shown, with the packets' timestamps in the order of the file: most
#   frames carry another one's. PyAV reads each frame of the same file with its own. libx264 writes
#   B-frames by default.
# Seen: frames 0 1 2 3 4 5 6 7 of the file: PyAV 0 1 2 3 4 5 6 7, packets 0 3 1 2 4 7 5 6, VideoDecoder 0 3 1 2 4 7 5 6
# Exits with 1 once frames carry their own timestamps.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @napi-rs/webcodecs@1.3.1
python3 -m venv python
python/bin/pip install -qqq av==18.1.0
# Frame i is an even grey of 20 + 20 i.
cat >video.py <<'PY'
import av

with av.open("video.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=10)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    stream.options = {"x264-params": "bframes=2:b-adapt=0:b-pyramid=none"}
    for i in range(8):
        frame = av.VideoFrame(64, 64, "yuv420p")
        for plane, value in zip(frame.planes, (20 + 20 * i, 128, 128)):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts = i
        file.mux(stream.encode(frame))
    file.mux(stream.encode())

with av.open("video.mp4") as file:
    times = {}
    for frame in file.decode(video=0):
        times[round((bytes(frame.planes[0])[0] - 20) / 20)] = round(float(frame.time) * 10)
    print(*(times[i] for i in range(8)))
PY
cat >run.mjs <<'JS'
import { Mp4Demuxer, VideoDecoder } from '@napi-rs/webcodecs';

const fail = (error) => {
  throw error;
};
const frames = [];
const decoder = new VideoDecoder({ output: (frame) => frames.push(frame), error: fail });
const chunks = [];
const demuxer = new Mp4Demuxer({ videoOutput: (chunk) => chunks.push(chunk), error: fail });
await demuxer.load('video.mp4');
decoder.configure(demuxer.videoDecoderConfig);
await demuxer.demuxAsync();
for (const chunk of chunks) decoder.decode(chunk);
await decoder.flush();

const count = ({ timestamp }) => Math.round(timestamp / 100_000);
const times = [];
for (const frame of frames) {
  const pixels = new Uint8Array(frame.allocationSize());
  await frame.copyTo(pixels);
  times[Math.round((pixels[0] - 20) / 20)] = count(frame);
}
const decoded = times.join(' ');
const packets = chunks.map(count).join(' ');
const own = '0 1 2 3 4 5 6 7';
const reference = process.argv[2];
console.log(`frames ${own} of the file: PyAV ${reference}, packets ${packets}, VideoDecoder ${decoded}`);
process.exit(reference === own && packets !== own && decoded === packets ? 0 : 1);
JS
times=$(python/bin/python video.py)
node run.mjs "$times"
