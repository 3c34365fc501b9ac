import { type MantineColorScheme, NativeSelect, useMantineColorScheme } from "@mantine/core";

/** Dark, light, or as the system has it. Only this choice is kept in the browser. */
export function SchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <NativeSelect
      size="xs"
      w="6rem"
      aria-label="Colours"
      value={colorScheme}
      onChange={(e) => setColorScheme(e.currentTarget.value as MantineColorScheme)}
      data={[
        { value: "auto", label: "System" },
        { value: "light", label: "Light" },
        { value: "dark", label: "Dark" },
      ]}
    />
  );
}
