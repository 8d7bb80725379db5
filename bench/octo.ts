import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { elementCount } from '../src/onnx/dim.ts';
import { encodeModel } from '../src/onnx/modelFile.ts';
import { type OctoConfig, patchesOf } from '../src/policy/families/octo/config.ts';
import { sampleGraph, weightShapes } from '../src/policy/families/octo/graphs.ts';
import { externalWeights } from '../src/policy/paligemma/weights.ts';
import { openModel, sessionConfigSchema } from '../src/session/session.ts';
import { gaussianNoise } from '../src/tensors/noise.ts';
import { readShardedHeader } from '../src/tensors/shards.ts';
import { writeSafetensors } from '../src/tensors/safetensors.ts';
import { goldenOcto } from '../test/policy/goldenOcto.ts';
import { type Row, median, timeRuns } from './row.ts';

const THREADS = 2;
const SESSION = sessionConfigSchema.parse({ threads: THREADS });
const RUNS = 20;
const ROUNDS = 5;
const TARGET = 1.5;
const SCRIPT = join(import.meta.dirname, '../../bench/pytorch_octo.py');

/** Dimensions of octo-small-1.5, from those of a tiny one. T5, which runs once an instruction, is left out. */
function smallConfig(tiny: OctoConfig): OctoConfig {
  const channels = [32, 96, 192, 384];
  return {
    ...tiny,
    images: tiny.images.map((image, i) => ({
      ...image,
      imageSize: i === 0 ? 256 : 128,
      features: 512,
      convolutions: image.convolutions.map((one, layer) => ({ ...one, channels: channels[layer] })),
    })),
    language: { ...tiny.language!, width: 768, encoder: undefined },
    ...{ width: 384, depth: 12, mlp: 1536, heads: 6, maxWindow: 10 },
    head: { ...tiny.head, timeDim: 32, width: 256 },
    horizon: 4,
  };
}

/** Weights with which numbers neither vanish nor grow: products by their inputs, all else near its start. */
async function writeWeights(folder: string, config: OctoConfig): Promise<void> {
  const tensors = [...weightShapes(config)].map(([name, symbolic], i) => {
    const shape = symbolic as number[];
    const isKernel = name.endsWith('/kernel');
    const fanIn = elementCount(name.endsWith('/out/kernel') ? shape.slice(0, 2) : shape.slice(0, shape.length === 3 ? 1 : -1)) as number; // prettier-ignore
    const noise = gaussianNoise([0, i], elementCount(shape) as number);
    const [size, middle] = isKernel ? [1 / Math.sqrt(fanIn), 0] : [0.02, name.endsWith('/scale') ? 1 : 0]; // prettier-ignore
    return { name, shape, data: noise.map((value) => middle + size * value) };
  });
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
}

/** Milliseconds of a chunk by PyTorch; undefined where it is not installed. */
function runPyTorch(folder: string, config: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const env = { ...process.env, OMP_NUM_THREADS: String(THREADS) };
    const child = spawn('python3', [SCRIPT, folder, '--config', config, '--runs', String(RUNS)], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.on('error', () => resolve(undefined));
    child.on('close', (code) =>
      resolve(code === 0 ? (JSON.parse(output) as { eagerMs: number }).eagerMs : undefined),
    );
  });
}

/** One step, seen by all cameras, with an instruction. */
function feedsOf(inputNames: readonly string[], config: OctoConfig): Record<string, Tensor> {
  const flat = config.horizon * config.actionDim;
  const language = config.language!;
  const floats = (seed: number, dims: number[]) =>
    new Tensor('float32', gaussianNoise(seed, elementCount(dims) as number), dims);
  const yes = (dims: number[]) => new Tensor('bool', Uint8Array.of(1), dims);
  const feeds: Record<string, Tensor> = {
    steps: yes([1, 1]),
    instructed: yes([1]),
    language: floats(1, [1, language.tokens, language.width]),
    noise: floats(2, [1, flat]),
    draws: floats(3, [config.head.steps, 1, flat]),
  };
  for (const { name, imageSize: side } of config.images) {
    const bytes = () => new Uint8Array(side * side * 3).fill(90);
    feeds[`image.${name}`] = new Tensor('uint8', bytes(), [1, 1, side, side, 3]);
    feeds[`goal.${name}`] = new Tensor('uint8', bytes(), [1, side, side, 3]);
    feeds[`seen.${name}`] = yes([1, 1]);
  }
  return Object.fromEntries(inputNames.map((name) => [name, feeds[name]]));
}

/** A chunk of an Octo in Nalu and in PyTorch, turn by turn, so that a busy moment meets both alike. */
async function rowsOf(what: string, config: OctoConfig): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    await writeWeights(folder, config);
    const configPath = join(folder, 'architecture.json');
    await writeFile(configPath, JSON.stringify(config));
    const path = join(folder, 'model.safetensors');
    const source = externalWeights(await readShardedHeader(path), path, path);
    const session = await openModel(encodeModel(sampleGraph(config, source)), SESSION, folder);
    const feeds = feedsOf(session.inputNames, config);
    const [own, torch]: number[][] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      own.push(median(await timeRuns(RUNS, () => session.run(feeds))));
      const eager = await runPyTorch(folder, configPath);
      if (eager === undefined) break;
      torch.push(eager);
    }
    await session.release();
    const tokens = config.images.reduce((sum, image) => sum + patchesOf(image), 0);
    const chunk = { name: `chunk of ${what}, ${tokens} patches`, value: median(own), unit: 'ms' };
    if (torch.length === 0) return [{ ...chunk, note: 'no PyTorch here: nothing to compare with' }];
    return [
      chunk,
      { name: '  PyTorch eager', value: median(torch), unit: 'ms' },
      {
        name: '  Nalu times as fast',
        value: median(torch.map((time, round) => time / own[round])),
        unit: '×',
        target: TARGET,
        better: 'more',
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function benchOcto(): Promise<Row[]> {
  const tiny = await goldenOcto();
  return [
    ...(await rowsOf('a tiny Octo', tiny)),
    ...(await rowsOf('an Octo of the small size', smallConfig(tiny))),
  ];
}
