import { spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { elementCount } from '../src/onnx/dim.ts';
import { writeModel } from '../src/onnx/modelFile.ts';
import {
  type TensorSource,
  readSafetensorsHeader,
  writeSafetensors,
} from '../src/tensors/safetensors.ts';
import { openSession, sessionConfigSchema } from '../src/session/session.ts';
import { loadBundle, writeBundle } from '../src/policy/bundle/bundle.ts';
import type { Pi0Config } from '../src/policy/families/pi0/config.ts';
import { randomWeights } from '../src/policy/families/pi0/randomWeights.ts';
import { gaussianNoise } from '../src/tensors/noise.ts';
import { integrationTensor } from '../src/policy/integrationTensor.ts';
import { sampleGraph } from '../src/policy/families/pi0/graphs.ts';
import { tinyFiles } from '../src/policy/paligemma/tokenizer.ts';
import { convertedWeights } from '../src/policy/paligemma/convert.ts';
import { externalWeights } from '../src/policy/paligemma/weights.ts';
import { weightShapes } from '../src/policy/families/pi0/weights.ts';
import { openWorkerPolicy } from '../src/policy/worker/workerPolicy.ts';
import { tinyBundle } from '../test/learning/tiny.ts';
import { goldenConfig } from '../test/policy/golden.ts';
import { type Row, median, timeRuns } from './row.ts';

const THREADS = 2;
const SESSION = sessionConfigSchema.parse({ threads: THREADS });
const ROOT = join(import.meta.dirname, '../..');
const RUNS = 20;
const ROUNDS = 5;

/** What a chunk of a bundle costs outside ONNX Runtime's own call: images of this size, copies, transforms. */
async function overheadRows(
  what: string,
  folder: string,
  width: number,
  height: number,
  limits: { ms?: number; share: number },
): Promise<Row[]> {
  const policy = await openWorkerPolicy(await loadBundle(folder), SESSION, { join: 'swap' });
  const pixels = new Uint8Array(width * height * 3).fill(128);
  const frames = policy.cameras.map((camera) => ({
    ...{ camera, stamp: 0n, width, height },
    pixels: () => Promise.resolve(pixels),
  }));
  const joints = { stamp: 0n, position: new Float64Array(14) };
  const totals: number[] = [];
  const overheads: number[] = [];
  for (let seed = 0; seed < 2 * RUNS; seed++) {
    const { timing } = await policy.sample({ joints, frames, prompt: 'Transfer cube' }, { seed });
    totals.push(timing.total);
    overheads.push(timing.total - timing.run);
  }
  await policy.close();
  const [total, overhead] = [median(totals), median(overheads)];
  return [
    { name: `chunk of ${what}, ${width}×${height}`, value: total, unit: 'ms' },
    {
      name: '  of it outside ONNX Runtime',
      value: overhead,
      unit: 'ms',
      target: limits.ms,
      better: 'less',
    },
    {
      name: '  as a share',
      value: (100 * overhead) / total,
      unit: '%',
      target: limits.share,
      better: 'less',
    },
  ];
}

/** The same at the middle size: cameras that are scaled down, and such as need not be. */
async function midOverheadRows(): Promise<Row[]> {
  const pi0 = { ...(await goldenConfig('mid_config.json')), stateDim: 14, actionDim: 14 };
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    const integration = { steps: STEPS, solver: 'euler' as const };
    const bundle = { ...tinyBundle, embodiment: 'aloha', integration, architecture: pi0 };
    await writeBundle(folder, bundle, tinyFiles(), randomWeights(pi0, 0));
    const side = pi0.vision.imageSize;
    const rows = (...size: [number, number]) =>
      overheadRows('the middle-sized bundle', folder, ...size, { share: 2 });
    return [...(await rows(side, side)), ...(await rows(640, 480))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const CAMERAS = 2;

/** Tokens of a usual prompt; the rest of `text` is padding, which Nalu leaves away. */
const PROMPT = 8;

const STEPS = 10;
/** Those of the shipped policies. */
const FEW = 2;
const euler = (steps: number) => integrationTensor({ steps, solver: 'euler' });

function midFeeds(side: number, text: number) {
  const noise = (seed: number, dims: number[]) =>
    new Tensor('float32', gaussianNoise(seed, elementCount(dims) as number), dims);
  return {
    images: noise(1, [1, CAMERAS, 3, side, side]),
    camera_mask: new Tensor('bool', new Uint8Array(CAMERAS).fill(1), [1, CAMERAS]),
    tokens: new Tensor('int64', new BigInt64Array(text).fill(5n), [1, text]),
    token_mask: new Tensor('bool', new Uint8Array(text).fill(1), [1, text]),
    state: noise(2, [1, 32]),
    noise: noise(3, [1, 50, 32]),
    integration: euler(STEPS),
  };
}

interface PyTorchTimes {
  eagerMs: number;
  compiledMs: number;
}

/**
 * Times PyTorch on the same weights, eager and compiled (what was compiled once is kept in `folder`), and
 * exports its plain ONNX graph; undefined where it is not installed.
 */
function runPyTorch(folder: string, args: string[]): Promise<PyTorchTimes | undefined> {
  const threads = { OMP_NUM_THREADS: String(THREADS) };
  return new Promise((resolve) => {
    const child = spawn('python3', [join(ROOT, 'bench/pytorch_pi0.py'), '--compile', ...args], {
      env: { ...process.env, ...threads, TORCHINDUCTOR_CACHE_DIR: join(folder, 'compiled') },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => {
      const line = output.trim().split('\n').at(-1) ?? '';
      resolve(code === 0 ? (JSON.parse(line) as PyTorchTimes) : undefined);
    });
  });
}

/** Random weights. */
const weightsOf = (config: Pi0Config) =>
  [...weightShapes(config)].map(([name, shape], i) => {
    const fanIn = elementCount(shape.slice(1)) as number;
    const data = gaussianNoise([0, i], elementCount(shape) as number);
    return {
      name,
      shape: shape as number[],
      data: Float32Array.from(data, (value) => value / Math.sqrt(fanIn) / 2),
    };
  });

/** Opens the sampler on weights, written into `folder` beside its model. */
async function openOn(weights: readonly TensorSource[], config: Pi0Config, folder: string) {
  await mkdir(folder);
  const [path, model] = ['model.safetensors', 'sample.onnx'].map((name) => join(folder, name));
  await writeSafetensors(path, weights);
  const header = await readSafetensorsHeader(path);
  await writeModel(sampleGraph(config, externalWeights(header, path, model), 'floats'), model);
  return { path, header, session: await openSession(model, SESSION) };
}

/** The same middle-sized π0 in Nalu, in PyTorch and as PyTorch's own ONNX export. */
async function midRows(): Promise<Row[]> {
  const config = await goldenConfig('mid_config.json');
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    const floats = await openOn(weightsOf(config), config, join(folder, 'floats'));
    const inBytes = convertedWeights(weightShapes(config), floats.header, { prefixBits: 8 });
    const packed = await openOn(inBytes, config, join(folder, 'packed'));
    const nalu = floats.session;
    const side = config.vision.imageSize;
    const full = midFeeds(side, config.maxTokens);
    const usual = midFeeds(side, PROMPT);
    const plainModel = join(folder, 'plain.onnx');
    const configPath = join(ROOT, 'test/golden/mid_config.json');
    const arguments_ = ['--config', configPath, '--weights', floats.path];

    const times = {
      full: [] as number[],
      usual: [] as number[],
      plain: [] as number[],
      torch: [] as number[],
      compiled: [] as number[],
      half: [] as number[],
      few: [] as number[],
      packed: [] as number[],
    };
    // Each round times all of them, so that a busy moment of the machine meets them alike.
    for (let round = 0; round < ROUNDS; round++) {
      times.full.push(await timeOnce(nalu, full));
      times.half.push(await timeOnce(nalu, { ...full, integration: euler(STEPS / 2) }));
      times.few.push(await timeOnce(nalu, { ...full, integration: euler(FEW) }));
      times.packed.push(await timeOnce(packed.session, { ...full, integration: euler(FEW) }));
      times.usual.push(await timeOnce(nalu, usual));
      const exporting = round === 0 ? ['--export', plainModel] : [];
      const torch = await runPyTorch(folder, [...arguments_, ...exporting]);
      if (!torch) break;
      times.torch.push(torch.eagerMs);
      times.compiled.push(torch.compiledMs);
      if (await exists(plainModel)) {
        const plain = await openSession(plainModel, SESSION);
        times.plain.push(await timeOnce(plain, full));
        await plain.release();
      }
    }
    await nalu.release();
    await packed.session.release();
    return compare(times, config.maxTokens);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Gives a session those of the feeds that it takes. */
async function timeOnce(session: InferenceSession, feeds: Record<string, Tensor>): Promise<number> {
  const wanted = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]]));
  return median(await timeRuns(RUNS, () => session.run(wanted)));
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

function compare(
  times: Record<
    'full' | 'half' | 'few' | 'packed' | 'usual' | 'plain' | 'torch' | 'compiled',
    number[]
  >,
  maxTokens: number,
): Row[] {
  const [full, usual] = [median(times.full), median(times.usual)];
  const chunk = { name: `chunk at the middle size, ${maxTokens} tokens`, value: full, unit: 'ms' };
  // Half the steps less is half their time less: what is left is the prefix's and the state's.
  const share = (100 * (2 * (full - median(times.half)))) / full;
  const shares: Row[] = [
    { name: `  of it the ${STEPS} steps`, value: share, unit: '%' },
    { name: '  of it cameras, prompt and state', value: 100 - share, unit: '%' },
  ];
  if (times.torch.length === 0) {
    return [{ ...chunk, note: 'no PyTorch here: nothing to compare with' }, ...shares];
  }
  /** Median of the rounds' own ratios: what slows the machine for a while slows both sides of one. */
  const ratio = (name: string, of: number[], to: number[], target: number): Row => {
    const value = median(of.map((time, round) => time / to[round]));
    return { name: `  ${name}`, value, unit: '×', target, better: 'more' };
  };
  const eager = median(times.torch);
  const rows: Row[] = [
    chunk,
    ...shares,
    { name: `  with ${PROMPT} tokens, the padding left away`, value: usual, unit: 'ms' },
    { name: 'PyTorch eager', value: eager, unit: 'ms' },
    ratio('Nalu times as fast, all tokens real', times.torch, times.full, 3),
    ratio(`Nalu times as fast, ${PROMPT} of ${maxTokens} real`, times.torch, times.usual, 3),
    ratio(`Nalu at ${FEW} steps times as fast`, times.torch, times.few, 6),
    ratio('  and a prefix of 8 bits', times.torch, times.packed, 6),
    { name: 'PyTorch compiled', value: median(times.compiled), unit: 'ms' },
    ratio('Nalu times as fast, all tokens real', times.compiled, times.full, 2.4),
    ratio(`Nalu times as fast, ${PROMPT} of ${maxTokens} real`, times.compiled, times.usual, 2.4),
  ];
  if (times.plain.length === 0) return rows;
  const plain = median(times.plain);
  return [
    ...rows,
    { name: 'plain ONNX export', value: plain, unit: 'ms' },
    ratio('Nalu times as fast, all tokens real', times.plain, times.full, 1),
  ];
}

export async function benchSampling(): Promise<Row[]> {
  const shipped = join(ROOT, 'models/aloha-mini');
  return [
    ...(await overheadRows('the shipped bundle', shipped, 96, 96, { ms: 1, share: 10 })),
    ...(await midOverheadRows()),
    ...(await midRows()),
  ];
}
