import { topics } from '../live/topics.ts';
import { Card } from '../parts/Card.tsx';
import { SensorTable } from '../parts/SensorTable.tsx';

/** How often the robot's topics come. */
export function SensorsCard() {
  const sensors = topics.sensors.value ?? [];
  if (sensors.length === 0) return null;
  return (
    <Card title="Sensors" class="sensors-card">
      <SensorTable sensors={sensors} />
      {topics.robot.value?.simulated && (
        <p class="muted">
          By the simulation's clock, as the policy has them. The pictures are drawn for people, and
          less often.
        </p>
      )}
    </Card>
  );
}
