/** A diffusion's noise by step, the one with the least noise first. */
export interface Schedule {
  betas: number[];
  alphas: number[];
  /** Products of the alphas up to each step. */
  alphaHats: number[];
}

const OFFSET = 0.008;
const MOST = 0.999;

/** The cosine schedule (Nichol and Dhariwal, arXiv 2102.09672) as Octo has it. */
export function cosineSchedule(steps: number): Schedule {
  const left = (step: number) =>
    Math.cos(((step / steps + OFFSET) / (1 + OFFSET)) * (Math.PI / 2)) ** 2;
  const betas = Array.from({ length: steps }, (_, k) => Math.min(MOST, 1 - left(k + 1) / left(k)));
  const alphas = betas.map((beta) => 1 - beta);
  let product = 1;
  const alphaHats = alphas.map((alpha) => (product *= alpha));
  return { betas, alphas, alphaHats };
}
