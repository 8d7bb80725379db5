import { Learn } from './learn/Learn.tsx';
import { Episodes } from './episodes/Episodes.tsx';
import { Compare } from './compare/Compare.tsx';
import { Operate } from './operate/Operate.tsx';
import { SetUp } from './setup/SetUp.tsx';
import { type Tab, TABS, tab } from './route.ts';
import { link } from './live/connection.ts';
import { hasRobot } from './live/seat.ts';
import { Dock } from './operate/Dock.tsx';
import { PhaseAnnouncer } from './operate/PhaseAnnouncer.tsx';
import { StoppedBanner } from './operate/StoppedBanner.tsx';
import { Notices } from './parts/Notices.tsx';
import { Offline } from './Offline.tsx';
import { TopBar } from './TopBar.tsx';
import { topics } from './live/topics.ts';

const CONTENT: Record<Tab, () => preact.JSX.Element> = {
  operate: Operate,
  learn: Learn,
  episodes: Episodes,
  compare: Compare,
  setup: SetUp,
};

export function App() {
  const { state } = link.value;
  const isLive = state === 'live';
  const isStopped = topics.phase.value?.phase === 'stopped';
  const Content = CONTENT[tab.value];
  if (state === 'connecting' || state === 'refused') return <Offline />;
  return (
    <>
      <div class={isLive ? 'app' : 'app away'} inert={!isLive}>
        <TopBar />
        <main aria-label={TABS[tab.value].label}>
          {isStopped && tab.value !== 'operate' && <StoppedBanner />}
          <Content />
        </main>
        <Notices />
        {hasRobot.value && <Dock />}
      </div>
      <PhaseAnnouncer />
      {!isLive && <Offline />}
    </>
  );
}
