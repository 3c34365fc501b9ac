package launch_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// A few of the cases of Linux, for what Windows says of a file and what is
// different about an address.
func TestStartErrorOnWindowsSaysWhatIsWrongAndWhetherItWillPass(t *testing.T) {
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\x3e\x00\x01" + strings.Repeat("\x00", 43)
	const usual = 20 * time.Second
	for name, c := range map[string]struct {
		file      []byte
		line      string
		limit     time.Duration
		permanent bool
		says      []string
	}{
		"a text":                       {[]byte("just a text"), "", usual, true, []string{"this system cannot run it: it is no program"}},
		"a program for Linux":          {[]byte(elf), "", usual, true, []string{"a program for Linux on x86_64", "windows/amd64"}},
		"a program without its ending": {self, "", usual, true, []string{"plugin: its name must end as that of a program does here, as in .exe"}},
		"a program that is no plugin":  {self, "Welcome", usual, true, []string{"it is no plugin", "Welcome"}},
		"one that is silent":           {self, "", time.Second, false, []string{"in time"}},
		"another major":                {self, "1|9|tcp|127.0.0.1:10001|grpc|AAAA", usual, true, []string{"major 9"}},
		"no certificate":               {self, "1|1|tcp|127.0.0.1:10001|grpc|", usual, true, []string{"no certificate"}},
		"a port below the range":       {self, "1|1|tcp|127.0.0.1:445|grpc|AAAA", usual, true, []string{"127.0.0.1:445", "from 10000 to 25000"}},
		"a port above the range":       {self, "1|1|tcp|127.0.0.1:25001|grpc|AAAA", usual, true, []string{"127.0.0.1:25001", "from 10000 to 25000"}},
		"another machine":              {self, "1|1|tcp|192.0.2.1:10001|grpc|AAAA", usual, true, []string{"192.0.2.1", "must listen on 127.0.0.1"}},
		"a name":                       {self, "1|1|tcp|localhost:10001|grpc|AAAA", usual, true, []string{"localhost", "must listen on 127.0.0.1"}},
		"a socket":                     {self, `1|1|unix|C:\s|grpc|AAAA`, usual, true, []string{"must listen on 127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "plugin")
			if name != "a program without its ending" {
				path += ".exe"
			}
			if err := os.WriteFile(path, c.file, 0o700); err != nil {
				t.Fatal(err)
			}
			part := "says a line"
			if c.line == "" {
				part = "sleeps"
			}
			tr := newTrial(t)
			config, err := tr.config(path, part)
			if err != nil {
				t.Fatal(err)
			}
			config.Environment = append(config.Environment, said+"="+c.line)
			_, err = startWith(t, config, c.limit)
			var failed *launch.StartError
			if !errors.As(err, &failed) || failed.Permanent != c.permanent {
				t.Fatalf("got %+v", err)
			}
			for _, text := range append(c.says, path) {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q is missing in: %v", text, err)
				}
			}
			if left, _ := os.ReadDir(tr.folder.Path()); len(left) != 1 {
				t.Errorf("the run folder holds %v", left)
			}
		})
	}
}
