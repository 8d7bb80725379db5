import { useEffect, useRef } from 'preact/hooks';
import type { Choice } from '../../../terminal/question.ts';
import type { CalibrationState } from '../../protocol.ts';
import { ask } from '../live/connection.ts';
import { topics } from '../live/topics.ts';
import { CameraTile } from '../operate/CameraTile.tsx';
import { NoSeat } from '../operate/NoSeat.tsx';
import { SensorsCard } from '../operate/SensorsCard.tsx';
import { reasonAgainstOperating } from '../operate/actions.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { report } from '../parts/notices.ts';
import { MachineCard } from './MachineCard.tsx';

/** Whether an answer goes on, rather than aside. */
const isOnward = ({ key }: Choice) => key === '' || key === 'y';

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** What the person is asked, and a button for each answer. */
function Asked({ question }: { question: NonNullable<CalibrationState['question']> }) {
  const { number, text, choices, camera } = question;
  const reason = reasonAgainstOperating();
  const offered = choices.filter(({ key }) => key === '' || key !== camera);
  const inOrder = offered.toSorted((a, b) => Number(isOnward(b)) - Number(isOnward(a)));
  return (
    <>
      <p class="question" role="status" data-testid="question">
        {text}
      </p>
      <div class="row">
        {inOrder.map((choice) => (
          <Button
            key={choice.key}
            tone={isOnward(choice) ? 'primary' : 'plain'}
            reason={reason}
            onPress={() => void report(ask('answer', { question: number, key: choice.key }))}
          >
            {choice.says === undefined ? choice.key : capital(choice.says)}
          </Button>
        ))}
      </div>
    </>
  );
}

/** What was said, the newest in sight. */
function Said({ lines }: { lines: readonly string[] }) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => list.current?.lastElementChild?.scrollIntoView({ block: 'nearest' }), [lines]);
  return (
    <ol ref={list} class="lines said" tabIndex={0} aria-label="What was measured, newest last">
      {lines.map((line, i) => (
        <li key={`${i}${line}`}>{line}</li>
      ))}
    </ol>
  );
}

/** What the calibration waits for: an answer, or the robot. */
function Step({ question, ended }: CalibrationState) {
  if (ended !== undefined) return <p class="question">{ended}</p>;
  if (question) return <Asked question={question} />;
  return (
    <p class="question muted" role="status">
      Measuring…
    </p>
  );
}

/** A calibration, led on the page in place of a terminal. */
export function Calibration({ calibration }: { calibration: CalibrationState }) {
  const { file, said, cameras, question } = calibration;
  const shown = cameras.toSorted(
    (a, b) => Number(b.name === question?.camera) - Number(a.name === question?.camera),
  );
  return (
    <div class="setup">
      <div class="stack">
        <Card title={`Calibration of ${file}`} class="calibration">
          <NoSeat />
          <Step {...calibration} />
          <p class="reading tabular" aria-hidden="true">
            {topics.reading.value}
          </p>
          <Said lines={said} />
          <p class="muted">
            Nothing is sent to the motors. This page stops nothing: keep the robot's emergency stop
            in reach.
          </p>
        </Card>
        <MachineCard />
      </div>
      <div class="stack">
        {shown.length > 0 && (
          <Card title="Cameras" class="cameras-card">
            <div class={`cameras ${question?.camera === undefined ? '' : 'asked'}`}>
              {shown.map((camera) => (
                <CameraTile key={camera.name} camera={camera} />
              ))}
            </div>
          </Card>
        )}
        <SensorsCard />
      </div>
    </div>
  );
}
