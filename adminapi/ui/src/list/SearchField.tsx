import { CloseButton, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";

const pause = 300; // milliseconds without a key before the server is asked

/** A field for searching, which waits until somebody has stopped typing. */
export function SearchField({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  const tell = useRef(onChange);
  tell.current = onChange;

  // The view was changed by somebody else: the way back, or "Show all".
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setText(value);
  }, [value]);

  useEffect(() => {
    const wanted = text.trim();
    if (wanted === told.current) return;
    const timer = setTimeout(() => {
      told.current = wanted;
      tell.current(wanted);
    }, pause);
    return () => clearTimeout(timer);
  }, [text]);

  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={(e) => setText(e.currentTarget.value)}
      autoComplete="off"
      spellCheck={false}
      flex="1 1 14rem"
      maw="24rem"
      rightSection={text && <CloseButton size="sm" aria-label="Look for nothing" onClick={() => setText("")} />}
    />
  );
}
