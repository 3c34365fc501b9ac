import { readFileSync } from "node:fs";

/** What the programs of this performance are and where. */
interface Stage {
  url: string;
  tokenFile: string;
  control: string;
  screenshots: string;
  directory: { host: string; port: number; account: string; base: string; password: string; people: number };
}

export const stage: Stage = JSON.parse(process.env["IDENTITYMESH_STAGE"] ?? '{"url":"http://127.0.0.1:5100"}');

/** The token that the first start wrote. */
export const administrator = () => readFileSync(stage.tokenFile, "utf8").trim();

export const names = { connector: "People of the north", ref: "secret://north/reader/password" };

/** Does something behind the administrator's back. */
export async function behind(path: string, fields: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(stage.control + path, { method: "POST", body: new URLSearchParams(fields) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.text();
}

/** Asks the API directly, as a program with a token does. */
export async function ask<T>(method: string, path: string, body?: unknown, token = administrator()): Promise<T> {
  const answer = await fetch(stage.url + path, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body !== undefined && { "Content-Type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text ? JSON.parse(text) : undefined) as T;
}
