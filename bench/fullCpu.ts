import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBundle } from '../src/training/createBundle.ts';
import { sessionConfigSchema } from '../src/session/session.ts';
import { loadBundle, readFamilyFiles, writeBundle } from '../src/policy/bundle/bundle.ts';
import { agreement } from '../src/policy/bundle/verification.ts';
import { WEIGHTS_FILE } from '../src/policy/bundle/bundleFiles.ts';
import { type Bundle, configOf } from '../src/policy/bundle/config.ts';
import type { Pi0Config } from '../src/policy/families/pi0/config.ts';
import { convertedWeights } from '../src/policy/paligemma/convert.ts';
import { openSampleGraph } from '../src/policy/families/pi0/sampleGraphs.ts';
import { readShardedHeader } from '../src/tensors/shards.ts';
import { feedsOf } from './full.ts';
import { weightShapes } from '../src/policy/families/pi0/weights.ts';
import { forgetPeak, resident } from './memory.ts';
import type { Row } from './row.ts';

type Pi0Bundle = Bundle<Pi0Config>;

const CAMERAS = 3;
const SESSION = sessionConfigSchema.parse({ threads: 2 });

/** The same policy with its prefix in whole numbers. */
async function packed(whole: Pi0Bundle, folder: string): Promise<Pi0Bundle> {
  const header = await readShardedHeader(join(whole.folder, WEIGHTS_FILE));
  const files = await readFamilyFiles(whole);
  const weights = convertedWeights(weightShapes(whole.architecture), header, { prefixBits: 8 });
  await writeBundle(folder, configOf(whole), files, weights);
  return (await loadBundle(folder)) as Pi0Bundle;
}

/** Opens a policy, and samples some chunks. */
async function measure(bundle: Pi0Bundle, runs: number) {
  forgetPeak();
  const before = resident('VmRSS');
  const began = performance.now();
  const graph = await openSampleGraph(bundle, SESSION, undefined);
  const opening = performance.now() - began;
  const times: number[] = [];
  let chunk = new Float32Array();
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    chunk = (await graph.run(feedsOf(bundle, CAMERAS))).actions.data as Float32Array<ArrayBuffer>;
    times.push(performance.now() - start);
  }
  await graph.release();
  const peak = (resident('VmHWM') - before) / 1024;
  return { seconds: Math.min(...times) / 1000, opening: opening / 1000, peak, chunk };
}

/**
 * A policy of the published size on the CPU, weights in bfloat16, products in float32, and with its prefix in whole
 * numbers. It takes 11 GB of disk and minutes.
 */
export async function benchFullCpu(): Promise<Row[]> {
  const root = await mkdtemp(join(tmpdir(), 'nalu-full-'));
  try {
    await createBundle(join(root, 'whole'), { seed: 0, size: 'full', precision: 'bfloat16' });
    const whole = (await loadBundle(join(root, 'whole'))) as Pi0Bundle;
    const integers = await measure(await packed(whole, join(root, 'packed')), 3);
    const floats = await measure(whole, 1);
    const row = (name: string, value: number, unit: string): Row => ({ name, value, unit });
    return [
      row('a chunk of three cameras, bfloat16', floats.seconds, 's'),
      row('  peak memory', floats.peak, 'GiB'),
      row('with a prefix of 8 bits', integers.seconds, 's'),
      { ...row('  of that time', integers.seconds / floats.seconds, '×'), target: 0.33, better: 'less' }, // prettier-ignore
      { ...row('  peak memory', integers.peak, 'GiB'), target: 8, better: 'less' },
      row('  opened in', integers.opening, 's'),
      { ...row('  cosine of the chunks', agreement('actions', integers.chunk, floats.chunk).cosine, ''), target: 0.999, better: 'more' }, // prettier-ignore
    ];
  } finally {
    await rm(root, { recursive: true });
  }
}
