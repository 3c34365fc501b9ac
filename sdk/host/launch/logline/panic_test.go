package logline_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const canary = "canary-8c1f"

// TestMain lets this test binary die of a panic, so that the text is what the
// runtime in use really prints.
func TestMain(m *testing.M) {
	switch os.Getenv("IDENTITYMESH_TEST_PANIC") {
	case "":
		os.Exit(m.Run())
	case "a text":
		panic(canary)
	case "an error of several lines":
		panic(fmt.Errorf("first\ngoroutine of %s\nlast %s\n\n%s", canary, canary, canary))
	case "a value of a type":
		panic(named(canary))
	case "a panic within a panic":
		defer func() { panic("second " + canary) }()
		panic("first " + canary)
	case "a nil pointer":
		var p *struct{ n int }
		fmt.Println(p.n)
	case "an error that looks like the runtime's":
		panic(fmt.Errorf("runtime error: index out of range: %s", canary))
	case "another goroutine":
		go panic(canary)
		select {}
	}
}

type named string

func TestTextOfAPanicIsWithheld(t *testing.T) {
	cases := map[string]string{
		"a text":                                 "panic: (text withheld)",
		"an error of several lines":              "panic: (text withheld)",
		"a value of a type":                      "panic: (text withheld)",
		"a panic within a panic":                 "panic: (text withheld)",
		"another goroutine":                      "panic: (text withheld)",
		"a nil pointer":                          "panic: runtime error: invalid memory address or nil pointer dereference",
		"an error that looks like the runtime's": "panic: runtime error: index out of range",
	}
	for name, first := range cases {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "IDENTITYMESH_TEST_PANIC="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || strings.Contains(name, "text") && !strings.Contains(string(out), canary) {
				t.Fatalf("it did not panic as it should: %v\n%s", err, out)
			}
			records, r := read(t, string(out), nil)
			if len(records) == 0 || records[0]["line"] != first {
				t.Fatalf("got %v of\n%s", records, out)
			}
			shown := fmt.Sprint(records, r.Last())
			if strings.Contains(shown, canary) {
				t.Errorf("the canary is in %s", shown)
			}
			if !strings.Contains(shown, "goroutine ") || !strings.Contains(shown, "panic_test.go") {
				t.Errorf("the stack is missing in %s", shown)
			}
		})
	}
}

func TestStructuredLinesPassWithinAPanic(t *testing.T) {
	got, _ := read(t, "panic: "+canary+"\n\tmore "+canary+"\n{\"level\":\"INFO\",\"msg\":\"beside it\"}\nmore "+canary+
		"\ngoroutine 7 gp=0xc0000061c0 m=3 [running]:\nmain.main()\nlater\n", nil)
	var shown []any
	for _, r := range got {
		shown = append(shown, r["line"], r["msg"])
	}
	text := fmt.Sprint(shown)
	if strings.Contains(text, canary) || !strings.Contains(text, "beside it") || !strings.Contains(text, "later") || len(got) != 5 {
		t.Errorf("got %d records: %s", len(got), text)
	}
}

func TestWhatTheRuntimeDiesOfIsShown(t *testing.T) {
	const line = "fatal error: all goroutines are asleep - deadlock!"
	got, _ := read(t, line+"\n\ngoroutine 1 [select (no cases)]:\n", nil)
	if len(got) != 2 || got[0]["line"] != line {
		t.Errorf("got %v", got)
	}
}
