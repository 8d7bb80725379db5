import { useMemo } from 'preact/hooks';
import type { LearningPoint } from '../../protocol.ts';
import { percent } from '../format.ts';
import { Card } from '../parts/Card.tsx';
import { Chart, type Line } from '../parts/Chart.tsx';
import { updateCurve } from './curves.ts';

type Pick = (point: LearningPoint) => number | undefined;

/** Three figures: no tick of an axis needs more. */
const short = (value: number) => String(Number(value.toPrecision(3))).replace('-', '−');

/** What an update's figures say, a chart each. */
const CHARTS: { title: string; lines: Line[]; picks: Pick[]; format: (value: number) => string }[] =
  [
    {
      title: 'Explained variance',
      lines: [{ label: 'critics', colour: 'accent' }],
      picks: [(point) => point.explainedVariance],
      format: short,
    },
    {
      title: 'How well critics rank',
      lines: [
        { label: 'outcomes (chance 0.5)', colour: 'accent' },
        { label: 'chunks (chance 0)', colour: 'series-2', dash: [6, 4] },
      ],
      picks: [(point) => point.rankedOutcomes, (point) => point.rankedChunks],
      format: short,
    },
    {
      title: 'KL divergence',
      lines: [{ label: 'approximate', colour: 'accent' }],
      picks: [(point) => point.approxKl],
      format: short,
    },
    {
      title: 'Clipped',
      lines: [{ label: 'share of pairs', colour: 'accent' }],
      picks: [(point) => point.clipFraction],
      format: percent,
    },
    {
      title: 'Ratios',
      lines: [
        { label: 'greatest', colour: 'accent' },
        { label: 'least', colour: 'series-2', dash: [6, 4] },
      ],
      picks: [(point) => point.ratioMost, (point) => point.ratioLeast],
      format: short,
    },
  ];

const Diagnostic = ({
  chart,
  points,
}: {
  chart: (typeof CHARTS)[number];
  points: LearningPoint[];
}) => {
  // prettier-ignore
  const data = useMemo(() => updateCurve(points, ...chart.picks), [points]);
  return (
    <Card title={chart.title}>
      <Chart {...chart} data={data} xLabel="attempts" height={150} />
    </Card>
  );
};

/** Figures of the updates. A method that has none of a kind shows no chart of it. */
export const Diagnostics = ({ points }: { points: LearningPoint[] }) => (
  <div class="diagnostics">
    {CHARTS.filter(({ picks: [pick] }) => points.some((point) => pick(point) !== undefined)).map(
      (chart) =>
        // prettier-ignore
        <Diagnostic key={chart.title} chart={chart} points={points} />,
    )}
  </div>
);
