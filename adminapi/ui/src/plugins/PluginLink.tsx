import { Anchor } from "@mantine/core";
import { Link } from "react-router";
import { useMay } from "../session/may";

/** A secret provider by its name, which leads to its page for those who may see that. */
export function PluginLink({ name }: { name: string }) {
  if (!useMay()("settings.read")) return <>{name}</>;
  return (
    <Anchor component={Link} to={`/plugins/${encodeURIComponent(name)}`} inherit>
      {name}
    </Anchor>
  );
}
