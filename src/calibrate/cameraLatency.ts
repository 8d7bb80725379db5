import type { Findings } from './findings.ts';
import { type Latency, type Series, estimateLatency, rateOfChange } from './latency.ts';
import { difference, thumbnail } from '../images/pictureFigures.ts';
import type { CameraFrame } from '../robot/robot.ts';
import type { AngleRow, Bench } from './bench.ts';

/** s of jerks. */
const SECONDS = 10;
/** Columns of the images that are compared, at most. */
const COLUMNS = 96;
/** A correlation below it says nothing. */
const LEAST_CORRELATION = 0.5;

type Small = { stamp: bigint; value: Uint8Array };

/** An image as it is compared; undefined for one that cannot be decoded. */
async function shrink(frame: CameraFrame): Promise<Small | undefined> {
  const width = Math.min(COLUMNS, frame.width);
  const height = Math.round((frame.height * width) / frame.width);
  const pixels = await frame.pixels().catch(() => undefined);
  return pixels && { stamp: frame.stamp, value: thumbnail(pixels, frame, { width, height }) };
}

/** Speed, rad/s, of each arm's joints and of all together. */
function speeds({ calibration }: Bench, rows: readonly AngleRow[]): Series[] {
  const groups = [...calibration.arms.map(({ name }) => name), undefined].map((arm) =>
    calibration.joints.flatMap((joint, i) =>
      joint.kind !== 'gripper' && (arm === undefined || joint.arm === arm) ? [i] : [],
    ),
  );
  const values = rows.map(({ stamp, angles }) => ({ stamp, value: angles }));
  return groups.map((joints) =>
    rateOfChange(values, (a, b) => Math.hypot(...joints.map((joint) => b[joint] - a[joint]))),
  );
}

const likeliest = (estimates: (Latency | undefined)[]): Latency | undefined =>
  estimates
    .filter((estimate) => estimate !== undefined)
    .toSorted((a, b) => b.correlation - a.correlation)[0];

/** How far each camera's images lie behind the joints, by their stamps. */
export async function measureLatencies(bench: Bench, findings: Findings): Promise<void> {
  const { calibration, dialogue, person } = bench;
  const rows: AngleRow[] = [];
  const images = new Map<string, Promise<Small | undefined>[]>();
  const stop = bench.listen({
    angles: (row) => rows.push(row),
    frame(frame) {
      const taken = images.get(frame.camera) ?? [];
      images.set(frame.camera, taken);
      taken.push(shrink(frame));
    },
  });
  const { arms } = calibration;
  const moved = arms.length === 1 ? 'the arm' : arms.length === 2 ? 'both arms' : 'all arms';
  const instruction = `move ${moved} in jerks before the cameras, with pauses, for ${SECONDS} s.`;
  const live = () => `${rows.length} joint states`;
  const move = { kind: 'jerks', seconds: SECONDS } as const;
  if (!(await person.make(move, instruction, live).finally(stop))) return;

  const causes = speeds(bench, rows);
  for (const { name } of calibration.cameras) {
    const taken = await Promise.all(images.get(name) ?? []);
    const energy = rateOfChange(
      taken.filter((image) => image !== undefined),
      difference,
    );
    const found = likeliest(causes.map((cause) => estimateLatency(cause, energy)));
    if (!found || found.correlation < LEAST_CORRELATION) {
      dialogue.print(
        `  ${name}: no latency; its images do not change as the joints move (correlation ${(found?.correlation ?? 0).toFixed(2)})`,
      );
      continue;
    }
    findings.latencies.set(name, found);
    dialogue.print(
      `  ${name}: ${(1000 * found.latency).toFixed(0)} ms behind the joints (correlation ${found.correlation.toFixed(2)})`,
    );
  }
}
