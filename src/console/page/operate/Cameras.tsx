import type { ConsoleCamera } from '../../protocol.ts';
import { topics } from '../live/topics.ts';
import { Card } from '../parts/Card.tsx';
import { CameraTile } from './CameraTile.tsx';

/** All cameras, live. */
export function Cameras() {
  const cameras: ConsoleCamera[] = topics.robot.value?.cameras ?? [];
  if (cameras.length === 0) return null;
  return (
    <Card title="Cameras" class="cameras-card">
      <div class="cameras" data-count={cameras.length}>
        {cameras.map((camera) => (
          <CameraTile key={camera.name} camera={camera} />
        ))}
      </div>
    </Card>
  );
}
