import { Stack } from "@mantine/core";
import { useMay } from "../session/may";
import { Page } from "../shell/Page";
import { Roles } from "./Roles";
import { Sessions } from "./Sessions";
import { Tokens } from "./Tokens";

/** Who can do what: tokens of programs, browsers that are signed in, and what each role may. */
export function AccessPage() {
  const may = useMay();
  return (
    <Page title="Tokens and roles">
      <Stack gap="xl">
        {may("tokens.read") && <Tokens />}
        <Sessions />
        <Roles />
      </Stack>
    </Page>
  );
}
