import type { CommandUnknownOpts as Command, Option } from '@commander-js/extra-typings';

/** A flag, as `--expert`, or one with a certain value, as `--train lora`. */
type Condition = string;

/** When an option is read; by the flag of the option. */
export type Rules = Record<
  string,
  {
    /** Only where all of these are so, by choice or by default. */
    with?: readonly Condition[];
    /** Only where nobody asked for any of these. */
    without?: readonly Condition[];
  }
>;

const optionOf = (command: Command, flag: string): Option => {
  const option = command.options.find(({ long }) => long === flag);
  if (!option) throw new Error(`${command.name()} has no option ${flag}`);
  return option;
};

const isAsked = (command: Command, flag: string) =>
  command.getOptionValueSource(optionOf(command, flag).attributeName()) === 'cli';

/** Whether it is so, whoever said it. */
function holds(command: Command, condition: Condition): boolean {
  const [flag, wanted] = condition.split(' ');
  const value: unknown = command.getOptionValue(optionOf(command, flag).attributeName());
  if (wanted !== undefined) return String(value) === wanted;
  return value !== undefined && value !== false;
}

/** Why an option that was given would not be read; undefined where it is. */
function unread(command: Command, rules: Rules): string | undefined {
  for (const [flag, { with: needed = [], without = [] }] of Object.entries(rules)) {
    if (!isAsked(command, flag)) continue;
    const lacking = needed.find((condition) => !holds(command, condition));
    if (lacking !== undefined)
      return `${flag} is only read with ${lacking}: add that, or leave ${flag} away`;
    const against = without.find(
      (condition) => isAsked(command, condition.split(' ')[0]) && holds(command, condition),
    );
    if (against !== undefined) return `${flag} is not read with ${against}: leave one of them away`;
  }
  return undefined;
}

/** Has a command refuse options that it would not read. */
export function readsOnly(command: Command, rules: Rules): void {
  command.hook('preAction', () => {
    const problem = unread(command, rules);
    if (problem !== undefined) command.error(`nalu: ${problem}`);
  });
}

/** Has a command refuse an option beside its opposite: --x and --no-x. Of one given twice the last holds. */
export function refuseContradictions(command: Command): void {
  const given = new Map<string, string>();
  for (const option of command.options)
    command.on(`option:${option.name()}`, () => {
      const [name, now] = [option.attributeName(), option.long!];
      const before = given.get(name) ?? now;
      given.set(name, now);
      if (before !== now)
        command.error(`nalu: ${before} and ${now} contradict each other: leave one of them away`);
    });
}
