import { join } from 'node:path';
import { tensorsIn } from '../src/learning/train/parameters.ts';
import { loadSafetensors } from '../src/tensors/safetensors.ts';
import { Tensor, openSession, sessionConfigSchema } from '../src/session/session.ts';
import { parameterCount } from '../src/policy/trainable.ts';
import { forgetPeak, resident } from './memory.ts';
import { median } from './row.ts';

/**
 * Runs training steps in a process of its own, so that its memory is its own (Linux):
 *   node trainingStep.js FOLDER BATCH RUNS THREADS
 * FOLDER holds loss.onnx, model.safetensors (what learns) and inputs.BATCH.safetensors. Prints what
 * bench/pytorch_training.py prints.
 */
const folder = process.argv[2];
const [batch, runs, threads] = process.argv.slice(3).map(Number);
const WARM_UP = 2;

const floats = (file: string) => loadSafetensors(join(folder, file));

const baseline = resident('VmRSS');
const weights = await floats('model.safetensors');
const inputs = await floats(`inputs.${batch}.safetensors`);
const feeds: Record<string, Tensor> = {};
for (const [name, { data, shape }] of [...weights.tensors, ...inputs.tensors]) {
  feeds[name] =
    data instanceof Float32Array
      ? new Tensor('float32', data, shape)
      : new Tensor('bool', data as Uint8Array, shape);
}
const parameters = [...weights.tensors].map(([name, { shape }]) => ({ name, shape }));
const gradient = new Float32Array(parameterCount(parameters));
const fetches = Object.fromEntries(
  [...tensorsIn(gradient, parameters)].map(([name, view]) => [`gradient.${name}`, view]),
);
const session = await openSession(
  join(folder, 'loss.onnx'),
  sessionConfigSchema.parse({ threads }),
);

// What counts is the step's, not loading's.
forgetPeak();
const times: number[] = [];
let loss = NaN;
for (let run = 0; run < runs + WARM_UP; run++) {
  const began = performance.now();
  const results = await session.run(feeds, { loss: null, ...fetches });
  if (run >= WARM_UP) times.push(performance.now() - began);
  loss = (results.loss.data as Float32Array)[0];
}
const peak = resident('VmHWM');
const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
console.log(JSON.stringify({ ms: median(times), loss, norm, peak, growth: peak - baseline }));
