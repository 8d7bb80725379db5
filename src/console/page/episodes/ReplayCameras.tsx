import { effect } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { EpisodeReplay } from '../../protocol.ts';
import { drawPicture } from '../draw/picture.ts';
import { Canvas, type Draw } from '../parts/Canvas.tsx';
import { Card } from '../parts/Card.tsx';
import { type Frames, framesOf } from './framesOf.ts';
import type { Player } from './player.ts';

type RecordedCamera = EpisodeReplay['cameras'][number];

const drawer =
  ({ shown }: Frames): Draw =>
  (context, width, height) => {
    if (shown.value) drawPicture(context, shown.value.bitmap, width, height);
  };

function ReplayCamera({
  id,
  camera,
  player,
}: {
  id: string;
  camera: RecordedCamera;
  player: Player;
}) {
  // prettier-ignore
  const frames = useMemo(() => framesOf(id, camera.name, camera.times), [id, camera]);
  useEffect(() => {
    const stop = effect(() => frames.show(player.time.value));
    return () => {
      stop();
      frames.close();
    };
  }, [frames, player]);
  const draw = useMemo(() => drawer(frames), [frames]);
  return (
    <figure class="camera">
      <div class="camera-picture">
        <Canvas draw={draw} label={`Recorded camera ${camera.name}`} />
      </div>
      <figcaption>
        <span class="camera-name">{camera.name}</span>
        {frames.problem.value && <span class="camera-age">no picture</span>}
      </figcaption>
    </figure>
  );
}

/** What the cameras saw. */
export const ReplayCameras = ({ replay, player }: { replay: EpisodeReplay; player: Player }) => (
  <Card title="Cameras" class="replay-cameras">
    {replay.cameras.length === 0 && <p class="empty">No picture was recorded.</p>}
    <div class="cameras">
      {replay.cameras.map((camera) => (
        <ReplayCamera key={camera.name} id={replay.id} camera={camera} player={player} />
      ))}
    </div>
  </Card>
);
