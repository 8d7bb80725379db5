import type { Clock, Robot, Task } from './robot.ts';

/*
 * Objects that replace some members of a port and delegate the rest. The rest may be implemented by a class: a spread
 * (`{ ...robot }`) would lose the methods of its prototype, and would evaluate its getters once.
 */

/** The clock with the members of `own` replaced. */
export const delegateClock = (clock: Clock, own: Partial<Clock>): Clock => ({
  now: () => clock.now(),
  until: (stamp) => clock.until(stamp),
  ...(clock.behind && { behind: () => clock.behind!() }),
  get isExternal() {
    return clock.isExternal;
  },
  ...own,
});

/** The robot with the members of `own` replaced. */
export const delegateRobot = (robot: Robot, own: Partial<Robot>): Robot => ({
  get embodiment() {
    return robot.embodiment;
  },
  get clock() {
    return robot.clock;
  },
  get dry() {
    return robot.dry;
  },
  observe: (observer) => robot.observe(observer),
  command: (positions) => robot.command(positions),
  close: () => robot.close(),
  ...own,
});

/** The task with the members of `own` replaced. */
export const delegateTask = (task: Task, own: Partial<Task>): Task => ({
  get name() {
    return task.name;
  },
  get prompt() {
    return task.prompt;
  },
  get maxSteps() {
    return task.maxSteps;
  },
  reset: (seed) => task.reset(seed),
  assess: () => task.assess(),
  ...own,
});
