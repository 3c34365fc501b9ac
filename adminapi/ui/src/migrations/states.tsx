import { State } from "../parts/Badges";

const colors: Record<string, string> = {
  planned: "gray",
  copied: "blue",
  verified: "cyan",
  switched: "indigo",
  soaking: "indigo",
  purged: "green",
  blocked: "red",
  drifted: "orange",
  "rolled back": "gray",
};

/** How far one secret is. */
export function RefState({ state }: { state: string }) {
  return <State color={colors[state] ?? "gray"} text={state} />;
}

/** The states in which somebody must act. */
export const stuck = ["blocked", "drifted"];
