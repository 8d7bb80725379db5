import { expertTrajectory } from '../../src/sim/expert.ts';
import type { SimulatedAloha } from '../../src/sim/simulatedAloha.ts';

/** Nanoseconds of a control step at 50 Hz. */
export const period = 20_000_000n;

/** Plays commands, a control step each. */
export async function play(sim: SimulatedAloha, commands: Float64Array[]): Promise<void> {
  for (const command of commands) {
    sim.command(command);
    await sim.clock.until(sim.clock.now() + period);
  }
}

/** Plays the expert's whole trajectory from a seeded reset, and returns it. */
export async function playExpert(sim: SimulatedAloha, seed: number): Promise<Float64Array[]> {
  await sim.reset(seed);
  const commands = expertTrajectory(sim);
  await play(sim, commands);
  return commands;
}
