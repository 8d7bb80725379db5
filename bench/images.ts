import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CdrWriter } from '@foxglove/cdr';
import { sessionConfigSchema } from '../src/session/session.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { allocate, createScaler, imageAt, openImageMemory } from '../src/images/scaling.ts';
import { type WorkerPolicy, openWorkerPolicy } from '../src/policy/worker/workerPolicy.ts';
import { type CalibratedCamera } from '../src/robot/calibration.ts';
import { frameOf } from '../src/topics/images.ts';
import { createSynchroniser } from '../src/control/synchroniser.ts';
import { tinyBundle, writeTinyBundle } from '../test/learning/tiny.ts';
import { type Row, median, percentile } from './row.ts';
import { loadCalibration } from '../src/robot/calibrationFile.ts';

const ROUNDS = 300;
/** Chunks before those that count: code is compiled, places are made. */
const WARM_UP = 30;
const SIDE = 224;
const JOINTS = 14;
/** Frames of each camera that come while memory is watched, and those of them from one chunk to the next. */
const FRAMES = 1000;
const FRAMES_A_CHUNK = 25;

/** A raw image as DDS delivers it. */
function imageMessage({ width, height }: CalibratedCamera, sec: number): Uint8Array {
  const writer = new CdrWriter({ size: width * height * 3 + 256 });
  writer.int32(sec).uint32(0).string('cam').uint32(height).uint32(width);
  writer
    .string('rgb8')
    .uint8(0)
    .uint32(width * 3);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i) >> 7);
  writer.uint8Array(data, true);
  return writer.data;
}

/** From messages as they arrive to a chunk; `chunk` resolves to milliseconds without the session's own run. */
function arrivals(policy: WorkerPolicy, cameras: readonly CalibratedCamera[]) {
  const messages = cameras.map((camera) => imageMessage(camera, 0));
  const joints = { stamp: 0n, position: new Float64Array(JOINTS) };
  const synchroniser = createSynchroniser(
    Array.from(joints.position, (_, joint) => `joint ${joint}`),
  );
  synchroniser.joints(joints);
  const arrive = () =>
    cameras.forEach((camera, i) => synchroniser.frame(frameOf(messages[i], camera)));
  return {
    arrive,
    async chunk(seed: number): Promise<number> {
      const began = performance.now();
      arrive();
      const taken = synchroniser.take(policy.cameras, 'Transfer cube', 0n);
      if ('missing' in taken) throw new Error('an observation lacks something');
      const { timing } = await policy.sample(taken.observation, { seed });
      return performance.now() - began - timing.run;
    },
  };
}

/** Scales images that lie in memory already, one for each camera; returns milliseconds. */
function scaling(cameras: readonly CalibratedCamera[]): () => number {
  const memory = openImageMemory();
  const scaler = createScaler(memory);
  const images = cameras.map(({ width, height }, i) => {
    const pixels = allocate(memory, width * height * 3);
    pixels.forEach((_, byte) => (pixels[byte] = (byte * (byte + i)) >> 7));
    return imageAt(memory, { width, height, at: pixels.byteOffset });
  });
  const targets = cameras.map(() => new Uint8Array(SIDE * SIDE * 3));
  return () => {
    const began = performance.now();
    images.forEach((image, i) => scaler.scale(image, SIDE, targets[i]));
    return performance.now() - began;
  };
}

interface Baselines {
  pillow: number;
  opencv: number;
  opencvLinear: number;
}

/** Asks Python to scale the same images; resolves to undefined where it or its libraries are missing. */
function startPython() {
  const script = packagePath('bench/image_baselines.py');
  const child: ChildProcess = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => undefined);
  child.stdin!.on('error', () => undefined);
  const output = createInterface({ input: child.stdout! });
  const lines: AsyncIterator<string, undefined> = output[Symbol.asyncIterator]();
  return {
    async ask(): Promise<Baselines | undefined> {
      child.stdin!.write('\n');
      const line = await lines.next();
      return line.done ? undefined : (JSON.parse(line.value) as Baselines);
    },
    close: () => child.stdin!.end(),
  };
}

/** Bytes of buffers by which this thread has more at most, while frames come and some of them are used. */
async function bufferGrowth(path: ReturnType<typeof arrivals>): Promise<number> {
  const before = process.memoryUsage().arrayBuffers;
  let most = before;
  for (let frame = 0; frame < FRAMES; frame++) {
    if (frame % FRAMES_A_CHUNK === 0) await path.chunk(frame);
    else path.arrive();
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }
  return most - before;
}

async function rows(policy: WorkerPolicy, cameras: readonly CalibratedCamera[]): Promise<Row[]> {
  const python = startPython();
  const path = arrivals(policy, cameras);
  const scale = scaling(cameras);
  for (let seed = 0; seed < WARM_UP; seed++) {
    await path.chunk(seed);
    scale();
  }
  await python.ask();
  const whole: number[] = [];
  const alone: number[] = [];
  const baselines: Baselines[] = [];
  // In turn, so that a busy moment of the machine meets all alike.
  for (let seed = 0; seed < ROUNDS; seed++) {
    whole.push(await path.chunk(seed));
    alone.push(scale());
    const others = await python.ask();
    if (others) baselines.push(others);
  }
  python.close();
  const growth = await bufferGrowth(path);

  const against = (name: string, key: keyof Baselines, target?: number): Row[] => {
    const ratio = (label: string, own: number[]): Row => {
      const value = median(baselines.map((others, i) => own[i] / others[key]));
      return { name: `  ${label}, of it`, value, unit: '×', target, better: 'less' };
    };
    return [
      { name, value: median(baselines.map((others) => others[key])), unit: 'ms' },
      ratio('the images alone', alone),
      ratio('arrival to chunk', whole),
    ];
  };
  const compared =
    baselines.length === ROUNDS
      ? [
          ...against('Pillow', 'pillow', 0.5),
          ...against('OpenCV with INTER_AREA', 'opencv', 0.5),
          ...against('OpenCV with INTER_LINEAR, 4 pixels of 33', 'opencvLinear'),
        ]
      : [];
  const { width, height } = cameras[0];
  const size = `${cameras.length} frames of ${width}×${height} at ${SIDE}`;
  const missing = 'no Pillow and OpenCV here: nothing to compare with';
  return [
    { name: 'arrival to chunk without the run', value: median(whole), unit: 'ms', note: size },
    { name: '  p99', value: percentile(whole, 0.99), unit: 'ms', target: 12, better: 'less' },
    {
      name: 'the images alone',
      value: median(alone),
      unit: 'ms',
      note: compared.length === 0 ? missing : undefined,
    },
    ...compared,
    {
      name: `buffers' growth over ${FRAMES * cameras.length} frames, at most`,
      value: growth / 2 ** 10,
      unit: 'KiB',
    },
  ];
}

/** From four raw frames of 640×480 to a chunk, the session's own run left out. */
export async function benchImages(): Promise<Row[]> {
  const { cameras } = await loadCalibration(packagePath('calibration/aloha-1.0.yaml'));
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    const { vision } = tinyBundle.architecture;
    await writeTinyBundle(folder, 0, {
      ...tinyBundle,
      cameras: cameras.map(({ name }) => name) as [string, ...string[]],
      architecture: {
        ...{ ...tinyBundle.architecture, horizon: 50, stateDim: JOINTS, actionDim: JOINTS },
        vision: { ...vision, patch: SIDE / 4, imageSize: SIDE },
      },
    });
    const session = sessionConfigSchema.parse({ threads: 1 });
    const policy = await openWorkerPolicy(await loadBundle(folder), session);
    try {
      return await rows(policy, cameras);
    } finally {
      await policy.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
