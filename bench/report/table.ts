/** Makes a table in Markdown of the results. */
import { type Broken, type Latency, type Row, type Target, verdictOf } from './results.ts';

/** A number with at least three digits, and commas between the thousands. */
export const shownNumber = (value: number): string => {
  const decimals = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
};

const shownRatio = (ours: number, other: number | undefined) =>
  other === undefined ? '' : (ours / other).toFixed(2);
const shownLatency = (latency: Latency | undefined) =>
  latency ? `${shownNumber(latency['50'])} / ${shownNumber(latency['99'])}` : '';

export const shownTarget = ({ ofBare, ofPeer, least, most }: Target, unit: string, peer: string): string =>
  [
    ofBare !== undefined && `≥ ${ofBare} of bare`,
    ofPeer !== undefined && `≥ ${ofPeer} × ${peer}`,
    least !== undefined && `≥ ${shownNumber(least)} ${unit}`,
    most !== undefined && `≤ ${shownNumber(most)} ${unit}`,
  ]
    .filter(Boolean)
    .join(', ');

const line = (cells: string[]) => `| ${cells.join(' | ')} |`;

export interface TableOptions {
  /** The name of the peer, undefined if there is none. */
  peer?: string | undefined;
  /** Whether the table says which targets are met. It does not for a run that is too short to tell. */
  verdicts: boolean;
}

/** Makes the table: a line for each row and for each case that broke, then the notes. */
export const toTable = (results: (Row | Broken)[], { peer, verdicts }: TableOptions): string => {
  const head = ['case', 'unit', 'ours', 'bare', 'ratio'];
  if (peer !== undefined) head.push(peer, 'ratio to it');
  head.push('target', '', 'p50 / p99 ms');
  const notes: string[] = [];

  const toLine = (result: Row | Broken): string => {
    if ('broken' in result) {
      notes.push(`${result.name}: ${result.broken}`);
      return line([result.name, ...Array(head.length - 3).fill(''), 'BROKEN', '']);
    }
    const { title, unit, ours, bare, target = {}, latency, note } = result;
    if (note) notes.push(`${title}: ${note}`);
    const ofPeer =
      peer === undefined
        ? []
        : [result.peer === undefined ? '' : shownNumber(result.peer), shownRatio(ours, result.peer)];
    const verdict = verdictOf(result);
    return line([
      title,
      unit,
      shownNumber(ours),
      bare === undefined ? '' : shownNumber(bare),
      shownRatio(ours, bare),
      ...ofPeer,
      shownTarget(peer === undefined ? { ...target, ofPeer: undefined } : target, unit, peer ?? ''),
      verdicts && verdict !== 'no target' ? verdict : '',
      shownLatency(latency),
    ]);
  };
  const lines = [line(head), line(head.map(() => '---')), ...results.map(toLine)];
  return [...lines, ...(notes.length > 0 ? ['', ...notes.map((note) => `- ${note}`)] : []), ''].join('\n');
};
