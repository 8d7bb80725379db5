#!/usr/bin/env bash
# onnxruntime-node 1.30.0 (Node.js 20)
#
# One would expect: session.run gives a promise, so timers go on while the model runs on ONNX Runtime's threads.
# Behaviour: the promise comes back at once, then the whole inference runs on the thread that asked. A 50 Hz timer
#   beside it does not fire until it is done, whatever intraOpNumThreads is.
# Seen: run returned a promise after 4 ms; the product took 560 ms, in which a timer of 10 ms fired 0 times
# Exits with 1 once timers fire while a model runs.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . onnxruntime-node@1.30.0
cat >run.mjs <<'JS'
import ort from 'onnxruntime-node';

// One MatMul of two inputs of any size, as protobuf.
const field = (number, bytes) => [(number << 3) | 2, ...length(bytes.length), ...bytes];
const length = (n) => (n < 128 ? [n] : [(n & 127) | 128, n >> 7]);
const int = (number, value) => [number << 3, value];
const text = (number, value) => field(number, [...Buffer.from(value)]);
const dim = (name) => field(1, text(2, name));
const matrix = (name) => [
  ...text(1, name),
  ...field(2, field(1, [...int(1, 1), ...field(2, [...dim('rows'), ...dim('columns')])])),
];
const node = [...text(1, 'a'), ...text(1, 'b'), ...text(2, 'c'), ...text(4, 'MatMul')];
const graph = [
  ...field(1, node),
  ...text(2, 'graph'),
  ...field(11, matrix('a')),
  ...field(11, matrix('b')),
  ...field(12, matrix('c')),
];
const model = Uint8Array.from([...int(1, 8), ...field(7, graph), ...field(8, int(2, 17))]);

const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
const side = 3000;
const square = () => new ort.Tensor('float32', new Float32Array(side * side), [side, side]);
let fired = 0;
const timer = setInterval(() => fired++, 10);
const began = performance.now();
const promise = session.run({ a: square(), b: square() });
const returned = performance.now() - began;
await promise;
const took = performance.now() - began;
clearInterval(timer);
console.log(
  `run returned a promise after ${returned.toFixed(0)} ms; the product took ${took.toFixed(0)} ms, in which a timer of 10 ms fired ${fired} times`,
);
process.exit(took > 100 && fired < 3 ? 0 : 1);
JS
node run.mjs
