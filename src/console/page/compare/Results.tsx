import type { Comparison } from '../../protocol.ts';
import { dayAndTime, plural, sentence, shortVersion } from '../format.ts';
import { topics } from '../live/topics.ts';
import { Card } from '../parts/Card.tsx';
import { RateBar } from '../parts/RateBar.tsx';
import { partsOfVerdict } from './verdict.ts';

const MOST = 50;

const Result = ({ comparison }: { comparison: Comparison }) => {
  const { at, a, b, rule, corrected } = comparison;
  const [verdict, ...more] = partsOfVerdict(comparison);
  return (
    <li>
      <p class="verdict">
        <span>{sentence(verdict)}</span>
        <time class="muted">{dayAndTime(at)}</time>
      </p>
      <div class="sides">
        {[a, b].map((side) => (
          <>
            <code title={side.version}>{shortVersion(side.version)}</code>
            <RateBar {...side} />
          </>
        ))}
      </div>
      {more.map((part) => (
        <p key={part}>{part}</p>
      ))}
      {corrected && (
        <p>
          {plural(corrected.attempts, 'outcome')} corrected after they were judged blind; as judged:{' '}
          {partsOfVerdict({ a, b, verdict: corrected.verdict }).join(' ')}
        </p>
      )}
      <p class="rule">{rule}</p>
    </li>
  );
};

/** What comparisons came to, newest first. */
export function Results() {
  const comparisons = (topics.comparisons.value ?? []).toSorted((x, y) => y.at - x.at);
  return (
    <Card title="Results">
      {comparisons.length === 0 && <p class="empty">Nothing has been compared yet.</p>}
      <ol class="results">
        {comparisons.slice(0, MOST).map((comparison) => (
          <Result key={comparison.id} comparison={comparison} />
        ))}
      </ol>
    </Card>
  );
}
