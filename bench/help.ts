/** Ends a command with its help, `asked` for or not; before it a `complaint` of a name that is not known. */
export function endWithHelp(
  help: string,
  asked: boolean,
  complaint: string,
  unknown: string | undefined,
): never {
  if (unknown !== undefined) console.error(`${complaint} ${unknown}\n`);
  console.log(help);
  process.exit(asked ? 0 : 1);
}
