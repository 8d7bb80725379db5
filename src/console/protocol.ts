import type { Outcome } from '../episodes/outcome.ts';
import type { GuardAction, GuardRule } from '../guard/guardEvents.ts';
import type { PlacedArm } from '../robot/embodiment.ts';
import type { Question } from '../terminal/question.ts';

/**
 * What the console's server and page say to each other: msgpack over a WebSocket at /live. The page begins with a
 * `Hello`. The server then sends the newest value of each topic, and each new one as it comes; the page asks requests,
 * which are answered one by one. All times are milliseconds; `at` is the server's wall clock (Date.now()).
 */
export const PROTOCOL = 1;

/** Stands for a version, and an episode's policy, that are not to be known while a comparison is blind. */
export const HIDDEN = 'hidden';

/** What a page may do: watch everything, or operate too, one page at a time. */
export const ROLES = ['watch', 'operate'] as const;
export type Role = (typeof ROLES)[number];

/** The page's first message. */
export interface Hello {
  protocol: number;
  /** What the person calls themselves, at most 40 characters. */
  name: string;
  /** Needed where the console is reached from other machines. */
  token?: string;
}

/** Which phase the robot is in: what the page says in large letters. */
export const PHASES = {
  absent: 'no robot',
  connecting: 'connecting',
  checking: 'checking',
  ready: 'ready',
  homing: 'going home',
  running: 'running',
  judgement: 'success or failure?',
  reset: 'reset the scene',
  stopped: 'stopped',
} as const;
export type Phase = keyof typeof PHASES;

export interface PhaseState {
  phase: Phase;
  /** When it began. */
  at: number;
  /** The attempt that runs, or the last; counts from 1. 0 before the first. */
  attempt: number;
  /** Which attempt of its series it is, and of how many, if it has more than one. */
  series?: { number: number; of: number };
  task: string;
  prompt: string;
  /** Seconds that an attempt may last. */
  seconds: number;
  /** Why it stopped, or what it waits for. */
  reason?: string;
  /** Who stopped it. */
  by?: string;
  /** The comparison that is under way. */
  comparison?: ComparisonState;
}

export interface ConsoleJoint {
  name: string;
  kind: 'arm' | 'prismatic' | 'gripper';
  lower: number;
  upper: number;
  velocity: number;
}

export interface ConsoleCamera {
  name: string;
  width: number;
  height: number;
  /** Whether the policy sees it. */
  used: boolean;
}

/** Sent once a robot is there. */
export interface RobotDescription {
  name: string;
  simulated: boolean;
  /** Whether it is only observed. */
  dry: boolean;
  /** Hz */
  controlRate: number;
  joints: ConsoleJoint[];
  /** In space, for the drawing; empty where nothing is known of them. */
  arms: PlacedArm[];
  cameras: ConsoleCamera[];
  /** Tasks that can be chosen, with their prompts. */
  tasks: { name: string; prompt: string }[];
  /** The requests that it answers; the page shows no others. */
  answers: RequestName[];
}

export interface PolicyDescription {
  name: string;
  /** The version that plays. */
  version: string;
  family: string;
  horizon: number;
  /** Rows of a chunk that are played before the next one takes over. */
  executeSteps: number;
  join: string;
  /** Network calls of a chunk, and by which solver; absent in a policy without a flow. */
  steps?: number;
  solver?: string;
  providers: string[];
  precision: string;
  /** Versions that can be pinned or compared, newest last. */
  versions: string[];
  /** The version that is pinned, if one is. */
  pinned?: string;
}

/** Joints as they are, some 20 times a second. */
export interface Motion {
  at: number;
  /** [joints] measured: rad, m or openings. */
  measured: Float32Array;
  /** [joints] the last command; absent before the first. */
  target?: Float32Array;
}

/** The chunk in play, sent when it takes over. */
export interface ChunkInPlay {
  at: number;
  index: number;
  version: string;
  /** [horizon, joints] row after row. */
  rows: Float32Array;
  horizon: number;
  /** Rows that had passed when it took over: dropped, or committed where it was joined to the one before. */
  delay: number;
  joined: boolean;
  /** Rows that are played before the next takes over, counted from its observation. */
  executeSteps: number;
  /** Milliseconds from its observation to when it took over; row i is due at `at − age + i · period`. */
  age: number;
  /** Milliseconds from request to result. */
  latency: number;
  /** By camera: where the policy looks, right and down as shares of the image; absent if straight ahead. */
  view?: Record<string, [number, number]>;
}

/** One camera's picture. */
export interface CameraPicture {
  at: number;
  camera: string;
  /** Age of the image when it was sent, ms. */
  age: number;
  /** JPEG */
  jpeg: Uint8Array;
}

/** An event of the guard, in words. Repeats within a second count up `times`. */
export interface GuardLine {
  at: number;
  rule: GuardRule;
  action: GuardAction;
  /** The joint, arm or sensor. */
  source: string;
  amount: number;
  text: string;
  times: number;
}

export interface Percentile {
  p50: number;
  p99: number;
}

/** Figures of the run, once a second. */
export interface Figures {
  at: number;
  /** How late control steps are, ms. */
  lateness?: Percentile;
  /** A chunk from request to result, ms. */
  chunk?: Percentile;
  /** Latest that a chunk may come, ms: the rows that are left when it is asked for. */
  deadline: number;
  missedSteps: number;
  heldSteps: number;
  starvedSteps: number;
  /** Bytes left where episodes go; absent where nothing is recorded. */
  diskLeft?: number;
  /** The link to the learner; absent where there is none. */
  link?: { connected: boolean; pending: number; delivered: number; problem?: string };
}

/** One of the robot's topics. */
export interface SensorLine {
  name: string;
  /** Messages a second. */
  rate: number;
  /** Of the newest message, ms. */
  age: number;
  problem?: string;
}

/** A judged attempt. */
export interface AttemptLine {
  at: number;
  /** Counts from 1. */
  attempt: number;
  outcome: Outcome;
  /** How it was judged, where a label has changed that. */
  judged?: Outcome;
  version: string;
  /** Seconds */
  seconds: number;
  /** Its episode's id, if it was recorded. */
  episode?: string;
  problem?: string;
  /** In a comparison, which of the two it was is told at the end only. */
  blind?: boolean;
}

/** A version of the policy, in the learner's eyes. */
export interface LearnedVersion {
  version: string;
  at: number;
  parent: string | null;
  /** published, kept back with the reason, rolled back */
  state: 'published' | 'kept back' | 'rolled back';
  reason?: string;
  /** Attempts made with it, and how many succeeded. */
  attempts: number;
  successes: number;
}

/** An update, as a point of the learning curves. */
export interface LearningPoint {
  at: number;
  update: number;
  /** Attempts that were learned from up to it. */
  episodes: number;
  /** Of its batch, as they are labelled now. */
  attempts: number;
  successes: number;
  /** 95 % interval of the success rate (Wilson). */
  interval: [number, number];
  /** Attempts whose outcome was corrected after the update had learned from them; absent where there are none. */
  corrected?: number;
  explainedVariance?: number;
  valueLoss?: number;
  /** Probability that critics put a chunk of a success above one of a failure, before they learned from both; 0.5 by chance. */
  rankedOutcomes?: number;
  /** Correlation of ranks of what they tell of a chunk beyond its state with what came of it; 0 by chance. */
  rankedChunks?: number;
  approxKl?: number;
  clipFraction?: number;
  ratioLeast?: number;
  ratioMost?: number;
  expectedGain?: number;
  skipped?: string;
}

/** The critics' values along an attempt, before they learned from it. */
export interface AttemptValues {
  succeeded: boolean;
  /** [chunks] seconds from its first observation. */
  times: number[];
  /** [chunks] 0 to 1. */
  values: number[];
}

/** A ticket that is compared with others: one initial noise of all chunks, by its number. */
export interface TicketLine {
  ticket: number;
  attempts: number;
  successes: number;
  /** Whether attempts still try it. */
  isRunning: boolean;
  /** Whether the policy begins its chunks from it. */
  isChosen: boolean;
}

/** Success on held-out attempts. */
export interface EvaluationPoint {
  episodes: number;
  attempts: number;
  /** Successes of so many attempts from random noise, and of as many from zero noise. */
  random: number;
  zero: number;
}

export interface Learning {
  at: number;
  method: string;
  /** What it is doing: waiting, updating, paused, pinned, ended; `as recorded` where no learner is known to run. */
  state: string;
  paused: boolean;
  /** The version that the robot is to play, and the one that is pinned, if one is. */
  plays?: string;
  pinned?: string;
  /** The requests that the learner answers where there is no robot: pauseLearning, rollBack, pin. */
  answers?: RequestName[];
  /** Episodes that wait for the next update, and how many it takes. */
  waiting: number;
  batch: number;
  /** Estimated time to the next update, ms. */
  timeLeft?: number;
  versions: LearnedVersion[];
  points: LearningPoint[];
  /** Of the last failures and successes of the newest update whose method has critics. */
  values?: { update: number; attempts: AttemptValues[] };
  /** Of a search for a ticket after so many updates, by the attempts as they are labelled now; best first. */
  race?: { update: number; tickets: TicketLine[] };
  evaluations: EvaluationPoint[];
  /** Newest last. */
  log: { at: number; text: string }[];
}

/** Attempts and how many of them succeeded, with the 95 % interval of the rate (Wilson 1927). */
export interface Success {
  attempts: number;
  successes: number;
  interval: [number, number];
}

/** A robot of a fleet, as far as its server knows. */
export interface FleetRobot {
  name: string;
  isThere: boolean;
  /** When it was heard last, by the server's clock, ISO 8601; absent where it never was. */
  lastHeard?: string;
  /** The version that it plays, or played when it was heard last. */
  plays?: string;
  /** The version that it is to play; absent where that is the policy as it came. */
  wanted?: string;
  /** Who pinned that. */
  pinnedBy?: string;
  isOnTrial: boolean;
  success: ({ version: string } & Success)[];
  /**
   * How far its view is from where the policy began, right and down of each camera as shares of a picture, and its
   * offset, by action in standard deviations; what has not moved is absent.
   */
  moved?: { view?: number[]; offset?: number[] };
  /** Episodes on its disk that the learner does not have yet. */
  waiting?: number;
  /** What went wrong last. */
  problem?: string;
}

/** The robots of a learner over NATS. */
export interface Robots {
  at: number;
  robots: FleetRobot[];
  /** Episodes that wait on the server. */
  waiting: number;
}

/** A blind comparison of two versions: which is which is told when it has ended. */
export interface ComparisonState {
  made: number;
  of: number;
}

export interface ComparisonSide {
  version: string;
  attempts: number;
  successes: number;
  interval: [number, number];
}

export interface Comparison {
  at: number;
  id: string;
  a: ComparisonSide;
  b: ComparisonSide;
  verdict: string;
  /** The rule that the verdict follows. */
  rule: string;
  /** Attempts whose outcome was corrected after it was judged, and the verdict before; absent where there are none. */
  corrected?: { attempts: number; verdict: string };
}

/** A calibration that is led on the page. */
export interface CalibrationState {
  /** The file that it is to write. */
  file: string;
  /** The robot's cameras. */
  cameras: ConsoleCamera[];
  /** What was said, oldest first. */
  said: string[];
  /** What the person is asked, with the number that an answer names. */
  question?: Question & { number: number };
  /** How it ended, once it has. */
  ended?: string;
}

/** Who is connected, and who operates. */
export interface Crew {
  operator?: {
    id: string;
    name: string;
    /** Whether the arms brake to rest where their page falls silent. */
    heartbeat: boolean;
    /** Whether their page leaves beats unanswered. */
    silent: boolean;
  };
  people: { id: string; name: string; role: Role }[];
}

/** A line of the log. */
export interface LogLine {
  at: number;
  level: 'info' | 'warn' | 'error';
  text: string;
}

/** A finding of the doctor or of the check of policy and robot. */
export interface Finding {
  severity: 'ok' | 'note' | 'warning' | 'error';
  topic: string;
  message: string;
}

/** How the policy was found to fit the robot. */
export interface Fit {
  at: number;
  findings: Finding[];
}

/** What a new page gets the newest of. Camera pictures are topics of their own, `camera/NAME`. */
export interface Topics {
  robot: RobotDescription;
  policy: PolicyDescription;
  phase: PhaseState;
  motion: Motion;
  chunk: ChunkInPlay;
  guard: GuardLine[];
  figures: Figures;
  /** Once a second. */
  sensors: SensorLine[];
  fit: Fit;
  attempts: AttemptLine[];
  learning: Learning;
  fleet: Robots;
  comparisons: Comparison[];
  calibration: CalibrationState;
  /** What is measured at this moment of a calibration, in a line; empty for nothing. */
  reading: string;
  crew: Crew;
  log: LogLine[];
}
export type TopicName = keyof Topics;

/** A row of the list of episodes. */
export interface EpisodeLine {
  id: string;
  /** Milliseconds of the wall clock; from its name where that tells. */
  at?: number;
  task: string;
  policy: string;
  /** Absent where it was cut off. */
  outcome?: Outcome;
  /** The outcome as it was recorded, where a label has changed it. */
  recorded?: Outcome;
  seconds: number;
  bytes: number;
  problem?: string;
  /** Whether it is being written. */
  growing?: boolean;
}

/** An episode to be replayed. Times are ms since its first joint state. */
export interface EpisodeReplay {
  id: string;
  /** Its file, on the machine that the console runs on. */
  path: string;
  task: string;
  prompt: string;
  policy: string;
  outcome?: Outcome;
  labels: EpisodeLabel[];
  joints: ConsoleJoint[];
  arms: PlacedArm[];
  /** [states] */
  times: Float32Array;
  /** [states, joints] */
  measured: Float32Array;
  /** [commands] and [commands, joints] */
  commandTimes: Float32Array;
  commands: Float32Array;
  chunks: { time: number; index: number; version: string; from: number; to: number; delay: number; horizon: number; rows: Float32Array }[]; // prettier-ignore
  /** By camera the times of its images. */
  cameras: { name: string; times: Float32Array }[];
  /** What is damaged in it. */
  missing: string[];
}

/** A correction of an episode's outcome, kept beside it. */
export interface EpisodeLabel {
  at: number;
  by: string;
  outcome: Outcome;
  note?: string;
}

/** What a page may ask for: what it takes, and what comes back. `says` is a sentence for the person. */
export interface Requests {
  /** Begins a series of so many attempts, by default one. */
  start: { takes: { attempts?: number }; gives: null };
  success: { takes: null; gives: null };
  failure: { takes: null; gives: null };
  /** Ends the attempt; it does not count. */
  discard: { takes: null; gives: null };
  /** Brakes the arms to rest and latches. Any page that may operate may stop, also without the seat. */
  stop: { takes: { reason?: string }; gives: null };
  /** Releases the latch. Nothing moves. */
  resume: { takes: null; gives: null };
  home: { takes: null; gives: null };
  /** The scene has been reset. */
  sceneReady: { takes: null; gives: null };
  /** Compares policy and robot, and shows the topic `fit`. Nothing moves. */
  check: { takes: null; gives: null };
  task: { takes: { name: string }; gives: null };
  prompt: { takes: { text: string }; gives: null };
  /** Plays this version until it is released. */
  pin: { takes: { version: string | null }; gives: null };
  rollBack: { takes: { version: string }; gives: null };
  pauseLearning: { takes: { paused: boolean }; gives: null };
  /** Makes so many attempts, half of them with each version. Where its series was ended, start goes on with it. */
  compare: { takes: { a: string; b: string; attempts: number }; gives: null };
  /** Ends the comparison that is under way, without a verdict. */
  endComparison: { takes: null; gives: null };
  /** Answers the question of a calibration that has this number. */
  answer: { takes: { question: number; key: string }; gives: null };
  /** Becomes the operator, whoever it was. */
  takeSeat: { takes: null; gives: null };
  leaveSeat: { takes: null; gives: null };
  /** With `on`, the arms brake to rest where this page falls silent, as long as it has the seat. */
  heartbeat: { takes: { on: boolean }; gives: null };
  episodes: { takes: null; gives: EpisodeLine[] };
  episode: { takes: { id: string }; gives: EpisodeReplay };
  /** The picture of a camera at the time (ms since the first joint state) or the newest before it. */
  episodePicture: { takes: { id: string; camera: string; time: number }; gives: { time: number; jpeg: Uint8Array } }; // prettier-ignore
  /** The address, as a path on the console's server, at which the episode's file can be had for a minute. */
  download: { takes: { id: string }; gives: { address: string } };
  label: { takes: { id: string; outcome: Outcome; note?: string }; gives: null };
  /** Writes a LeRobot data set of these episodes. */
  exportEpisodes: { takes: { ids: string[]; out: string }; gives: null };
  /** What the doctor finds on this machine. */
  findings: { takes: null; gives: Finding[] };
}
export type RequestName = keyof Requests;

/** From the page, after its hello. */
export type Ask = {
  [Name in RequestName]: { ask: number; request: Name; args: Requests[Name]['takes'] };
}[RequestName];

/** The page answers each beat of the server, so that one that has gone is known. */
export interface Beat {
  beat: number;
}

/** The answer to an ask. */
export type Reply =
  | { reply: number; ok: true; says?: string; value: unknown }
  | { reply: number; ok: false; says: string };

/** From the server. */
export type ServerMessage =
  | { welcome: { protocol: number; id: string; role: Role; at: number } }
  | { refused: string }
  | { [Topic in TopicName]: { topic: Topic; value: Topics[Topic] } }[TopicName]
  | { picture: CameraPicture }
  | Reply
  | Beat;

/** Milliseconds between two beats of the server; a page that hears none for three times that has lost its connection. */
export const BEAT = 500;
