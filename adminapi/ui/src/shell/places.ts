import { type ComponentType, lazy, type LazyExoticComponent } from "react";
import type { Permission } from "../session/may";

interface Place {
  /** Stands in routes.json too, for the server. */
  path: string;
  page: LazyExoticComponent<ComponentType>;
  /** Without it the page is neither in the navigation nor shown. */
  needs: Permission;
  /** How the navigation names it; a page without is reached from another. */
  label?: string;
}

interface PlaceGroup {
  label: string;
  places: Place[];
}

/** A page that is loaded when somebody goes there. */
function page<K extends string>(load: () => Promise<Record<K, ComponentType>>, name: K) {
  return lazy(() => load().then((module) => ({ default: module[name] })));
}

/** All pages, in the order and the groups of the navigation. */
export const groups: PlaceGroup[] = [
  {
    label: "",
    places: [{ path: "/", label: "Overview", needs: "status.read", page: page(() => import("../overview/OverviewPage"), "OverviewPage") }],
  },
  {
    label: "Identities",
    places: [
      { path: "/connectors", label: "Connectors", needs: "connectors.read", page: page(() => import("../connectors/ConnectorsPage"), "ConnectorsPage") },
      { path: "/connectors/new", needs: "connectors.write", page: page(() => import("../connectors/EditPages"), "NewConnectorPage") },
      { path: "/connectors/:id", needs: "connectors.read", page: page(() => import("../connectors/ConnectorPage"), "ConnectorPage") },
      { path: "/connectors/:id/edit", needs: "connectors.write", page: page(() => import("../connectors/EditPages"), "EditConnectorPage") },
      { path: "/runs", label: "Runs", needs: "runs.read", page: page(() => import("../runs/RunsPage"), "RunsPage") },
      { path: "/runs/:id", needs: "runs.read", page: page(() => import("../runs/RunPage"), "RunPage") },
      { path: "/objects", label: "Objects", needs: "objects.read", page: page(() => import("../objects/ObjectsPage"), "ObjectsPage") },
      { path: "/objects/:id", needs: "objects.read", page: page(() => import("../objects/ObjectPage"), "ObjectPage") },
    ],
  },
  {
    label: "Secrets",
    places: [
      { path: "/secrets", label: "Secrets", needs: "secrets.read", page: page(() => import("../secrets/SecretsPage"), "SecretsPage") },
      { path: "/migrations", label: "Migrations", needs: "status.read", page: page(() => import("../migrations/MigrationsPage"), "MigrationsPage") },
      { path: "/migrations/:id", needs: "status.read", page: page(() => import("../migrations/MigrationPage"), "MigrationPage") },
      { path: "/plugins", label: "Plugins", needs: "status.read", page: page(() => import("../plugins/PluginsPage"), "PluginsPage") },
      { path: "/plugins/:name", needs: "settings.read", page: page(() => import("../plugins/PluginPage"), "PluginPage") },
    ],
  },
  {
    label: "Security",
    places: [
      { path: "/audit", label: "Audit", needs: "audit.read", page: page(() => import("../audit/AuditPage"), "AuditPage") },
      { path: "/access", label: "Tokens and roles", needs: "session", page: page(() => import("../access/AccessPage"), "AccessPage") },
    ],
  },
  {
    label: "System",
    places: [
      { path: "/instances", label: "Instances", needs: "status.read", page: page(() => import("../instances/InstancesPage"), "InstancesPage") },
      { path: "/settings", label: "Settings", needs: "settings.read", page: page(() => import("../settings/SettingsPage"), "SettingsPage") },
      { path: "/about", label: "About", needs: "status.read", page: page(() => import("../about/AboutPage"), "AboutPage") },
    ],
  },
];

export const places: Place[] = groups.flatMap((g) => g.places);
