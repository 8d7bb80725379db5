import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Shape } from '../src/onnx/dim.ts';
import type { Bundle } from '../src/policy/bundle/config.ts';
import { openVlaConfigSchema } from '../src/policy/families/openvla/config.ts';
import { TOWERS, weightShapes } from '../src/policy/families/openvla/graphs.ts';
import { importPolicy } from '../src/policy/families/importers.ts';
import { largeRandomTensors } from '../src/policy/paligemma/randomWeights.ts';
import { openSampler } from '../src/policy/sampler.ts';
import { sessionConfigSchema } from '../src/session/session.ts';
import { writeSafetensors } from '../src/tensors/safetensors.ts';
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

/** The last blocks of the towers, which nothing reads and by which they are counted. */
const LAST: [string, Shape][] = TOWERS.map((name, i) => {
  const { depth, width } = FULL.towers[i];
  return [`${name}.blocks.${depth}.norm1.weight`, [width]];
});

/** Writes a checkpoint of the published size and layout with random weights, 15 GB. */
async function writeCheckpoint(folder: string): Promise<void> {
  await mkdir(folder);
  const shapes = new Map([...weightShapes(FULL), ...LAST]);
  const weights = largeRandomTensors(shapes, 0, 'bfloat16');
  await writeSafetensors(join(folder, 'model.safetensors'), weights);
  const bounds = { q01: Array(7).fill(-1), q99: Array(7).fill(1) };
  const config = {
    model_type: 'openvla',
    use_fused_vision_backbone: true,
    image_sizes: [224, 224],
    timm_model_ids: ['vit_large_patch14_reg4_dinov2.lvd142m', 'vit_so400m_patch14_siglip_224'],
    text_config: { model_type: 'llama', vocab_size: 32_064 },
    norm_stats: { libero_spatial: { action: bounds } },
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'tokenizer.json'), tokenizerJson(FULL.textVocabulary));
}

/**
 * Opens a policy with two threads, and asks it for some actions. The seconds are processor time of both: on a machine
 * of its own as many as pass with one thread, and half of them with two.
 */
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

/** An OpenVLA of the published size on the CPU in 4 bits. It takes 21 GB of disk and many minutes. */
export async function benchOpenVla(): Promise<Row[]> {
  const root = await mkdtemp(join(process.env.NALU_BENCH_FOLDER ?? tmpdir(), 'nalu-openvla-'));
  try {
    const checkpoint = join(root, 'checkpoint');
    await writeCheckpoint(checkpoint);
    const began = performance.now();
    const { bundle, bytes } = await importPolicy(checkpoint, { out: join(root, 'packed'), prefixBits: 4 }); // prettier-ignore
    const importing = (performance.now() - began) / 1000;
    await rm(checkpoint, { recursive: true });
    const { opening, wall, processor, peak } = await measure(bundle, 2);
    const row = (name: string, value: number, unit: string): Row => ({ name, value, unit });
    return [
      row('imported in 4 bits in', importing, 's'),
      row('  size', bytes / 1e9, 'GB'),
      row('  opened in', opening, 's'),
      { ...row('  an action of seven tokens', wall, 's'), target: 60, better: 'less' },
      row('    processor time of two threads', processor, 's'),
      { ...row('  peak memory', peak, 'GiB'), target: 8, better: 'less' },
    ];
  } finally {
    await rm(root, { recursive: true });
  }
}
