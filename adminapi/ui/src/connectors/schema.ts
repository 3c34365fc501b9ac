import type { Schemas } from "../api/client";

/** The part of JSON Schema that the API's connector types are written in. */
export interface FieldSchema {
  type?: string | string[];
  enum?: string[];
  format?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
  "x-minimum"?: string;
  "x-maximum"?: string;
  writeOnly?: boolean;
  properties?: Record<string, FieldSchema>;
  required?: string[];
  dependentRequired?: Record<string, string[]>;
  allOf?: { oneOf?: { required?: string[] }[] }[];
}

export type Config = Record<string, unknown>;

export function schemaOf(type: Schemas["ConnectorType"]): FieldSchema {
  return type.schema as FieldSchema;
}

/** Groups of keys of which just one may be set. */
export function choices(schema: FieldSchema): string[][] {
  return (schema.allOf ?? []).flatMap((rule) => (rule.oneOf ? [rule.oneOf.flatMap((c) => c.required ?? [])] : []));
}

/** What works without being looked at: it has a default and is no choice of kinds. */
export function isExtra(field: FieldSchema): boolean {
  return field.default !== undefined && field.enum === undefined;
}

/**
 * Returns config with its keys spelled as the schema has them: the API takes any
 * case. Keys that the schema lacks stay as they are.
 */
export function spelled(config: Config, schema: FieldSchema): Config {
  const known = new Map(Object.keys(schema.properties ?? {}).map((k) => [k.toLowerCase(), k]));
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      const name = known.get(key.toLowerCase()) ?? key;
      const field = schema.properties?.[name];
      return [name, field?.properties && isObject(value) ? spelled(value, field) : value];
    }),
  );
}

function isObject(value: unknown): value is Config {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns config with one key set; what is empty is taken out, so that its default holds. */
export function withKey(config: Config, key: string, value: unknown): Config {
  const { [key]: _, ...rest } = config;
  const empty = value === "" || value === undefined || value === null || (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);
  return empty ? rest : { ...rest, [key]: value };
}

/** The API's words about a field, by its path below config without regard to case. */
export function wordsFor(items: Schemas["Item"][], path: string): string | undefined {
  const said = items.filter((i) => i.path.toLowerCase() === path.toLowerCase()).map((i) => (i.detail ? `${i.message} ${i.detail}` : i.message));
  return said.length > 0 ? said.join(". ") : undefined;
}

/** What an empty field stands for, to be shown in it. */
export function hint(field: FieldSchema): string | undefined {
  if (field.default !== undefined) return String(field.default);
  const example = field.examples?.[0];
  return example !== undefined ? `e.g. ${String(example)}` : undefined;
}
