import { scaleLinear } from 'd3-scale';
import { successInterval } from '../src/tensors/successRates.ts';
import { lineChart } from '../src/charts/lineChart.ts';
import { picture, text } from '../src/charts/svg.ts';
import {
  type Integration,
  SOLVERS,
  type Solver,
  integrationKey,
} from '../src/policy/integration.ts';
import { intervalText, markdownTable } from './markdown.ts';
import { type Cell, type Noise, POLICIES, attemptsIn, chunksIn } from './stepCells.ts';

/** The integrations of a policy for which there is anything, by solver, calls and times. */
function integrationsOf(cells: readonly Cell[], policy: string): Integration[] {
  const all = cells.flatMap((cell) =>
    cell.kind !== 'grid' && cell.policy === policy ? [cell.integration] : [],
  );
  const distinct = new Map(all.map((one) => [integrationKey(one), one]));
  const rank = ({ solver, times, steps }: Integration) =>
    SOLVERS.indexOf(solver) * 1000 + (times ? 500 : 0) + steps;
  return [...distinct.values()].sort((a, b) => rank(a) - rank(b));
}

const PANEL = { width: 300, height: 250 };
const MARGIN = { top: 58, right: 16, bottom: 44, left: 54 };
const COLOURS: Record<Solver, string> = {
  euler: '#4878a8',
  midpoint: '#e0a030',
  heun: '#d1605e',
  'adams-bashforth': '#6a9f58',
};
const MOST = 10;

function panelOf(cells: readonly Cell[], policy: string, noise: Noise, [left, top]: number[]) {
  const frame = {
    left: left + MARGIN.left,
    right: left + PANEL.width - MARGIN.right,
    top: top + MARGIN.top,
    bottom: top + PANEL.height - MARGIN.bottom,
  };
  const x = scaleLinear([1, MOST], [frame.left, frame.right]);
  const y = scaleLinear([0, 100], [frame.bottom, frame.top]);
  const integrations = integrationsOf(cells, policy).filter(({ times }) => !times);
  return [
    text(frame.left, frame.top - 10, `${policy}, ${noise} noise`, 'font-size="12"'),
    ...lineChart({
      frame,
      x: { at: x, ticks: [1, 2, 3, 4, 5, 10], label: String },
      y: { at: y, ticks: y.ticks(5), label: (tick) => `${tick} %` },
      title: 'network calls a chunk',
      series: SOLVERS.map((solver) => ({
        colour: COLOURS[solver],
        dots: true,
        points: integrations
          .filter((one) => one.solver === solver)
          .flatMap((integration) => {
            const found = attemptsIn(cells, { policy, integration, noise });
            if (!found) return [];
            const [low, high] = successInterval(found).map((share) => 100 * share);
            const share = (100 * found.successes) / found.attempts;
            return [{ x: integration.steps, y: share, band: [low, high] as const }];
          }),
      })),
    }),
  ];
}

/** Success by network calls, a line for each solver, as an SVG: policies across, random and zero noise below. */
export function drawSteps(cells: readonly Cell[]): string {
  const noises = ['random', 'zero'] as const;
  return picture(PANEL.width * POLICIES.length, PANEL.height * noises.length, 11, [
    ...SOLVERS.map((solver, i) => text(MARGIN.left + 130 * i, 20, solver, `fill="${COLOURS[solver]}" font-size="13"`)), // prettier-ignore
    ...noises.flatMap((noise, row) =>
      POLICIES.flatMap(({ name }, i) =>
        panelOf(cells, name, noise, [PANEL.width * i, PANEL.height * row]),
      ),
    ),
  ]);
}

const nameOf = ({ solver, times }: Integration) =>
  times ? `${solver} at ${times.map((time) => time.toFixed(2)).join(', ')}` : solver;

/** A table in Markdown for each policy. */
export function stepsTables(cells: readonly Cell[]): string {
  const head = [
    ...['solver', 'calls', 'success, random noise', 'zero noise'],
    ...['largest acceleration at joins, rad/s²', 'error', 'spread', 'error of the mean', 'ms'],
  ];
  return POLICIES.map(({ name }) => {
    const rows = integrationsOf(cells, name).map((integration) => {
      const success = (noise: Noise) => {
        const found = attemptsIn(cells, { policy: name, integration, noise });
        if (!found) return '';
        return `${found.successes} of ${found.attempts} (${intervalText(found)} %)`;
      };
      const motion = attemptsIn(cells, { policy: name, integration, noise: 'random' })?.motion;
      const chunks = chunksIn(cells, name, integration);
      return [
        ...[nameOf(integration), String(integration.steps), success('random'), success('zero')],
        motion ? motion.acceleration.joins.largest.toFixed(0) : '',
        ...(chunks
          ? [chunks.error, chunks.spread, chunks.meanError].map((value) => value.toFixed(3))
          : ['', '', '']),
        chunks ? chunks.ms.toFixed(1) : '',
      ];
    });
    return `**${name}**\n\n${markdownTable(head, rows)}`;
  }).join('\n\n');
}
