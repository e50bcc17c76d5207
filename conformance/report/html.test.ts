import { beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { assemble, BUDGET } from './assemble.ts';
import { embed } from './embed.ts';
import { boxExcerpt, excerptOf, LIMITS, packetExcerpt, textExcerpt } from './excerpt.ts';
import { htmlReport, joinScripts, SCRIPTS } from './html.ts';
import { MUTANTS } from '../mutants/mutants.ts';
import type { BytesExcerpt, PageFinding } from './pagedata.ts';
import { REPLAY_BUDGET, replaysOf } from './replays.ts';
import { breakOrigin, judged, specimenReplays, withReplays, type Judged } from './testing.ts';

let bad: Judged;
let html: string;
beforeAll(async () => {
  bad = await judged(breakOrigin);
  html = htmlReport(bad, bad);
});

describe('report.html', () => {
  it('is the same for the same run', async () => {
    const again = await judged(breakOrigin);
    expect(htmlReport(again, again)).toBe(html);
  });

  it('lets in nothing but its own script and style', () => {
    const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html) ?? [];
    const [, style] = /<style>([^]*?)<\/style>/.exec(html) ?? [];
    const scripts = [...html.matchAll(/<script>([^]*?)<\/script>/g)].map(([, text]) => text);
    const hash = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;
    expect(scripts).toHaveLength(1);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`script-src '${hash(scripts[0])}';`);
    expect(policy).toContain(`style-src '${hash(style)}';`);
    expect(policy).not.toContain('unsafe');
    expect(html).not.toMatch(/<(?:link|img|script|iframe)[^>]+(?:src|href)="(?!data:)/);
  });

  it('carries what was served as text that cannot end its element', () => {
    const [, data] = /<script type="application\/json" id="data">([^]*?)<\/script>/.exec(html) ?? [];
    expect(JSON.parse(data)).toEqual(JSON.parse(JSON.stringify(assemble(bad, bad))));
    expect(data).toContain('\\u003c/script>');
    expect(data).not.toContain('<');
    expect(JSON.parse(embed('</script><!--'))).toBe('</script><!--');
  });

  it('names no host', () => {
    expect(html).not.toContain('127.0.0.1');
  });

  it('joins modules whose names do not meet', () => {
    const declared = SCRIPTS.flatMap((name) => [...readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8').matchAll(/^(?:export )?(?:async )?(?:const|let|function|class) (\w+)/gm)].map(([, declaredName]) => declaredName));
    expect(declared.filter((name, i) => declared.indexOf(name) !== i)).toEqual([]);
    expect(joinScripts(["import { a } from './a.js';\nexport const b = a;\n"])).not.toMatch(/^(?:import|export)/m);
    expect(() => joinScripts(['const x = "</script>";'])).toThrow(/end the element/);
  });

  it('keeps to its budget, the worst first', () => {
    const [fail] = bad.run.details.filter(({ outcome }) => outcome === 'fail');
    const [other] = bad.run.details.filter(({ outcome }) => outcome === 'cantTell');
    const details = [...Array.from({ length: 2500 }, () => ({ ...other })), ...Array.from({ length: 1500 }, (_, i) => ({ ...fail, path: `${fail.path}/${i}` }))];
    const data = assemble({ ...bad, run: { ...bad.run, details } }, bad);
    const all = Object.values(data.findings).flat();
    expect(all).toHaveLength(BUDGET.findings);
    expect(all.filter(({ outcome }) => outcome === 'fail')).toHaveLength(1500);
    expect(data.left.findings).toBe(2000 + bad.run.omitted);
  });

  it('carries the worst of very many results', () => {
    const [first] = bad.report.results.filter(({ outcome }) => outcome === 'pass');
    const many = Array.from({ length: BUDGET.results }, (_, i) => ({ ...first, id: `${first.check} a${i % 400}/smooth ${i}`, subject: { ...first.subject, asset: `a${i % 400}` } }));
    const results = [...many, ...bad.report.results];
    const data = assemble({ ...bad, report: { ...bad.report, results } }, null);
    expect(data.results).toHaveLength(BUDGET.results);
    expect(data.left.results).toBe(bad.report.results.length);
    const fail = data.outcomes.indexOf('fail');
    expect(data.results.filter((each) => each[3] === fail)).toHaveLength(bad.report.results.filter(({ outcome }) => outcome === 'fail').length);
    expect(JSON.stringify(data).length).toBeLessThan(4_000_000);
  });

  it('carries replays with what they left behind, the worst first and as much as there is room for', () => {
    const { report, run } = withReplays(bad);
    expect(replaysOf({ ...report, replay: undefined }, run)).toBeNull();
    const small = replaysOf(report, run);
    expect(small?.clients.map(({ player, browser }) => `${player}@${browser}`)).toEqual(['dash.js@chromium', 'native@firefox', 'shaka@chromium']);
    expect(small?.rows.map(({ outcome }) => outcome)).toEqual(['fail', 'cantTell', 'warn', 'pass', 'inapplicable']);
    expect(small?.rows.map(({ detail }) => detail?.evidence?.strip.length)).toEqual([3, 3, 3, 3, undefined]);
    const { section, details } = specimenReplays();
    const image = `data:image/jpeg;base64,${'A'.repeat(8000)}`;
    const ids = Array.from({ length: 300 }, (_, i) => `${i < 280 ? 'pass' : 'fail'} ${String(i).padStart(3, '0')}`);
    const many = { ...report, replay: { ...section, rows: ids.map((id) => ({ ...section.rows[0], id, outcome: id.startsWith('fail') ? ('fail' as const) : ('pass' as const) })) } };
    const data = replaysOf(many, { ...run, replays: ids.map((id) => ({ ...details[0], id, evidence: details[0].evidence === null ? null : { ...details[0].evidence, strip: [{ at: 0, counter: 0, why: 'time', image }] } })) });
    expect(JSON.stringify(data).length).toBeLessThan(REPLAY_BUDGET.evidenceBytes * 1.3);
    expect(data?.rows.slice(0, 20).every(({ outcome, detail }) => outcome === 'fail' && detail?.evidence !== null)).toBe(true);
    expect(data?.left.evidence).toBe(data?.rows.filter(({ detail }) => detail?.evidence === null).length);
    expect(data?.left.evidence).toBeGreaterThan(50);
  });

  it('stays below eight million bytes when everything is wrong', () => {
    const [fail] = bad.run.details.filter(({ evidence }) => evidence.some(({ pointer }) => pointer === 'moof/traf/tfdt'));
    const long = '<'.repeat(400);
    const details = Array.from({ length: 4000 }, (_, i) => ({ ...fail, path: `segment/${i}`, wanted: long, actual: long, evidence: fail.evidence.map((each) => ({ ...each, pointer: `moof@${i}` })) }));
    const results = Array.from({ length: 100_000 }, (_, i) => ({ ...bad.report.results[0], id: `a ${i}`, subject: { ...bad.report.results[0].subject, asset: `asset-${i % 2000}` } }));
    const all = { ...bad, report: { ...bad.report, results: [...bad.report.results, ...results] }, run: { ...bad.run, details } };
    expect(htmlReport(all, bad).length).toBeLessThan(8_000_000);
  });

  it('is made of broken origins of all kinds', async () => {
    // Every fourth mutant: neighbours in the list are broken alike.
    for (const { check, change } of MUTANTS.filter((_, i) => i % 4 === 0)) {
      const mutant = await judged(change, [], (id) => id === check);
      const data = assemble(mutant, mutant);
      expect(JSON.stringify(data)).not.toContain('NaN');
      const shown = Object.values(data.findings).flat().flatMap(({ evidence }) => evidence);
      // Whatever a finding points at was captured, so there is something to show.
      expect(shown.filter(({ excerpt }) => excerpt === null)).toEqual([]);
    }
  }, 60_000);

  it('does without a trace', () => {
    const data = assemble(bad, null);
    expect(data.excerpts).toEqual([]);
    expect(Object.values(data.findings).flat().length).toBeGreaterThan(10);
  });
});

describe('evidence', () => {
  const findingOf = (check: string, format: string): PageFinding => {
    const data = assemble(bad, bad);
    const index = bad.report.results.findIndex(({ id }) => id === `${check} specimen/${format}`);
    return data.findings[index][0];
  };
  const excerptFor = (check: string, format: string) => {
    const data = assemble(bad, bad);
    return data.excerpts[findingOf(check, format).evidence[0].excerpt ?? -1];
  };

  it('marks the offending line', () => {
    const excerpt = excerptFor('hls/extinf-form', 'hls-v4');
    if (excerpt.kind !== 'text') throw new Error('no text');
    expect(excerpt.lines[excerpt.mark ?? -1]).toContain('#EXTINF:</script>');
    expect(findingOf('hls/extinf-form', 'hls-v4').evidence[0].pointer).toBe(`line ${excerpt.first + (excerpt.mark ?? 0)}`);
  });

  it('marks the bytes of the box, in its tree', () => {
    const excerpt = excerptFor('fmp4/named-by-time', 'dash-cmaf') as BytesExcerpt;
    const [from, to] = excerpt.mark ?? [0, 0];
    const bytes = Buffer.from(excerpt.hex, 'hex').subarray(from - excerpt.base, to - excerpt.base);
    expect(bytes.subarray(4, 8).toString()).toBe('tfdt');
    expect(bytes.length).toBe(bytes.readUInt32BE(0));
    expect(excerpt.tree.filter(([, , , , mark]) => mark === 2).map(([, type]) => type)).toEqual(['tfdt']);
    expect(excerpt.tree.filter(([, , , , mark]) => mark === 1).map(([, type]) => type)).toEqual(['moof', 'traf']);
  });

  it('marks the packet, among its neighbours', () => {
    const excerpt = excerptFor('ts/packets', 'hls-v4') as BytesExcerpt;
    expect(excerpt.mark).toEqual([3 * 188, 4 * 188]);
    expect(excerpt.packets.find(({ number }) => number === 3)?.sync).toBe(0x48);
  });

  it('marks the sample, wherever its segment is', () => {
    const excerpt = excerptFor('media/samples-unchanged', 'hls-cmaf') as BytesExcerpt;
    const [from, to] = excerpt.mark ?? [0, 0];
    expect(to).toBe(excerpt.size);
    expect(to - from).toBeGreaterThan(10);
    expect(excerpt.tree.filter(([, , , , mark]) => mark === 1).map(([, type]) => type)).toEqual(['mdat']);
  });

  it('shows the exchange where there is no body to show', () => {
    expect(excerptFor('http/delivered', 'dash-csf')).toMatchObject({ kind: 'http', method: 'GET', status: 404 });
  });
});

describe('excerpts', () => {
  const bytes = (length: number): Uint8Array => new Uint8Array(length).map((_, i) => i);
  const nowhere = (): null => null;
  const exchange = { id: 0, method: 'GET', url: 'http://127.0.0.1/a', requestHeaders: {}, status: 200, headers: {}, body: { sha256: '', size: 9 }, error: null, role: { kind: 'segment', asset: 'a', format: 'smooth', set: '', track: '', time: null } } as const;

  it.each([
    [1, 1, 0],
    [100, 92, 8],
    [200, 184, 16],
  ])('line %i of 200 is shown from line %i', (line, first, mark) => {
    const text = Array.from({ length: 200 }, (_, i) => `l${i + 1}`).join('\n');
    const excerpt = textExcerpt(text, { kind: 'line', line }, `l${line}`);
    expect(excerpt).toMatchObject({ first, mark, total: 200, columns: [0, `l${line}`.length] });
    expect(excerpt.lines).toHaveLength(LIMITS.lines);
    expect(excerpt.lines[mark]).toBe(`l${line}`);
  });

  it('cuts long lines and knows lines that are not there', () => {
    expect(textExcerpt('x'.repeat(10_000), { kind: 'line', line: 9 }, '')).toMatchObject({ mark: null, total: 1 });
    expect(textExcerpt('x'.repeat(10_000), null, '').lines[0]).toHaveLength(LIMITS.column + 1);
  });

  it('takes bytes that are no boxes and no packets as they are', () => {
    expect(boxExcerpt(bytes(64), { kind: 'box', path: 'moof' }, exchange, nowhere)).toMatchObject({ mark: null, base: 0, tree: [] });
    expect(packetExcerpt(bytes(100), { kind: 'packet', packet: 7 }, exchange, nowhere)).toMatchObject({ mark: null, packets: [] });
    expect(excerptOf({ kind: 'segment', sha256: null, ref: '/a', pointer: 'sample 4' }, {}, exchange, () => bytes(3), nowhere)).toMatchObject({ kind: 'bytes', mark: null });
  });

  it('show at most so many bytes of a large mark', () => {
    const excerpt = boxExcerpt(bytes(100_000), { kind: 'sample', sample: 1, ofTrack: false }, exchange, () => [5000, 90_000]);
    expect(excerpt.hex.length / 2).toBeLessThanOrEqual(LIMITS.bytes);
    expect(excerpt.base).toBe(4960);
    expect(excerpt.mark).toEqual([5000, 90_000]);
  });
});

describe('timelines', () => {
  it('set list, media and source beside each other', () => {
    const data = assemble(bad, bad);
    const good = data.timelines[`0/${data.formats.indexOf('hls-cmaf')}`];
    const video = good.find(({ name }) => name === 'video@120000');
    expect(video?.segments.map(([start, duration, media, end]) => [start, duration, media, end])).toEqual([
      [0, 2.002, 0, 2.002],
      [2.002, 2.002, 2.002, 4.004],
      [4.004, 2.002, 4.004, 6.006],
    ]);
    expect(video?.truth).toMatchObject({ start: 0, end: 6.006 });
    for (const format of ['hls-v3', 'hls-v4', 'smooth']) {
      const tracks = data.timelines[`0/${data.formats.indexOf(format)}`];
      for (const { segments } of tracks) for (const [start, , media] of segments) expect(media).toBeCloseTo(start, 3);
    }
    const shifted = data.timelines[`0/${data.formats.indexOf('dash-cmaf')}`].find(({ name }) => name === 'video@120000');
    expect(shifted?.segments[0][2]).toBeGreaterThan(1);
    const missing = data.timelines[`0/${data.formats.indexOf('dash-csf')}`].find(({ name }) => name === 'video@120000');
    expect(missing?.segments[0].slice(2)).toEqual([null, null]);
  });
});
