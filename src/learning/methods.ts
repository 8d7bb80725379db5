import { type Exploration, SEARCH_RANGE, explorationSchema } from '../policy/exploration.ts';
import { validate } from '../validate.ts';
import type { OpenAlgorithm } from './algorithm.ts';
import type { FpoConfig } from './fpo/config.ts';
import { fpo } from './fpo/fpo.ts';
import type { MethodName } from './methodNames.ts';
import { displacementSearch } from './displacement/displacement.ts';

/** A way to improve a policy from its own attempts. */
export interface Method {
  /** Attempts of an update, and of an adaptation, where nothing else is said. */
  batch: number;
  episodes: number;
  /** How attempts explore, where nothing else is said. */
  exploration: Partial<Exploration>;
  /**
   * Versions that may have been published since the one that made an attempt, for it to be learned from; any number where
   * absent. FPO weighs attempts by how the policy has changed since, which says little of a policy far off; a search by
   * place learns as much from old ones.
   */
  mostBehind?: number;
  open: (config: FpoConfig) => OpenAlgorithm;
}

const displaced: Method['open'] = ({ trainable, seed }) => displacementSearch(trainable, seed);

/** All methods. A new one is a folder beside fpo/, its name in methodNames.ts, and an entry here. */
export const METHODS: Readonly<Record<MethodName, Method>> = {
  /** The action expert learns. */
  fpo: {
    batch: 64,
    episodes: 1024,
    exploration: {},
    mostBehind: 4,
    open: fpo,
  },
  /** The network stays; where it looks in its cameras' images is found. */
  view: {
    batch: 16,
    episodes: 144,
    exploration: { size: 0, view: 0.016, range: SEARCH_RANGE, initialNoise: 1 },
    open: displaced,
  },
  /** The network stays; one offset of all actions is found. */
  offset: {
    batch: 16,
    episodes: 160,
    exploration: { size: 0, offset: 0.02, initialNoise: 1 },
    open: displaced,
  },
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
