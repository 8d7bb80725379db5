import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { EpisodeReplay } from '../../protocol.ts';
import { drawTimeline } from '../draw/timeline.ts';
import { Canvas, type Draw } from '../parts/Canvas.tsx';
import { Card } from '../parts/Card.tsx';
import { palette } from '../theme.ts';
import type { Player } from './player.ts';

type TargetedPointerEvent = PointerEvent & { currentTarget: HTMLCanvasElement };

/** The joint that moves most, as a share of its range. */
function liveliest({ joints, measured }: EpisodeReplay): number {
  const moved = joints.map(({ lower, upper }, joint) => {
    const values = measured.filter((_, i) => i % joints.length === joint);
    const [least, most] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]); // prettier-ignore
    return (most - least) / (upper - lower);
  });
  return Math.max(0, moved.indexOf(Math.max(...moved)));
}

/** One joint's course and the chunks; where it is pressed, the replay goes. */
export function Timeline({ replay, player }: { replay: EpisodeReplay; player: Player }) {
  const joint = useSignal(useMemo(() => liveliest(replay), [replay.id]));
  const draw = useMemo(
    (): Draw => (context, width, height) => {
      const place = { time: player.time.value, length: player.length };
      drawTimeline(context, [width, height], replay, joint.value, place, palette.value);
    },
    [replay, player],
  );
  const seek = ({ offsetX, currentTarget }: TargetedPointerEvent) =>
    player.seek((offsetX / currentTarget.clientWidth) * player.length);
  return (
    <Card
      title="Course"
      class="timeline-card"
      aside={
        <>
          <ul class="legend">
            <li class="line-accent">
              <svg width="22" height="8" aria-hidden="true">
                <path d="M1 4h20" stroke-width="2" />
              </svg>
              measured
            </li>
            <li class="line-series-2">
              <svg width="22" height="8" aria-hidden="true">
                <path d="M1 4h20" stroke-width="1.5" stroke-dasharray="5 3" />
              </svg>
              commanded
            </li>
            <li>bands: chunks</li>
          </ul>
          <select
            aria-label="Joint"
            value={joint.value}
            onChange={({ currentTarget: { value } }) => (joint.value = Number(value))}
          >
            {replay.joints.map(({ name }, i) => (
              <option key={name} value={i}>
                {name}
              </option>
            ))}
          </select>
        </>
      }
    >
      <Canvas
        draw={draw}
        class="timeline"
        label={`Course of ${replay.joints[joint.value]?.name ?? 'no joint'}`}
        onPointerDown={seek}
        onPointerMove={(event) => event.buttons > 0 && seek(event)}
      />
    </Card>
  );
}
