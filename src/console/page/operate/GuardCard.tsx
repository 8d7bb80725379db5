import type { GuardLine } from '../../protocol.ts';
import { timeOfDay } from '../format.ts';
import { topics } from '../live/topics.ts';
import { Card } from '../parts/Card.tsx';
import { Chip, type Tone } from '../parts/Chip.tsx';
import type { IconName } from '../parts/Icon.tsx';

const LOOK: Record<GuardLine['action'], { tone: Tone; icon: IconName; word: string }> = {
  limit: { tone: 'plain', icon: 'shield', word: 'limited' },
  hold: { tone: 'warn', icon: 'pause', word: 'held' },
  stop: { tone: 'bad', icon: 'octagon', word: 'stopped' },
};

/** Lines that are shown. */
const MOST = 60;

/** What the guard has done, newest first. */
export function GuardCard() {
  const lines = (topics.guard.value ?? []).slice(-MOST).reverse();
  return (
    <Card title="Guard" class="guard-card">
      {lines.length === 0 ? (
        <p class="empty">The guard has not changed a command.</p>
      ) : (
        <ol class="lines" tabIndex={0} aria-label="Events of the guard, newest first">
          {lines.map(({ at, source, action, text, times, rule }) => {
            const { tone, icon, word } = LOOK[action];
            return (
              <li key={`${at}${source}${rule}`}>
                <Chip tone={tone} icon={icon}>
                  {word}
                  {times > 1 && ` ×${times}`}
                </Chip>
                <span class="grow">{text}</span>
                <time class="tabular muted">{timeOfDay(at)}</time>
              </li>
            );
          })}
        </ol>
      )}
    </Card>
  );
}
