import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packagePath } from '../src/files/packagePath.ts';
import { encodeModel } from '../src/onnx/modelFile.ts';
import { allowedIds } from '../src/policy/families/pi0-fast/actionTokens.ts';
import type { FastConfig } from '../src/policy/families/pi0-fast/config.ts';
import { sampleGraph, weightShapes } from '../src/policy/families/pi0-fast/graphs.ts';
import { MINI } from '../src/policy/families/pi0-fast/mini.ts';
import { randomTensors } from '../src/policy/paligemma/randomWeights.ts';
import { externalWeights } from '../src/policy/paligemma/weights.ts';
import { Tensor, openModel, sessionConfigSchema } from '../src/session/session.ts';
import { readSafetensorsHeader, writeSafetensors } from '../src/tensors/safetensors.ts';
import { GOLDEN_CONFIG, GOLDEN_FAST } from '../test/policy/goldenFast.ts';
import { type Row, median, timeRuns } from './row.ts';

const THREADS = 2;
const [RUNS, ROUNDS] = [20, 5];
/** Tokens of a prompt with 14 joints, a byte each, and codes of a chunk. */
const [PROMPT, CODES] = [80, 40];
const CAMERAS = MINI.cameras.length;
/** Of these lengths in a mini policy's vocabulary. */
const MARKS = { lead: [65, 99, 116, 105, 111, 110, 58, 32], ends: [124, 1] };
/** Noise that decides which code is taken, so that no chunk ends early. */
const CERTAIN = 1e6;

/** Times chunks in ONNX Runtime, a median of each round. */
async function openNalu(config: FastConfig, weights: string, folder: string) {
  const source = externalWeights(await readSafetensorsHeader(weights), weights, weights);
  const model = encodeModel(sampleGraph(config, source, 'bytes', MARKS));
  const session = await openModel(model, sessionConfigSchema.parse({ threads: THREADS }), folder);
  const side = config.vision.imageSize;
  const images = new Uint8Array(CAMERAS * side * side * 3).fill(99);
  const width = allowedIds(config, MARKS).length;
  const noise = new Float32Array(CODES * width);
  for (let step = 0; step < CODES; step++) noise[step * width + 7 * step] = CERTAIN;
  const feeds = {
    images: new Tensor('uint8', images, [1, CAMERAS, side, side, 3]),
    tokens: new Tensor('int64', new BigInt64Array(PROMPT).fill(9n), [1, PROMPT]),
    noise: new Tensor('float32', noise, [CODES, width]),
  };
  return {
    round: async () => median(await timeRuns(RUNS, () => session.run(feeds, ['written']))),
    release: () => session.release(),
  };
}

/** The same in PyTorch; undefined where it is not installed or does not write the golden tokens. */
function openPytorch(folder: string) {
  const environment = { env: { ...process.env, OMP_NUM_THREADS: String(THREADS) } };
  const script = packagePath('bench/pytorch_pi0_fast.py');
  const run = (...args: string[]) =>
    promisify(execFile)('python3', [script, ...args], environment).then(
      ({ stdout }) => stdout,
      () => undefined,
    );
  const describe = async (name: string, { vision, language }: FastConfig) => {
    const path = join(folder, name);
    await writeFile(path, JSON.stringify({ vision, language, cameras: CAMERAS, prompt: PROMPT }));
    return path;
  };
  return {
    async isRight() {
      const config = await describe('golden.json', GOLDEN_CONFIG);
      const weights = join(GOLDEN_FAST, 'model.safetensors');
      return (await run(config, weights, '--golden', GOLDEN_FAST)) !== undefined;
    },
    async round(config: FastConfig, weights: string) {
      const tokens = String(MARKS.lead.length + CODES);
      const said = await run(await describe('mini.json', config), weights, '--tokens', tokens);
      return (JSON.parse(said!) as { ms: number }).ms;
    },
  };
}

/** A chunk of a small π0-FAST beside PyTorch, in turns. */
export async function benchPi0Fast(): Promise<Row[]> {
  const config = MINI.architecture;
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    const weights = join(folder, 'model.safetensors');
    await writeSafetensors(weights, randomTensors(weightShapes(config), 0));
    const nalu = await openNalu(config, weights, folder);
    const pytorch = openPytorch(folder);
    const isThere = await pytorch.isRight();
    const [own, theirs]: number[][] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      own.push(await nalu.round());
      if (isThere) theirs.push(await pytorch.round(config, weights));
    }
    await nalu.release();
    const name = `a chunk of ${CODES} codes of a small π0-FAST, ${THREADS} threads`;
    const row: Row = { name, value: median(own), unit: 'ms' };
    if (!isThere) return [{ ...row, note: 'no PyTorch here: nothing to compare with' }];
    const ratio = median(theirs.map((time, round) => time / own[round]));
    return [
      row,
      { name: 'PyTorch eager', value: median(theirs), unit: 'ms' },
      { name: '  against it', value: ratio, unit: '× as fast', target: 2, better: 'more' },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
