import type { EpisodeLine } from '../../protocol.ts';
import { bytes, dayAndTime, shortPolicy } from '../format.ts';
import { Chip } from '../parts/Chip.tsx';
import { Icon } from '../parts/Icon.tsx';
import { OutcomeChip } from '../parts/OutcomeChip.tsx';
import { isOffered } from '../operate/actions.ts';
import { replayed, tick, ticked } from './list.ts';

/** An episode in the list: pressed, it is replayed. */
export function EpisodeRow({ line }: { line: EpisodeLine }) {
  const { id, at, task, policy, outcome, recorded, seconds, bytes: size, problem, growing } = line;
  const told = at === undefined ? id : dayAndTime(at);
  const when = growing ? 'Now' : told;
  return (
    <li class={replayed.value === id ? 'chosen' : undefined}>
      {isOffered('exportEpisodes') && (
        <label class="tick">
          <input
            type="checkbox"
            aria-label={`Tick the episode of ${when}`}
            disabled={growing}
            checked={ticked.value.has(id)}
            onChange={({ currentTarget: { checked } }) => tick([id], checked)}
          />
        </label>
      )}
      <button
        type="button"
        class="episode-row"
        disabled={growing}
        aria-pressed={replayed.value === id}
        onClick={() => (replayed.value = id)}
      >
        <span class="episode-main">
          <strong>{when}</strong>
          <span>{task}</span>
        </span>
        {growing ? (
          <Chip tone="accent" icon="film">
            being recorded
          </Chip>
        ) : (
          <OutcomeChip outcome={outcome} />
        )}
        <span class="episode-more">
          <code title={policy}>{shortPolicy(policy)}</code>
          <span class="tabular">
            {seconds.toFixed(1)} s · {bytes(size)}
          </span>
          {recorded !== undefined && <span>recorded as {recorded}</span>}
          {problem !== undefined && (
            <span class="episode-problem" title={problem}>
              <Icon name="warning" size={14} /> {problem}
            </span>
          )}
        </span>
      </button>
    </li>
  );
}
