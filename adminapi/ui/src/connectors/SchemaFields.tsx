import { Checkbox, Fieldset, NativeSelect, NumberInput, Stack, TagsInput, Textarea, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import type { Schemas } from "../api/client";
import { RefField } from "./RefField";
import { type Config, type FieldSchema, hint, withKey, wordsFor } from "./schema";

interface Props {
  schema: FieldSchema;
  keys: string[];
  config: Config;
  onChange: (config: Config) => void;
  /** What the API said about the input. */
  items: Schemas["Item"][];
  /** Where config is, with ':' between the parts. */
  path: string;
}

/** An input for each of the schema's keys, in their order. */
export function SchemaFields({ schema, keys, config, onChange, items, path }: Props) {
  return (
    <Stack gap="md">
      {keys.map((key) => {
        const field = schema.properties?.[key];
        return (
          field && (
            <Field
              key={key}
              name={key}
              field={field}
              required={schema.required?.includes(key) ?? false}
              value={config[key]}
              onChange={(value) => onChange(withKey(config, key, value))}
              items={items}
              path={`${path}:${key}`}
            />
          )
        );
      })}
    </Stack>
  );
}

interface FieldProps {
  name: string;
  field: FieldSchema;
  required: boolean;
  value: unknown;
  onChange: (value: unknown) => void;
  items: Schemas["Item"][];
  path: string;
}

function Field({ name, field, required, value, onChange, items, path }: FieldProps) {
  const common = { label: name, description: described(field), error: wordsFor(items, path), withAsterisk: required, maw: "40rem" };
  const text = value === undefined ? "" : String(value);
  const types = ([] as string[]).concat(field.type ?? "string");

  if (field.properties) {
    return (
      <Fieldset legend={name} maw="40rem">
        <SchemaFields
          schema={field}
          keys={Object.keys(field.properties)}
          config={(value as Config | undefined) ?? {}}
          onChange={onChange}
          items={items}
          path={path}
        />
      </Fieldset>
    );
  }
  if (field.format === "secret-ref") return <RefField {...common} value={text} onChange={onChange} />;
  if (field.enum) {
    const empty = field.default === undefined ? [{ value: "", label: required ? "Choose…" : "(not set)" }] : [];
    // Choices may be written in any case, too.
    const chosen = field.enum.find((e) => e.toLowerCase() === text.toLowerCase()) ?? text;
    const data = [...empty, ...field.enum.map((e) => ({ value: e, label: e === field.default ? `${e} (default)` : e }))];
    return <NativeSelect {...common} value={chosen || String(field.default ?? "")} onChange={(e) => onChange(e.currentTarget.value)} data={data} />;
  }
  if (types.includes("boolean")) {
    const { withAsterisk: _, ...rest } = common;
    return <Checkbox {...rest} checked={Boolean(value ?? field.default)} onChange={(e) => onChange(e.currentTarget.checked)} />;
  }
  if (types.includes("array")) {
    return <TagsInput {...common} value={Array.isArray(value) ? value.map(String) : []} onChange={onChange} placeholder="Type one, press Enter" splitChars={[",", " "]} acceptValueOnBlur />;
  }
  if (types.length === 1 && types[0] === "integer") {
    return (
      <NumberInput
        {...common}
        value={typeof value === "number" ? value : text}
        onChange={onChange}
        {...(hint(field) && { placeholder: hint(field) as string })}
        {...(field.minimum !== undefined && { min: field.minimum })}
        {...(field.maximum !== undefined && { max: field.maximum })}
        allowDecimal={false}
        clampBehavior="none"
      />
    );
  }
  if (field.writeOnly) {
    return <TextInput {...common} type="password" autoComplete="off" value={text} onChange={(e) => onChange(e.currentTarget.value)} />;
  }
  if (/query$/i.test(name)) {
    return <Textarea {...common} autosize minRows={3} maxRows={16} spellCheck={false} value={text} onChange={(e) => onChange(e.currentTarget.value)} className="mono" />;
  }
  return (
    <TextInput
      {...common}
      value={text}
      placeholder={hint(field)}
      autoComplete="off"
      spellCheck={false}
      onChange={(e) => {
        const typed = e.currentTarget.value;
        onChange(types.includes("integer") && /^\d+$/.test(typed) ? Number(typed) : typed);
      }}
    />
  );
}

/** The description, with what stands between backticks as code, and the bounds. */
function described(field: FieldSchema): ReactNode {
  const low = field["x-minimum"] ?? field.minimum;
  const high = field["x-maximum"] ?? field.maximum;
  const bounds = low !== undefined && high !== undefined ? ` (${low} to ${high})` : "";
  const parts = (field.description ?? "").split("`");
  return (
    <>
      {parts.map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}
      {bounds}
    </>
  );
}
