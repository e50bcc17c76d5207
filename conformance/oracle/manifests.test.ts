import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { durationOf, expandTimeline, fillTemplate, identifiersOf, readDash, type Problem } from './dash.ts';
import { readSmooth } from './smooth.ts';
import { decodeXml, readXml } from './xml.ts';

const golden = (name: string): string => readFileSync(new URL(`../../spec/golden/${name}`, import.meta.url), 'utf8');
const BASE = 'http://127.0.0.1:1/x/ignite.ism/manifest(format=mpd-time-csf)';

describe('the MPD reader', () => {
  it('expands the original service\'s example to addressed segments', () => {
    const dash = readDash(golden('dash-csf.mpd'), BASE);
    if (!('root' in dash)) throw new Error(dash.message);
    expect(dash.problems).toEqual([]);
    expect(dash.duration).toBe(70_315_000_000n);
    expect(dash.representations.map(({ segments }) => segments.length)).toEqual([12, 12, 12, 12, 12, 12]);
    const last = dash.representations[1].segments[11];
    expect(last).toMatchObject({ time: 660_660_000n, duration: 42_375_666n, url: 'http://127.0.0.1:1/x/ignite.ism/QualityLevels(3579827)/Fragments(video=660660000,format=mpd-time-csf)' });
    expect(dash.representations[1].init).toBe('http://127.0.0.1:1/x/ignite.ism/QualityLevels(3579827)/Fragments(video=i,format=mpd-time-csf)');
  });

  it.each([
    ['$Number%05d$-$RepresentationID$', '00007-a'],
    ['$$-$Bandwidth$', '$-1000'],
    ['$Tim$', null],
    ['$Time', null],
  ])('fills %s', (template, filled) => {
    expect(fillTemplate(template, { RepresentationID: 'a', Bandwidth: 1000n, Time: 5n, Number: 7n })).toBe(filled);
  });

  it('names identifiers and keeps unknown ones as they stand', () => {
    expect(identifiersOf('$Bandwidth$/$Time%03d$/$Tim$')).toEqual(['Bandwidth', 'Time', '$Tim$']);
  });

  it('expands negative repeats to the next S or the end', () => {
    const problems: Problem[] = [];
    const entries = [{ t: 0n, d: 10n, r: -1n, line: 1 }, { t: 30n, d: 5n, r: -1n, line: 2 }];
    expect(expandTimeline(entries, 40n, problems).map(({ time }) => Number(time))).toEqual([0, 10, 20, 30, 35]);
    expect(problems).toEqual([]);
    expandTimeline([entries[1]], null, problems);
    expect(problems).toHaveLength(1);
  });

  it('bounds what a repeat count may ask for', () => {
    const problems: Problem[] = [];
    expect(expandTimeline([{ t: 0n, d: 1n, r: 10n ** 18n, line: 1 }], null, problems)).toEqual([]);
    expect(problems).toEqual([{ line: 1, message: 'more than 500000 segments' }]);
  });

  it.each([
    ['PT1M10.315S', 70_315_000_000n],
    ['P1DT1H', 90_000_000_000_000n],
    ['PT', null],
    ['P1Y', null],
    ['12s', null],
  ])('reads %s', (text, nanoseconds) => {
    expect(durationOf(text)).toBe(nanoseconds);
  });
});

describe('the Smooth reader', () => {
  it('expands the original service\'s example: r counts the first fragment', () => {
    const smooth = readSmooth(golden('smooth.xml'), 'http://127.0.0.1:1/x/ignite.ism/manifest');
    if (!('root' in smooth)) throw new Error(smooth.message);
    expect(smooth.problems).toEqual([]);
    expect(smooth.streams.map(({ fragments }) => fragments.length)).toEqual([12, 12]);
    expect(smooth.streams[1].qualities[0].urls[11]).toBe('http://127.0.0.1:1/x/ignite.ism/QualityLevels(3579827)/Fragments(video=660660000)');
    expect(smooth.streams[0].fragments.reduce((sum, { duration }) => sum + duration, 0n)).toBe(smooth.duration);
  });

  it('takes a missing duration from the next time', () => {
    const text = golden('smooth.xml').replace('<c t="0" d="60160000" r="11" />\n      <c d="41386666" />', '<c t="0" /><c t="5" d="6" />');
    const smooth = readSmooth(text, BASE);
    expect('root' in smooth && smooth.streams[0].fragments.map(({ time, duration }) => [time, duration])).toEqual([[0n, 5n], [5n, 6n]]);
  });
});

describe('the XML reader', () => {
  it.each([
    ['<a><b></a>', 'unexpected close tag'],
    ['<a x="1" x="2"/>', 'duplicate attribute'],
    ['', 'root element'],
    [`${'<a>'.repeat(70)}${'</a>'.repeat(70)}`, 'nest too deeply'],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'undefined entity'],
  ])('refuses %s', (text, problem) => {
    const result = readXml(text);
    expect('problem' in result ? result.problem : '').toContain(problem);
  });

  it('knows UTF-16 by its mark', () => {
    expect(decodeXml(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('<a/>', 'utf16le')]))).toBe('<a/>');
  });
});
