import type { CommandUnknownOpts as Command } from '@commander-js/extra-typings';
import { homeFault } from '../files/homePath.ts';

/** Placeholders of options and arguments that are paths. */
const PATHS = /[<[](folder|file|files|bundle|checkpoint|episodes)(\.\.\.)?[>\]]/;

/** Arguments of these names are paths, in whatever brackets. */
const isPath = (name: string) => PATHS.test(`<${name}>`);

/** Why a path cannot be meant; undefined where it can. */
function faultOf(path: string): string | undefined {
  if (path === '') return 'the path is empty; is a variable of the shell unset?';
  return homeFault(
    path,
    'the shell leaves ~ as it is in quotes and after =',
    (rest) => `"$HOME${rest}"`,
  );
}

/** Paths that a command was given, each with what it was given for. */
function givenPaths(command: Command): [string, string][] {
  const values = (given: unknown) =>
    (Array.isArray(given) ? given : [given]).filter((one) => typeof one === 'string');
  return [
    ...command.registeredArguments.flatMap((argument, i) =>
      isPath(argument.name())
        ? values(command.processedArgs[i]).map((path): [string, string] => [argument.name(), path])
        : [],
    ),
    ...command.options
      .filter(({ flags }) => PATHS.test(flags))
      .flatMap((option) =>
        values(command.getOptionValue(option.attributeName())).map((path): [string, string] => [
          option.long!,
          path,
        ]),
      ),
  ];
}

/** Has a command refuse paths that the shell was to expand and did not. */
export function refuseUnexpandedPaths(command: Command): void {
  command.hook('preAction', () => {
    for (const [what, path] of givenPaths(command)) {
      const fault = faultOf(path);
      if (fault !== undefined) command.error(`nalu: ${what}: ${fault}`);
    }
  });
}
