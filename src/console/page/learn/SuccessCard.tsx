import { useMemo } from 'preact/hooks';
import { percent, plural } from '../format.ts';
import { topics } from '../live/topics.ts';
import { Card } from '../parts/Card.tsx';
import { Chart, type Line } from '../parts/Chart.tsx';
import { attempts } from './attempts.ts';
import { WINDOW, attemptCurve, successCurve } from './curves.ts';

const LINES: Line[] = [
  { label: 'most', colour: 'accent', isBand: true },
  { label: 'least', colour: 'accent', isBand: true },
  { label: 'attempts, with 95 % interval', colour: 'accent' },
  { label: 'held out, random noise', colour: 'series-2', dash: [6, 4] },
  { label: 'held out, zero noise', colour: 'good', dash: [2, 4] },
];
/** Where nothing learns. */
const ATTEMPT_LINES: Line[] = [
  ...LINES.slice(0, 2),
  { label: `last ${WINDOW} attempts, with 95 % interval`, colour: 'accent' },
];

/** Success over attempts. */
export function SuccessCard() {
  const learning = topics.learning.value;
  const made = attempts.value;
  const corrected = learning?.points.reduce((sum, point) => sum + (point.corrected ?? 0), 0) ?? 0;
  const data = useMemo(
    () => (learning ? successCurve(learning.points, learning.evaluations) : attemptCurve(made)),
    [learning, made],
  );
  return (
    <Card title="Success" class="success-card">
      {data[0].length === 0 ? (
        <p class="empty">No attempt has been judged yet.</p>
      ) : (
        <Chart
          title="Success by attempts"
          lines={learning ? LINES : ATTEMPT_LINES}
          data={learning ? data : (data.slice(0, 4) as typeof data)}
          xLabel={learning ? 'attempts learned from' : 'attempts'}
          format={percent}
          range={[0, 1]}
          height={300}
        />
      )}
      {corrected > 0 && (
        <p class="muted">
          {plural(corrected, 'outcome')} corrected since; the updates learned from them as they were
        </p>
      )}
    </Card>
  );
}
