package words_test

import (
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/internal/words"
)

func TestClosestIsWhatWasMeant(t *testing.T) {
	keys := []string{"Host", "Port", "PageSize", "ConnectionString"}
	for given, want := range map[string]string{
		"prot": "Port", "PAGESIZE": "PageSize", "PageSizes": "PageSize", "ConectionSrting": "ConnectionString",
		"Hots": "Host", "Most": "Host", "Pt": "", "Colour": "", "": "", strings.Repeat("x", 1<<20): "",
	} {
		if got := words.Closest(given, keys); got != want {
			t.Errorf("%.20s is taken for %q, not for %q", given, got, want)
		}
	}
}

func TestDurationsInBothForms(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "0s": 0, "-1s": -time.Second,
		"00:00:30": 30 * time.Second, "1:5": time.Hour + 5*time.Minute, "1.02:03:04.5": 26*time.Hour + 3*time.Minute + 4500*time.Millisecond,
	} {
		if got, ok := words.Duration(text); !ok || got != want {
			t.Errorf("%s is %s, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "0", "30", "24:00", "1:60", "soon", "1 h", "99999.00:00"} {
		if got, ok := words.Duration(text); ok {
			t.Errorf("%s passed as %s", text, got)
		}
	}
}
