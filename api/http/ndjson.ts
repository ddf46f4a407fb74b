/** Bodies that have a value in JSON on each line (https://github.com/ndjson/ndjson-spec). */
import type { FastifyInstance } from 'fastify';
import { HttpError } from './errors.ts';
import { jsonReader, readBodies } from './input.ts';

const TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];

/** A line that nobody has parsed yet: to parse all of a long body at once would keep other requests waiting. */
export class Line {
  readonly text: string;
  /** Returns the line's value, or undefined if it is not JSON or is nested too deep. */
  readonly read: () => unknown;

  constructor(text: string, read: () => unknown) {
    this.text = text;
    this.read = read;
  }
}

/**
 * Makes an app read bodies of the types of NDJSON as lists of `Line`s. Blank lines do not count, nor do byte order marks.
 * @param most how many lines a body may have
 */
export const readNdjson = (app: FastifyInstance, most: number): void => {
  const readJson = jsonReader(app);
  readBodies(app, TYPES, (request, body, done) => {
    const lines: Line[] = [];
    // Not by split: a body of line ends alone would become millions of texts.
    for (const [text] of body.matchAll(/[^ \t\r\n\ufeff][^\n]*/g)) {
      if (lines.length === most)
        return done(new HttpError(400, `The request body must have at most ${most} lines, got more.`));
      const read = () => {
        let found: unknown;
        readJson(request, text, (error, value) => {
          if (error === null) found = value;
        });
        return found;
      };
      lines.push(new Line(text, read));
    }
    done(null, lines);
  });
};
