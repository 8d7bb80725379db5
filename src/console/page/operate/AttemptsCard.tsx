import { percent, plural, range, shortVersion } from '../format.ts';
import { topics } from '../live/topics.ts';
import { Card } from '../parts/Card.tsx';
import { OutcomeChip } from '../parts/OutcomeChip.tsx';
import { successInterval } from '../../../tensors/successRates.ts';

const MOST = 50;

/** What attempts came to, newest first. */
export function AttemptsCard() {
  const attempts = topics.attempts.value ?? [];
  const judged = attempts.filter(({ outcome }) => outcome !== 'discarded');
  const successes = judged.filter(({ outcome }) => outcome === 'success').length;
  return (
    <Card title="Attempts" class="attempts-card">
      {judged.length > 0 && (
        <p class="attempts-rate">
          <strong>{percent(successes / judged.length)}</strong>
          <span class="muted">
            of {plural(judged.length, 'attempt')} · 95 %{' '}
            {range(successInterval({ successes, attempts: judged.length }))}
          </span>
        </p>
      )}
      {attempts.length === 0 ? (
        <p class="empty">No attempt has ended yet.</p>
      ) : (
        <ol class="lines" tabIndex={0} aria-label="Attempts, newest first">
          {attempts
            .slice(-MOST)
            .reverse()
            .map(({ at, attempt, outcome, judged, seconds, version, problem, blind }) => (
              <li key={`${at}${attempt}`}>
                <span class="tabular muted">{attempt}</span>
                <OutcomeChip outcome={outcome} />
                {judged !== undefined && <span class="muted">was {judged}</span>}
                {problem !== undefined && <span class="grow">{problem}</span>}
                <span class="tabular seconds">{seconds.toFixed(1)} s</span>
                <code class="muted">{blind ? 'blind' : shortVersion(version).slice(0, 7)}</code>
              </li>
            ))}
        </ol>
      )}
    </Card>
  );
}
