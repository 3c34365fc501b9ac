import classes from "./chart.module.css";

const slots = 10;

/** The latest runs of something, oldest first, as small bars. words says the same to those who cannot see it. */
export function Trend({ words, bars }: { words: string; bars: { size: number; tone: "good" | "bad" | "plain" }[] }) {
  if (bars.length === 0) return null;
  // The newest stands at the right, also when there are few.
  const width = Math.max(slots, bars.length);
  const top = Math.max(...bars.map((b) => b.size), 0);
  return (
    <svg className={classes.trend} viewBox={`0 0 ${width} 20`} preserveAspectRatio="none" role="img" aria-label={words}>
      <title>{words}</title>
      {bars.map((b, x) => {
        const size = 4 + (top > 0 ? (b.size / top) * 16 : 0); // a run of no time is seen, too
        return <rect key={x} x={width - bars.length + x + 0.1} y={20 - size} width={0.8} height={size} className={classes[b.tone]} />;
      })}
    </svg>
  );
}
