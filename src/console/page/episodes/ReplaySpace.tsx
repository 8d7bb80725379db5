import { useMemo } from 'preact/hooks';
import type { EpisodeReplay } from '../../protocol.ts';
import { drawnArms, extentOf, tipPaths } from '../draw/arms.ts';
import { drawCloseUp, placeOf } from '../draw/closeUp.ts';
import { newOrbit } from '../draw/orbit.ts';
import { projection } from '../draw/projection.ts';
import { drawArm, drawPath, drawTable } from '../draw/scene.ts';
import type { Draw } from '../parts/Canvas.tsx';
import { Card } from '../parts/Card.tsx';
import { LineLegend } from '../parts/LineLegend.tsx';
import { Space } from '../parts/Space.tsx';
import { palette } from '../theme.ts';
import { type Player, indexAt } from './player.ts';

/** The control period of an episode, ms: between its commands. */
function periodOf({ commandTimes }: EpisodeReplay): number {
  const count = commandTimes.length;
  return count < 2 ? 20 : (commandTimes[count - 1] - commandTimes[0]) / (count - 1);
}

function drawer(replay: EpisodeReplay, player: Player, orbit: ReturnType<typeof newOrbit>): Draw {
  const arms = drawnArms(replay.arms);
  const extent = extentOf(replay.arms);
  const floor = extent.centre[2] - 0.2;
  const period = periodOf(replay);
  const starts = replay.chunks.map(({ time }) => time);
  const joints = replay.joints.length;
  let shown = -1;
  let paths: Float64Array[] = [];
  const rowAt = (values: Float32Array, times: Float32Array) => {
    const i = indexAt(times, player.time.value);
    return values.subarray(i * joints, (i + 1) * joints);
  };
  return (context, width, height) => {
    const project = projection(orbit.value, extent, width, height);
    const colours = palette.value;
    drawTable(context, project, extent, colours);
    const here = indexAt(starts, player.time.value);
    const chunk = replay.chunks[here];
    if (chunk && here !== shown) {
      shown = here;
      paths = tipPaths(arms, chunk.rows, chunk.horizon);
    }
    arms.forEach((arm, i) => {
      const colour = [colours.accent, colours['series-2']][i % 2];
      const isPlayed = chunk && player.time.value >= chunk.time;
      const now = isPlayed ? chunk.from + (player.time.value - chunk.time) / period : 0;
      const progress = { from: chunk?.from ?? 0, now, to: chunk?.to ?? 0 };
      if (isPlayed) drawPath(context, project, paths[i], progress, colour);
      if (replay.commandTimes.length > 0) drawArm(context, project, arm, rowAt(replay.commands, replay.commandTimes), floor, { colour, ghost: true }, colours); // prettier-ignore
      if (replay.times.length > 0) drawArm(context, project, arm, rowAt(replay.measured, replay.times), floor, { colour, ghost: false }, colours); // prettier-ignore
      if (isPlayed) drawCloseUp(context, orbit.value, { name: arm.name, path: paths[i], progress }, placeOf(i, width, height), colour, colours); // prettier-ignore
    });
  };
}

/** The arms in space as they were. */
export function ReplaySpace({ replay, player }: { replay: EpisodeReplay; player: Player }) {
  const orbit = useMemo(newOrbit, []);
  const draw = useMemo(() => drawer(replay, player, orbit), [replay, player, orbit]);
  if (replay.arms.length === 0) return null;
  return (
    <Card title="In space" class="replay-space">
      <Space orbit={orbit} draw={draw} label="The arms in space as they were" />
      <LineLegend joined={false} />
    </Card>
  );
}
