import { NativeSelect, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";

interface Props {
  label: string;
  value: string | undefined;
  onChange: (value: string) => void;
}

/** Narrows a list down by a text, which is taken when one presses Enter or leaves the field. */
export function TextFilter({ label, value = "", onChange, placeholder }: Props & { placeholder?: string }) {
  const [text, setText] = useState(value);
  const known = useRef(value);
  useEffect(() => {
    known.current = value;
    setText(value);
  }, [value]);
  const take = () => {
    if (text.trim() !== known.current) onChange(text.trim());
  };
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={text}
      onChange={(e) => setText(e.currentTarget.value)}
      onBlur={take}
      onKeyDown={(e) => e.key === "Enter" && take()}
      autoComplete="off"
      spellCheck={false}
      w="12rem"
    />
  );
}

interface ChoiceProps extends Props {
  /** What there is to choose from, besides everything. */
  choices: readonly (string | { value: string; label: string })[];
  /** What everything is called. */
  all?: string;
}

/** Narrows a list down by one of a few values. */
export function ChoiceFilter({ label, value = "", onChange, choices, all = "All" }: ChoiceProps) {
  return <NativeSelect label={label} value={value} onChange={(e) => onChange(e.currentTarget.value)} data={[{ value: "", label: all }, ...choices]} />;
}

/** Narrows a list down by a time, which the reader enters in his own zone. */
export function TimeFilter({ label, value, onChange }: Props) {
  return <TextInput type="datetime-local" label={label} value={value ? local(value) : ""} onChange={(e) => onChange(fromLocal(e.currentTarget.value))} w="13rem" />;
}

/** An instant as an input for a local time shows it. */
export function local(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function fromLocal(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString();
}
