import type { ReactNode } from "react";
import classes from "./Listing.module.css";

export interface Column<T> {
  header: string;
  cell: (row: T) => ReactNode;
}

/**
 * A table that becomes a stack of cards on a narrow screen. The roles are
 * spelled out because browsers drop a table's own when it is laid out so.
 */
export function Listing<T>({ label, columns, rows, id }: { label: string; columns: Column<T>[]; rows: T[]; id: (row: T) => string }) {
  return (
    <table role="table" aria-label={label} className={classes.table}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((c) => (
            <th key={c.header} role="columnheader" scope="col">
              {c.header}
            </th>
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
  );
}
