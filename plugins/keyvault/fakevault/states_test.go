package fakevault_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
)

const v = "?api-version=7.6"

// step is one request of an Officer and what the service says to it.
type step struct {
	// after is how much time passes first.
	after  time.Duration
	do     string // method and path
	body   string
	status int
	says   string
}

func (c *caller) walk(clock *time.Time, steps ...step) {
	c.t.Helper()
	for i, s := range steps {
		*clock = clock.Add(s.after)
		method, path, _ := strings.Cut(s.do, " ")
		status, text := c.vault(method, path+v, c.CLIToken(), s.body)
		if status != s.status || !strings.Contains(text, s.says) {
			c.t.Fatalf("step %d, %s: got %d %.300s, want %d with %q", i, s.do, status, text, s.status, s.says)
		}
	}
}

func startAt(t *testing.T, rules fakevault.Rules) (*caller, *time.Time) {
	t.Helper()
	now := time.Now()
	return start(t, fakevault.Config{Now: func() time.Time { return now }, Rules: rules}), &now
}

func TestDeletingAndRecoveringTakeTheirTime(t *testing.T) {
	c, now := startAt(t, fakevault.Rules{Deleting: 10 * time.Second, Recovering: 20 * time.Second, Settling: 30 * time.Second})
	c.walk(now,
		step{0, "PUT /secrets/a", `{"value":"first"}`, 200, ""},
		step{0, "PUT /secrets/a", `{"value":"second"}`, 200, ""},
		step{0, "DELETE /secrets/a", "", 200, "recoveryId"},
		step{0, "GET /secrets/a/", "", 404, "SecretNotFound"},
		step{0, "GET /deletedsecrets/a", "", 404, "SecretNotFound"},
		step{0, "GET /deletedsecrets", "", 200, `"value":[]`},
		step{0, "PUT /secrets/a", `{"value":"x"}`, 409, `"innererror":{"code":"ObjectIsBeingDeleted"}`},
		step{0, "POST /deletedsecrets/a/recover", "", 409, "ObjectIsBeingDeleted"},
		step{0, "DELETE /deletedsecrets/a", "", 409, "ObjectIsBeingDeleted"},
		step{10 * time.Second, "GET /deletedsecrets", "", 200, "/deletedsecrets/a"},
		step{0, "PUT /secrets/a", `{"value":"x"}`, 409, `"innererror":{"code":"ObjectIsDeletedButRecoverable"}`},
		step{0, "DELETE /secrets/a", "", 404, "SecretNotFound"},
		step{0, "POST /deletedsecrets/a/recover", "", 200, "/secrets/a/"},
		step{0, "GET /secrets/a/", "", 404, "SecretNotFound"},
		step{0, "PUT /secrets/a", `{"value":"x"}`, 409, `"innererror":{"code":"ObjectIsBeingRecovered"}`},
		step{20 * time.Second, "GET /secrets/a/", "", 200, `"value":"second"`},
		step{0, "PUT /secrets/a", `{"value":"x"}`, 409, "ObjectIsBeingRecovered"},
		step{0, "PATCH /secrets/a/", `{"tags":{}}`, 409, "ObjectIsBeingRecovered"},
		step{0, "DELETE /secrets/a", "", 409, "ObjectIsBeingRecovered"},
		step{30 * time.Second, "PUT /secrets/a", `{"value":"third"}`, 200, ""},
	)
	_, text := c.vault("GET", "/secrets/a/versions"+v, c.CLIToken(), "")
	if n := strings.Count(text, `"id"`); n != 3 {
		t.Errorf("%d versions are left of 3: %s", n, text)
	}
}

func TestADeletedSecretIsKeptAsLongAsTheVaultSays(t *testing.T) {
	c, now := startAt(t, fakevault.Rules{RetentionDays: 7})
	const day = 24 * time.Hour
	c.walk(now,
		step{0, "PUT /secrets/a", `{"value":"x"}`, 200, `"recoverableDays":7,"recoveryLevel":"CustomizedRecoverable+Purgeable"`},
		step{0, "DELETE /secrets/a", "", 200, fmt.Sprintf(`"scheduledPurgeDate":%d`, now.AddDate(0, 0, 7).Unix())},
		step{7*day - time.Minute, "GET /deletedsecrets/a", "", 200, ""},
		step{time.Minute, "GET /deletedsecrets/a", "", 404, ""},
		step{0, "PUT /secrets/a", `{"value":"x"}`, 200, ""},
	)
}

func TestPurgingTakesItsOwnRightAndNoProtection(t *testing.T) {
	c, now := startAt(t, fakevault.Rules{PurgeProtection: true})
	c.walk(now,
		step{0, "PUT /secrets/a", `{"value":"x"}`, 200, `"Recoverable"`},
		step{0, "DELETE /deletedsecrets/a", "", 404, ""},
		step{0, "DELETE /secrets/a", "", 200, ""},
		step{0, "DELETE /deletedsecrets/a", "", 403, "purge protection"},
	)
	c.Change(func(r *fakevault.Rules) { r.PurgeProtection = false })
	c.Grant(c.ClientID, fakevault.Delete, fakevault.Recover)
	c.walk(now, step{0, "DELETE /deletedsecrets/a", "", 403, "secrets/purge/action"})
	c.Grant(c.ClientID, fakevault.Officer()...)
	c.walk(now,
		step{0, "DELETE /deletedsecrets/a", "", 204, ""},
		step{0, "GET /deletedsecrets/a", "", 404, ""},
		step{0, "PUT /secrets/a", `{"value":"y"}`, 200, ""},
	)
	_, text := c.vault("GET", "/secrets/a/versions"+v, c.CLIToken(), "")
	if n := strings.Count(text, `"id"`); n != 1 {
		t.Errorf("a purged name has %d versions", n)
	}
}

func TestPropertiesOfAVersionChangeWithoutANewOne(t *testing.T) {
	c, now := startAt(t, fakevault.Rules{})
	c.walk(now, step{0, "PUT /secrets/a", `{"value":"first","tags":{"k":"1"}}`, 200, ""})
	_, text := c.vault("GET", "/secrets/a/"+v, c.CLIToken(), "")
	var first struct{ ID string }
	if err := json.Unmarshal([]byte(text), &first); err != nil {
		t.Fatal(err)
	}
	version := first.ID[strings.LastIndex(first.ID, "/")+1:]
	c.walk(now,
		step{0, "PUT /secrets/a", `{"value":"second"}`, 200, ""},
		step{time.Minute, "PATCH /secrets/a/" + version, `{"contentType":"text/plain","attributes":{"enabled":false,"exp":4102444800}}`, 200, `"exp":4102444800`},
		step{0, "GET /secrets/a/" + version, "", 403, `"innererror":{"code":"SecretDisabled"}`},
		step{0, "GET /secrets/a/", "", 200, `"value":"second"`},
		step{0, "PATCH /secrets/a/", `{"attributes":{"enabled":false}}`, 200, `"enabled":false`},
		step{0, "GET /secrets/a/", "", 403, "SecretDisabled"},
		step{0, "PATCH /secrets/a/" + version, `{"attributes":{"enabled":true}}`, 200, `"tags":{"k":"1"}`},
		step{0, "GET /secrets/a/" + version, "", 200, `"value":"first"`},
		step{0, "PATCH /secrets/a/ffff", `{}`, 404, "SecretNotFound"},
		step{0, "PATCH /secrets/b/", `{}`, 404, "SecretNotFound"},
		step{0, "PATCH /secrets/a/", `{"tags":{"k":"` + strings.Repeat("x", 257) + `"}}`, 400, "BadParameter"},
	)
}
