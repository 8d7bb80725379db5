import { delegatePolicy } from '../src/policy/policyWrappers.ts';
import { delegateRobot } from '../src/robot/delegates.ts';
import { pi0Of } from '../test/policy/pi0Of.ts';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SessionConfig, sessionConfigSchema } from '../src/session/session.ts';
import { type Adapter, makeAdapter } from '../src/policy/bundle/adapter.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import type { Observation } from '../src/policy/chunkPolicy.ts';
import { gaussianNoise } from '../src/tensors/noise.ts';
import type { Trainable } from '../src/policy/trainable.ts';
import { trainableParameters } from '../src/policy/families/pi0/trainable.ts';
import { type WorkerPolicy, openWorkerPolicy } from '../src/policy/worker/workerPolicy.ts';
import type { Robot } from '../src/robot/robot.ts';
import { runAttempt } from '../src/control/attempt.ts';
import { type SimulatedAloha, simulatedAloha } from '../src/sim/simulatedAloha.ts';
import { type Row, median } from './row.ts';
import { type Bundle } from '../src/policy/bundle/config.ts';

const ROOT = join(import.meta.dirname, '../..');
const ROUNDS = 80;
const ADOPTIONS = 40;
/** With and without exchanges, in turn. */
const ATTEMPTS = 3;
/** One thread: the control loop has the other core, as on a robot. */
const SESSION: SessionConfig = sessionConfigSchema.parse({ threads: 1 });

const KINDS: Record<string, Trainable> = {
  'LoRA of rank 8': { parameters: 'lora', rank: 8 },
  'the expert': { parameters: 'expert' },
  'all weights': { parameters: 'all' },
};

/** Small random values: what they make of the policy does not matter here, that they change does. */
export function adapterOf(bundle: Bundle, trainable: Trainable, seed: number): Adapter {
  const parameters = trainableParameters(trainable, pi0Of(bundle)).map(({ name, shape }, i) => {
    const count = shape.reduce((product, dim) => product * dim, 1);
    const data = gaussianNoise([seed, i], count).map((value) => value * 0.02);
    return [name, { shape, data }] as const;
  });
  return makeAdapter({ trainable, base: bundle.base, parameters: new Map(parameters) });
}

function blankObservation(bundle: Bundle): Observation {
  const { imageSize: side } = pi0Of(bundle).vision;
  const pixels = new Uint8Array(side * side * 3).fill(128);
  const frames = bundle.cameras.map((camera) => ({
    camera,
    stamp: 0n,
    width: side,
    height: side,
    pixels: () => Promise.resolve(pixels),
  }));
  const joints = { stamp: 0n, position: new Float64Array(14) };
  return { joints, frames, prompt: 'Transfer cube' };
}

/** A chunk's time with parameters as inputs, against the same with weights in the graph, in turn. */
async function costRows(bundle: Bundle): Promise<Row[]> {
  const observation = blankObservation(bundle);
  const policies = [await openWorkerPolicy(bundle, SESSION)];
  for (const trainable of Object.values(KINDS))
    policies.push(await openWorkerPolicy(bundle, SESSION, { trainable }));
  const rounds: number[][] = [];
  for (let seed = 0; seed < ROUNDS; seed++) {
    const times: number[] = [];
    for (const policy of policies)
      times.push((await policy.sample(observation, { seed })).timing.run);
    rounds.push(times);
  }
  for (const policy of policies) await policy.close();
  return [
    { name: 'chunk, weights fixed', value: median(rounds.map(([fixed]) => fixed)), unit: 'ms' },
    ...Object.keys(KINDS).map((kind, i) => ({
      name: `  ${kind} exchangeable`,
      value: median(rounds.map(([fixed, ...others]) => others[i] / fixed)),
      unit: '×',
    })),
  ];
}

/** Milliseconds for which the thread that adopts is busy with it. */
async function adoptionRow(policy: WorkerPolicy, adapters: readonly Adapter[]): Promise<Row> {
  const busy: number[] = [];
  for (let i = 0; i < ADOPTIONS; i++) {
    const before = performance.eventLoopUtilization();
    await policy.adopt(adapters[i % adapters.length]);
    busy.push(performance.eventLoopUtilization(before).active);
  }
  return {
    ...{ name: "adopting all weights, main thread's part", value: median(busy), unit: 'ms' },
    ...{ target: 1, better: 'less' },
  };
}

/** A robot that notes when, by the wall clock, each control step came: the simulator's own time waits for it. */
function timed(robot: Robot) {
  const times: number[] = [];
  const clock = {
    now: () => robot.clock.now(),
    async until(stamp: bigint) {
      await robot.clock.until(stamp);
      times.push(performance.now());
    },
  };
  return { robot: delegateRobot(robot, { clock }), times };
}

/** An attempt in real time, `adapters` in turn at every chunk: milliseconds from step to step, and versions. */
async function attempt(sim: SimulatedAloha, policy: WorkerPolicy, adapters: readonly Adapter[]) {
  const { robot, times } = timed(sim);
  const adoptions: Promise<void>[] = [];
  const versions: string[] = [];
  const result = await runAttempt({
    robot,
    task: sim,
    policy: delegatePolicy(policy, {
      async sample(observation, noise) {
        const chunk = await policy.sample(observation, noise);
        versions.push(chunk.policyVersion);
        return chunk;
      },
    }),
    seed: 0,
    awaitChunks: false,
    onChunk({ chunks }) {
      if (chunks === 1) times.splice(0, times.length - 1);
      if (adapters.length > 0) adoptions.push(policy.adopt(adapters[chunks % adapters.length]));
    },
  });
  await Promise.all(adoptions);
  if (result.problem) throw result.problem;
  const changes = versions.filter((version, i) => i > 0 && version !== versions[i - 1]).length;
  return { gaps: times.slice(1).map((time, i) => time - times[i]), changes };
}

type Attempt = Awaited<ReturnType<typeof attempt>>;

/** How punctual the control loop is while weights stay, and while all of them are exchanged at every chunk. */
async function tickRows(policy: WorkerPolicy, adapters: readonly Adapter[]): Promise<Row[]> {
  const { cameras } = policy;
  const sim = await simulatedAloha({ task: 'transfer-cube', cameras, realTime: true });
  const period = 1000 / sim.embodiment.controlRate;
  const kinds = [[], adapters].map((given) => ({ given, attempts: [] as Attempt[] }));
  for (let round = 0; round < ATTEMPTS; round++)
    for (const { given, attempts } of kinds) attempts.push(await attempt(sim, policy, given));
  await sim.close();
  return kinds.flatMap(({ given, attempts }): Row[] => {
    const gaps = attempts.flatMap((made) => made.gaps);
    const changes = attempts.reduce((sum, made) => sum + made.changes, 0);
    const longest = median(attempts.map((made) => Math.max(...made.gaps)));
    return [
      {
        name: `real time, ${changes} new versions: missed of ${gaps.length}`,
        value: gaps.reduce((sum, gap) => sum + Math.max(0, Math.floor(gap / period) - 1), 0),
        unit: 'steps',
        ...(given.length > 0 && { target: 0, better: 'less' }),
      },
      { name: "  an attempt's longest lateness", value: longest - period, unit: 'ms' },
    ];
  });
}

/** What it costs that a policy may learn while it is used. */
export async function benchSwap(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    await cp(join(ROOT, 'models/aloha-mini'), folder, { recursive: true });
    const bundle = await loadBundle(folder);
    const rows = await costRows(bundle);
    const all = KINDS['all weights'];
    const adapters = [adapterOf(bundle, all, 1), adapterOf(bundle, all, 2)];
    const policy = await openWorkerPolicy(bundle, SESSION, { trainable: all });
    rows.push(await adoptionRow(policy, adapters), ...(await tickRows(policy, adapters)));
    await policy.close();
    return rows;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
