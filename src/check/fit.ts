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
import type { Misfit, FitCase, SampledCase } from './case.ts';

type Rule =
  | { needs: 'nothing' | 'vectors'; find: (fit: FitCase) => Misfit[] }
  | { needs: 'chunk'; find: (fit: SampledCase) => Misfit[] };

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
export function findMisfits(fit: FitCase): Misfit[] {
  const vectorsFit = jointCount(fit).length === 0;
  return RULES.flatMap((rule): Misfit[] => {
    if (rule.needs === 'nothing') return rule.find(fit);
    if (!vectorsFit) return [];
    if (rule.needs === 'vectors') return rule.find(fit);
    return isSampled(fit) ? rule.find(fit) : [];
  });
}

/** Whether robot and policy fit as far as it takes to sample a chunk. */
export const canSample = (fit: FitCase): boolean =>
  jointCount(fit).length === 0 && cameraNames(fit).every(({ severity }) => severity !== 'error');
