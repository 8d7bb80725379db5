import { topics } from '../live/topics.ts';
import { Cameras } from '../operate/Cameras.tsx';
import { SensorsCard } from '../operate/SensorsCard.tsx';
import { Card } from '../parts/Card.tsx';
import { Figure } from '../parts/Figure.tsx';
import { Calibration } from './Calibration.tsx';
import { FitCard } from './FitCard.tsx';
import { MachineCard } from './MachineCard.tsx';

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
            {camera.used ? ', the policy sees it' : ', the policy does not see it'}
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
  return (
    <div class="setup">
      <div class="stack">
        <FitCard />
        <Cameras />
        <SensorsCard />
      </div>
      <div class="stack">
        <MachineCard />
        <RobotCard />
      </div>
    </div>
  );
}
