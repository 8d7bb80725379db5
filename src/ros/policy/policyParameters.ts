import { packagePath } from '../../files/packagePath.ts';
import { DEFAULT_METHOD, METHOD_NAMES } from '../../learning/methodNames.ts';
import { LOOPBACK } from '../../measure/metrics.ts';
import { OUTPUTS } from '../commands.ts';
import type { ParameterSpecs, ParameterValues } from '../parameters.ts';
import { MAX_STEPS, SOLVERS } from '../../policy/integration.ts';
import { DEFAULT_JOIN, JOIN_CHOICES } from '../../policy/joinKinds.ts';

const text = (description: string, fallback = '') =>
  ({ type: 'string', default: fallback, description, readOnly: true }) as const;

const path = (description: string, fallback = '') =>
  ({ ...text(description, fallback), isPath: true }) as const;

/** Parameters of the policy's node. */
export const POLICY_PARAMETERS = {
  policy: path(
    'folder of the policy bundle, or ws://HOST:PORT of an openpi server that has it (its key in NALU_API_KEY)',
    packagePath('models/aloha-mini'),
  ),
  calibration: path('YAML file of the robot', packagePath('calibration/aloha-1.0.yaml')),
  session: path('YAML file: execution providers and threads of ONNX Runtime; empty for the CPU'),
  output: {
    ...text(
      'messages that commands are sent as, to arms whose calibration does not say it',
      'interbotix',
    ),
    choices: OUTPUTS,
  },
  dry_run: {
    type: 'bool',
    default: false,
    description: 'sends nothing to the motors; chunks are published all the same',
    readOnly: true,
  },
  set_gripper_mode: {
    type: 'bool',
    default: false,
    description:
      "sets the grippers of Interbotix' drivers to current_based_position, which takes angles, where they are in a mode that does not",
    readOnly: true,
  },
  ignore_misfits: {
    type: 'bool',
    default: false,
    description: 'runs a policy though it does not fit the robot as nalu check finds it',
    readOnly: true,
  },
  chunk_picture: path(
    'SVG file that each chunk of a dry run is drawn to; empty for none',
    'chunk.svg',
  ),
  autostart: {
    type: 'bool',
    default: false,
    description: 'configures and activates the node when it starts',
    readOnly: true,
  },
  prompt: {
    type: 'string',
    default: '',
    description: "prompt; empty for that of the task in the calibration's tasks",
    readOnly: false,
  },
  task: text(
    "name of the task, as episodes have it; empty for the first of the calibration's tasks",
  ),
  seconds: {
    type: 'double',
    default: 8,
    range: [0.1, 3600],
    description: 'length of an attempt, after which it has failed',
    readOnly: false,
  },
  zero_noise: {
    type: 'bool',
    default: false,
    description: 'begins every chunk from zero noise',
    readOnly: false,
  },
  join: {
    ...text(
      'how a chunk takes over from the one in play: swap, synchronous (the robot waits), ensemble, exact or approximate (real-time chunking), trained (the same, by a policy that was trained for it); auto is approximate, or swap for a policy without a flow',
      DEFAULT_JOIN,
    ),
    choices: JOIN_CHOICES,
  },
  steps: {
    type: 'integer',
    default: 0,
    range: [0, MAX_STEPS],
    description: "network calls that integrate a chunk's flow; 0 for the bundle's",
    readOnly: true,
  },
  solver: {
    ...text("how they integrate it; empty for the bundle's solver"),
    choices: ['', ...SOLVERS] as const,
  },
  flow_times: text(
    "flow times at which the solver's steps begin and end, as 1,0.4,0; empty for equal steps or the bundle's",
  ),
  seed: {
    type: 'integer',
    default: 0,
    range: [0, 2 ** 31],
    description: 'seed of the first attempt; the next ones count up from it',
    readOnly: true,
  },
  attempts: {
    type: 'integer',
    default: 0,
    range: [0, 1_000_000],
    description: 'attempts to make by itself once it is active; 0 waits for ~/start',
    readOnly: true,
  },
  approach_speed: {
    type: 'double',
    default: 0.5,
    range: [0.02, 2],
    description:
      'greatest speed of the move to the start pose: rad/s, m/s for sliding joints, openings a second for grippers',
    readOnly: false,
  },
  record: path('folder for episodes; empty keeps none'),
  learner: text(
    'address of the learner (nalu learn), ipc:///PATH or tcp://HOST:PORT; empty for none',
  ),
  keys: path('folder of the keys of the link, which tcp needs'),
  method: {
    ...text("the learner's --method, which says what of the policy learns", DEFAULT_METHOD),
    choices: METHOD_NAMES,
  },
  fpo: path("the learner's --config, if it has one: what of the policy learns"),
  exploration: {
    type: 'double',
    default: 0,
    range: [0, 0.2],
    description: "size of the exploration noise, in standard deviations of the policy's actions",
    readOnly: false,
  },
  exploration_view: {
    type: 'double',
    default: 0,
    range: [0, 0.1],
    description:
      'size of the steps by which attempts shift the view within their images, as a share of the image, for cameras that were moved: 0.016 for a learner with --method view, without exploration',
    readOnly: false,
  },
  exploration_offset: {
    type: 'double',
    default: 0,
    range: [0, 0.1],
    description:
      "size of the steps by which attempts displace all their actions, in standard deviations of the policy's actions: for a learner with --method offset",
    readOnly: false,
  },
  exploration_tickets: {
    type: 'bool',
    default: false,
    description:
      'whether attempts take in turn the tickets, initial noises of all their chunks, that the learner compares: for a learner with --method ticket',
    readOnly: false,
  },
  exploration_temperature: {
    type: 'double',
    default: 0,
    range: [0, 10],
    description:
      'temperature at which attempts draw the tokens of their chunks, of a policy that writes such: for a learner with --method ppo or grpo',
    readOnly: false,
  },
  outcome_topic: text('std_msgs/String topic that says success, failure or discard', '~/outcome'),
  heartbeat: text(
    'std_msgs/Bool topic whose true must keep coming while the robot moves, as from a switch held down; empty for none',
  ),
  success_classifier: path(
    'YAML file of a classifier that ends an attempt as success by what a camera shows; empty for none',
  ),
  metrics_port: {
    type: 'integer',
    default: 0,
    range: [0, 65535],
    description: 'port at which Prometheus metrics are offered; 0 for none',
    readOnly: true,
  },
  metrics_host: text('address at which they are; the default is for this machine alone', LOOPBACK),
  console: {
    type: 'integer',
    default: 0,
    range: [0, 65535],
    description: 'port at which the robot is shown on a page and operated there; 0 for none',
    readOnly: true,
  },
  console_host: text(
    'address of the page; another than that of this machine needs console_tls, and has a token for each role (NALU_CONSOLE_OPERATE, NALU_CONSOLE_WATCH, or new ones in the log)',
    LOOPBACK,
  ),
  console_tls: text('PEM files of a certificate and its key, as cert.pem,key.pem; empty for none'),
  adapters: path(
    "versions of the policy that the page can have played and compared: a folder of adapters, a learner's or an adaptation's; empty for none",
  ),
  reset_service: text('std_srvs/Trigger that is called before an attempt; empty for none'),
} as const satisfies ParameterSpecs;

export type PolicyParameters = ParameterValues<typeof POLICY_PARAMETERS>;
