import { AppShell, Box, Burger, Button, Group, NavLink, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useEffect } from "react";
import { Link, Outlet, useLocation } from "react-router";
import { useSession } from "../session/session";
import { SchemeSwitch } from "./SchemeSwitch";

const places = [
  { to: "/", label: "Overview" },
  { to: "/connectors", label: "Connectors" },
  { to: "/secrets", label: "Secrets" },
  { to: "/runs", label: "Runs" },
];

/** What is around every page: the header, the navigation, the place of the page. */
export function Shell() {
  const { signOut } = useSession();
  const { pathname } = useLocation();
  const [open, { toggle, close }] = useDisclosure(false);
  useEffect(close, [pathname, close]);

  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 210, breakpoint: "sm", collapsed: { mobile: !open } }} padding="md">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" aria-expanded={open} aria-controls="navigation" />
            <Text fw={700}>IdentityMesh</Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Box visibleFrom="sm">
              <SchemeSwitch />
            </Box>
            <Button variant="default" size="xs" onClick={signOut}>
              Sign out
            </Button>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" id="navigation" aria-label="Main">
        {places.map((p) => {
          const here = p.to === "/" ? pathname === "/" : pathname.startsWith(p.to);
          return <NavLink key={p.to} className="place" component={Link} to={p.to} label={p.label} active={here} aria-current={here ? "page" : undefined} />;
        })}
        <NavLink href="/docs" target="_blank" rel="noopener" label="API documentation" mt="auto" />
        <Box hiddenFrom="sm" p="xs">
          <SchemeSwitch />
        </Box>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}
