import { topics } from '../live/topics.ts';
import { Cameras } from '../operate/Cameras.tsx';
import { Card } from '../parts/Card.tsx';
import { Figure } from '../parts/Figure.tsx';
import { SensorTable } from '../parts/SensorTable.tsx';
import { Calibration } from './Calibration.tsx';
import { Findings } from './Findings.tsx';

function RobotCard() {
  const robot = topics.robot.value;
  if (!robot) return null;
  const { name, simulated, dry, controlRate, joints, cameras, arms } = robot;
  return (
    <Card title="Robot">
      <dl class="figures">
        <Figure name="Name">{name}</Figure>
        <Figure name="Kind">
          {simulated ? 'simulated' : 'real'}
          {dry && ', only observed'}
        </Figure>
        <Figure name="Control rate">{controlRate} Hz</Figure>
        <Figure name="Joints">{joints.length}</Figure>
        <Figure name="Arms in space">
          {arms.map((arm) => arm.name).join(', ') || 'not known'}
        </Figure>
        {cameras.map((camera) => (
          <Figure key={camera.name} name={camera.name}>
            {camera.width} × {camera.height}
            {camera.used ? ', the policy sees it' : ', only recorded'}
          </Figure>
        ))}
      </dl>
    </Card>
  );
}

/** Whether all is in its place before anything moves. */
export function SetUp() {
  const calibration = topics.calibration.value;
  if (calibration) return <Calibration calibration={calibration} />;
  const sensors = topics.figures.value?.sensors ?? [];
  return (
    <div class="setup">
      <div class="stack">
        <Findings />
        <Cameras />
      </div>
      <div class="stack">
        <RobotCard />
        {sensors.length > 0 && (
          <Card title="Sensors">
            <SensorTable sensors={sensors} />
          </Card>
        )}
      </div>
    </div>
  );
}
