import type { FleetRobot, Robots } from '../../protocol.ts';
import { farthest } from '../../../tensors/farthest.ts';
import { totalOf, withInterval } from '../../../tensors/successRates.ts';
import { age, plural, shortVersion } from '../format.ts';
import { Card } from '../parts/Card.tsx';
import { Chip } from '../parts/Chip.tsx';
import { RateBar } from '../parts/RateBar.tsx';

/** Success of all attempts with the version, or with any. */
function rateOf({ success }: FleetRobot, version?: string) {
  const cells = success.filter((cell) => version === undefined || cell.version === version);
  return withInterval(totalOf(cells));
}

const hundredths = (share: number) => (100 * share).toFixed(1);

/** Right and down of each camera, in hundredths of a picture. */
const viewInFull = (view: readonly number[]) =>
  Array.from(
    { length: view.length / 2 },
    (_, i) =>
      `camera ${i + 1}: ${hundredths(view[2 * i])} right, ${hundredths(view[2 * i + 1])} down`,
  ).join('\n');

function Moved({ moved }: Pick<FleetRobot, 'moved'>) {
  const { view, offset } = moved ?? {};
  if (!view && !offset) return <span class="muted">as it began</span>;
  return (
    <>
      {view && <div title={viewInFull(view)}>view {hundredths(farthest(view))} %</div>}
      {offset && (
        <div title={offset.map((value) => value.toFixed(3)).join(', ')}>
          offset {farthest(offset).toFixed(3)}
        </div>
      )}
    </>
  );
}

function RobotRow({ robot, at }: { robot: FleetRobot; at: number }) {
  const { name, isThere, lastHeard, plays, pinnedBy, isOnTrial, moved, waiting, problem } = robot;
  return (
    <tr class={problem === undefined ? undefined : 'problem'}>
      <th scope="row">
        {name}
        {problem !== undefined && <small>{problem}</small>}
      </th>
      <td>
        {isThere ? (
          <Chip tone="good" icon="check">
            there
          </Chip>
        ) : (
          <span class="muted">
            {lastHeard ? `${age(at - Date.parse(lastHeard))} ago` : 'never heard'}
          </span>
        )}
      </td>
      <td>
        {plays === undefined ? '–' : <code title={plays}>{shortVersion(plays)}</code>}
        {pinnedBy !== undefined && <small>pinned by {pinnedBy}</small>}
        {isOnTrial && <small>on trial</small>}
      </td>
      <td>
        <RateBar {...rateOf(robot, plays)} />
      </td>
      <td>
        <RateBar {...rateOf(robot)} />
      </td>
      <td>
        <Moved moved={moved} />
      </td>
      <td class="number">{waiting ?? '–'}</td>
    </tr>
  );
}

/** The robots of a learner: who is there, what each plays and comes to, and how far its own view and offset moved. */
export const RobotsCard = ({ at, robots, waiting }: Robots) => (
  <Card title="Robots" class="robots-card">
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {['Robot', 'Heard', 'Plays', 'Success with it', 'All attempts', 'Moved'].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
            <th scope="col" class="number">
              Waits
            </th>
          </tr>
        </thead>
        <tbody>
          {robots.map((robot) => (
            <RobotRow key={robot.name} robot={robot} at={at} />
          ))}
        </tbody>
      </table>
    </div>
    {waiting > 0 && <p class="muted">{plural(waiting, 'episode')} on the server</p>}
  </Card>
);
