import type { LogLine } from '../../protocol.ts';
import { timeOfDay } from '../format.ts';
import { topics } from '../live/topics.ts';
import { Card } from '../parts/Card.tsx';
import { Icon, type IconName } from '../parts/Icon.tsx';

const ICONS: Record<LogLine['level'], IconName> = { info: 'info', warn: 'warning', error: 'cross' };
const MOST = 60;

/** What the robot's runtime has said, newest first. */
export function LogCard() {
  const lines = (topics.log.value ?? []).slice(-MOST).reverse();
  if (lines.length === 0) return null;
  return (
    <Card title="Log" class="log-card">
      <ol class="lines" tabIndex={0} aria-label="Log, newest first">
        {lines.map(({ at, level, text }, i) => (
          <li key={`${at}${i}`} class={level}>
            <Icon name={ICONS[level]} size={16} />
            <span class="grow">
              {level !== 'info' && <span class="unseen">{level}: </span>}
              {text}
            </span>
            <time class="tabular muted">{timeOfDay(at)}</time>
          </li>
        ))}
      </ol>
    </Card>
  );
}
