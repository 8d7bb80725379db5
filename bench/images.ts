import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CdrWriter } from '@foxglove/cdr';
import { sessionConfigSchema } from '../src/onnx/session.ts';
import { packagePath } from '../src/packagePath.ts';
import { loadBundle } from '../src/policy/bundle.ts';
import { type WorkerPolicy, openWorkerPolicy } from '../src/policy/workerPolicy.ts';
import { type CalibratedCamera, loadCalibration } from '../src/robot/calibration.ts';
import { frameOf } from '../src/ros/images.ts';
import { createSynchroniser } from '../src/runtime/synchroniser.ts';
import { tinyBundle, writeTinyBundle } from '../test/learning/tiny.ts';
import { type Row, median } from './row.ts';

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

/** Milliseconds from frames' arrival to their chunk, the session's own run left out. */
interface Path {
  whole: number;
  /** Of it the copy into shared memory, scaling, noise, state and prompt. */
  preprocessing: number;
}

/** Lets messages arrive, and makes chunks of them. */
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
    async chunk(seed: number): Promise<Path> {
      const began = performance.now();
      arrive();
      const taken = synchroniser.take(policy.cameras, 'Transfer cube', 0n);
      if ('lacks' in taken) throw new Error('an observation lacks something');
      const { timing } = await policy.sample(taken.observation, { seed });
      const all = performance.now() - began;
      return {
        whole: all - timing.run,
        preprocessing: all - timing.total + timing.preprocess,
      };
    },
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

const percentile = (values: readonly number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)];

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
  for (let seed = 0; seed < WARM_UP; seed++) await path.chunk(seed);
  await python.ask();
  const own: Path[] = [];
  const baselines: Baselines[] = [];
  // In turn, so that a busy moment of the machine meets both alike.
  for (let seed = 0; seed < ROUNDS; seed++) {
    own.push(await path.chunk(seed));
    const others = await python.ask();
    if (others) baselines.push(others);
  }
  python.close();
  const growth = await bufferGrowth(path);
  const whole = own.map((path) => path.whole);

  const against = (name: string, key: keyof Baselines, target?: number): Row[] => {
    const ratio = (part: keyof Path, aim?: number) => ({
      value: median(baselines.map((others, i) => own[i][part] / others[key])),
      target: aim,
      better: 'less' as const,
    });
    return [
      { name, value: median(baselines.map((others) => others[key])), unit: 'ms' },
      { name: '  arrival to chunk, of it', unit: '×', ...ratio('whole', target) },
      { name: '  preprocessing, of it', unit: '×', ...ratio('preprocessing') },
    ];
  };
  const size = `${cameras.length} frames of ${cameras[0].width}×${cameras[0].height} at ${SIDE}`;
  const compared =
    baselines.length === ROUNDS
      ? [
          ...against('Pillow, the images alone', 'pillow', 0.5),
          ...against('OpenCV with INTER_AREA, the images alone', 'opencv', 0.5),
          ...against('OpenCV, four pixels of 33 looked at', 'opencvLinear'),
        ]
      : [];
  const note = compared.length ? undefined : 'no Pillow and OpenCV here: nothing to compare with';
  return [
    {
      name: 'arrival to chunk without the run, median',
      value: median(whole),
      unit: 'ms',
      note: note ?? size,
    },
    { name: '  p99', value: percentile(whole, 0.99), unit: 'ms', target: 12, better: 'less' },
    {
      name: '  of it preprocessing, median',
      value: median(own.map(({ preprocessing }) => preprocessing)),
      unit: 'ms',
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
    const { vision } = tinyBundle.pi0;
    await writeTinyBundle(folder, 0, {
      ...tinyBundle,
      cameras: cameras.map(({ name }) => name),
      pi0: {
        ...{ ...tinyBundle.pi0, horizon: 50, stateDim: JOINTS, actionDim: JOINTS },
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
