import { topics } from '../live/topics.ts';
import { Card } from '../parts/Card.tsx';
import { JointBars } from '../parts/JointBars.tsx';
import { limited } from './limited.ts';

/** Where each joint is, within its limits. */
export function JointsCard() {
  const joints = topics.robot.value?.joints ?? [];
  return (
    <Card
      title="Joints"
      class="joints-card"
      aside={
        <ul class="legend">
          <li>
            <svg width="14" height="12" aria-hidden="true">
              <path d="M7 1v10" stroke-width="4" />
            </svg>
            measured
          </li>
          <li>
            <svg width="14" height="12" aria-hidden="true">
              <path d="M7 2l4 4-4 4-4-4z" stroke-width="1.5" />
            </svg>
            target
          </li>
        </ul>
      }
    >
      <JointBars
        joints={joints}
        read={() => {
          const motion = topics.motion.value;
          return motion && { measured: motion.measured, target: motion.target };
        }}
        marked={limited}
      />
    </Card>
  );
}
