import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { folderAddress } from '../src/link/wire/address.ts';
import { openCourier } from '../src/link/robot/courier.ts';
import { openLearnerPort } from '../src/link/learner/learnerPort.ts';
import { PART_BYTES, decodeMessage, encodeMessage } from '../src/link/wire/protocol.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { writeAdapter } from '../src/policy/bundle/adapter.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { type Row, median, timeRuns } from './row.ts';
import { adapterOf } from './swap.ts';

/** Bytes a second of four cameras, 640×480 in rgb8 at 30 Hz. */
const CAMERAS = 4 * 640 * 480 * 3 * 30;
const MEBIBYTE = 2 ** 20;
const EPISODES = 20;
const EPISODE_BYTES = 20 * MEBIBYTE;
const ADAPTERS = 10;
/** Milliseconds between two commands. */
const CONTROL_STEP = 20;

/** Coding of as many parts as a second of the cameras' images makes. */
async function codingRow(): Promise<Row> {
  const data = randomBytes(PART_BYTES);
  const parts = Math.ceil(CAMERAS / PART_BYTES);
  const times = await timeRuns(20, () => {
    for (let i = 0; i < parts; i++) {
      const offset = i * PART_BYTES;
      const part = { kind: 'part', what: 'episode', name: 'episode-0001', offset } as const;
      if (decodeMessage(encodeMessage(part, data)).data.length !== PART_BYTES)
        throw new Error('a part lost bytes');
    }
    return Promise.resolve();
  });
  const rate = (parts * PART_BYTES) / (median(times) / 1000);
  return {
    name: `coding: ${(rate / 1e9).toPrecision(3)} GB/s, of four cameras' rate`,
    value: rate / CAMERAS,
    unit: '×',
    target: 10,
    better: 'more',
  };
}

/** Milliseconds: the longest that this thread's event loop was late meanwhile, and how long it was busy. */
async function watchLoop(work: () => Promise<unknown>) {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  const before = performance.eventLoopUtilization();
  const began = performance.now();
  delays.enable();
  await work();
  delays.disable();
  const { active } = performance.eventLoopUtilization(before);
  return { largest: delays.max / 1e6, active, elapsed: performance.now() - began };
}

/** The link on one machine, from the view of the thread that has the control loop. */
async function passingRows(folder: string): Promise<Row[]> {
  const policy = await loadBundle(packagePath('models/aloha-mini'));
  const [learner, episodes] = [join(folder, 'learner'), join(folder, 'episodes')];
  const address = folderAddress(learner);
  const adapters = [...Array(ADAPTERS).keys()].map((seed) =>
    adapterOf(policy, { parameters: 'all' }, seed),
  );
  const files: string[] = [];
  for (const adapter of adapters) {
    files.push(join(folder, `${adapter.version}.out`));
    await writeAdapter(files.at(-1)!, adapter);
  }
  await mkdir(episodes);
  const content = randomBytes(EPISODE_BYTES);

  let adopted = 0;
  const log = () => undefined;
  const port = await openLearnerPort({ folder: learner, address, policy, onEpisode: log, log });
  const courier = await openCourier({
    ...{ episodes, adapters: join(folder, 'adapters'), address, policy, log },
    onAdapter: () => Promise.resolve(void adopted++),
  });
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await setTimeout(20);
  };
  const idle = await watchLoop(() => setTimeout(2000));
  for (let i = 0; i < EPISODES; i++) await writeFile(join(episodes, `${i}.mcap`), content);
  const sending = await watchLoop(async () => {
    courier.notify();
    await until(() => courier.status().acknowledged === EPISODES);
  });
  const taking = await watchLoop(async () => {
    for (const [i, file] of files.entries()) {
      await port.publish(file, i === 0 ? policy.base : adapters[i - 1].version);
      await until(() => adopted === i + 1);
    }
  });
  await courier.close();
  await port.close();
  const megabytes = EPISODE_BYTES / MEBIBYTE;
  return [
    {
      name: `episodes of ${megabytes} MiB, to the learner's disk`,
      value: (EPISODES * EPISODE_BYTES) / (sending.elapsed / 1000) / 1e6,
      unit: 'MB/s',
    },
    {
      name: "  of the control loop's thread, an episode",
      value: sending.active / EPISODES,
      unit: 'ms',
    },
    {
      name: '  longest delay of its event loop',
      value: sending.largest,
      unit: 'ms',
      target: CONTROL_STEP,
      better: 'less',
    },
    {
      name: 'an adapter of all weights, from file to adopted',
      value: taking.elapsed / ADAPTERS,
      unit: 'ms',
    },
    { name: "  of the control loop's thread", value: taking.active / ADAPTERS, unit: 'ms' },
    {
      name: '  longest delay of its event loop',
      value: taking.largest,
      unit: 'ms',
      target: CONTROL_STEP,
      better: 'less',
    },
    { name: 'longest delay while nothing passes', value: idle.largest, unit: 'ms' },
  ];
}

/** What the link costs, and whether the control loop would notice it. */
export async function benchLink(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    return [await codingRow(), ...(await passingRows(folder))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
