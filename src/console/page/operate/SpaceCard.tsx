import { computed } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { drawnArms, extentOf, tipPaths } from '../draw/arms.ts';
import { drawCloseUp, placeOf } from '../draw/closeUp.ts';
import { newOrbit } from '../draw/orbit.ts';
import { projection } from '../draw/projection.ts';
import { type Progress, drawArm, drawPath, drawTable } from '../draw/scene.ts';
import { now } from '../live/clock.ts';
import { topics } from '../live/topics.ts';
import type { Draw } from '../parts/Canvas.tsx';
import { Card } from '../parts/Card.tsx';
import { LineLegend } from '../parts/LineLegend.tsx';
import { Space } from '../parts/Space.tsx';
import { palette } from '../theme.ts';

const arms = computed(() => topics.robot.value?.arms ?? []);
const drawn = computed(() => drawnArms(arms.value));
const extent = computed(() => extentOf(arms.value));

/** The ways of the grippers over the chunk in play. */
const paths = computed(() => {
  const chunk = topics.chunk.value;
  return chunk ? tipPaths(drawnArms(arms.value), chunk.rows, chunk.horizon) : [];
});

/** How far the chunk in play has come. Rows are due one control step after the other, from its observation on. */
const progress = computed((): Progress | undefined => {
  const chunk = topics.chunk.value;
  const rate = topics.robot.value?.controlRate;
  if (!chunk || rate === undefined) return undefined;
  const passed = ((now.value - chunk.at + chunk.age) * rate) / 1000;
  const to = Math.min(chunk.horizon, chunk.executeSteps + chunk.delay);
  return { from: chunk.delay, now: passed, to };
});

const isMoving = computed(() => topics.phase.value?.phase === 'running');

function drawer(orbit: ReturnType<typeof newOrbit>): Draw {
  return (context, width, height) => {
    const colours = palette.value;
    const project = projection(orbit.value, extent.value, width, height);
    const floor = extent.value.centre[2] - 0.2;
    drawTable(context, project, extent.value, colours);
    const motion = topics.motion.value;
    const armColours = [colours.accent, colours['series-2']];
    drawn.value.forEach((arm, i) => {
      const colour = armColours[i % armColours.length];
      if (isMoving.value && progress.value && paths.value[i])
        drawPath(context, project, paths.value[i], progress.value, colour);
      if (motion?.target)
        drawArm(context, project, arm, motion.target, floor, { colour, ghost: true }, colours);
      if (motion)
        drawArm(context, project, arm, motion.measured, floor, { colour, ghost: false }, colours);
      if (isMoving.value && progress.value && paths.value[i]) {
        const way = { name: arm.name, path: paths.value[i], progress: progress.value };
        drawCloseUp(context, orbit.value, way, placeOf(i, width, height), colour, colours);
      }
    });
  };
}

/** The arms in space, and where the chunk in play takes the grippers. */
export function SpaceCard() {
  const orbit = useMemo(newOrbit, []);
  const draw = useMemo(() => drawer(orbit), [orbit]);
  const chunk = topics.chunk.value;
  if (arms.value.length === 0) return null;
  return (
    <Card
      title="In space"
      class="space-card"
      aside={chunk && <span class="tabular">chunk {chunk.index}</span>}
    >
      <Space orbit={orbit} draw={draw} label="The arms in space, with the ways of their grippers" />
      <LineLegend joined={chunk?.joined ?? false} />
    </Card>
  );
}
