// Loaded into a process: its clock goes wrong by CLOCK_SKEW_MS.
const RealDate = Date;
const skew = Number(process.env.CLOCK_SKEW_MS);

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + skew);
    else super(...args);
  }

  static now() {
    return RealDate.now() + skew;
  }
};
