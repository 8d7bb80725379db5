import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fpoSchema, surrogateConfig } from '../src/learning/fpo/config.ts';
import { fpoGraph, surrogateGraph } from '../src/learning/fpo/graph.ts';
import { elementCount } from '../src/onnx/dim.ts';
import { writeSafetensors } from '../src/tensors/safetensors.ts';
import { gaussianNoise } from '../src/tensors/noise.ts';
import { parameterCount } from '../src/policy/trainable.ts';
import { trainableParameters } from '../src/policy/families/pi0/trainable.ts';
import { weightShapes } from '../src/policy/families/pi0/weights.ts';
import { matrixOperations } from './flops.ts';
import { FULL_DEPTH, type LoraCase, caseOf, fullConfig } from './loraCase.ts';
import type { LoraStep } from './loraStep.ts';
import type { Row } from './row.ts';

const RANKS = [16, 32];
const THREADS = 2;
const MIB = 2 ** 20;

/** Pairs a chunk of the paper (arXiv 2507.21053), in which facts of π0's cost are told. */
const PAPERS_SAMPLES = 8;

const quick = { graph: 'fpo', samples: 2, threads: THREADS, steps: 3 } as const;
const CASES: LoraCase[] = RANKS.flatMap((rank) => [
  { ...quick, rank, depth: 2 },
  { ...quick, rank, depth: 4 },
  { ...quick, rank, depth: 4, graph: 'imitation' },
  { ...quick, rank, depth: FULL_DEPTH },
  { ...quick, rank, depth: FULL_DEPTH, samples: PAPERS_SAMPLES, steps: 1 },
]);

const row = (name: string, value: number, unit: string): Row => ({ name, value, unit });

/** Random weights of the whole expert, of which a case takes its layers'. */
async function writeWeights(path: string): Promise<void> {
  const some = gaussianNoise(0, 2 ** 20);
  const expert = [...weightShapes(fullConfig(FULL_DEPTH))].filter(
    ([name]) => !name.startsWith('paligemma_with_expert.paligemma.'),
  );
  const tensors = expert.map(([name, shape]) => ({
    ...{ name, shape: shape as number[], dtype: 'F32' as const },
    data: () => {
      const data = new Float32Array(elementCount(shape) as number);
      const scale = 1 / Math.sqrt(shape.at(-1) as number);
      for (let i = 0; i < data.length; i++) data[i] = scale * some[i % some.length];
      return Promise.resolve(data);
    },
  }));
  await writeSafetensors(path, tensors);
}

async function takeStep(weights: string, wanted: LoraCase): Promise<LoraStep> {
  const program = join(import.meta.dirname, 'loraStep.js');
  const arguments_ = [program, weights, JSON.stringify(wanted)];
  const { stdout } = await promisify(execFile)(process.execPath, arguments_);
  return JSON.parse(stdout) as LoraStep;
}

/** What a rank costs by the graph alone. */
function countedRows(rank: number): Row[] {
  const { options, trainable, config } = caseOf({
    rank,
    depth: FULL_DEPTH,
    samples: PAPERS_SAMPLES,
  });
  const surrogate = surrogateConfig(fpoSchema.parse({ trainable, seed: 0 }));
  const tera = (graph: ReturnType<typeof fpoGraph>) => matrixOperations(graph, { batch: 1 }) / 1e12;
  const count = parameterCount(trainableParameters(trainable, config));
  return [
    row(`rank ${rank}: parameters trained`, count / 1e6, 'million'),
    row('  adapter in float32', (4 * count) / MIB, 'MiB'),
    row('  adapter in bfloat16', (2 * count) / MIB, 'MiB'),
    row(
      `  a chunk's ${PAPERS_SAMPLES} pairs forwards`,
      tera(surrogateGraph(options, surrogate)),
      'TFLOP',
    ),
    row('  forwards and backwards', tera(fpoGraph(options, surrogate)), 'TFLOP'),
  ];
}

function stepRows({ graph, rank, depth, samples }: LoraCase, step: LoraStep): Row[] {
  return [
    row(`${graph}, rank ${rank}, ${depth} layers, ${samples} pairs`, step.seconds, 's a step'),
    row('  frozen weights', step.frozenBytes / MIB, 'MiB'),
    row('  peak memory', step.peak, 'MiB'),
    row('  of it while it steps', step.growth, 'MiB'),
  ];
}

/** Steps of the learner with an adapter of π0's action expert at full width. */
export async function benchLora(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    const weights = join(folder, 'model.safetensors');
    await writeWeights(weights);
    const rows = RANKS.flatMap(countedRows);
    for (const wanted of CASES) rows.push(...stepRows(wanted, await takeStep(weights, wanted)));
    return rows;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
