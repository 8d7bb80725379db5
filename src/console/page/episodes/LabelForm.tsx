import { useState } from 'preact/hooks';
import type { Outcome } from '../../../episodes/outcome.ts';
import type { EpisodeReplay } from '../../protocol.ts';
import { dayAndTime } from '../format.ts';
import { ask } from '../live/connection.ts';
import { isOffered, reasonAgainstOperating } from '../operate/actions.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { OutcomeChip } from '../parts/OutcomeChip.tsx';
import { reportRefusal } from '../parts/notices.ts';
import { episodes, loadEpisodes } from './list.ts';

const CHOICES = [
  { outcome: 'success', icon: 'check', tone: 'good' },
  { outcome: 'failure', icon: 'cross', tone: 'bad' },
  { outcome: 'discarded', icon: 'bin', tone: 'plain' },
] as const satisfies { outcome: Outcome; icon: string; tone: string }[];

function Corrections({ labels }: Pick<EpisodeReplay, 'labels'>) {
  if (labels.length === 0) return null;
  return (
    <ol class="lines" aria-label="Corrections">
      {labels.map(({ at, by, outcome, note }) => (
        <li key={at}>
          <OutcomeChip outcome={outcome} />
          <span class="grow">
            {by}
            {note !== undefined && `: ${note}`}
          </span>
          <time class="muted">{dayAndTime(at)}</time>
        </li>
      ))}
    </ol>
  );
}

/** What the episode counts as, and its correction: what was recorded stays in the file. */
export function LabelForm({
  replay,
  onLabelled,
}: {
  replay: EpisodeReplay;
  onLabelled: () => void;
}) {
  const [note, setNote] = useState('');
  const line = episodes.value?.find(({ id }) => id === replay.id);
  const counts = line?.outcome ?? replay.outcome;
  const label = async (outcome: Outcome) => {
    const text = note.trim();
    if (!(await reportRefusal(ask('label', { id: replay.id, outcome, ...(text && { note: text }) })))) return; // prettier-ignore
    setNote('');
    onLabelled();
    await loadEpisodes();
  };
  return (
    <Card title="Outcome" class="label-card">
      <p class="outcome-line">
        counts as <OutcomeChip outcome={counts} />
        {line?.recorded !== undefined && line.recorded !== counts && (
          <span class="muted">recorded as {line.recorded}</span>
        )}
      </p>
      {isOffered('label') && (
        <>
          <label class="field">
            <span>Note, if it is corrected</span>
            <input
              value={note}
              maxLength={500}
              onInput={({ currentTarget: { value } }) => setNote(value)}
            />
          </label>
          <div class="row wrap" role="group" aria-label="Correct the outcome">
            {CHOICES.map(({ outcome, icon, tone }) => (
              <Button
                key={outcome}
                icon={icon}
                tone={tone}
                pressed={counts === outcome}
                reason={reasonAgainstOperating()}
                label={`Counts as ${outcome}`}
                onPress={() => void label(outcome)}
              >
                {outcome}
              </Button>
            ))}
          </div>
        </>
      )}
      <Corrections labels={replay.labels} />
    </Card>
  );
}
