/** Evidence as it was served: lines, bytes with the boxes or packets that they are in, or the exchange itself. */
import { element, plural } from './dom.js';

/** @typedef {import('../pagedata.ts').Excerpt} Excerpt */
/** @typedef {import('../pagedata.ts').TextExcerpt} TextExcerpt */
/** @typedef {import('../pagedata.ts').BytesExcerpt} BytesExcerpt */
/** @typedef {import('../pagedata.ts').HttpExcerpt} HttpExcerpt */

const PER_ROW = 16;

/**
 * @param {Excerpt} excerpt
 * @returns {HTMLElement}
 */
export function excerptElement(excerpt) {
  if (excerpt.kind === 'text') return textElement(excerpt);
  return excerpt.kind === 'bytes' ? bytesElement(excerpt) : httpElement(excerpt);
}

/**
 * Wide content scrolls in its own box, which the keyboard can reach.
 * @param {string} label
 * @param {...Node} children
 */
function scrollBox(label, ...children) {
  return element('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': label }, ...children);
}

/** @param {TextExcerpt} excerpt */
function textElement(excerpt) {
  const { first, lines, mark, columns, total } = excerpt;
  const body = element('ol', { class: 'lines', start: String(first) });
  lines.forEach((line, i) => {
    const text = element('code', {});
    if (i === mark && columns !== null) text.append(line.slice(0, columns[0]), element('mark', {}, line.slice(columns[0], columns[1])), line.slice(columns[1]));
    else text.append(line === '' ? '\u00a0' : line);
    const item = element('li', { class: i === mark ? 'marked' : null, value: String(first + i), 'data-n': String(first + i) }, text);
    if (i === mark) item.append(element('span', { class: 'unseen' }, ' (the offending line)'));
    body.append(item);
  });
  const last = first + lines.length - 1;
  return element('figure', { class: 'excerpt' }, scrollBox('Excerpt', body), element('figcaption', {}, `lines ${first} to ${last} of ${total}${mark === null ? '; no line was named' : ''}${fromEnvelope(excerpt)}`));
}

/** @param {TextExcerpt | BytesExcerpt} excerpt */
function fromEnvelope({ opened }) {
  return opened === true ? '; out of the envelope that was served' : '';
}

/** @param {BytesExcerpt} excerpt */
function bytesElement(excerpt) {
  const { base, hex, mark, size, what, tree, packets } = excerpt;
  const length = hex.length / 2;
  const marked = mark === null ? 'nothing is marked' : `${what} is marked: ${plural(mark[1] - mark[0], 'byte')} at ${mark[0]}${mark[1] > base + length ? ', of which the first are shown' : ''}`;
  const figure = element('figure', { class: 'excerpt' });
  if (tree.length > 0) figure.append(treeElement(tree));
  if (packets.length > 0) figure.append(packetTable(packets, mark === null ? -1 : mark[0]));
  figure.append(scrollBox('Bytes', dumpElement(excerpt)), element('figcaption', {}, `bytes ${base} to ${base + length - 1} of ${size}; ${marked}${fromEnvelope(excerpt)}`));
  return figure;
}

/** @param {BytesExcerpt} excerpt */
function dumpElement({ base, hex, mark }) {
  const bytes = hex.match(/../g) ?? [];
  const inside = (/** @type {number} */ at) => mark !== null && at >= mark[0] && at < mark[1];
  const dump = element('pre', { class: 'dump' });
  for (let at = 0; at < bytes.length; at += PER_ROW) {
    const row = bytes.slice(at, at + PER_ROW);
    dump.append(element('span', { class: 'offset' }, (base + at).toString(16).padStart(8, '0')), '  ');
    appendRuns(dump, row.map((byte, i) => ({ text: `${byte}${i === 7 ? '  ' : i === row.length - 1 ? '' : ' '}`, on: inside(base + at + i) })));
    dump.append(' '.repeat((PER_ROW - row.length) * 3 + (row.length < 8 ? 1 : 0) + 3));
    appendRuns(dump, row.map((byte, i) => ({ text: printable(Number.parseInt(byte, 16)), on: inside(base + at + i) })));
    dump.append('\n');
  }
  return dump;
}

/** @param {number} byte */
function printable(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
}

/**
 * One element per run of marked bytes, with no mark on the blank behind the last.
 * @param {HTMLElement} parent
 * @param {readonly { readonly text: string, readonly on: boolean }[]} parts
 */
function appendRuns(parent, parts) {
  let run = '';
  let on = false;
  const flush = () => {
    if (run === '') return;
    const text = on ? run.trimEnd() : run;
    parent.append(on && text !== '' ? element('mark', {}, text) : text, run.slice(text.length));
    run = '';
  };
  for (const part of parts) {
    if (part.on !== on) flush();
    on = part.on;
    run += part.text;
  }
  flush();
}

/** @param {BytesExcerpt['tree']} tree */
function treeElement(tree) {
  const list = element('ul', { class: 'tree' });
  for (const [depth, type, start, size, mark] of tree) {
    const item = element('li', { class: mark === 2 ? 'marked' : mark === 1 ? 'holds' : null }, element('code', {}, type), element('span', { class: 'place' }, `${start}, ${plural(size, 'byte')}`));
    item.style.setProperty('--depth', String(depth));
    if (mark === 2) item.append(element('span', { class: 'unseen' }, ' (the offending box)'));
    list.append(item);
  }
  return scrollBox('Boxes', list);
}

/**
 * @param {BytesExcerpt['packets']} packets
 * @param {number} markedAt offset of the marked packet
 */
function packetTable(packets, markedAt) {
  const table = element('table', { class: 'packets' });
  const head = element('tr', {}, ...['packet', 'sync', 'PID', 'starts a unit', 'counter', 'holds'].map((word) => element('th', { scope: 'col' }, word)));
  const fields = ['reserved', 'payload', 'adaptation', 'adaptation and payload'];
  const body = packets.map(({ number, sync, pid, starts, counter, fields: held }) =>
    element(
      'tr',
      { class: number * 188 === markedAt ? 'marked' : null },
      element('th', { scope: 'row' }, String(number)),
      ...[`0x${sync.toString(16)}`, String(pid), starts ? 'yes' : '', String(counter), fields[held]].map((cell) => element('td', {}, cell)),
    ),
  );
  table.append(element('thead', {}, head), element('tbody', {}, ...body));
  return scrollBox('Packets', table);
}

/** @param {HttpExcerpt} excerpt */
function httpElement({ method, requestHeaders, status, headers, error, size }) {
  const lines = (/** @type {readonly (readonly [string, string])[]} */ list) => list.map(([name, value]) => element('div', {}, element('span', { class: 'offset' }, `${name}: `), value));
  const answer = status === 0 ? `no answer${error === null ? '' : `: ${error}`}` : `${status}${size === null ? '' : `, ${plural(size, 'byte')}`}`;
  return element(
    'figure',
    { class: 'excerpt' },
    scrollBox('Exchange', element('div', { class: 'exchange' }, element('div', {}, element('b', {}, method)), ...lines(requestHeaders), element('div', { class: 'marked' }, element('b', {}, answer)), ...lines(headers))),
    element('figcaption', {}, 'request and answer'),
  );
}
