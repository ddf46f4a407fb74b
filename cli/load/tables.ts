/** The tables that Locust prints (locust/stats.py), in its columns and its words. */
import { printable } from '../../process/log-text.ts';
import type { Kind, Shown } from './statistics.ts';

const NAME = 40;
const PERCENTILES = [50, 66, 75, 80, 90, 95, 98, 99, 99.9, 99.99, 100];

const left = (text: string, width: number) => text.padEnd(width);
const right = (text: string | number, width: number) => String(text).padStart(width);
const ms = (value: number) => right(Math.round(value), 7);
const rate = (value: number, width: number) => right(value.toFixed(2), width);

/** A line below a head, with its columns. */
const ruleOf = (head: string): string => head.replace(/[^|]/g, '-');

const share = ({ requests, failures }: Kind): string =>
  `${failures}(${requests > 0 ? ((100 * failures) / requests).toFixed(2) : '0.00'}%)`;

const statisticsLine = (kind: Kind): string =>
  `${left(kind.method, 8)} ${left(kind.name, NAME)} ${right(kind.requests, 8)} ${right(share(kind), 14)} |${ms(kind.average)} ${ms(kind.least)} ${ms(kind.most)} ${ms(kind.percentile(50))}  |${rate(kind.requestsPerSecond, 8)} ${rate(kind.failuresPerSecond, 11)}`;

/** The numbers of each kind of request. @returns lines */
export const statisticsTable = ({ kinds, all }: Shown): string[] => {
  const head = `${left('Type', 8)} ${left('Name', NAME)} ${right('# reqs', 8)} ${right('# fails', 14)} |${right('Avg', 7)} ${right('Min', 7)} ${right('Max', 7)} ${right('Med', 7)}  |${right('req/s', 8)} ${right('failures/s', 11)}`;
  const rule = ruleOf(head);
  return [head, rule, ...kinds.map(statisticsLine), rule, statisticsLine(all)];
};

/** How long so many percent of the requests took at most, in milliseconds. @returns lines */
export const percentilesTable = ({ kinds, all }: Shown): string[] => {
  const head = `${left('Type', 8)} ${left('Name', NAME)} ${PERCENTILES.map((p) => right(`${p}%`, 8)).join(' ')} ${right('# reqs', 8)}`;
  const rule = ruleOf(head);
  const line = (kind: Kind) =>
    `${left(kind.method, 8)} ${left(kind.name, NAME)} ${PERCENTILES.map((p) => right(Math.round(kind.percentile(p)), 8)).join(' ')} ${right(kind.requests, 8)}`;
  return ['Response time percentiles (approximated)', head, rule, ...kinds.map(line), rule, line(all)];
};

/** What failed and why; nothing if nothing did. @returns lines */
export const failuresTable = ({ failures }: Shown): string[] => {
  if (failures.length === 0) return [];
  const rule = `${'-'.repeat(18)}|${'-'.repeat(80)}`;
  return [
    'Error report',
    `${left('# occurrences', 18)} Error`,
    rule,
    ...failures.map(
      ({ times, method, name, why }) => `${left(String(times), 18)} ${method} ${name}: ${printable(why)}`,
    ),
    rule,
  ];
};
