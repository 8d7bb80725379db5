import type { Learning } from '../../protocol.ts';
import { timeOfDay } from '../format.ts';
import { Card } from '../parts/Card.tsx';

const MOST = 100;

/** What the learner has said, newest first. */
export const LearningLog = ({ log }: Pick<Learning, 'log'>) => (
  <Card title="Learner's log" class="learning-log">
    <ol class="lines" tabIndex={0} aria-label="Learner's log, newest first">
      {log
        .slice(-MOST)
        .reverse()
        .map(({ at, text }, i) => (
          <li key={`${at}${i}`}>
            <span class="grow">{text}</span>
            <time class="muted">{timeOfDay(at)}</time>
          </li>
        ))}
    </ol>
  </Card>
);
