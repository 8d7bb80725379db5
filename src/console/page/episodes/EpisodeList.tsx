import { useState } from 'preact/hooks';
import { plural, shortPolicy } from '../format.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { isOffered, reasonAgainstOperating } from '../operate/actions.ts';
import { EpisodeRow } from './EpisodeRow.tsx';
import { ExportDialog } from './ExportDialog.tsx';
import { episodes, filter, type Filter, listProblem, policies, shown, tick, ticked } from './list.ts'; // prettier-ignore

/** Rows that are added at a time. */
const PAGE = 100;
const OUTCOMES: Filter['outcome'][] = ['success', 'failure', 'discarded', 'cut off'];

const change = (part: Partial<Filter>) => (filter.value = { ...filter.value, ...part });

const Filters = () => (
  <div class="filters" role="search">
    <label class="field">
      <span>Search</span>
      <input
        type="search"
        placeholder="task, version, date …"
        value={filter.value.text}
        onInput={({ currentTarget: { value } }) => change({ text: value })}
      />
    </label>
    <label class="field">
      <span>Outcome</span>
      <select
        value={filter.value.outcome}
        onChange={({ currentTarget: { value } }) => change({ outcome: value as Filter['outcome'] })}
      >
        <option value="">any</option>
        {OUTCOMES.map((outcome) => (
          <option key={outcome}>{outcome}</option>
        ))}
      </select>
    </label>
    <label class="field">
      <span>Policy</span>
      <select
        value={filter.value.policy}
        onChange={({ currentTarget: { value } }) => change({ policy: value })}
      >
        <option value="">any</option>
        {policies.value.map((policy) => (
          <option key={policy} value={policy}>
            {shortPolicy(policy)}
          </option>
        ))}
      </select>
    </label>
  </div>
);

function Selection() {
  const [isExporting, setExporting] = useState(false);
  if (!isOffered('exportEpisodes')) return null;
  const ids = shown.value.filter(({ growing }) => !growing).map(({ id }) => id);
  const areAll = ids.length > 0 && ids.every((id) => ticked.value.has(id));
  const count = ticked.value.size;
  const reason = count === 0 ? 'Tick episodes first' : reasonAgainstOperating();
  return (
    <div class="selection">
      <label class="tick">
        <input
          type="checkbox"
          checked={areAll}
          onChange={({ currentTarget: { checked } }) => tick(ids, checked)}
        />
        {count === 0 ? 'all' : `${count} ticked`}
      </label>
      <Button class="small" icon="export" reason={reason} onPress={() => setExporting(true)}>
        Export…
      </Button>
      {isExporting && <ExportDialog ids={[...ticked.value]} onClose={() => setExporting(false)} />}
    </div>
  );
}

/** The recorded episodes, newest first. */
export function EpisodeList() {
  const [most, setMost] = useState(PAGE);
  const lines = shown.value;
  const all = episodes.value;
  return (
    <Card
      title="Episodes"
      class="episode-list"
      aside={all && <span>{lines.length === all.length ? plural(all.length, 'episode') : `${lines.length} of ${all.length}`}</span>} // prettier-ignore
    >
      <Filters />
      <Selection />
      {listProblem.value !== undefined && <p class="empty">{listProblem.value}</p>}
      {all === undefined && listProblem.value === undefined && <p class="empty">Reading…</p>}
      {all && lines.length === 0 && (
        <p class="empty">
          {all.length === 0 ? 'Nothing has been recorded yet.' : 'No episode is like that.'}
        </p>
      )}
      <ol class="episode-rows">
        {lines.slice(0, most).map((line) => (
          <EpisodeRow key={line.id} line={line} />
        ))}
        {lines.length > most && (
          <li>
            <Button onPress={() => setMost(most + PAGE)}>
              Show {Math.min(PAGE, lines.length - most)} more
            </Button>
          </li>
        )}
      </ol>
    </Card>
  );
}
