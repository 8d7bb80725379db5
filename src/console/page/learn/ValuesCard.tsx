import { useMemo } from 'preact/hooks';
import type { AttemptValues, Learning } from '../../protocol.ts';
import { hundredths } from '../format.ts';
import { Card } from '../parts/Card.tsx';
import { Chart, type Line } from '../parts/Chart.tsx';
import { valueCurves } from './curves.ts';

const SUCCESS: Line = { label: 'success', colour: 'good' };
const FAILURE: Line = { label: 'failure', colour: 'bad', dash: [6, 4] };

const lineOf = ({ succeeded }: AttemptValues) => (succeeded ? SUCCESS : FAILURE);

/** What the critics expected along the last successes and failures. */
export function ValuesCard({ update, attempts }: NonNullable<Learning['values']>) {
  const data = useMemo(() => valueCurves(attempts), [attempts]);
  return (
    <Card title={`Value along attempts of update ${update}`} class="values-card">
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
        The last successes and failures: the reward that the critics expected, before they learned
        how these ended. 1 is a success at once, 0 none.
      </p>
    </Card>
  );
}
