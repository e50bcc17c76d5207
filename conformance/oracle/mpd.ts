/**
 * MPD against the official schema, by two engines that have to agree. The schema files are not ours to ship: they come from
 * ISOMER_SCHEMA_DIR. Without them, or when an engine does not prove itself, nothing passes: the verdict is `cantTell`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ParseOption, XmlDocument, XmlLibError, XsdValidator } from 'libxml2-wasm';
import { xmlRegisterFsInputProviders } from 'libxml2-wasm/lib/nodejs.mjs';

/** The gate: editions that every MPD has to satisfy (ISO/IEC 23009-1:2019 AMD 1, and :2022 AMD 1). Newest last. */
export const GATE_EDITIONS = ['4th-amd1', '5th-ed-amd1'] as const;
/** Recorded, never judged. */
export const INFORMATIVE_EDITIONS = ['2nd-ed-amd1', '3rd-ed'] as const;

export type SchemaComplaint = { readonly line: number; readonly text: string };

export type SchemaVerdict =
  | { readonly valid: true }
  | { readonly valid: false; readonly complaints: readonly SchemaComplaint[] }
  /** The engine or the schema is at fault, so this is no verdict. */
  | { readonly valid: null; readonly reason: string };

export type XsdEngine = { readonly name: string; validate(document: string): Promise<SchemaVerdict> };

const KNOWN_GOOD = `<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT1S" minBufferTime="PT1S">
<Period><AdaptationSet id="1" segmentAlignment="true" contentType="video" mimeType="video/mp4"><SegmentTemplate/><Representation id="a" bandwidth="1"/></AdaptationSet></Period></MPD>`;
const KNOWN_BAD = KNOWN_GOOD.replace(' minBufferTime="PT1S"', '').replace('bandwidth="1"', 'bandwidth="-1"');

let providersReady = false;

/** libxml2 compiled to WebAssembly: always there, a compiled schema validates in well under a millisecond. */
export function libxmlEngine(schemaFile: string): XsdEngine {
  if (!providersReady) providersReady = xmlRegisterFsInputProviders();
  // The 5th edition builds its patterns from entities; they have to be substituted (XML_PARSE_NOENT).
  using schema = XmlDocument.fromBuffer(readFileSync(schemaFile), { url: schemaFile, option: ParseOption.XML_PARSE_NOENT });
  const validator = XsdValidator.fromDoc(schema);
  return {
    name: 'libxml2-wasm',
    validate(document) {
      return Promise.resolve(validateWith(validator, document));
    },
  };
}

function validateWith(validator: XsdValidator, document: string): SchemaVerdict {
  try {
    using parsed = XmlDocument.fromString(document, { option: ParseOption.XML_PARSE_NO_XXE });
    validator.validate(parsed);
    return { valid: true };
  } catch (error) {
    if (!(error instanceof XmlLibError)) return { valid: null, reason: String(error) };
    return { valid: false, complaints: error.details.map(({ line, message }) => ({ line, text: message.trim() })) };
  }
}

type JavaValidator = { validateXML(xml: string, schema: string): Promise<unknown> };

/** xsd-schema-validator: a JVM per document. Null when the package or Java is not installed. */
export function javaEngine(schemaFile: string): XsdEngine | null {
  let java: JavaValidator;
  try {
    java = createRequire(import.meta.url)('xsd-schema-validator') as JavaValidator;
  } catch {
    return null;
  }
  return {
    name: 'xsd-schema-validator',
    async validate(document) {
      try {
        await java.validateXML(document, schemaFile);
        return { valid: true };
      } catch (error) {
        const { result, messages } = error as { result?: string; messages?: readonly string[] };
        if (result === undefined || messages === undefined) return { valid: null, reason: error instanceof Error ? error.message : String(error) };
        const complaints = splitMessages(messages);
        // A class file built for a newer Java answers "invalid" without a word: a fault, not a verdict.
        if (complaints.length === 0) return { valid: null, reason: `the engine answers ${result} without a message` };
        return { valid: false, complaints };
      }
    },
  };
}

/** The package cuts its messages where stderr happened to be cut: join, then split at the severity marks. */
export function splitMessages(messages: readonly string[]): SchemaComplaint[] {
  return messages
    .join('')
    .split(/(?=\[(?:error|fatal|warning)\])/)
    .map((text) => text.trim())
    .filter((text) => /^\[(error|fatal)\]/.test(text))
    .map((text) => ({ line: Number(/\((\d+):\d+\)|line (\d+)/.exec(text)?.slice(1).find(Boolean) ?? 0), text }));
}

/** Null when the engine accepts the known-good document and refuses the known-bad one, else what is wrong with it. */
export async function selfTest(engine: XsdEngine, good: string = KNOWN_GOOD, bad: string = KNOWN_BAD): Promise<string | null> {
  const accepted = await engine.validate(good);
  if (accepted.valid !== true) return `refuses a document that is known to be valid${accepted.valid === null ? `: ${accepted.reason}` : `: ${accepted.complaints[0]?.text ?? ''}`}`;
  const refused = await engine.validate(bad);
  return refused.valid === false ? null : 'accepts a document that is known to be invalid';
}

export type EditionJudge = { readonly edition: string; validate(document: string): Promise<SchemaVerdict> };

export type MpdJudge = {
  readonly editions: readonly EditionJudge[];
  readonly informative: readonly EditionJudge[];
  /** Engines that are in use. */
  readonly engines: readonly string[];
  /** Why something is missing. */
  readonly notes: readonly string[];
};

/** `java`: whether a JVM may be spent per document; it is used for the newest edition only. */
export async function openMpdJudge(schemaDir: string | null, java: boolean): Promise<MpdJudge> {
  const notes: string[] = [];
  const engines = new Set<string>();
  if (schemaDir === null) return { editions: [], informative: [], engines: [], notes: ['ISOMER_SCHEMA_DIR is not set: no official MPD schema'] };
  const open = async (edition: string, withJava: boolean): Promise<EditionJudge | null> => {
    const file = join(schemaDir, edition, 'DASH-MPD.xsd');
    if (!existsSync(file)) {
      notes.push(`${edition}: DASH-MPD.xsd is not in the schema folder`);
      return null;
    }
    const candidates = [openLibxml(file, notes), withJava ? javaEngine(file) : null].filter((engine) => engine !== null);
    const ready: XsdEngine[] = [];
    for (const engine of candidates) {
      const fault = await selfTest(engine);
      if (fault === null) ready.push(engine);
      else notes.push(`${engine.name} with ${edition} ${fault}`);
    }
    for (const { name } of ready) engines.add(name);
    if (withJava && !ready.some(({ name }) => name === 'xsd-schema-validator')) notes.push(`${edition}: no second engine (a JDK with xsd-schema-validator)`);
    return ready.length === 0 ? null : { edition, validate: agreeing(ready) };
  };
  const newest = GATE_EDITIONS.at(-1);
  const editions: EditionJudge[] = [];
  for (const edition of GATE_EDITIONS) {
    const judge = await open(edition, java && edition === newest);
    if (judge !== null) editions.push(judge);
  }
  const informative: EditionJudge[] = [];
  for (const edition of INFORMATIVE_EDITIONS) {
    const judge = await open(edition, false);
    if (judge !== null) informative.push(judge);
  }
  return { editions, informative, engines: [...engines].toSorted(), notes };
}

function openLibxml(file: string, notes: string[]): XsdEngine | null {
  try {
    return libxmlEngine(file);
  } catch (error) {
    notes.push(`libxml2-wasm cannot compile ${file}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

/** One verdict of several engines; when they differ there is none. Verdicts are remembered per shape. */
export function agreeing(engines: readonly XsdEngine[]): (document: string) => Promise<SchemaVerdict> {
  const known = new Map<string, Promise<SchemaVerdict>>();
  const judge = async (document: string): Promise<SchemaVerdict> => {
    const verdicts: { readonly name: string; readonly verdict: SchemaVerdict }[] = [];
    for (const [i, engine] of engines.entries()) {
      // The quick engine judges every document; a JVM costs up to a second, so one document per shape.
      const key = `${i} ${shapeOf(document)}`;
      const remembered = i === 0 ? undefined : await known.get(key);
      const verdict = remembered !== undefined && remembered.valid === verdicts[0].verdict.valid ? remembered : await engine.validate(document);
      if (i > 0) known.set(key, Promise.resolve(verdict));
      verdicts.push({ name: engine.name, verdict });
    }
    const faulty = verdicts.find(({ verdict }) => verdict.valid === null);
    if (faulty !== undefined && faulty.verdict.valid === null) return { valid: null, reason: `${faulty.name}: ${faulty.verdict.reason}` };
    if (new Set(verdicts.map(({ verdict }) => verdict.valid)).size > 1) {
      return { valid: null, reason: `engines differ: ${verdicts.map(({ name, verdict }) => `${name} says ${verdict.valid === true ? 'valid' : 'invalid'}`).join(', ')}` };
    }
    return verdicts[0].verdict;
  };
  return judge;
}

/** Two documents of one shape differ in digits only. */
export function shapeOf(document: string): string {
  return document.replace(/\d+/g, '0').replace(/(<S [^>]*>\s*)\1+/g, '$1');
}

/** A schema of our own, from `spec/schema`; no self-test document of MPD form applies, so one is given. */
export async function openOwnSchema(file: string, good: string, bad: string): Promise<XsdEngine | string> {
  let engine: XsdEngine;
  try {
    engine = libxmlEngine(file);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const fault = await selfTest(engine, good, bad);
  return fault ?? engine;
}
