import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBundle } from '../src/training/createBundle.ts';
import { UserError } from '../src/errors.ts';
import { Tensor, loadSessionConfig, sessionConfigSchema } from '../src/session/session.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { gaussianNoise } from '../src/tensors/noise.ts';
import { integrationTensor } from '../src/policy/integrationTensor.ts';
import { openSampleGraph } from '../src/policy/families/pi0/sampleGraphs.ts';
import { type Row, median, timeRuns } from './row.ts';
import type { Pi0Config } from '../src/policy/families/pi0/config.ts';
import type { Bundle } from '../src/policy/bundle/config.ts';

const RUNS = 8;
const PROMPT = 10;

/** What a chunk is made of, for so many of the cameras. */
export function feedsOf(
  { architecture, integration }: Bundle<Pi0Config>,
  cameras: number,
): Record<string, Tensor> {
  const { vision, horizon, actionDim, stateDim } = architecture;
  const side = vision.imageSize;
  const pixels = new Uint8Array(cameras * side * side * 3).fill(128);
  const noise = gaussianNoise(1, horizon * actionDim);
  return {
    images: new Tensor('uint8', pixels, [1, cameras, side, side, 3]),
    tokens: new Tensor('int64', new BigInt64Array(PROMPT).fill(5n), [1, PROMPT]),
    state: new Tensor('float32', gaussianNoise(2, stateDim), [1, stateDim]),
    noise: new Tensor('float32', noise, [1, horizon, actionDim]),
    integration: integrationTensor(integration!),
  };
}

interface PyTorchTimes {
  device: string;
  ms: number[];
  tflops: number;
  copyGBs: number;
}

/** PyTorch on the same GPU; undefined where there is none, or no PyTorch. */
function runPyTorch(): Promise<PyTorchTimes | undefined> {
  return new Promise((resolve) => {
    const child = spawn('python3', [packagePath('bench/pytorch_full.py')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.on('error', () => resolve(undefined));
    child.on('close', (code) =>
      resolve(
        code === 0 ? (JSON.parse(output.trim().split('\n').at(-1)!) as PyTorchTimes) : undefined,
      ),
    );
  });
}

/**
 * A policy of the published size in float16 on the providers of NALU_BENCH_SESSION (YAML; WebGPU if
 * absent), beside PyTorch and what the device can do. It takes 6.3 GB of disk and of the device.
 */
export async function benchFull(): Promise<Row[]> {
  const path = process.env.NALU_BENCH_SESSION;
  const session = path
    ? await loadSessionConfig(path)
    : sessionConfigSchema.parse({ executionProviders: ['webgpu', 'cpu'] });
  const folder = await mkdtemp(join(tmpdir(), 'nalu-full-'));
  try {
    await createBundle(folder, { seed: 0, size: 'full', precision: 'float16' });
    const bundle = (await loadBundle(folder)) as Bundle<Pi0Config>;
    const rows: Row[] = [];
    for (const kernels of ['plain', 'fused'] as const) {
      const graph = await openSampleGraph(bundle, { ...session, kernels }, undefined);
      for (const cameras of [1, 2, 3]) {
        const feeds = feedsOf(bundle, cameras);
        const value = median(await timeRuns(RUNS, () => graph.run(feeds)));
        const name = `chunk of the full size, ${cameras} cameras, ${kernels} layers`;
        rows.push({ name, value, unit: 'ms' });
      }
      await graph.release();
    }
    const pytorch = await runPyTorch();
    if (!pytorch) return rows;
    return [
      ...rows,
      ...pytorch.ms.map((value, i) => ({
        name: `  PyTorch eager, bfloat16, ${i + 1} cameras`,
        value,
        unit: 'ms',
        note: pytorch.device,
      })),
      { name: '  a large product in PyTorch', value: pytorch.tflops, unit: 'TFLOP/s' },
      { name: '  a copy, read and written', value: pytorch.copyGBs, unit: 'GB/s' },
    ];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.log(`  left out: ${error.message}`);
    return [];
  } finally {
    await rm(folder, { recursive: true });
  }
}
