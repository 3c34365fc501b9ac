package persona

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// flood writes text over and over until nobody reads any more.
func flood(w io.Writer, text string) {
	for {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}

// greeting is a line of some kilobytes.
func greeting() string { return strings.Repeat("hello ", 1<<10) + "\n" }

// talkers write what they should not.
func talkers() []Persona {
	line := `{"time":"2026-01-02T03:04:05Z","level":"ERROR","msg":"the sky is falling","n":1}` + "\n"
	return []Persona{
		{Name: "stderr-flood", About: "Writes megabytes of well-made log lines a second.",
			part: part{configured: func(s *stage) { flood(s.stderr, strings.Repeat(line, 100)) }}},
		{Name: "hostile-logs", About: "Writes log lines made to confuse, inflate or take over their reader.",
			part: part{configured: func(s *stage) { _, _ = io.WriteString(s.stderr, strings.Join(HostileLines(), "\n")) }}},
		{Name: "chatty-after", About: "Writes megabytes to stdout after the handshake, and waits until they are read.",
			Breaks: []string{"stdout-holds-nothing-else"},
			part: part{
				configured: func(s *stage) { flood(s.stdout, greeting()) },
				call:       onTrigger(func() { _, _ = io.WriteString(os.Stdout, strings.Repeat(greeting(), 1<<10)) }),
			}},
		{Name: "one-word-after", About: "Writes one line to stdout after the handshake.",
			Breaks: []string{"stdout-holds-nothing-else"},
			part:   part{configured: func(s *stage) { _, _ = io.WriteString(s.stdout, "configured\n") }}},
		{Name: "logs-text", About: "Writes log lines for people.",
			Breaks: []string{"log-lines-are-json-objects"},
			part: part{configured: func(s *stage) {
				_, _ = io.WriteString(s.stderr, time.Now().Format(time.DateTime)+" INFO configured, all is well\n")
			}}},
		{Name: "leaves-values", About: "Writes what it stores into a temporary file first, and leaves that there.",
			Breaks: []string{"value-stays-where-it-belongs"},
			part: onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				if f, err := os.CreateTemp("", "set"); err == nil {
					_, _ = f.Write(req.GetValue())
					_ = f.Close()
				}
				return next()
			})},
		{Name: "logs-values", About: "Logs the value that Set stores.",
			Breaks: []string{"log-holds-no-value"},
			part: part{call: on(func(_ scene, req *pb.SetRequest, next func() (*pb.SetResponse, error)) (*pb.SetResponse, error) {
				slog.New(slog.NewJSONHandler(os.Stderr, nil)).Info("storing", "value", tagText(req.GetValue()))
				return next()
			})}},
	}
}

// HostileLines are what the persona hostile-logs writes.
func HostileLines() []string {
	deep := strings.Repeat("[", 100_000)
	return []string{
		`{"@message":42,"@level":"info","@timestamp":"2026-01-02T03:04:05.000000Z"}`,
		`{"@message":{"a":1},"@level":7,"@timestamp":[]}`,
		`{"msg":42,"level":"INFO"}`,
		`{"msg":null,"level":null}`,
		`{"msg":"the level is an object","level":{"level":"ERROR"}}`,
		`{"msg":"the level is huge","level":"ERROR+99999999999999999999"}`,
		`{"msg":"numbers","level":"INFO","a":1e99999,"b":-1e400,"c":123456789012345678901234567890,"d":-0}`,
		`{"msg":"twice","msg":"once more","level":"INFO","level":"WARN","level":"INFO"}`,
		`{"msg":"deep","level":"INFO","x":` + deep + `}`,
		deep,
		strings.Repeat("{", 100_000),
		`{"msg":"` + strings.Repeat("m", 1<<20) + `","level":"INFO"}`,
		strings.Repeat("x", 1<<20),
		"{\"msg\":\"not UTF-8 \xff\xfe\xc0\x80\",\"level\":\"INFO\"}",
		"\xff\xfe\xfd",
		"\x1b[31;1mred\x1b[0m \x1b[2J\x1b]0;title\x07 \x1b]8;;http://example.org\x07link",
		`{"msg":"\u001b[31;1mred\u001b[2J","level":"INFO","k\u001b[2J":"v"}`,
		"zero \x00 bytes \x00",
		`{"msg":"a\nlevel=ERROR msg=\"forged\"","level":"INFO","x":"\r\n{\"level\":\"ERROR\",\"msg\":\"forged\"}"}`,
		`{"msg":"somebody else","level":"INFO","plugin":"another","pid":1,"trace_id":"0af7651916cd43dd8448eb211c80319c","run_id":"1","source":"host"}`,
		`{"msg":"\u202eright to left\u2066","level":"INFO"}`,
		"from the left\rover it",
		`{}`, `[]`, `null`, `"text"`, `{`, `}`, "\r", " ", "\t",
		`{"msg":"` + strings.Repeat(`\u0000`, 4000) + `","level":"INFO"}`,
		`{"msg":"many fields","level":"INFO"` + manyFields(2000) + `}`,
		`the last line has no end`,
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"f`)
		b.WriteString(strings.Repeat("0", i%7))
		b.WriteByte(byte('a' + i%26))
		b.WriteString(`":1`)
	}
	return b.String()
}
