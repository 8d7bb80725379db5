import type { Chunk, ChunkPolicy } from '../policy/chunkPolicy.ts';

/** A trajectory to play through the interface of a policy. */
export interface TrajectorySource {
  /** Name of the planner, recorded as the policy's version. */
  version: string;
  /** Cameras to record; their frames belong to each chunk. */
  cameras: readonly string[];
  horizon: number;
  executeSteps: number;
  /** Hz of the trajectory's rows. */
  controlRate: number;
  /** The rows [steps][joints], absolute. Called once, at the first observation. */
  plan(): readonly ArrayLike<number>[];
}

/**
 * A policy for one attempt whose chunks are the trajectory's rows from each observation on; the last
 * row is repeated past its end. Row 0 belongs to the first observation.
 */
export function trajectoryPolicy(source: TrajectorySource): ChunkPolicy {
  const { version, cameras, horizon, executeSteps, controlRate } = source;
  let begun: { stamp: bigint; rows: readonly ArrayLike<number>[] } | undefined;

  const slice = (stamp: bigint): Chunk => {
    begun ??= { stamp, rows: source.plan() };
    const { rows } = begun;
    const first = Math.round((Number(stamp - begun.stamp) * controlRate) / 1e9);
    const joints = rows[0].length;
    const actions = new Float32Array(horizon * joints);
    for (let row = 0; row < horizon; row++)
      actions.set(rows[Math.min(first + row, rows.length - 1)], row * joints);
    return {
      actions,
      noise: new Float32Array(),
      horizon,
      policyVersion: version,
      timing: { preprocess: 0, run: 0, total: 0 },
    };
  };

  return {
    cameras,
    horizon,
    executeSteps,
    sample: ({ joints }) => Promise.resolve(slice(joints.stamp)),
    close: () => Promise.resolve(),
  };
}
