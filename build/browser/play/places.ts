import { ask, stage } from "./stage";

interface Place {
  /** For a file. */
  name: string;
  path: string;
}

const paths: string[] = [];

/** Every page, with the id of something that there is for those of one thing. */
export async function places(): Promise<Place[]> {
  if (paths.length === 0) {
    const known = await fetch(`${stage.url}/`).then((r) => r.ok);
    if (!known) throw new Error("the pages are not there");
    const first = async (path: string) => (await ask<{ items: { id: string }[] }>("GET", path)).items[0]?.id ?? "none";
    const [connector, run, object] = [await first("/api/connectors?limit=1"), await first("/api/runs?limit=1"), await first("/api/objects?limit=1")];
    paths.push(
      "/", "/connectors", "/connectors/new", `/connectors/${connector}`, `/connectors/${connector}/edit`, "/runs", `/runs/${run}`,
      "/objects", `/objects/${object}`, "/secrets", "/migrations", "/plugins", "/plugins/DPAPI", "/audit", "/access", "/instances", "/settings", "/about",
    );
  }
  return paths.map((path) => ({
    path,
    name: path === "/" ? "overview" : path.replace(/\/(?=[^/]*[0-9][^/]*(\/|$))[^/]+/, "-one").slice(1).replaceAll("/", "-").toLowerCase(),
  }));
}
