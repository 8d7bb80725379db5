#!/usr/bin/env bash
# @napi-rs/webcodecs 1.3.1 (Node.js 20)
#
# One would expect: encode(frame, { keyFrame: true }) makes that frame a key frame, whatever the codec, and the
#   frame after it, encoded without, is an ordinary one.
# Behaviour: H.264 and VP9 do so. AV1 makes a key frame of the frame after as well, so that a key frame every second
#   frame, LeRobot's layout, stores every frame whole. H.265 ignores the option after the first frame.
# Seen (k is a key frame): asked for k--k--k--, H.264 k--k--k--, VP9 k--k--k--, AV1 kk-kk-kk-, H.265 k--------
# Exits with 1 once AV1 or H.265 gives the key frames asked for.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @napi-rs/webcodecs@1.3.1
cat >run.mjs <<'JS'
import { VideoEncoder, VideoFrame } from '@napi-rs/webcodecs';

const codecs = {
  'H.264': 'avc1.42001E',
  VP9: 'vp09.00.10.08',
  AV1: 'av01.0.04M.08',
  'H.265': 'hvc1.1.6.L93.B0',
};
const size = 64;

async function keysOf(codec) {
  let keys = '';
  const encoder = new VideoEncoder({
    output: ({ type }) => (keys += type === 'key' ? 'k' : '-'),
    error: (error) => {
      throw error;
    },
  });
  encoder.configure({
    ...{ codec, width: size, height: size, framerate: 30, bitrate: 1e6 },
    hardwareAcceleration: 'prefer-software',
  });
  for (let i = 0; i < 9; i++) {
    const frame = new VideoFrame(new Uint8Array(size * size * 4).fill(20 + 10 * i), {
      ...{ format: 'RGBX', codedWidth: size, codedHeight: size },
      timestamp: Math.round((i * 1e6) / 30),
    });
    encoder.encode(frame, { keyFrame: i % 3 === 0 });
    frame.close();
  }
  await encoder.flush();
  encoder.close();
  return keys;
}

const found = {};
for (const [name, codec] of Object.entries(codecs)) found[name] = await keysOf(codec);
const line = Object.entries(found).map(([name, keys]) => `${name} ${keys}`);
console.log(`asked for k--k--k--, ${line.join(', ')}`);
const sound = found['H.264'] === 'k--k--k--' && found.VP9 === 'k--k--k--';
process.exit(sound && found.AV1 === 'kk-kk-kk-' && found['H.265'] === 'k--------' ? 0 : 1);
JS
node run.mjs
