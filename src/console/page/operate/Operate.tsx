import { topics } from '../live/topics.ts';
import { AttemptsCard } from './AttemptsCard.tsx';
import { Cameras } from './Cameras.tsx';
import { GuardCard } from './GuardCard.tsx';
import { JointsCard } from './JointsCard.tsx';
import { LogCard } from './LogCard.tsx';
import { NoSeat } from './NoSeat.tsx';
import { PhaseBanner } from './PhaseBanner.tsx';
import { PolicyCard } from './PolicyCard.tsx';
import { SensorsCard } from './SensorsCard.tsx';
import { SpaceCard } from './SpaceCard.tsx';
import { StoppedBanner } from './StoppedBanner.tsx';
import { TaskCard } from './TaskCard.tsx';

/** See it, judge it, stop it. */
export function Operate() {
  const isStopped = topics.phase.value?.phase === 'stopped';
  return (
    <div class="operate">
      <div class="head">
        {isStopped ? <StoppedBanner /> : <PhaseBanner />}
        <TaskCard />
      </div>
      <NoSeat />
      <div class="operate-grid">
        <Cameras />
        <SpaceCard />
        <div class="side">
          <JointsCard />
          <GuardCard />
        </div>
        <PolicyCard />
        <AttemptsCard />
        <SensorsCard />
        <LogCard />
      </div>
    </div>
  );
}
