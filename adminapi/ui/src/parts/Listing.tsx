import type { ReactNode } from "react";
import classes from "./Listing.module.css";

export interface Column<T> {
  header: string;
  cell: (row: T) => ReactNode;
  /** The field that the server sorts by, when this column can be sorted. */
  sort?: string;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
  /** The field sorted by, with '-' before it for the other way round. */
  sort?: string;
  onSort?: (sort: string) => void;
}

/**
 * A table that becomes a stack of cards on a narrow screen. The roles are
 * spelled out because browsers drop a table's own when it is laid out so.
 */
export function Listing<T>({ label, columns, rows, id, sort = "", onSort }: Props<T>) {
  return (
    <div className={classes.room}>
      <table role="table" aria-label={label} className={classes.table}>
        <thead role="rowgroup" className={onSort && columns.some((c) => c.sort) ? classes.sortable : undefined}>
          <tr role="row">
            {columns.map((c) => (
              <Header key={c.header} column={c} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={id(row)} role="row">
              {columns.map((c) => (
                <td key={c.header} role="cell" data-label={c.header}>
                  <div className={classes.value}>{c.cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A header that can be sorted by is a button: up, down, and the list's own order again. */
function Header<T>({ column: c, sort, onSort }: { column: Column<T>; sort: string; onSort: ((sort: string) => void) | undefined }) {
  if (!c.sort || !onSort) {
    return (
      <th role="columnheader" scope="col">
        {c.header}
      </th>
    );
  }
  const up = sort === c.sort;
  const down = sort === `-${c.sort}`;
  return (
    <th role="columnheader" scope="col" data-sortable aria-sort={up ? "ascending" : down ? "descending" : "none"}>
      <button type="button" className={classes.sort} onClick={() => onSort(up ? `-${c.sort}` : down ? "" : (c.sort ?? ""))}>
        {c.header}
        <span aria-hidden className={classes.arrow}>
          {up ? "▲" : down ? "▼" : "↕"}
        </span>
      </button>
    </th>
  );
}
