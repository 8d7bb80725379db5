import { effect, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { type Palette, palette } from '../theme.ts';

/** A line of a chart. Lines of one label are one entry of the legend, which then says no values. */
export interface Line {
  label: string;
  colour: keyof Palette;
  dash?: number[];
  /** Only its points, without a line between them. */
  pointsOnly?: boolean;
  /** An end of a band: the upper one, followed by the lower one. It is not in the legend. */
  isBand?: boolean;
}

interface Props {
  title: string;
  lines: Line[];
  /** [1 + lines][points]: x, then the lines' values, null where there is none. */
  data: uPlot.AlignedData;
  xLabel: string;
  format: (value: number) => string;
  /** Least and greatest value of the scale; from the data where absent. */
  range?: [number, number];
  height?: number;
}

/** The scale of values: with room about them, and from 0 to 1 where all are 0 or there are none. */
function rangeOf(_: uPlot, least: number | null, most: number | null): [number, number] {
  if (least === null || most === null || (least === 0 && most === 0)) return [0, 1];
  const [from, to] = uPlot.rangeNum(least, most, 0.1, true);
  return [from ?? least, to ?? most];
}

/** Distances of ticks that are whole numbers. */
const WHOLE = Array.from({ length: 7 }, (_, power) => [1, 2, 5].map((one) => one * 10 ** power)).flat(); // prettier-ignore

const FONT = '12px system-ui, sans-serif';

function seriesOf({ label, colour, dash, pointsOnly, isBand }: Line): uPlot.Series {
  const stroke = () => (isBand ? 'transparent' : palette.value[colour]);
  return {
    label,
    stroke,
    dash,
    width: isBand || pointsOnly ? 0 : 2,
    spanGaps: true,
    points: { show: !isBand, size: pointsOnly ? 7 : 5, fill: stroke, stroke },
  };
}

function axis(values: uPlot.Axis['values'], size: number): uPlot.Axis {
  const line = { stroke: () => palette.value.line, width: 1 };
  return { stroke: () => palette.value.muted, grid: line, ticks: line, font: FONT, values, size };
}

/** The last value of a line. */
const lastOf = (values: ArrayLike<number | null | undefined>): number | undefined =>
  Array.from(values).findLast((value): value is number => typeof value === 'number');

/** Lines over attempts. The legend says the values under the cursor, or the newest. */
export function Chart({ title, lines, data, xLabel, format, range, height = 240 }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(null);
  const cursor = useSignal<number | null | undefined>(undefined);
  const key = lines.map(({ label }) => label).join();
  useEffect(() => {
    const element = place.current!;
    const bands = lines.flatMap(
      ({ isBand }, i) =>
      isBand && lines[i + 1]?.isBand ? [{ series: [i + 1, i + 2] as [number, number], fill: () => `${palette.value.accent}2e` }] : [], // prettier-ignore
    );
    const made = new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
        scales: { x: { time: false }, y: { range: range ?? rangeOf } },
        // Attempts are whole, and so are seconds.
        axes: [
          { ...axis(undefined, 30), incrs: WHOLE },
          axis((_, splits) => splits.map((value) => format(value)), 56),
        ],
        series: [{ label: xLabel }, ...lines.map(seriesOf)],
        bands,
        hooks: { setCursor: [({ cursor: { idx } }) => (cursor.value = idx)] },
      },
      data,
      element,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    const stop = effect(() => {
      if (palette.value.text) made.redraw(false);
    });
    return () => {
      stop();
      observer.disconnect();
      made.destroy();
    };
  }, [key, height]);
  useEffect(() => chart.current?.setData(data), [data]);
  const at = cursor.value;
  const valueOf = (line: number) => (typeof at === 'number' ? data[line + 1]?.[at] : undefined) ?? lastOf(data[line + 1] ?? []); // prettier-ignore
  const labels = lines.map(({ label }) => label);
  const areAlone = new Set(labels).size === labels.length;
  const shown = lines
    .map((line, i) => ({ ...line, value: areAlone ? valueOf(i) : undefined }))
    .filter(({ label, isBand }, i) => !isBand && labels.indexOf(label) === i);
  return (
    <figure class="chart" aria-label={title}>
      <div ref={place} aria-hidden="true" />
      <figcaption>
        <ul class="legend">
          {shown.map(({ label, colour, dash, pointsOnly, value }) => (
            <li key={label} class={`line-${colour}`}>
              <svg width="26" height="8" aria-hidden="true">
                {!pointsOnly && (
                  <path d="M1 4h24" stroke-width="2" stroke-dasharray={dash?.join(' ')} />
                )}
                <circle cx="13" cy="4" r="3" />
              </svg>
              {label}
              {value !== undefined && value !== null && <b class="tabular">{format(value)}</b>}
            </li>
          ))}
          <li class="x-label">→ {xLabel}</li>
        </ul>
      </figcaption>
    </figure>
  );
}
