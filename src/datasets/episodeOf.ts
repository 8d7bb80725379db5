import type { ChunkRecord, EpisodeHeader, EpisodeResult } from '../episodes/episode.ts';
import type { Episode } from '../episodes/readEpisode.ts';
import type { CameraFrame } from '../robot/robot.ts';

/** The rows of an episode of another project, one a control step. */
export interface ForeignRows {
  /** Stamps of joints and commands, ns. */
  jointStamps: bigint[];
  commandStamps: bigint[];
  /** [rows][joints] rad, m and openings. */
  states: Float64Array[];
  actions: Float64Array[];
  policyVersions: string[];
  /** Rows at which pictures were seen, ascending, with the frame of each camera. */
  observations: { row: number; frames: CameraFrame[] }[];
}

/** [rows, joints] what was commanded from one observation to the next. */
function commanded(actions: readonly Float64Array[], joints: number): Float32Array {
  const chunk = new Float32Array(actions.length * joints);
  for (const [row, action] of actions.entries()) chunk.set(action, row * joints);
  return chunk;
}

/**
 * Such rows as an episode of Nalu. What was commanded from one observation to the next stands for the chunk that
 * the observation led to: there is no noise, and no row that was not played.
 */
export function episodeOf(
  path: string,
  header: EpisodeHeader,
  result: EpisodeResult,
  rows: ForeignRows,
): Episode {
  const { jointStamps, commandStamps, states, actions, observations, policyVersions } = rows;
  const joints = header.embodiment.joints.length;
  const frames = new Map<string, CameraFrame>();
  const chunks = observations.map(({ row, frames: seen }, index): ChunkRecord => {
    const end = observations.at(index + 1)?.row ?? actions.length;
    for (const frame of seen) frames.set(`${frame.camera} ${frame.stamp}`, frame);
    return {
      index,
      policyVersion: policyVersions[row],
      observationStamp: jointStamps[row],
      frameStamps: Object.fromEntries(seen.map(({ camera, stamp }) => [camera, stamp])),
      state: states[row],
      horizon: end - row,
      actions: commanded(actions.slice(row, end), joints),
      noise: new Float32Array(),
      delay: 0,
      executedFrom: 0,
      executedTo: end - row,
      held: 0,
    };
  });
  return {
    path,
    header,
    result,
    chunks,
    joints: states.map((position, row) => ({ stamp: jointStamps[row], position })),
    commands: actions.map((position, row) => ({ stamp: commandStamps[row], position })),
    image: (camera, stamp) => frames.get(`${camera} ${stamp}`),
    missing: [],
  };
}
