import type { RuntimeAnswers } from '../console/console.ts';
import { HIDDEN, type PhaseState, type PolicyDescription } from '../console/protocol.ts'; // prettier-ignore
import type { RobotConsole } from '../console/robotConsole.ts';
import type { Operation, OperationPhase } from '../control/operation.ts';
import { unready } from '../errors.ts';
import { type Judged, createCompareJob } from './compareJob.ts';
import {
  type KeptComparison,
  allAsLabelled,
  keepComparison,
  keptComparisons,
} from './comparison.ts';
import type { PlayedVersions } from './playedVersions.ts';

export interface OperatedVersionsOptions {
  versions: PlayedVersions;
  description: PolicyDescription;
  /** Folder of the episodes, beside which comparisons are kept; they are only shown where absent. */
  record?: string;
  operation: () => Pick<Operation, 'state' | 'start' | 'halt'>;
  console: () => Pick<RobotConsole, 'blind' | 'comparisons' | 'policyChanged'>;
  /** Shows the phase anew. */
  onChange: () => void;
}

/** The versions of the policy that a person at the console plays and compares. */
export interface OperatedVersions {
  /** The version that plays. */
  readonly now: string;
  /** The policy as pages see it. */
  describe(): PolicyDescription;
  /** What the phase says of a comparison that is under way. */
  readonly comparison: Pick<PhaseState, 'comparison'>;
  /** How many attempts a start makes: those that are left of a comparison, or as many as are asked for. */
  toMake(asked: number | undefined): number | undefined;
  /** Shows the comparisons that were made before. */
  open(): Promise<void>;
  /** Has the version of the next attempt play. */
  prepare(): Promise<void>;
  /** Takes an attempt. */
  judged(attempt: Judged): Promise<void>;
  /** Shows the comparisons anew: an outcome was corrected. */
  relabelled(): Promise<void>;
  /** None where there is one version only. */
  answers: RuntimeAnswers;
}

/** When a version may be read and exchanged: it would delay the control steps of arms that move. */
const AT_REST: readonly OperationPhase[] = ['ready', 'judgement', 'reset', 'stopped'];

/** Has a person at the console play and compare the versions of a policy. */
export function operatedVersions(options: OperatedVersionsOptions): OperatedVersions {
  const { versions, description, record, operation, console, onChange } = options;
  const comparisons: KeptComparison[] = [];
  let pinned: string | undefined;

  const show = () => {
    console().blind(job.state !== undefined);
    console().policyChanged();
    onChange();
  };
  const showComparisons = async () =>
    console().comparisons(await allAsLabelled(comparisons, record));
  const job = createCompareJob({
    versions,
    async onEnd(comparison) {
      comparisons.push(comparison);
      show();
      await showComparisons();
      if (record !== undefined) await keepComparison(record, comparison);
    },
  });

  const answers: RuntimeAnswers = {
    async compare(asked) {
      const takeBack = job.begin(asked);
      show();
      try {
        await operation().start(job.left);
      } catch (error) {
        takeBack();
        show();
        throw error;
      }
      return `${asked.attempts} attempts begin, in an order that is told at the end`;
    },
    async endComparison(_, by) {
      if (!job.state) throw unready('no comparison is under way');
      await operation().halt();
      return job.end(by);
    },
    async pin({ version }) {
      if (job.state) throw unready('a comparison is under way: end it before pinning');
      if (!AT_REST.includes(operation().state.phase))
        throw unready('the arms move: pin a version between two attempts');
      await versions.play(version ?? description.version);
      pinned = version ?? undefined;
      console().policyChanged();
      return version === null
        ? `version ${description.version} plays again`
        : `version ${version} plays until it is released`;
    },
  };
  return {
    get now() {
      return versions.now;
    },
    describe: () => ({
      ...description,
      versions: [...versions.all],
      version: job.state ? HIDDEN : versions.now,
      ...(pinned !== undefined && !job.state && { pinned }),
    }),
    get comparison() {
      return job.state ? { comparison: job.state } : {};
    },
    toMake: (asked) => (job.state ? job.left : asked),
    async open() {
      if (record !== undefined) comparisons.push(...(await keptComparisons(record)));
      await showComparisons();
    },
    prepare: () => job.prepare(),
    async judged(attempt) {
      await job.judged(attempt);
      onChange();
    },
    relabelled: showComparisons,
    answers: versions.all.length > 1 ? answers : {},
  };
}
