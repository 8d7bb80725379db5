import { useMemo } from 'preact/hooks';
import type { AttemptValues, Learning } from '../../protocol.ts';
import { hundredths } from '../format.ts';
import { Card } from '../parts/Card.tsx';
import { Chart, type Line } from '../parts/Chart.tsx';
import { valueCurves } from './curves.ts';

const SUCCESS: Line = { label: 'success', colour: 'good' };
const FAILURE: Line = { label: 'failure', colour: 'bad', dash: [6, 4] };

const lineOf = ({ succeeded }: AttemptValues) => (succeeded ? SUCCESS : FAILURE);

/** What the critics expected along the last attempts. */
export function ValuesCard({ update, attempts }: NonNullable<Learning['values']>) {
  const data = useMemo(() => valueCurves(attempts), [attempts]);
  const title = attempts.length === 1 ? 'last attempt' : `last ${attempts.length} attempts`;
  return (
    <Card title={`Value along the ${title} of update ${update}`} class="values-card">
      <Chart
        title="Value by seconds of the attempt"
        lines={attempts.map(lineOf)}
        data={data}
        xLabel="seconds of the attempt"
        format={hundredths}
        range={[0, 1]}
        height={200}
      />
      <p class="muted">
        The reward that the critics expected, before they learned how these attempts ended: 1 for a
        success at once, 0 for none.
      </p>
    </Card>
  );
}
