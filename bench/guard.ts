import type { Calibration } from '../src/robot/calibration.ts';
import { embodimentOf } from '../src/robot/calibration.ts';
import type { SensorAge } from '../src/guard/guardEvents.ts';
import { atRest, guard, guardLimits } from '../src/guard/guard.ts';
import { SIM_CALIBRATION } from '../src/sim/embodiment.ts';
import { uniform } from '../src/sim/random.ts';
import type { Row } from './row.ts';
import { loadCalibration } from '../src/robot/calibrationFile.ts';

const TICKS = 100_000;
const WARM_UP = 10_000;

const AGES: SensorAge[] = [
  { kind: 'joints', source: 'joint state', age: 5 },
  ...['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist'].map((source): SensorAge => ({
    kind: 'camera',
    source,
    age: 20,
  })),
  { kind: 'chunk', source: 'chunk', age: 400 },
];

/** Rows that go to a new random pose round the start pose every second, smoothly or in a jump. */
function rows({ joints }: Calibration, smooth: boolean) {
  const random = uniform(1);
  const pose = () =>
    Float64Array.from(joints, ({ lower, upper, home }) =>
      Math.min(Math.max(home + (random() - 0.5) * 1.2, lower), upper),
    );
  let [from, to] = [Float64Array.from(joints, ({ home }) => home), pose()];
  let step = 0;
  return () => {
    if (++step === 50) [from, to, step] = [to, pose(), 0];
    const share = smooth ? (1 - Math.cos((step / 50) * Math.PI)) / 2 : 1;
    return from.map((at, joint) => at + share * (to[joint] - at));
  };
}

/** µs of each tick, sorted. */
function measure(calibration: Calibration, smooth: boolean): number[] {
  const limits = guardLimits(embodimentOf(calibration));
  const next = rows(calibration, smooth);
  let state = atRest(next());
  const times: number[] = [];
  for (let tick = 0; tick < WARM_UP + TICKS; tick++) {
    const desired = next();
    const began = performance.now();
    state = guard(limits, state, desired, AGES).next;
    if (tick >= WARM_UP) times.push((performance.now() - began) * 1000);
  }
  return times.sort((a, b) => a - b);
}

/** What the guard takes of a tick, without and with the rules of space; on smooth rows, and where it limits all the time. */
export async function benchGuard(): Promise<Row[]> {
  const sim = await loadCalibration(SIM_CALIBRATION);
  const plain: Calibration = {
    ...sim,
    workspace: { ...sim.workspace!, enforced: false },
    leastDistance: undefined,
  };
  const space: Calibration = {
    ...sim,
    workspace: { ...sim.workspace!, enforced: true },
    leastDistance: 0.08,
  };
  const cases: [string, Calibration, boolean][] = [
    ['joints, ages', plain, true],
    ['joints, ages, jumps', plain, false],
    ['with workspace and distance', space, true],
    ['with workspace and distance, jumps', space, false],
  ];
  return cases.flatMap(([name, calibration, smooth]): Row[] => {
    const times = measure(calibration, smooth);
    const at = (share: number) => times[Math.floor(share * times.length)];
    const unit = 'µs a tick';
    return [
      { name: `${name}, p50`, value: at(0.5), unit, target: 20, better: 'less' },
      { name: `${name}, p99`, value: at(0.99), unit, target: 20, better: 'less' },
    ];
  });
}
