import { expect, test } from 'vitest';
import type { BrowserDriver } from './driver.ts';
import { reusingPages, type ForgetfulPage } from './reuse.ts';

const AT = 'http://127.0.0.1:1/';

/** Writes down what pages are asked for. `renew` says what becomes of an attempt to use a page again. */
function scene(renew: () => Promise<void> = async () => undefined, goto: () => Promise<void> = async () => undefined) {
  const log: string[] = [];
  let opened = 0;
  const unused = async (): Promise<never> => {
    throw new Error('nobody asks for this');
  };
  const open = async (): Promise<ForgetfulPage> => {
    const name = ++opened;
    log.push(`open ${name}`);
    return {
      goto: async (url) => {
        log.push(`goto ${name} ${url}`);
        await goto();
      },
      renew: async (url) => {
        log.push(`renew ${name} ${url}`);
        await renew();
      },
      close: async () => void log.push(`close ${name}`),
      evaluate: async () => name,
      resize: unused,
      screenshot: unused,
      film: unused,
      messages: () => [],
      responses: () => [],
      emulate: unused,
      press: unused,
    };
  };
  const driver: BrowserDriver = reusingPages({ name: 'chromium', version: async () => '1', open, close: async () => void log.push('end') });
  return { driver, log };
}

test('a page at an address is loaded anew when it is given back, and lent again', async () => {
  const { driver, log } = scene();
  const first = await driver.open(AT);
  await first.close();
  const second = await driver.open(AT);
  expect(await second.evaluate('')).toBe(1);
  await second.close();
  expect(log).toEqual(['open 1', `goto 1 ${AT}`, `renew 1 ${AT}`, `renew 1 ${AT}`]);
});

test('pages that are lent at one time are several', async () => {
  const { driver } = scene();
  const pages = await Promise.all([driver.open(AT), driver.open(AT)]);
  expect(await Promise.all(pages.map((page) => page.evaluate('')))).toEqual([1, 2]);
});

test('whoever names no address, or another, gets a page that nobody has used, in the place of one that waits', async () => {
  const { driver, log } = scene();
  await (await driver.open(AT)).close();
  const own = await driver.open();
  await own.close();
  expect(log.slice(2)).toEqual([`renew 1 ${AT}`, 'close 1', 'open 2', 'close 2']);
  await (await driver.open(AT)).close();
  expect(await (await driver.open(`${AT}other`)).evaluate('')).toBe(4);
});

test('a page that does not come back, or has been used for long, is closed', async () => {
  const lost = scene(async () => {
    throw new Error('crashed');
  });
  await (await lost.driver.open(AT)).close();
  expect(lost.log.slice(2)).toEqual([`renew 1 ${AT}`, 'close 1']);
  const { driver, log } = scene();
  for (let i = 0; i < 26; i++) await (await driver.open(AT)).close();
  expect(log.filter((line) => line.startsWith('open'))).toEqual(['open 1', 'open 2']);
  expect(log.filter((line) => line.startsWith('close'))).toEqual(['close 1']);
});

test('a page that cannot be loaded at all is not left open', async () => {
  const { driver, log } = scene(undefined, async () => {
    throw new Error('refused');
  });
  await expect(driver.open(AT)).rejects.toThrow('refused');
  expect(log).toEqual(['open 1', `goto 1 ${AT}`, 'close 1']);
});
