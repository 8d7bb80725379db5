import { topics } from '../live/topics.ts';
import { Diagnostics } from './Diagnostics.tsx';
import { LearningLog } from './LearningLog.tsx';
import { Progress } from './Progress.tsx';
import { RaceCard } from './RaceCard.tsx';
import { RobotsCard } from './RobotsCard.tsx';
import { SuccessCard } from './SuccessCard.tsx';
import { ValuesCard } from './ValuesCard.tsx';
import { Versions } from './Versions.tsx';

/** Watches the policy learn. */
export function Learn() {
  const learning = topics.learning.value;
  const fleet = topics.fleet.value;
  return (
    <div class="learn">
      <Progress />
      <SuccessCard />
      <Versions />
      {fleet && fleet.robots.length > 0 && <RobotsCard {...fleet} />}
      {learning?.race && <RaceCard {...learning.race} />}
      {learning?.values && <ValuesCard {...learning.values} />}
      {learning && learning.points.length > 1 && <Diagnostics points={learning.points} />}
      {learning && <LearningLog log={learning.log} />}
    </div>
  );
}
