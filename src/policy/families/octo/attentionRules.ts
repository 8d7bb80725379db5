import { type OctoConfig, type TokenGroup, stepGroups, taskGroups } from './config.ts';

/** What a token is, and the step that it belongs to; those of the task belong to the one before all. */
interface Token {
  kind: TokenGroup['kind'];
  step: number;
}

/**
 * What the tokens of groups count as. Where `correct` is false, as in Octo before January 2024, the first token of each
 * group but the first counts as one of the group before it.
 */
function kindsOf(groups: readonly TokenGroup[], correct: boolean): TokenGroup['kind'][] {
  return groups.flatMap(({ kind, count }, i) =>
    Array.from({ length: count }, (_, place) =>
      !correct && place === 0 && i > 0 ? groups[i - 1].kind : kind,
    ),
  );
}

/** Which kinds of tokens a token of a kind sees, those of the same and of earlier steps. */
const SEES: Record<Token['kind'], readonly Token['kind'][]> = {
  task: ['task'],
  observation: ['task', 'observation'],
  readout: ['task', 'observation', 'readout'],
};

/** Which token (row) may see which (column), before missing images and instructions: [tokens, tokens]. */
export function attentionRules(config: OctoConfig, window: number): boolean[][] {
  const { correctAttention: correct } = config;
  const step = kindsOf(stepGroups(config), correct);
  const tokens: Token[] = [
    ...kindsOf(taskGroups(config), correct).map((kind) => ({ kind, step: -1 })),
    ...Array.from({ length: window }, (_, at) => step.map((kind) => ({ kind, step: at }))).flat(),
  ];
  return tokens.map((query) =>
    tokens.map((key) => SEES[query.kind].includes(key.kind) && key.step <= query.step),
  );
}
