import { useMemo } from 'preact/hooks';
import { PATH_LINES, type PathLine } from '../draw/scene.ts';

/** What the lines of the grippers' ways mean. */
export function LineLegend({ joined }: { joined: boolean }) {
  const entries = useMemo((): [PathLine, string][] => [
    ['passed', joined ? 'committed' : 'dropped'],
    ['executed', 'executed'],
    ['ahead', 'ahead'],
    ['beyond', 'left to the next chunk'],
  ], [joined]); // prettier-ignore
  return (
    <ul class="legend">
      {entries.map(([kind, word]) => {
        const { dash, width, alpha } = PATH_LINES[kind];
        return (
          <li key={kind}>
            <svg width="30" height="8" aria-hidden="true">
              <path
                d="M2 4h26"
                stroke-width={width}
                stroke-dasharray={dash.join(' ')}
                opacity={alpha}
              />
            </svg>
            {word}
          </li>
        );
      })}
    </ul>
  );
}
