import { percent, range } from '../format.ts';

interface Props {
  attempts: number;
  successes: number;
  /** 95 % */
  interval: readonly [number, number];
}

/** A success rate with its interval, in figures and as a bar from 0 to 100 %. */
export function RateBar({ attempts, successes, interval }: Props) {
  if (attempts === 0) return <p class="muted">no attempts</p>;
  const at = (share: number) => `${100 * share}%`;
  return (
    <div class="rate">
      <p>
        <strong>{percent(successes / attempts)}</strong>
        <span class="muted tabular">
          {successes} of {attempts} · {range(interval)}
        </span>
      </p>
      <div class="rate-bar" aria-hidden="true">
        <i style={{ left: at(interval[0]), width: at(interval[1] - interval[0]) }} />
        <b style={{ left: at(successes / attempts) }} />
      </div>
    </div>
  );
}
