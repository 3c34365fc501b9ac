import { Box, Button, Group, Loader, Stack, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { type Column, Listing } from "../parts/Listing";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Empty, Loading } from "../parts/States";
import { count } from "../parts/words";
import { Pager } from "./Pager";
import { SearchField } from "./SearchField";
import type { ServerPage } from "./useServerList";
import type { ViewControl } from "./view";

/** What a list shows of a question to the server. */
type Asked<T> = Pick<UseQueryResult<ServerPage<T>>, "data" | "isError" | "error" | "isFetching" | "isPlaceholderData"> & { refetch: () => unknown };

interface Props<T, F extends string> {
  /** What the rows are, in the plural and in lower case: "connectors". */
  what: string;
  view: ViewControl<F>;
  query: Asked<T>;
  columns: Column<T>[];
  id: (row: T) => string;
  /** What the field for searching asks for; without it there is none. */
  search?: string;
  /** Fields that narrow the list down. */
  filters?: ReactNode;
  /** Further ones, which are folded away until somebody wants them or has set one of these. */
  more?: { of: readonly F[]; fields: ReactNode };
  /** What to do first, when there is nothing at all. */
  empty: ReactNode;
  /** Stands below the rows. */
  children?: ReactNode;
}

/** A list of which the server has all rows and this page has one page of them. */
export function ServerList<T, F extends string>({ what, view, query, columns, id, search, filters, more, empty, children }: Props<T, F>) {
  const page = query.data;
  const narrowed = view.q !== "" || Object.keys(view.filters).length > 0;
  const [fold, setFold] = useState(true);
  const forced = more?.of.some((name) => view.filters[name]) ?? false;
  const unfolded = !fold || forced;
  const label = what.charAt(0).toUpperCase() + what.slice(1);
  if (page && page.items.length === 0 && !page.next && !narrowed && view.trail.length === 0 && !query.isError) return <>{empty}</>;
  return (
    <Stack gap="sm">
      <Group gap="sm" align="flex-end" component="search" aria-label={`Find ${what}`}>
        {search && <SearchField label={search} value={view.q} onChange={(q) => view.change({ q })} />}
        {filters}
        {unfolded && more?.fields}
        {more && !forced && (
          <Button variant="subtle" size="sm" h={36} aria-expanded={unfolded} onClick={() => setFold(!fold)}>
            {unfolded ? "Fewer filters" : "More filters"}
          </Button>
        )}
        <Group gap="xs" ml="auto" h={36}>
          {query.isFetching && page && <Loader size="xs" aria-hidden />}
          <Text size="sm" c="dimmed" role="status">
            {page?.total !== undefined ? `${count(page.total)} ${page.total === 1 ? what.replace(/s$/, "") : what}` : ""}
          </Text>
        </Group>
      </Group>
      {query.isError && <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />}
      {page === undefined ? (
        !query.isError && <Loading what={what} />
      ) : page.items.length > 0 ? (
        <Box aria-busy={query.isPlaceholderData}>
          <Listing label={label} rows={page.items} id={id} columns={columns} sort={view.sort} onSort={(sort) => view.change({ sort })} />
        </Box>
      ) : page.next ? (
        // The server looks for a while and then says so.
        <Empty title={`No ${what} were found so far`}>There are more to look through: go to the next page to look further.</Empty>
      ) : (
        <Empty
          title={`No ${what} are like that`}
          action={
            <Button variant="default" onClick={view.clear}>
              Show all
            </Button>
          }
        >
          {view.trail.length > 0 ? "There is nothing more on this page." : "Look for something else, or take the filters out."}
        </Empty>
      )}
      {children}
      {page && <Pager what={what} view={view} page={page} />}
    </Stack>
  );
}
