export default {
  singleQuote: true,
  printWidth: 100,
  overrides: [{ files: 'calibration/*.yaml', options: { printWidth: 200 } }],
};
