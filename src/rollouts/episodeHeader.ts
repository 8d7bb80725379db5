import type { EpisodeHeader } from '../episodes/episode.ts';
import type { SimulatedAloha } from '../sim/simulatedAloha.ts';

/** What the episode of a simulated attempt says of itself. */
export const episodeHeader = (
  sim: SimulatedAloha,
  { id, policy, seed }: { id: string; policy: string; seed: number },
): EpisodeHeader => ({
  id,
  embodiment: sim.embodiment,
  task: sim.name,
  prompt: sim.prompt,
  seed,
  policy,
});
