import { UserError, invalid } from '../errors.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { type Exploration, SEARCH_RANGE, explorationSchema } from '../policy/exploration.ts';
import { FAMILIES, familyOf } from '../policy/families/registry.ts';
import type { PolicyFamily } from '../policy/family.ts';
import type { Trainable } from '../policy/trainable.ts';
import { validate } from '../validate.ts';
import type { OpenAlgorithm } from './algorithm.ts';
import type { StateSettings } from './begun.ts';
import { displacementSearch } from './displacement/displacement.ts';
import { loadFlowPpoConfig } from './flowPpo/config.ts';
import { FLOW_PPO } from './flowPpo/flowPpo.ts';
import { loadFpoConfig } from './fpo/config.ts';
import { fpo } from './fpo/fpo.ts';
import type { MethodName } from './methodNames.ts';
import { policyGradient } from './policyGradient/policyGradient.ts';
import { REPLAY_METHODS } from './replay/methods.ts';
import { loadReplayConfig } from './replay/config.ts';
import { replayLearning } from './replay/replayLearning.ts';
import { type TokenMethod, loadTokenConfig } from './ppo/config.ts';
import { TOKEN_METHODS } from './ppo/ppo.ts';
import { ticketSearch } from './ticket/ticket.ts';

/** A method with the settings of a file. */
export interface ConfiguredMethod {
  settings: StateSettings;
  open: OpenAlgorithm;
}

/** A way to improve a policy from its own attempts. */
export interface Method {
  /** Attempts of an update, and of an adaptation, where nothing else is said. */
  batch: number;
  episodes: number;
  /** How attempts explore, where nothing else is said. */
  exploration: Partial<Exploration>;
  /** Whether its versions say themselves how far attempts explore, so that these do where a robot is not told to. */
  saysHowFar?: true;
  /**
   * Versions that may have been published since the one that made an attempt, for it to be learned from; any number where
   * absent. A policy gradient weighs attempts by how the policy has changed since, which says little of a policy far off;
   * a search by place learns as much from old ones.
   */
  mostBehind?: number;
  /** What of a policy's family it needs. */
  needs: 'learnable' | 'writer';
  /** Reads its settings from a YAML file, or takes its defaults. Throws a `UserError` for what cannot be used. */
  configure(path: string | undefined, seed: number): Promise<ConfiguredMethod>;
}

/** A search beside a network that stays, of which FPO's settings say what could learn. */
const searched =
  (search: (trainable: Trainable, seed: number) => OpenAlgorithm): Method['configure'] =>
  async (path, seed) => {
    const settings = await loadFpoConfig(path, seed);
    return { settings, open: search(settings.trainable, seed) };
  };

/** PPO or GRPO on tokens. */
const onTokens = (method: TokenMethod): Method => ({
  batch: 64,
  episodes: 1024,
  // Where one of many tokens is unlikely, all of a chunk is.
  exploration: { size: 0, temperature: 0.3 },
  mostBehind: 4,
  needs: 'writer',
  async configure(path, seed) {
    const settings = await loadTokenConfig(method, path, seed);
    return { settings, open: policyGradient(TOKEN_METHODS[method], settings) };
  },
});

/** A method that learns from all kept attempts. */
const onReplay = (
  method: keyof typeof REPLAY_METHODS,
  exploration: Method['exploration'] = { initialNoise: 1 },
): Method => ({
  batch: 16,
  episodes: 320,
  exploration,
  // Steering goes with its spread.
  ...(REPLAY_METHODS[method].steeringParameters && { saysHowFar: true }),
  needs: 'learnable',
  async configure(path, seed) {
    const settings = await loadReplayConfig(path, seed);
    if (settings.choice && REPLAY_METHODS[method].steeringParameters)
      throw invalid(path ?? 'the settings', 'a policy takes either critics that choose its chunks or a network that steers their noise; leave it out, or take --method choice', 'choice'); // prettier-ignore
    return { settings, open: replayLearning(REPLAY_METHODS[method], settings) };
  },
});

/** All methods. A new one is a folder beside fpo/, its name in methodNames.ts, and an entry here. */
export const METHODS: Readonly<Record<MethodName, Method>> = {
  /** The action expert learns. */
  fpo: {
    batch: 64,
    episodes: 1024,
    exploration: {},
    mostBehind: 4,
    needs: 'learnable',
    async configure(path, seed) {
      const settings = await loadFpoConfig(path, seed);
      return { settings, open: fpo(settings) };
    },
  },
  /** The action expert learns from all attempts again, each chunk weighed by what it led to. */
  'in-sample': onReplay('in-sample'),
  /** The same by FPO's surrogate. */
  'fpo-replay': onReplay('fpo-replay'),
  /** The same by what attempts that succeeded have, and similar ones that failed have not. */
  preference: onReplay('preference'),
  /** The same from attempts that succeeded alone, all alike. */
  filtered: onReplay('filtered'),
  /** The network stays; critics that learn from all attempts choose each chunk from several samples of it. */
  choice: onReplay('choice', { size: 0, initialNoise: 1 }),
  /** The same, and a small change of each sample is learned too. */
  edits: onReplay('edits'),
  /** The network stays; from which noise each chunk begins is learned from all attempts. */
  steer: onReplay('steer', { size: 0, initialNoise: 1 }),
  /** The action expert learns by how likely the steps of its flow were, which attempts record. */
  'flow-ppo': {
    batch: 64,
    episodes: 1024,
    // Every step of the flow explores: a step without noise tells nothing.
    exploration: { chain: true, steps: 100 },
    mostBehind: 4,
    needs: 'learnable',
    async configure(path, seed) {
      const settings = await loadFlowPpoConfig(path, seed);
      return { settings, open: policyGradient(FLOW_PPO, settings) };
    },
  },
  /** The network stays; where it looks in its cameras' images is found. */
  view: {
    batch: 16,
    episodes: 144,
    exploration: { size: 0, view: 0.016, range: SEARCH_RANGE, initialNoise: 1 },
    needs: 'learnable',
    configure: searched(displacementSearch),
  },
  /** The network stays; one offset of all actions is found. */
  offset: {
    batch: 16,
    episodes: 160,
    exploration: { size: 0, offset: 0.02, initialNoise: 1 },
    needs: 'learnable',
    configure: searched(displacementSearch),
  },
  /** The network stays; one initial noise of all chunks is found. */
  ticket: {
    batch: 16,
    episodes: 144,
    exploration: { size: 0, tickets: true },
    needs: 'learnable',
    configure: searched(ticketSearch),
  },
  /** How tokens are written learns, by critics. */
  ppo: onTokens('ppo'),
  /** The same, by comparing attempts with each other. */
  grpo: onTokens('grpo'),
};

/**
 * How attempts of a method explore: what is read of a file takes precedence over the method's own values. Throws a
 * `UserError` for what cannot be used.
 */
export const explorationOf = (method: MethodName, read: unknown, source: string): Exploration =>
  validate(
    explorationSchema,
    typeof read === 'object' ? { ...METHODS[method].exploration, ...read } : read,
    source,
  );

/** What of a policy learns by a method with the settings of a file. Throws a `UserError` for what cannot be used. */
export const trainableOf = async (
  method: MethodName,
  path: string | undefined,
): Promise<Trainable> => (await METHODS[method].configure(path, 0)).settings.trainable;

/** What a family's policies make chunks of, as errors say it. */
const MADE_OF: Record<Method['needs'], string> = {
  learnable: 'chunks that are samples of a flow',
  writer: 'chunks that are written as tokens',
};

/** Throws a `UserError` where a policy cannot learn by a method; it names those that can be taken. */
export function demandLearnable(
  method: MethodName,
  policy: Pick<Bundle, 'family' | 'folder'>,
): void {
  const { needs } = METHODS[method];
  const family = familyOf(policy);
  if (family[needs]) return;
  const fits = (able: PolicyFamily) => Object.entries(METHODS).filter(([, one]) => able[one.needs]);
  const others = fits(family).map(([name]) => name);
  const remedy =
    others.length > 0
      ? `take --method ${others.join(' or ')}`
      : `learning needs a policy of ${FAMILIES.filter((one) => one[needs]).map(({ name }) => name).join(', ')}`; // prettier-ignore
  throw new UserError(
    `${policy.folder}: --method ${method} learns from ${MADE_OF[needs]}, and the family ${family.name} has none: ${remedy}`,
    { kind: 'unsupported', subject: policy.folder, fields: ['--method'] },
  );
}
