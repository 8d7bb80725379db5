import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBundle, writeBundle } from '../src/policy/bundle/bundle.ts';
import type { Bundle, BundleConfig } from '../src/policy/bundle/config.ts';
import { openVlaConfigSchema } from '../src/policy/families/openvla/config.ts';
import { weightShapes } from '../src/policy/families/openvla/graphs.ts';
import { isPackedInto } from '../src/policy/paligemma/convert.ts';
import { PACKING_OF, packedNames, packedShapes } from '../src/policy/paligemma/packedWeights.ts'; // prettier-ignore
import { largeRandomTensors } from '../src/policy/paligemma/randomWeights.ts';
import { TOKENIZER_FILE } from '../src/policy/paligemma/tokenizer.ts';
import { openSampler } from '../src/policy/sampler.ts';
import { sessionConfigSchema } from '../src/session/session.ts';
import type { TensorSource } from '../src/tensors/safetensors.ts';
import { tokenizerJson } from '../test/policy/goldenOpenVla.ts';
import { forgetPeak, resident } from './memory.ts';
import type { Row } from './row.ts';

/** The published OpenVLA: DINOv2 L/14 with registers and SigLIP So400m/14 at 224×224, and Llama 2 of 7 billion. */
const FULL = openVlaConfigSchema.parse({
  imageSize: 224,
  patch: 14,
  towers: [
    { width: 1024, depth: 23, mlp: 4096, heads: 16, classToken: true, registers: 4, layerScale: true, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }, // prettier-ignore
    { width: 1152, depth: 26, mlp: 4304, heads: 16, classToken: false, registers: 0, layerScale: false, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }, // prettier-ignore
  ],
  projector: 8704,
  language: {
    width: 4096,
    depth: 32,
    mlp: 11_008,
    heads: 32,
    kvHeads: 32,
    headDim: 128,
    vocabulary: 32_064,
    normEpsilon: 1e-6,
  },
  textVocabulary: 32_000,
  bins: 256,
  maxTokens: 1785,
  actionDim: 7,
  stateDim: 8,
});

const BITS = 4;
/** Bytes that are drawn, and repeated in all packed matrices. Prime, so that no rows are alike. */
const DRAWN = randomBytes(16_777_213);
/** About 1/√width, in steps of 4 bits. */
const SCALE = 0.004;

/** So many drawn bytes. */
function* drawn(count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= DRAWN.length)
    yield DRAWN.subarray(0, Math.min(DRAWN.length, left));
}

/** A packed matrix of random numbers, as importing in 4 bits makes them. */
function packedTensors(name: string, shape: readonly [number, number]) {
  const names = packedNames(name, PACKING_OF[BITS]);
  const shapes = packedShapes(shape, PACKING_OF[BITS]);
  const count = (of: readonly number[]) => of.reduce((product, size) => product * size, 1);
  return [
    { name: names.elements, shape: shapes.elements, dtype: 'U8', data: () => drawn(count(shapes.elements)) }, // prettier-ignore
    { name: names.scales, shape: shapes.scales, data: new Float32Array(count(shapes.scales)).fill(SCALE) }, // prettier-ignore
  ] satisfies TensorSource[];
}

/** Writes a bundle of the published size with random weights, as importing in 4 bits leaves it. */
async function writePacked(folder: string): Promise<void> {
  const shapes = [...weightShapes(FULL)];
  const packed = shapes.flatMap(([name, shape]) =>
    isPackedInto(BITS, name) ? packedTensors(name, shape as [number, number]) : [],
  );
  const whole = new Map(shapes.filter(([name]) => !isPackedInto(BITS, name)));
  const bounds = { low: Array<number>(7).fill(-1), high: Array<number>(7).fill(1), mask: Array<boolean>(7).fill(true) }; // prettier-ignore
  const config: BundleConfig = {
    format: 1,
    name: 'openvla',
    description: 'The published size, with random weights.',
    embodiment: 'libero',
    cameras: ['image'],
    executeSteps: 1,
    precision: 'bfloat16',
    family: 'openvla',
    architecture: FULL,
    transforms: [{ type: 'bounds', state: 8, actions: bounds }],
  };
  const files = { [TOKENIZER_FILE]: tokenizerJson(FULL.textVocabulary) };
  await writeBundle(folder, config, files, [
    ...packed,
    ...largeRandomTensors(whole, 0, 'bfloat16'),
  ]);
}

/** Opens a policy with two threads, and asks it for some actions. */
async function measure(bundle: Bundle, runs: number) {
  forgetPeak();
  const before = resident('VmRSS');
  const began = performance.now();
  const sampler = await openSampler(bundle, sessionConfigSchema.parse({ threads: 2 }));
  const opening = (performance.now() - began) / 1000;
  const times: { wall: number; processor: number }[] = [];
  const image = { width: 256, height: 256, pixels: new Uint8Array(256 * 256 * 3).fill(99) };
  for (let run = 0; run < runs; run++) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    // Random weights write any token; what is no action's is refused once it is written.
    await sampler
      .sample({
        images: [image],
        state: new Float64Array(8),
        prompt: 'put the bowl on the plate',
        noise: 'zero',
      }) // prettier-ignore
      .catch(() => undefined);
    const { user, system } = process.cpuUsage(used);
    times.push({
      wall: (performance.now() - start) / 1000,
      processor: (user + system) / 1e6,
    });
  }
  await sampler.close();
  const peak = (resident('VmHWM') - before) / 1024;
  return { opening, peak, ...times.reduce((best, one) => (one.wall < best.wall ? one : best)) };
}

/** An OpenVLA of the published size on the CPU in 4 bits. It takes 6 GB of disk and of memory. */
export async function benchOpenVlaCpu(): Promise<Row[]> {
  const root = await mkdtemp(join(tmpdir(), 'nalu-openvla-'));
  try {
    await writePacked(join(root, 'packed'));
    const { opening, wall, processor, peak } = await measure(await loadBundle(join(root, 'packed')), 2); // prettier-ignore
    const row = (name: string, value: number, unit: string): Row => ({ name, value, unit });
    return [
      { ...row('an action of seven tokens', wall, 's'), target: 60, better: 'less' },
      row('  processor time of two threads', processor, 's'),
      row('  opened in', opening, 's'),
      { ...row('  peak memory', peak, 'GiB'), target: 8, better: 'less' },
    ];
  } finally {
    await rm(root, { recursive: true });
  }
}
