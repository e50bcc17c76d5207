/** What the suite needs of a browser. Each driver opens pages that neither throttle nor share state with one another. */
import type { KeyInput } from 'puppeteer';
import type { BrowserName } from '../model.ts';

export type Response = { readonly url: string; readonly status: number };

/** A picture of the page; `at` in milliseconds of any clock that does not jump. */
export type Shot = { readonly at: number; readonly png: Uint8Array };

export type BrowserPage = {
  goto(url: string): Promise<void>;
  /** Evaluates an expression (a promise is awaited) and gives its JSON value. */
  evaluate(expression: string): Promise<unknown>;
  resize(width: number, height: number): Promise<void>;
  screenshot(): Promise<Uint8Array>;
  /** Takes pictures as fast as the browser gives them, until the function that comes back is called. */
  film(): Promise<() => Promise<readonly Shot[]>>;
  /** What the page wrote to its console as a warning or an error, and what it threw. */
  messages(): readonly string[];
  responses(): readonly Response[];
  /** Makes the page prefer a colour scheme or less motion; ignored by browsers that cannot. */
  emulate(features: Readonly<Record<string, string>>): Promise<void>;
  press(key: KeyInput): Promise<void>;
  close(): Promise<void>;
};

export type BrowserDriver = {
  readonly name: BrowserName;
  version(): Promise<string>;
  /** A page of its own; with an address, one that stands there and may have been used before: its document is new, and nothing is left of others. */
  open(url?: string): Promise<BrowserPage>;
  close(): Promise<void>;
};
