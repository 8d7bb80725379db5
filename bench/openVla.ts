import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Tensor } from 'onnxruntime-node';
import { packagePath } from '../src/files/packagePath.ts';
import { encodeModel } from '../src/onnx/modelFile.ts';
import { sampleGraph } from '../src/policy/families/openvla/graphs.ts';
import { externalWeights } from '../src/policy/paligemma/weights.ts';
import { openModel, sessionConfigSchema } from '../src/session/session.ts';
import { readShardedHeader } from '../src/tensors/shards.ts';
import { goldenTensors } from '../test/policy/golden.ts';
import { GOLDEN_CONFIG, GOLDEN_OPENVLA } from '../test/policy/goldenOpenVla.ts';
import { type Row, median } from './row.ts';

const RUNS = 50;

/** Processor times of an action in ONNX Runtime with one thread, ms. */
async function naluTimes(): Promise<number[]> {
  const path = join(GOLDEN_OPENVLA, 'model.safetensors');
  const source = externalWeights(await readShardedHeader(path), path, path);
  const graph = encodeModel(sampleGraph(GOLDEN_CONFIG, source));
  const session = await openModel(graph, sessionConfigSchema.parse({ threads: 1 }), GOLDEN_OPENVLA);
  const prompt = (await goldenTensors('inputs.safetensors', GOLDEN_OPENVLA))('prompt_ids.0');
  const { imageSize: side, actionDim, language } = GOLDEN_CONFIG;
  const steps = [actionDim, language.vocabulary];
  const feeds = {
    images: new Tensor('uint8', new Uint8Array(side * side * 3).fill(99), [1, 1, side, side, 3]),
    tokens: new Tensor('int64', prompt.data as BigInt64Array, [1, prompt.size]),
    noise: new Tensor('float32', new Float32Array(steps[0] * steps[1]), steps),
  };
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const began = process.cpuUsage();
    await session.run(feeds, ['written']);
    const { user, system } = process.cpuUsage(began);
    times.push((user + system) / 1000);
  }
  await session.release();
  return times;
}

/** The same in PyTorch, which checks its tokens first; undefined without PyTorch. */
async function pytorchTime(): Promise<number | undefined> {
  const command = [packagePath('bench/pytorch_openvla.py'), packagePath('test/golden-openvla')];
  const environment = { env: { ...process.env, OMP_NUM_THREADS: '1' } };
  const found = await promisify(execFile)('python3', command, environment).catch(() => undefined);
  return found && (JSON.parse(found.stdout) as { ms: number }).ms;
}

/** A tiny OpenVLA beside PyTorch, by one thread's processor time: what else runs does not count. */
export async function benchOpenVla(): Promise<Row[]> {
  const own = median(await naluTimes());
  const theirs = await pytorchTime();
  return [
    { name: 'an action of a tiny OpenVLA, processor time', value: own, unit: 'ms' },
    ...(theirs === undefined
      ? []
      : [{ name: '  against PyTorch eager', value: theirs / own, unit: '× as fast', target: 1.5, better: 'more' } as const]), // prettier-ignore
  ];
}
