/** report.html in a real browser, from the disk: it asks for nothing, complains of nothing, and leads to the evidence. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BrowserDriver, BrowserPage } from '../player/drivers/driver.ts';
import { launchBrowser } from '../player/drivers/launch.ts';
import { htmlReport } from './html.ts';
import { breakOrigin, judged, withReplays } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'isomer-report-'));
const file = pathToFileURL(join(folder, 'report.html')).href;
let driver: BrowserDriver;

beforeAll(async () => {
  const bad = withReplays(await judged(breakOrigin));
  writeFileSync(join(folder, 'report.html'), htmlReport(bad, bad));
  driver = await launchBrowser('chromium', process.env);
});
afterAll(async () => {
  await driver?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function opened(hash = '', width = 1280): Promise<BrowserPage> {
  const page = await driver.open();
  await page.resize(width, 900);
  await page.goto(file + hash);
  return page;
}

/** Every test ends so: the file alone was read, and nothing was thrown or refused. */
async function quiet(page: BrowserPage): Promise<void> {
  expect(page.messages()).toEqual([]);
  expect(page.responses().map(({ url }) => url.replace(/#.*/, '')).filter((url) => !url.startsWith('data:'))).toEqual([file]);
  await page.close();
}

const text = (selector: string): string => `document.querySelector(${JSON.stringify(selector)})?.innerText ?? null`;
const click = (selector: string): string => `(document.querySelector(${JSON.stringify(selector)}).click(), true)`;
const until = async (page: BrowserPage, expression: string, value: unknown): Promise<void> => {
  await expect.poll(() => page.evaluate(expression), { timeout: 5000, interval: 50 }).toEqual(value);
};

test('a click on a cell, then on a check, leads to the requirement and the marked bytes', async () => {
  const page = await opened();
  await page.evaluate(click('.cell[aria-label^="specimen, DASH CMAF"]'));
  await until(page, 'location.hash', '#/specimen/dash-cmaf');
  await until(page, text('#panel-title'), 'specimen · DASH CMAF');
  await until(page, 'document.querySelectorAll("#panel .track svg rect.off").length > 0', true);
  await page.evaluate(click('.check[data-check="fmp4/named-by-time"] .toggle'));
  expect(await page.evaluate(text('.check[data-check="fmp4/named-by-time"] .requirement'))).toMatch(/DASH-024 MUST\s+ISO\/IEC 23009-1/);
  expect(await page.evaluate(text('.check[data-check="fmp4/named-by-time"] .tree .marked'))).toMatch(/^tfdt/);
  expect(await page.evaluate('[...document.querySelectorAll(".check .dump mark")].map((each) => each.textContent).join(" ")')).toMatch(/74 66 64 74/);
  await quiet(page);
});

test('an address leads to the offending line; what was served stays text', async () => {
  const page = await opened('#/specimen/hls-v4/hls/extinf-form');
  await until(page, 'document.querySelector(".lines .marked") !== null', true);
  expect(await page.evaluate(text('.lines .marked code'))).toBe('#EXTINF:</script>,no-desc');
  await quiet(page);
});

test('arrow keys walk the matrix, / searches, Escape steps back', async () => {
  const page = await opened('#/specimen/hls-v3');
  const focused = 'document.activeElement.getAttribute("aria-label")';
  await page.evaluate('document.querySelector("#matrix .cell[aria-current]").focus()');
  await page.press('ArrowRight');
  expect(await page.evaluate(focused)).toMatch(/^specimen, HLS v4: \d+ of \d+ fail$/);
  await page.press('End');
  expect(await page.evaluate(focused)).toMatch(/^specimen, Together/);
  await page.press('ArrowLeft');
  await page.press('Enter');
  await until(page, 'location.hash', '#/specimen/smooth');
  await page.press('/');
  expect(await page.evaluate('document.activeElement.id')).toBe('search');
  for (const key of ['t', 'f', 'd', 't'] as const) await page.press(key);
  const matched = '[...document.querySelectorAll("#matrix .cell .number")].filter((each) => each.textContent !== "–").length';
  expect(await page.evaluate(matched)).toBeLessThan(7);
  await page.press('Escape');
  expect(await page.evaluate(matched)).toBe(7);
  await page.press('Escape');
  await until(page, text('#panel-title'), 'Every asset · every output');
  await quiet(page);
});

test('filters leave what they name', async () => {
  const page = await opened();
  const outcomes = '[...new Set([...document.querySelectorAll(".group")].map((each) => each.className))]';
  await page.evaluate(click('.chip[data-outcome="fail"]'));
  expect(await page.evaluate(outcomes)).toEqual(['group fail']);
  await page.evaluate('(() => { const area = document.querySelector("[aria-label=Area]"); area.value = "ts"; area.dispatchEvent(new Event("change")); })()');
  expect(await page.evaluate('[...document.querySelectorAll(".check")].map((each) => each.dataset.check)')).toEqual(['ts/continuity', 'ts/packets']);
  await page.evaluate('(() => { const level = document.querySelector("[aria-label=Level]"); level.value = "should"; level.dispatchEvent(new Event("change")); })()');
  expect(await page.evaluate(text('#panel .empty'))).toMatch(/^No check/);
  await quiet(page);
});

const REPLAY = '#replays/dash-csf~sequential/dash.js%40chromium/sequential%20specimen%2Fdash-csf%20dash.js%20chromium';

test('replays stand as outputs × clients; a cell leads to pictures, numbers, buffer and requests', async () => {
  const page = await opened();
  await until(page, '[...document.querySelectorAll("#replays thead .axis")].map((each) => each.innerText.replace(/\\s+/g, " ")).join("|")', 'all|dash.js chromium|native firefox|shaka chromium');
  await page.evaluate(click('#replays .cell[aria-label^="DASH CSF sequential, dash.js in chromium: 1 fail"]'));
  await until(page, 'location.hash', REPLAY.slice(0, REPLAY.lastIndexOf('/')));
  await until(page, 'document.querySelectorAll(".strip img").length', 3);
  await until(page, '[...document.querySelectorAll(".strip img")].every((each) => each.naturalWidth > 0)', true);
  expect(await page.evaluate(text('.replay .facts'))).toMatch(/70 of 75, #0 to #74[^]*20–24[^]*412 ms[^]*0 \/ 20 \/ 40 ms[^]*5 of 5 exact/);
  expect(await page.evaluate(text('.histogram'))).toMatch(/-5\s+10\s+0\s+60/);
  await until(page, 'document.querySelectorAll(".network .refused").length', 1);
  expect(await page.evaluate('document.querySelectorAll(".network .empty-buffer").length')).toBe(1);
  await page.evaluate('document.querySelector(".network .numbers").open = true');
  await until(page, 'document.querySelectorAll(".network tr.marked").length', 1);
  // The keyboard walks this table, too, and steps back out of it.
  await page.evaluate('document.querySelector("#replays .cell[aria-current]").focus()');
  await page.press('ArrowDown');
  await page.press('Enter');
  await until(page, text('#panel-title'), 'DASH CSF slow · dash.js in chromium');
  expect(await page.evaluate(text('#panel .known'))).toMatch(/stalls on slow networks/);
  await page.press('Escape');
  await until(page, text('#panel-title'), 'Every replay · every client');
  await page.press('Escape');
  await until(page, text('#panel-title'), 'Every asset · every output');
  await quiet(page);
});

test.each([['#/specimen/dash-cmaf/fmp4/named-by-time', 390], ['#/specimen/dash-cmaf/fmp4/named-by-time', 768], ['#/specimen/dash-cmaf/fmp4/named-by-time', 1400], [REPLAY, 390], [REPLAY, 1400]])('%s: %i pixels are wide enough, in both themes', async (hash, width) => {
  const page = await opened(hash, width);
  const ground = 'getComputedStyle(document.body).backgroundColor';
  for (const scheme of ['light', 'dark']) {
    await page.emulate({ 'prefers-color-scheme': scheme });
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
  }
  const dark = await page.evaluate(ground);
  await page.evaluate(click('#theme'));
  expect(await page.evaluate(ground)).not.toBe(dark);
  expect(await page.evaluate('[...document.querySelectorAll("button, input, select")].filter((each) => (each.getAttribute("aria-label") ?? each.textContent).trim() === "").length')).toBe(0);
  await quiet(page);
});

/** Texts whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3), as `element.class ratio`. Runs in the page. */
const FAINT = `(() => {
  const parse = (colour) => [...(colour.match(/[\\d.]+/g) ?? []).map(Number), 1].slice(0, 4);
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((value) => value / 255).map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (node) => {
    const colour = parse(getComputedStyle(node).backgroundColor);
    return colour[3] > 0.99 || node.parentElement === null ? colour : groundOf(node.parentElement);
  };
  const texts = [...document.querySelectorAll('body *')].filter((node) => node.getClientRects().length > 0 && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim() !== ''));
  const seen = texts.map((node) => {
    const style = getComputedStyle(node);
    const [a, b] = [luminance(parse(node instanceof SVGElement ? style.fill : style.color)), luminance(groundOf(node))].toSorted((x, y) => y - x);
    return { name: node.tagName + '.' + node.getAttribute('class'), ratio: (a + 0.05) / (b + 0.05) };
  });
  return { count: seen.length, faint: seen.filter(({ ratio }) => ratio < 4.5).map(({ name, ratio }) => name + ' ' + ratio.toFixed(2)) };
})()`;

test.each(['light', 'dark'])('every text stands out from its ground: %s', async (scheme) => {
  for (const hash of ['', '#/specimen/dash-cmaf/fmp4/named-by-time', '#/specimen/hls-v4/hls/extinf-form', '#/specimen/dash-csf/http/delivered', REPLAY]) {
    const page = await opened(hash);
    await page.emulate({ 'prefers-color-scheme': scheme });
    const { count, faint } = (await page.evaluate(FAINT)) as { count: number; faint: readonly string[] };
    expect(count).toBeGreaterThan(50);
    expect(faint).toEqual([]);
    await quiet(page);
  }
});
