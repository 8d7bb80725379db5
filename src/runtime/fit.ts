import type { BundleConfig } from '../policy/bundle.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { OperatingMode } from '../robot/operatingModes.ts';
import {
  cameraNames,
  cameraSizes,
  embodimentName,
  exposure,
  greyPictures,
  identicalPictures,
  jointCount,
  operatingModes,
} from './fitEquipment.ts';
import {
  actionKind,
  chunkLimits,
  finiteChunk,
  firstTick,
  gripperOpening,
  measuredPose,
} from './fitMotion.ts';
import { placeholderStatistics, reach, statistics } from './fitStatistics.ts';

/** One thing that does not fit, and what to do about it. */
export interface Finding {
  /** Error: do not run. Warning: look first. Note: only to be known. */
  severity: 'error' | 'warning' | 'note';
  /** Joints, camera, or part of the bundle that it is about. */
  subject: string;
  message: string;
}

/** A camera's decoded image. */
export interface Picture {
  camera: string;
  /** RGB8. */
  pixels: Uint8Array;
}

/** A policy, a robot, and what was seen of both while nothing moved. */
export interface FitCase {
  policy: BundleConfig;
  robot: Embodiment;
  /** [joints] measured: rad, openings. */
  position: Float64Array;
  /** Of the cameras that the policy looks through. */
  pictures: readonly Picture[];
  /** [horizon, joints] the first chunk, from zero noise; absent where none could be sampled. */
  chunk?: Float32Array;
  /** Least and greatest mean brightness by camera, 0 to 255. */
  exposure?: ReadonlyMap<string, readonly [number, number]>;
  /** How the robot's drivers take commands, where they say it. */
  modes?: readonly OperatingMode[];
}

/** A case with a chunk in it. */
export type SampledCase = FitCase & { chunk: Float32Array };

type Rule =
  | { needs: 'nothing' | 'vectors'; find: (fit: FitCase) => Finding[] }
  | { needs: 'chunk'; find: (fit: SampledCase) => Finding[] };

/** `vectors`: the robot's vectors have the length that the policy's transforms take. */
const RULES: Rule[] = [
  { needs: 'nothing', find: embodimentName },
  { needs: 'nothing', find: jointCount },
  { needs: 'nothing', find: cameraNames },
  { needs: 'nothing', find: cameraSizes },
  { needs: 'nothing', find: exposure },
  { needs: 'nothing', find: identicalPictures },
  { needs: 'nothing', find: greyPictures },
  { needs: 'nothing', find: operatingModes },
  { needs: 'nothing', find: gripperOpening },
  { needs: 'nothing', find: measuredPose },
  { needs: 'vectors', find: placeholderStatistics },
  { needs: 'vectors', find: reach },
  { needs: 'vectors', find: statistics },
  { needs: 'vectors', find: actionKind },
  { needs: 'chunk', find: finiteChunk },
  { needs: 'chunk', find: firstTick },
  { needs: 'chunk', find: chunkLimits },
];

const isSampled = (fit: FitCase): fit is SampledCase => fit.chunk !== undefined;

/** What does not fit, rule by rule; an empty list if all does. */
export function findMisfits(fit: FitCase): Finding[] {
  const vectorsFit = jointCount(fit).length === 0;
  return RULES.flatMap((rule): Finding[] => {
    if (rule.needs === 'nothing') return rule.find(fit);
    if (!vectorsFit) return [];
    if (rule.needs === 'vectors') return rule.find(fit);
    return isSampled(fit) ? rule.find(fit) : [];
  });
}

/** Whether robot and policy fit as far as it takes to sample a chunk. */
export const canSample = (fit: FitCase): boolean =>
  jointCount(fit).length === 0 && cameraNames(fit).every(({ severity }) => severity !== 'error');
