import { setImmediate } from 'node:timers/promises';
import {
  type Chunk,
  type ChunkPolicy,
  type Clock,
  type Embodiment,
  type Observation,
  type Observer,
  type Robot,
  type Task,
  readEpisode,
  recordEpisode,
  runAttempt,
} from '../../src/index.ts';

/** What a joint of this arm has beside its name and kind: rad and s. */
const LIMITS = { lower: -2, upper: 2, velocity: 1, acceleration: 50, home: 0 };

/** A clock that goes on by a control step for each that is waited for. */
class SteppedClock implements Clock {
  #now = 1_000_000_000n;
  readonly #period: bigint;
  readonly #onStep: () => void;

  constructor(period: bigint, onStep: () => void) {
    this.#period = period;
    this.#onStep = onStep;
  }

  now() {
    return this.#now;
  }

  async until(stamp: bigint) {
    while (this.#now < stamp) {
      this.#now += this.#period;
      this.#onStep();
      await setImmediate();
    }
  }
}

/** An arm of one joint and a gripper, with a camera on its wrist, that reaches what it is commanded at once. */
class OneArm implements Robot {
  #observer: Observer | undefined;
  #position = Float64Array.of(0, 1);
  readonly clock = new SteppedClock(20_000_000n, () => this.sense());

  get embodiment(): Embodiment {
    return {
      name: 'one-arm',
      controlRate: 50,
      joints: [
        { name: 'shoulder', kind: 'arm', ...LIMITS },
        { name: 'gripper', kind: 'gripper', ...LIMITS, lower: 0, upper: 1, home: 1 },
      ],
      cameras: [{ name: 'wrist', width: 8, height: 6, noiseless: true }],
    };
  }

  get shoulder() {
    return this.#position[0];
  }

  observe(observer: Observer) {
    this.#observer = observer;
  }

  command(positions: Float64Array) {
    this.#position = positions.slice();
  }

  sense() {
    const stamp = this.clock.now();
    this.#observer?.joints({ stamp, position: this.#position.slice() });
    this.#observer?.frame({
      camera: 'wrist',
      stamp,
      width: 8,
      height: 6,
      pixels: () => Promise.resolve(new Uint8Array(8 * 6 * 3).fill(128)),
    });
  }

  close() {
    this.#observer = undefined;
    return Promise.resolve();
  }
}

/** Raises the shoulder faster than the arm may move. */
class Raise implements ChunkPolicy {
  #chunks = 0;

  get cameras() {
    return ['wrist'];
  }

  get horizon() {
    return 20;
  }

  get executeSteps() {
    return 10;
  }

  sample({ joints }: Observation): Promise<Chunk> {
    this.#chunks += 1;
    const [shoulder, gripper] = joints.position;
    const rows = Array.from({ length: this.horizon }, (_, row) => [
      shoulder + 0.1 * (row + 1),
      gripper,
    ]);
    return Promise.resolve({
      actions: Float32Array.from(rows.flat()),
      noise: new Float32Array(),
      horizon: this.horizon,
      policyVersion: `raise-${this.#chunks}`,
      timing: { preprocess: 0, run: 0, total: 0 },
    });
  }

  close() {
    return Promise.resolve();
  }
}

class ReachUp implements Task {
  readonly name = 'reach-up';
  readonly prompt = 'reach up';
  readonly maxSteps = 200;
  readonly #robot: OneArm;

  constructor(robot: OneArm) {
    this.#robot = robot;
  }

  reset() {
    this.#robot.sense();
    return Promise.resolve();
  }

  assess() {
    const reward = Math.min(1, this.#robot.shoulder);
    return { reward, success: reward >= 1 };
  }
}

/** One recorded attempt of the arm by the policy; what came of it, and what the episode's file says. */
export async function raiseArm(folder: string) {
  const robot = new OneArm();
  const task = new ReachUp(robot);
  const { embodiment } = robot;
  const head = { id: 'first', embodiment, task: task.name, prompt: task.prompt, policy: 'raise' };
  const recorder = await recordEpisode(folder, head);
  const result = await runAttempt({ robot, task, policy: new Raise(), seed: 1, recorder });
  await robot.close();
  const episode = await readEpisode(result.episode!);
  return {
    outcome: result.outcome,
    problem: result.problem?.message,
    rules: result.guard.map(({ rule, source }) => `${rule} ${source}`),
    steps: result.steps,
    embodiment: episode.header.embodiment.name,
    versions: episode.chunks.map(({ policyVersion }) => policyVersion),
  };
}
