import {
  cameraNames,
  cameraSizes,
  embodimentName,
  exposure,
  greyPictures,
  identicalPictures,
  jointCount,
  operatingModes,
  trainedTask,
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
import type { Misfit, FitCase, RobotCase, SampledCase } from './case.ts';

type Rule =
  | { needs: 'nothing' | 'vectors'; find: (fit: FitCase) => Misfit[] }
  | { needs: 'chunk'; find: (fit: SampledCase) => Misfit[] };

/** Rules that need `vectors` require that the robot's vectors have the length of the policy's transforms. */
const RULES: Rule[] = [
  { needs: 'nothing', find: embodimentName },
  { needs: 'nothing', find: trainedTask },
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

/** The mismatches in the order of the rules; empty if everything fits. */
export function findMisfits(fit: FitCase): Misfit[] {
  const vectorsFit = jointCount(fit).length === 0;
  return RULES.flatMap((rule): Misfit[] => {
    if (rule.needs === 'nothing') return rule.find(fit);
    if (!vectorsFit) return [];
    if (rule.needs === 'vectors') return rule.find(fit);
    return isSampled(fit) ? rule.find(fit) : [];
  });
}

/** Rules of the robot alone, and of a chunk that is to move it. */
const ROBOT_RULES: ((fit: RobotCase) => Misfit[])[] = [
  exposure,
  identicalPictures,
  greyPictures,
  operatingModes,
  gripperOpening,
  measuredPose,
];
const CHUNK_RULES: ((fit: SampledCase<RobotCase>) => Misfit[])[] = [
  finiteChunk,
  firstTick,
  chunkLimits,
];

/** The mismatches of a robot with the first chunk of a policy that is known by nothing else, as one on a server. */
export const findRobotMisfits = (fit: SampledCase<RobotCase>): Misfit[] => [
  ...ROBOT_RULES.flatMap((find) => find(fit)),
  ...CHUNK_RULES.flatMap((find) => find(fit)),
];

/** Whether robot and policy fit well enough to sample a chunk: vector lengths and cameras match. */
export const canSample = (fit: FitCase): boolean =>
  jointCount(fit).length === 0 && cameraNames(fit).every(({ severity }) => severity !== 'error');
