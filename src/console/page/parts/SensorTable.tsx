import type { SensorLine } from '../../protocol.ts';
import { age } from '../format.ts';
import { Icon } from './Icon.tsx';

/** Topics of the robot: how many messages a second, and how old the newest is. */
export const SensorTable = ({ sensors }: { sensors: readonly SensorLine[] }) => (
  <div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">Topic</th>
          <th scope="col" class="number">
            Hz
          </th>
          <th scope="col" class="number">
            Age
          </th>
        </tr>
      </thead>
      <tbody>
        {sensors.map(({ name, rate, age: old, problem }) => (
          <tr key={name} class={problem === undefined ? undefined : 'problem'}>
            <th scope="row">
              {problem !== undefined && <Icon name="warning" size={14} />} {name}
              {problem !== undefined && <small>{problem}</small>}
            </th>
            <td class="number">{rate.toFixed(rate < 9.95 ? 1 : 0)}</td>
            <td class="number">{age(old)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);
