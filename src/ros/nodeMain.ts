import { UserError, messageOf } from '../errors.ts';
import { onWarning } from '../warnings.ts';
import { checkParameterFiles } from './parameterFiles.ts';
import { type Ros, type RosNode, loadRos } from './rclnodejs.ts';

/** A node that runs: its cleanup when the process has to end, before ROS is shut down. */
export interface Running {
  stop(): Promise<void>;
  /** Of a node that ends by itself: settles when it has done what it is for. */
  done?: Promise<void>;
}

/** Milliseconds that ending may take before the process is ended without it. */
const LONGEST_STOP = 5000;

/** Milliseconds between two checks that the parent still runs. */
const LOOK = 250;

/**
 * Calls `gone` when the process that started this one has ended: ros2 launch leaves its nodes running where it
 * ends by SIGTERM, and nobody hears then what they say.
 */
export function whenOrphaned(gone: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, LOOK).unref();
}

/**
 * Runs a node as a process of its own: rclnodejs' own signal handler leaves Node running and a later
 * publish throws, so SIGINT and SIGTERM are taken here: the node stops, ROS is shut down, the process exits. So it does when its
 * parent has ended.
 */
export async function nodeMain(
  name: string,
  start: (ros: Ros, node: RosNode) => Running | Promise<Running>,
): Promise<void> {
  const fail = (error: unknown): never => {
    if (!(error instanceof UserError)) console.error(error);
    else console.error(`${name}: ${messageOf(error)}`);
    process.exit(error instanceof UserError ? error.exitCode : 1);
  };
  try {
    checkParameterFiles(process.argv);
    const ros = await loadRos();
    await ros.init();
    ros.removeSignalHandlers();
    const node = ros.createNode(name);
    onWarning((text) => node.getLogger().warn(text));
    const running = await start(ros, node);
    let ending = false;
    // A terminal and ros2 launch both send a signal: only the first one counts.
    const end = (code: number) => {
      if (ending) return;
      ending = true;
      setTimeout(() => process.exit(code || 1), LONGEST_STOP).unref();
      void running
        .stop()
        .catch((error: unknown) => console.error(`${name}: ${messageOf(error)}`))
        .then(() => {
          ros.shutdown();
          process.exit(code);
        });
    };
    running.done?.then(
      () => end(0),
      (error: unknown) => {
        console.error(`${name}: ${messageOf(error)}`);
        end(1);
      },
    );
    process.on('SIGINT', () => end(0));
    process.on('SIGTERM', () => end(0));
    whenOrphaned(() => {
      node.getLogger().error('the process that started this node has ended; so does this node');
      end(0);
    });
    node.spin();
  } catch (error) {
    fail(error);
  }
}
