import { messageOf } from '../errors.ts';
import { edge } from './edge.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode, RosServiceResponse } from './rclnodejs.ts';

/** States and transitions of a managed node, by lifecycle_msgs' numbers. */
const STATES = {
  unconfigured: 1,
  inactive: 2,
  active: 3,
  finalized: 4,
  configuring: 10,
  cleaningup: 11,
  shuttingdown: 12,
  activating: 13,
  deactivating: 14,
  errorprocessing: 15,
} as const;

export type State = 'unconfigured' | 'inactive' | 'active' | 'finalized';
type AnyState = keyof typeof STATES;
export type Transition = 'configure' | 'cleanup' | 'activate' | 'deactivate' | 'shutdown';

interface Step {
  id: number;
  label: Transition;
  from: State;
  through: AnyState;
  to: State;
}

const STEPS: readonly Step[] = [
  { id: 1, label: 'configure', from: 'unconfigured', through: 'configuring', to: 'inactive' },
  { id: 2, label: 'cleanup', from: 'inactive', through: 'cleaningup', to: 'unconfigured' },
  { id: 3, label: 'activate', from: 'inactive', through: 'activating', to: 'active' },
  { id: 4, label: 'deactivate', from: 'active', through: 'deactivating', to: 'inactive' },
  { id: 5, label: 'shutdown', from: 'unconfigured', through: 'shuttingdown', to: 'finalized' },
  { id: 6, label: 'shutdown', from: 'inactive', through: 'shuttingdown', to: 'finalized' },
  { id: 7, label: 'shutdown', from: 'active', through: 'shuttingdown', to: 'finalized' },
];

const stateMessage = (label: AnyState) => ({ id: STATES[label], label });
const transitionMessage = ({ id, label, from, to }: Step) => ({
  transition: { id, label },
  start_state: stateMessage(from),
  goal_state: stateMessage(to),
});

/** What a node does on its way. One that rejects leaves the state as it was, after `onError`. */
export type TransitionWork = Record<Transition, (from: State) => Promise<void>> & {
  /** Brings the node to a safe stand after work that failed. */
  onError(error: unknown): Promise<void>;
  /** Hears each state that was reached as it was asked for. */
  onReached(state: State): void;
};

export interface Lifecycle {
  readonly state: AnyState;
  /** Takes a transition; false if there is none of that name from here, or its work failed. */
  change(label: Transition): Promise<boolean>;
}

/**
 * A managed node (REP 2002's design) over an ordinary one: the services and the event topic that
 * `ros2 lifecycle` and launch use. Its work may take time, which rclnodejs' own callbacks may not.
 */
export function createLifecycle(ros: Ros, node: RosNode, work: TransitionWork): Lifecycle {
  let state: AnyState = 'unconfigured';
  const log = node.getLogger();
  const events = node.createPublisher(
    'lifecycle_msgs/msg/TransitionEvent',
    '~/transition_event',
    quality(ros, 'command'),
  );
  const enter = ({ id, label }: Step, next: AnyState) => {
    const event = {
      timestamp: node.getClock().now().nanoseconds,
      transition: { id, label },
      start_state: stateMessage(state),
      goal_state: stateMessage(next),
    };
    state = next;
    events.publish(event);
  };

  const take = async (step: Step): Promise<boolean> => {
    const { label, from, through, to } = step;
    enter(step, through);
    try {
      await work[label](from);
      enter(step, to);
      work.onReached(to);
      return true;
    } catch (error) {
      log.error(`${label}: ${messageOf(error)}`);
      enter(step, 'errorprocessing');
      await work.onError(error).catch((failure: unknown) => log.error(messageOf(failure)));
      enter(step, from === 'active' ? 'inactive' : from);
      return false;
    }
  };
  const change = async (label: Transition): Promise<boolean> => {
    const step = STEPS.find((known) => known.label === label && known.from === state);
    if (!step) return false;
    return take(step);
  };

  const service = (
    name: string,
    type: string,
    answer: (request: never) => object | Promise<object>,
  ) => {
    const callback = async (request: never, response: RosServiceResponse) =>
      response.send(await answer(request));
    const onFault = (error: unknown) => log.error(messageOf(error));
    node.createService(`lifecycle_msgs/srv/${type}`, `~/${name}`, {}, edge(callback, onFault));
  };
  service('get_state', 'GetState', () => ({ current_state: stateMessage(state) }));
  service('get_available_states', 'GetAvailableStates', () => ({
    available_states: (Object.keys(STATES) as AnyState[]).map(stateMessage),
  }));
  service('get_available_transitions', 'GetAvailableTransitions', () => ({
    available_transitions: STEPS.filter(({ from }) => from === state).map(transitionMessage),
  }));
  service('get_transition_graph', 'GetAvailableTransitions', () => ({
    available_transitions: STEPS.map(transitionMessage),
  }));
  service(
    'change_state',
    'ChangeState',
    async ({ transition }: { transition: { id: number; label: string } }) => {
      const step = STEPS.find(({ id, label, from }) =>
        transition.label ? label === transition.label && from === state : id === transition.id,
      );
      return { success: step !== undefined && step.from === state && (await take(step)) };
    },
  );

  return {
    get state() {
      return state;
    },
    change,
  };
}
