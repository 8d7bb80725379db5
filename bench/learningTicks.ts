import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { recordEpisode } from '../src/episodes/recordEpisode.ts';
import { sessionConfigSchema } from '../src/onnx/session.ts';
import { packagePath } from '../src/packagePath.ts';
import type { Bundle } from '../src/policy/bundle.ts';
import type { Trainable } from '../src/policy/trainable.ts';
import { openWorkerPolicy } from '../src/policy/workerPolicy.ts';
import { runAttempt } from '../src/runtime/attempt.ts';
import { simulatedEmbodiment } from '../src/sim/embodiment.ts';
import type { Row } from './row.ts';
import { wallRobot } from './wallRobot.ts';

/** Seconds. */
const DURATION = 20;
const WARM_UP = 2;
/** Seconds after which a learner has read its episodes and takes steps. */
const SETTLE = 15;
/** Unit of the times in /proc/PID/stat, Hz. */
const JIFFIES = 100;

const percentile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * share)];

/** Milliseconds at p99 by which a process is late that does nothing but tick. */
async function bareLateness(): Promise<number> {
  const path = join(import.meta.dirname, 'bareTimer.js');
  const { stdout } = await promisify(execFile)(process.execPath, [path, String(DURATION)]);
  return Number(stdout);
}

/** A recorded attempt with the policy in real time, a bare timer beside it: lateness of both, ms at p99. */
async function punctuality(episode: string, bundle: Bundle, trainable: Trainable) {
  const embodiment = await simulatedEmbodiment(bundle.cameras);
  const { robot, lateness } = wallRobot(embodiment);
  const policy = await openWorkerPolicy(
    bundle,
    sessionConfigSchema.parse({ threads: 1 }),
    trainable,
  );
  const task = { name: 'hold', prompt: 'Transfer cube' };
  const recorder = await recordEpisode(dirname(episode), {
    ...{ id: basename(episode), embodiment, policy: bundle.name, seed: 0 },
    ...{ task: task.name, prompt: task.prompt },
  });
  const bare = bareLateness();
  const { problem } = await runAttempt({
    robot,
    task: {
      ...task,
      maxSteps: (WARM_UP + DURATION) * embodiment.controlRate,
      reset: () => Promise.resolve(),
      assess: () => ({ reward: 0, success: false }),
    },
    policy,
    seed: 0,
    recorder,
    awaitChunks: false,
  });
  await policy.close();
  if (problem) throw problem;
  const counted = lateness.slice(WARM_UP * embodiment.controlRate);
  return { tick: percentile(counted, 0.99), bare: await bare };
}

/** Seconds of all cores that a process has used (Linux). */
async function secondsOf({ pid }: ChildProcess): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / JIFFIES;
}

/** Starts a learner that has one update of its `batch` episodes to make, and is not done with it for hours. */
async function startTraining(folder: string, bundle: Bundle, batch: number): Promise<ChildProcess> {
  const config = join(folder, 'fpo.yaml');
  const critics = { warmUp: 0, epochs: 1 };
  const stop = { drift: 1e9, clipShare: 1 };
  await writeFile(config, JSON.stringify({ epochs: 1e6, stop, critics }));
  const child = spawn(
    process.execPath,
    [
      ...[packagePath('dist/src/cli.js'), 'learn', folder, '--policy', bundle.folder],
      ...['--batch', String(batch), '--config', config, '--json'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  );
  await once(createInterface({ input: child.stdout! }), 'line');
  await setTimeout(SETTLE * 1000);
  return child;
}

/** How punctual the control loop is with and without a learner at work beside it; `learner` has `batch` episodes. */
export async function tickRows(
  learner: string,
  bundle: Bundle,
  trainable: Trainable,
  batch: number,
): Promise<Row[]> {
  const alone = await punctuality(join(learner, 'alone'), bundle, trainable);
  const child = await startTraining(learner, bundle, batch);
  try {
    const [before, began] = [await secondsOf(child), performance.now()];
    const beside = await punctuality(join(learner, 'beside'), bundle, trainable);
    const cores = (await secondsOf(child)) - before;
    const elapsed = (performance.now() - began) / 1000;
    return [
      { name: 'tick lateness without a learner, p99', value: alone.tick, unit: 'ms' },
      { name: '  of a bare timer beside it', value: alone.bare, unit: 'ms' },
      {
        ...{ name: 'tick lateness while a learner trains, p99', value: beside.tick, unit: 'ms' },
        ...{ target: 5, better: 'less' },
      },
      { name: '  of a bare timer beside it', value: beside.bare, unit: 'ms' },
      { name: '  what the learner took meanwhile', value: cores / elapsed, unit: 'cores' },
    ];
  } finally {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}
