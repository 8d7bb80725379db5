import { PHASES } from '../../protocol.ts';
import { mayOperate } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { Icon } from '../parts/Icon.tsx';
import { Key } from '../parts/Key.tsx';
import { tab } from '../route.ts';
import { ACTIONS, ACTION_NAMES, type ActionName, act, isOffered, reasonAgainst } from './actions.ts'; // prettier-ignore
import { attemptText } from './PhaseBanner.tsx';
import { PHASE_LOOK } from './phaseLook.ts';
import { series } from './series.ts';
import { StopButton } from './StopButton.tsx';

function ActionButton({ name }: { name: ActionName }) {
  const { label, icon, tone, key } = ACTIONS[name];
  const reason = reasonAgainst(name);
  const count = name === 'start' && series.value > 1 ? ` ${series.value}` : '';
  return (
    <button
      type="button"
      class={`action ${tone}`}
      aria-keyshortcuts={key}
      aria-disabled={reason !== undefined}
      title={reason}
      onClick={() => act(name)}
    >
      <Icon name={icon} size={26} />
      <span>
        {label}
        {count}
      </span>
      <Key name={key} />
    </button>
  );
}

/** Why nothing can be pressed, where it is the seat. */
const Actions = () => (
  <div class="actions" role="group" aria-label="Operate">
    {ACTION_NAMES.filter(isOffered).map((name) => (
      <ActionButton key={name} name={name} />
    ))}
  </div>
);

function SmallPhase() {
  const state = topics.phase.value;
  if (!state) return <div class="grow" />;
  const { icon, tone } = PHASE_LOOK[state.phase];
  return (
    <div class={`small-phase grow ${tone}`}>
      <Icon name={icon} size={28} />
      <span class="small-phase-word">{PHASES[state.phase]}</span>
      <span class="muted">{attemptText(state)}</span>
    </div>
  );
}

/** At the lower edge, where thumbs are: what the phase allows, and on every tab the stop. */
export const Dock = () => (
  <footer class="dock">
    {tab.value === 'operate' && mayOperate.value ? <Actions /> : <SmallPhase />}
    <StopButton />
  </footer>
);
