import { PHASES } from '../../protocol.ts';
import type { Phase, PhaseState } from '../../protocol.ts';
import { clock } from '../format.ts';
import { now } from '../live/clock.ts';
import { topics } from '../live/topics.ts';
import { Icon } from '../parts/Icon.tsx';
import { PHASE_LOOK } from './phaseLook.ts';

/** "attempt 7", or within a series "attempt 3 of 10". */
export function attemptText({ attempt, series }: PhaseState): string {
  if (attempt === 0) return 'no attempt yet';
  return series ? `attempt ${series.number} of ${series.of}` : `attempt ${attempt}`;
}

/** In which phases the robot waits for a person. */
const WAITS: readonly Phase[] = ['judgement', 'reset'];

/** How long the phase has lasted: it follows the phase's own words. */
function RunningTime({ state }: { state: PhaseState }) {
  const passed = Math.max(0, now.value - state.at);
  if (state.phase !== 'running')
    return (
      <span class="tabular">
        {WAITS.includes(state.phase) ? 'waiting' : 'for'} {clock(passed)}
      </span>
    );
  return (
    <>
      <span class="tabular">
        {(passed / 1000).toFixed(1)} s of {state.seconds} s
      </span>
      <progress aria-label="Time of the attempt" max={1000 * state.seconds} value={passed} />
    </>
  );
}

/** The phase, to be read from two metres. */
export function PhaseBanner() {
  const state = topics.phase.value;
  if (!state) return null;
  const { icon, tone } = PHASE_LOOK[state.phase];
  return (
    <div class={`phase ${tone}`}>
      <div class="phase-icon">
        <Icon name={icon} size={48} />
      </div>
      <div class="grow">
        <p
          class="phase-word"
          data-testid="phase"
          style={{ '--letters': PHASES[state.phase].length }}
        >
          {PHASES[state.phase]}
        </p>
        <p class="phase-line">
          {topics.robot.value?.simulated && <span class="narrow-only">simulated</span>}
          <RunningTime state={state} />
          <span>{attemptText(state)}</span>
          {state.reason !== undefined && <span>{state.reason}</span>}
        </p>
      </div>
    </div>
  );
}
