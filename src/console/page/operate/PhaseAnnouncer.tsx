import { PHASES } from '../../protocol.ts';
import { link } from '../live/connection.ts';
import { topics } from '../live/topics.ts';
import { attemptText } from './PhaseBanner.tsx';

/** Says the phase to those who do not see it. */
export function PhaseAnnouncer() {
  const state = topics.phase.value;
  const isLive = link.value.state === 'live';
  return (
    <div class="unseen" role="status" aria-live="assertive" data-testid="announcer">
      {isLive && state && (
        <>
          {PHASES[state.phase]}
          {state.phase === 'running' && `, ${attemptText(state)}`}
          {state.phase === 'stopped' && state.reason !== undefined && `: ${state.reason}`}
        </>
      )}
    </div>
  );
}
