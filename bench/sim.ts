import { controlPeriod } from '../src/robot/embodiment.ts';
import { expertTrajectory } from '../src/sim/expert.ts';
import { type SimulatedAloha, simulatedAloha } from '../src/sim/simulatedAloha.ts';
import type { SimTaskName } from '../src/sim/taskNames.ts';
import { median, timeRuns, type Row } from './row.ts';

const EPISODES = 5;

/** How many times faster than real time a task runs under the expert's motion, without cameras, by processor time. */
export async function paceOf(task: SimTaskName, scene?: string): Promise<Row> {
  const sim = await simulatedAloha({ task, scene });
  const period = controlPeriod(sim.embodiment);
  const rates: number[] = [];
  for (let seed = 0; seed < EPISODES; seed++) {
    await sim.reset(seed);
    const commands = expertTrajectory(sim);
    const began = process.cpuUsage();
    for (const command of commands) {
      sim.command(command);
      await sim.clock.until(sim.clock.now() + period);
    }
    const { user, system } = process.cpuUsage(began);
    const seconds = (user + system) / 1e6;
    rates.push(commands.length / sim.embodiment.controlRate / seconds);
  }
  await sim.close();
  return {
    name: `${task} without cameras`,
    value: median(rates),
    unit: '× real time',
    target: 20,
    better: 'more',
  };
}

/** What a frame of each camera costs, the median of so many. */
export async function pictureRows(sim: SimulatedAloha, frames: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, width, height } of sim.embodiment.cameras) {
    const times = await timeRuns(frames, () => Promise.resolve(sim.picture(name)));
    rows.push({ name: `${name}, ${width}×${height}`, value: median(times), unit: 'ms a frame' });
  }
  return rows;
}

/** The simulator alone: how fast its time runs, and what a frame costs. */
export async function benchSim(): Promise<Row[]> {
  const rows = [await paceOf('transfer-cube'), await paceOf('insertion')];
  const sim = await simulatedAloha({ task: 'transfer-cube' });
  for (const row of await pictureRows(sim, 60)) rows.push({ ...row, target: 5, better: 'less' });
  await sim.close();
  return rows;
}
