import { Anchor, Group, Text } from "@mantine/core";
import { useId, useState } from "react";
import { Listing } from "../parts/Listing";
import classes from "./chart.module.css";

/** One kind of value in a chart. */
export interface Series {
  name: string;
  /** How it is drawn: what went well, what did not, or neither. */
  tone: "good" | "bad" | "plain";
}

export interface Point {
  /** Names the point below the chart and in the table. */
  label: string;
  /** One value for each series, none negative. */
  values: number[];
  /** Whether it stands out. */
  marked?: boolean;
}

interface Props {
  title: string;
  /** What the points are, as the header of their column. */
  of: string;
  series: Series[];
  points: Point[];
  /** Writes a value for people. */
  say?: (value: number) => string;
}

const height = 100; // units of the drawing; its size is the style sheet's concern

/**
 * Bars, one upon the other for each point. Who cannot see them, or wants the
 * numbers, takes the table instead.
 */
export function Chart({ title, of, series, points, say = (n) => n.toLocaleString() }: Props) {
  const [table, setTable] = useState(false);
  const heading = useId();
  const top = Math.max(...points.map((p) => sum(p.values)), 0);
  return (
    <figure className={classes.figure} aria-labelledby={heading}>
      <Group justify="space-between" component="figcaption" gap="xs">
        <Text id={heading} fw={600} size="sm">
          {title}
        </Text>
        <Anchor component="button" type="button" size="xs" aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? "Show as a chart" : "Show as a table"}
        </Anchor>
      </Group>
      {table ? (
        <div className={classes.table}>
          <Listing
            label={title}
            rows={points}
            id={(p) => p.label}
            columns={[{ header: of, cell: (p) => p.label }, ...series.map((s, i) => ({ header: s.name, cell: (p: Point) => say(p.values[i] ?? 0) }))]}
          />
        </div>
      ) : (
        // Few points would be broad blocks.
        <div style={{ maxWidth: `${Math.max(24, points.length * 3)}rem` }}>
          <svg className={classes.bars} viewBox={`0 0 ${Math.max(points.length, 1)} ${height}`} preserveAspectRatio="none" role="img" aria-label={spoken(title, series, points, say)}>
            {points.map((p, x) => (
              <Bar key={p.label} point={p} x={x} top={top} series={series} say={say} />
            ))}
          </svg>
          <Group justify="space-between" gap="xs" aria-hidden>
            <Text size="xs" c="dimmed">{points[0]?.label}</Text>
            <Text size="xs" c="dimmed">highest {say(top)}</Text>
            <Text size="xs" c="dimmed">{points.at(-1)?.label}</Text>
          </Group>
          {series.length > 1 && (
            <Group gap="md" aria-hidden>
              {series.map((s) => (
                <Text key={s.name} size="xs" c="dimmed">
                  <span className={`${classes.sample} ${classes[s.tone]}`} /> {s.name}
                </Text>
              ))}
            </Group>
          )}
        </div>
      )}
    </figure>
  );
}

function Bar({ point, x, top, series, say }: { point: Point; x: number; top: number; series: Series[]; say: (n: number) => string }) {
  let y = height;
  return (
    <g className={point.marked ? classes.marked : undefined}>
      <title>{`${point.label}: ${series.map((s, i) => `${s.name} ${say(point.values[i] ?? 0)}`).join(", ")}`}</title>
      {/* The whole column answers to the pointer, also where its bar is low. */}
      <rect x={x} y={0} width={1} height={height} className={classes.column} />
      {point.values.map((value, i) => {
        const size = top > 0 ? (value / top) * height : 0;
        y -= size;
        return size > 0 && <rect key={i} x={x + 0.1} y={y} width={0.8} height={size} className={classes[series[i]?.tone ?? "plain"]} />;
      })}
    </g>
  );
}

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

function spoken(title: string, series: Series[], points: Point[], say: (n: number) => string): string {
  const totals = series.map((s, i) => `${s.name} highest ${say(Math.max(...points.map((p) => p.values[i] ?? 0), 0))}`);
  return `${title}: ${points.length} values, ${totals.join(", ")}. A table of them can be shown instead.`;
}
