import { learnablePi0 } from '../src/policy/families/pi0/learnable.ts';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { flowMatchingGraph } from '../src/learning/imitation/lossGraph.ts';
import { elementCount } from '../src/onnx/dim.ts';
import { Graph } from '../src/onnx/graph.ts';
import { encodeModel, writeModel } from '../src/onnx/modelFile.ts';
import { matmul } from '../src/onnx/products.ts';
import { writeSafetensors } from '../src/tensors/safetensors.ts';
import { openModel, sessionConfigSchema } from '../src/session/session.ts';
import { gaussianNoise } from '../src/tensors/noise.ts';
import { type Pi0Config } from '../src/policy/families/pi0/config.ts';
import { tokensPerImage } from '../src/policy/paligemma/config.ts';
import { trainableParameters } from '../src/policy/families/pi0/trainable.ts';
import { goldenConfig } from '../test/policy/golden.ts';
import { matrixOperations } from './flops.ts';
import { type Row, median, timeRuns } from './row.ts';

const ROOT = join(import.meta.dirname, '../..');
const THREADS = 2;
const ROUNDS = 5;
const RUNS = 5;
const BATCH = 16;
const BATCHES = [8, BATCH, 32, 64];
const CAMERAS = 2;
const DIMS = 14;
const TRAINABLE = { parameters: 'expert' } as const;

/** What either side reports of its steps; memory in MiB. */
interface Step {
  ms: number;
  loss: number;
  norm: number;
  /** Largest resident memory of the process while it steps. */
  peak: number;
  /** That over what it held before weights and inputs. */
  growth: number;
}

/** Runs a program and reads the JSON of its last line; undefined where it cannot run. */
function report(
  program: string,
  args: string[],
  stderr: 'inherit' | 'ignore',
): Promise<Step | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...process.env, OMP_NUM_THREADS: String(THREADS) },
      stdio: ['ignore', 'pipe', stderr],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => {
      const line = output.trim().split('\n').at(-1) ?? '';
      resolve(code === 0 ? (JSON.parse(line) as Step) : undefined);
    });
  });
}

async function runNalu(folder: string, batch: number): Promise<Step> {
  const program = join(import.meta.dirname, 'trainingStep.js');
  const args = [program, folder, ...[batch, RUNS, THREADS].map(String)];
  const step = await report(process.execPath, args, 'inherit');
  if (!step) throw new Error('the training step failed');
  return step;
}

/** PyTorch's step, its attention in separate operators or fused; undefined where it is not installed. */
function runPyTorch(folder: string, fused: boolean): Promise<Step | undefined> {
  const args = [
    join(ROOT, 'bench/pytorch_training.py'),
    ...['--config', join(ROOT, 'test/golden/mid_config.json'), '--folder', folder],
    ...['--batch', String(BATCH), '--runs', String(RUNS), '--threads', String(THREADS)],
    ...['--dims', String(DIMS), ...(fused ? ['--fused'] : [])],
  ];
  return report('python3', args, 'ignore');
}

const noise = (seed: number | [number, number], shape: number[]) => ({
  shape,
  data: gaussianNoise(seed, elementCount(shape) as number),
});

/** What learns, the same for both sides. */
function writeWeights(folder: string, config: Pi0Config): Promise<void> {
  const weights = trainableParameters(TRAINABLE, config).map(({ name, shape }, i) => {
    const scale = 1 / Math.sqrt(elementCount(shape.slice(1)) as number) / 2;
    return { name, shape, data: noise([0, i], shape).data.map((value) => value * scale) };
  });
  return writeSafetensors(join(folder, 'model.safetensors'), weights);
}

function writeInputs(folder: string, config: Pi0Config, batch: number): Promise<void> {
  const { depth, kvHeads, headDim } = config.expert;
  const { horizon, actionDim, stateDim } = config;
  const prefix = CAMERAS * tokensPerImage(config) + config.maxTokens;
  const kept = [batch, kvHeads, prefix, headDim];
  const cache = Array.from({ length: depth }, (_, i) => [
    { name: `keys.${i}`, ...noise(10 + i, kept) },
    { name: `values.${i}`, ...noise(50 + i, kept) },
  ]);
  const valid = new Uint8Array(batch * prefix).fill(1);
  const midpoint = (_: number, i: number) => (i + 0.5) / batch;
  return writeSafetensors(join(folder, `inputs.${batch}.safetensors`), [
    ...cache.flat(),
    { name: 'valid', shape: [batch, prefix], data: valid, dtype: 'BOOL' },
    { name: 'state', ...noise(1, [batch, stateDim]) },
    { name: 'actions', ...noise(2, [batch, horizon, actionDim]) },
    { name: 'noise', ...noise(3, [batch, horizon, actionDim]) },
    { name: 'mask', shape: [batch, horizon], data: new Float32Array(batch * horizon).fill(1) },
    { name: 'time', shape: [batch], data: new Float32Array(batch).map(midpoint) },
  ]);
}

/** What ONNX Runtime reaches in a large matrix product here, GFLOP/s. */
async function matrixPeak(): Promise<number> {
  const size = 1536;
  const graph = new Graph('peak');
  const [a, b] = ['a', 'b'].map((name) => graph.input(name, 'float32', [size, size]));
  graph.output('y', matmul(a, b));
  const options = sessionConfigSchema.parse({ threads: THREADS });
  const session = await openModel(encodeModel(graph), options);
  const matrix = new Tensor('float32', gaussianNoise(1, size * size), [size, size]);
  const times = await timeRuns(10, () => session.run({ a: matrix, b: matrix }));
  await session.release();
  return (2 * size ** 3) / median(times) / 1e6;
}

function assertAlike(nalu: Step, torch: Step): void {
  const off = (a: number, b: number) => Math.abs(a - b) / Math.abs(b);
  if (off(nalu.loss, torch.loss) < 1e-5 && off(nalu.norm, torch.norm) < 1e-4) return;
  throw new Error(
    `the steps differ: loss ${nalu.loss} and ${torch.loss}, gradient ${nalu.norm} and ${torch.norm}`,
  );
}

/** A training step of the expert (loss and gradients, prefix cached) beside PyTorch's. */
export async function benchTraining(): Promise<Row[]> {
  const config = await goldenConfig('mid_config.json');
  const graph = flowMatchingGraph({
    policy: learnablePi0(config),
    trainable: TRAINABLE,
    observation: 'cache',
    cameras: CAMERAS,
    text: config.maxTokens,
    masked: true,
    samples: 1,
    dims: DIMS,
  });
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    await writeModel(graph, join(folder, 'loss.onnx'));
    await writeWeights(folder, config);
    for (const batch of BATCHES) await writeInputs(folder, config, batch);
    const rounds: Round[] = [];
    // Each round times all of them, so that a busy moment of the machine meets them alike.
    for (let i = 0; i < ROUNDS; i++) {
      const plain = await runPyTorch(folder, false);
      const nalu = new Map<number, Step>();
      for (const batch of BATCHES) nalu.set(batch, await runNalu(folder, batch));
      const fused = plain && (await runPyTorch(folder, true));
      rounds.push({ nalu, plain, fused, peak: await matrixPeak() });
    }
    return [...naluRows(rounds, matrixOperations(graph, { batch: BATCH })), ...torchRows(rounds)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Round {
  nalu: Map<number, Step>;
  plain: Step | undefined;
  fused: Step | undefined;
  /** GFLOP/s of a large matrix product. */
  peak: number;
}

const row = (name: string, value: number, unit: string): Row => ({ name, value, unit });

function naluRows(rounds: Round[], operations: number): Row[] {
  const over = (figure: (at: (batch: number) => Step, round: Round) => number) =>
    median(rounds.map((round) => figure((batch) => round.nalu.get(batch)!, round)));
  const rate = (step: Step) => operations / step.ms / 1e6;
  const note = rounds[0].plain ? undefined : 'no PyTorch here: nothing to compare with';
  const times = BATCHES.map((batch) => over((at) => at(batch).ms));
  const perSample = over((at) => at(64).ms / 64 / (at(8).ms / 8));
  const rates = over((at) => rate(at(BATCH)));
  const share = over((at, { peak }) => (100 * rate(at(BATCH))) / peak);
  const peak = over((at) => at(BATCH).peak);
  const growth = over((at) => at(BATCH).growth);
  return [
    ...BATCHES.map((batch, i) => row(`training step, batch ${batch}`, times[i], 'ms')),
    { ...row('  a sample, batch 64 against 8', perSample, '×'), target: 1.15, better: 'less' },
    row(`  matrix products, batch ${BATCH}`, rates, 'GFLOP/s'),
    row('  of what a large product reaches', share, '%'),
    row(`  peak memory, batch ${BATCH}`, peak, 'MiB'),
    { ...row('  of it weights, inputs and step', growth, 'MiB'), note },
  ];
}

/** Compares with whichever of PyTorch's two forms is faster here, and with whichever is smaller. */
function torchRows(rounds: Round[]): Row[] {
  const pairs = (form: 'plain' | 'fused') =>
    rounds.flatMap(({ nalu, [form]: torch }) => (torch ? [{ nalu: nalu.get(BATCH)!, torch }] : []));
  const [plain, fused] = [pairs('plain'), pairs('fused')];
  if (plain.length === 0 || fused.length === 0) return [];
  for (const { nalu, torch } of [...plain, ...fused]) assertAlike(nalu, torch);
  const over = (of: typeof plain, figure: (pair: (typeof plain)[number]) => number) =>
    median(of.map(figure));
  const time = (of: typeof plain) => over(of, ({ torch }) => torch.ms);
  const growth = (of: typeof plain) => over(of, ({ torch }) => torch.growth);
  const faster = time(fused) < time(plain) ? fused : plain;
  const smaller = growth(fused) < growth(plain) ? fused : plain;
  const speed = over(faster, ({ nalu, torch }) => torch.ms / nalu.ms);
  const memory = over(smaller, ({ nalu, torch }) => nalu.growth / torch.growth);
  return [
    row('PyTorch eager, separate attention', time(plain), 'ms'),
    row(
      '  peak memory',
      over(plain, ({ torch }) => torch.peak),
      'MiB',
    ),
    row('  of it weights, inputs and step', growth(plain), 'MiB'),
    row('PyTorch eager, fused attention', time(fused), 'ms'),
    row(
      '  peak memory',
      over(fused, ({ torch }) => torch.peak),
      'MiB',
    ),
    row('  of it weights, inputs and step', growth(fused), 'MiB'),
    { ...row('Nalu times as fast as the faster', speed, '×'), target: 1, better: 'more' },
    { ...row("Nalu's growth against the smaller's", memory, '×'), target: 1.5, better: 'less' },
  ];
}
