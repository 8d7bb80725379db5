import { type View, movedView, straightView } from '../../images/view.ts';
import type { Place } from '../../policy/bundle/adapter.ts';
import type { Offset } from '../../policy/offset.ts';
import { byRobot } from '../byRobot.ts';
import type { Rollout } from '../attempts/rollout.ts';
import type { UpdateMetrics } from '../metrics.ts';
import { viewStep } from './viewStep.ts';

/** Where a policy looks and acts: in common, and the robots that have a place of their own, by name. */
export interface Places {
  view: View;
  /** Of the policy that it began with; FPO keeps it. */
  offset: Offset;
  own: Map<string, Place>;
}

/**
 * Moves the view of each robot by its own attempts, and the common one by those of robots unknown. Each attempt moves
 * a view as far however many robots there are: a robot's step of length `rate` is scaled by its share of the attempts.
 * Returns the views that moved.
 */
export function moveViews(
  places: Places,
  rate: number,
  attempts: readonly Pick<Rollout, 'robot' | 'reward' | 'chunks'>[],
): Pick<UpdateMetrics, 'view' | 'own'> {
  const { view: common, offset } = places;
  const cameras = common.length / 2;
  const own: Record<string, { view: number[] }> = {};
  for (const [robot, made] of byRobot(attempts)) {
    const share = made.length / attempts.length;
    const step = viewStep(made, cameras)?.map((shift) => rate * share * shift);
    if (!step) continue;
    if (robot === undefined) places.view = movedView(common, step);
    else {
      const place = places.own.get(robot) ?? { view: common, offset };
      const view = movedView(place.view ?? straightView(cameras), step);
      places.own.set(robot, { ...place, view });
      own[robot] = { view: [...view] };
    }
  }
  return {
    ...(places.view !== common && { view: [...places.view] }),
    ...(Object.keys(own).length > 0 && { own }),
  };
}
